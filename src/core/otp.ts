import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import { otpResend_s } from "../http/rate-limit.ts";
import type { Written } from "../http/respond.ts";
import type { Caller, RequestScope } from "../http/scope.ts";
import type { OtpChannel } from "../platform/enums.ts";
import { actOf } from "./act.ts";
import { hashOfCode, newCode } from "./otp-code.ts";
import { codeTtl_s, limitCodes, type OtpServices, requireChannel, requireVerified } from "./otp-request.ts";
import { createOtpChallenge, verifyOtpChallenge } from "./statements.ts";
import { stepUpMaxAge_s } from "./step-up.ts";

/** A code on its way. `destination`: where to, with all but a hint of it hidden. */
export type OtpChallenge = Readonly<{
  challenge_id: string;
  destination: string;
  expires_at: string;
  /** Seconds until another one can be asked for. */
  retry_after_s: number;
}>;

/**
 * Sends the caller a code that steps this session up, to where they are known to be reached: by `channel`, else by phone,
 * else by e-mail. It is sent beside the answer (otp-courier.ts). Refuses: `rate_limited` (per person and per address),
 * `no_code_destination`, `code_delivery_unavailable`.
 */
export async function requestStepUpCode(
  deps: Deps,
  { seal }: OtpServices,
  scope: RequestScope,
  caller: Caller,
  channel: OtpChannel | null,
): Promise<OtpChallenge> {
  requireChannel(deps, channel);
  const retry_after_s = await limitCodes(deps, scope, caller.user_id);
  const [challenge_id, code] = [deps.id(), newCode()];
  const { user_id, session_id } = caller;
  const [made] = await deps.db.write.query(
    createOtpChallenge,
    {
      challenge_id,
      purpose: "step_up",
      user_id,
      session_id,
      code_hash: hashOfCode(deps.config.auth.jwt_secret, challenge_id, code),
      sealed_code: await seal.seal(challenge_id, code),
      ttl_s: codeTtl_s,
      channels: channel === null ? deps.config.otp.channels : [channel],
    },
    caller,
  );
  if (made === undefined) throw new Problem("no_code_destination");
  const destination = masked(made.channel, made.destination);
  return { challenge_id, destination, expires_at: made.expires_at, retry_after_s };
}

/**
 * Tries a code; the right one steps up the session that asked for it. Refuses in one and the same way a code that is wrong,
 * was used, has expired, or is somebody else's (`invalid_code`); after five wrong ones any (`rate_limited`).
 */
export async function verifyStepUpCode(
  deps: Pick<Deps, "db" | "config">,
  caller: Caller,
  given: { challenge_id: string; code: string },
): Promise<Written> {
  const challenge_id = given.challenge_id.toLowerCase();
  const [row] = await deps.db.write.query(
    verifyOtpChallenge,
    {
      act: actOf(caller),
      challenge_id,
      code_hash: hashOfCode(deps.config.auth.jwt_secret, challenge_id, given.code),
      resend_s: otpResend_s,
      max_age_s: stepUpMaxAge_s,
    },
    caller,
  );
  requireVerified(row);
  return { status: 200, body: row?.body ?? "", version: null, location: null, replayed: false };
}

/** `a***@example.com`, `+*********678`: enough to know which of one's own it is. */
function masked(channel: OtpChannel, destination: string): string {
  if (channel === "email") return destination.replace(/^(.).*(?=@)/u, "$1***");
  return `+${destination.slice(-3).padStart(destination.length - 1, "*")}`;
}
