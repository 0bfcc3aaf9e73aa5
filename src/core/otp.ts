import { takeLimit } from "../http/admission.ts";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import { nextIn_s, otpResend_s } from "../http/rate-limit.ts";
import type { Written } from "../http/respond.ts";
import type { Caller, RequestScope } from "../http/scope.ts";
import { refused } from "../http/tokens.ts";
import type { OtpChannel } from "../platform/enums.ts";
import { actOf } from "./act.ts";
import { type CodeSeal, hashOfCode, newCode } from "./otp-code.ts";
import { createOtpChallenge, verifyOtpChallenge } from "./statements.ts";
import { stepUpMaxAge_s } from "./step-up.ts";

/** A code is good for so long. */
const ttl_s = 300;

/** Somebody has to change the configuration first. */
const undeliverableRetry_s = 60;

/** What the routes of one-time codes share, beside deps. */
export type OtpServices = Readonly<{ seal: CodeSeal }>;

/** A code on its way. `destination`: where to, with all but a hint of it hidden. */
export type OtpChallenge = Readonly<{
  challenge_id: string;
  destination: string;
  expires_at: string;
  /** Seconds until another one can be asked for. */
  retry_after_s: number;
}>;

/**
 * Sends the caller a code that steps this session up, to where they are known to be reached. It is sent beside the answer
 * (otp-courier.ts). Refuses: `rate_limited` (per person and per address), `no_code_destination`,
 * `code_delivery_unavailable`.
 */
export async function requestStepUpCode(
  deps: Deps,
  { seal }: OtpServices,
  scope: RequestScope,
  caller: Caller,
): Promise<OtpChallenge> {
  if (deps.config.otp.delivery === "none") {
    throw new Problem("code_delivery_unavailable", {
      headers: { "retry-after": String(undeliverableRetry_s) },
    });
  }
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
      ttl_s,
    },
    caller,
  );
  if (made === undefined) throw new Problem("no_code_destination");
  const destination = masked(made.channel, made.destination);
  return { challenge_id, destination, expires_at: made.expires_at, retry_after_s };
}

/**
 * Counts a code by its recipient first, so that who presses the button twice does not use up what their office has.
 * Seconds until the recipient may have another; 0 where limits are off.
 */
async function limitCodes(
  { rateLimits }: Pick<Deps, "rateLimits">,
  scope: RequestScope,
  recipient: string,
): Promise<number> {
  if (rateLimits === null) return 0;
  const own = await takeLimit(rateLimits, scope, "otp", recipient);
  await takeLimit(rateLimits, scope, "otp_address", scope.ip);
  scope.rate_limit_headers = own.headers;
  return nextIn_s(own.decision);
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
  if (row?.outcome === "exhausted") {
    throw new Problem("rate_limited", {
      detail: "Five wrong codes: ask for another",
      headers: { "retry-after": String(row.retry_after_s) },
    });
  }
  if (row?.outcome !== "verified" || row.body === null) {
    throw new Problem("invalid_code", { headers: refused("unauthenticated").headers });
  }
  return { status: 200, body: row.body, version: null, location: null, replayed: false };
}

/** `a***@example.com`, `+*********678`: enough to know which of one's own it is. */
function masked(channel: OtpChannel, destination: string): string {
  if (channel === "email") return destination.replace(/^(.).*(?=@)/u, "$1***");
  return `+${destination.slice(-3).padStart(destination.length - 1, "*")}`;
}
