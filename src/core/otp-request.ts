import { takeLimit } from "../http/admission.ts";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import { nextIn_s } from "../http/rate-limit.ts";
import type { RequestScope } from "../http/scope.ts";
import { refused } from "../http/tokens.ts";
import type { OtpChannel, OtpPurpose } from "../platform/enums.ts";
import { type CodeSeal, hashOfCode, newCode } from "./otp-code.ts";

/** A code is good for so long. */
export const codeTtl_s = 300;

/** Somebody has to change the configuration first. */
const undeliverableRetry_s = 60;

/** What the routes of one-time codes share, beside deps. */
export type OtpServices = Readonly<{ seal: CodeSeal }>;

/** Where codes go: one of the two. */
export type Names = Readonly<{ phone?: string | undefined; email?: string | undefined }>;
/** A phone number (E.164), or an e-mail address in small letters, so that one address is one destination. */
export type Destination = Readonly<{ channel: OtpChannel; destination: string }>;

/** @throws {Problem} `validation` unless exactly one is given */
export function destinationOf({ phone, email }: Names): Destination {
  if (phone !== undefined && email === undefined) return { channel: "sms", destination: phone };
  if (email !== undefined && phone === undefined)
    return { channel: "email", destination: email.toLowerCase() };
  throw new Problem("validation", { detail: "Give exactly one of phone and email" });
}

/** Refuses what nothing could be sent by: `code_delivery_unavailable`. Who has what is not asked. */
export function requireChannel({ config }: Pick<Deps, "config">, channel: OtpChannel | null): void {
  const { channels } = config.otp;
  if (channel === null ? channels.length > 0 : channels.includes(channel)) return;
  throw new Problem("code_delivery_unavailable", {
    headers: { "retry-after": String(undeliverableRetry_s) },
  });
}

/**
 * Counts a code by its recipient first, so that who presses the button twice does not use up what their office has.
 * Seconds until the recipient may have another; 0 where limits are off.
 */
export async function limitCodes(
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

/** Whom a limit counts: a destination, in a form that nobody reads out of Redis. */
export const recipientOf = (secret: string, destination: string): string =>
  new Bun.CryptoHasher("sha256", secret).update(`recipient\n${destination}`).digest("hex").slice(0, 32);

/** What a code of a destination is hashed with, so that trying it needs no look at its challenge first. */
export const hashAt = (secret: string, purpose: OtpPurpose, { destination }: Destination, code: string) =>
  hashOfCode(secret, `${purpose}\n${destination}`, code);

/** A new code for a destination, as its challenge holds it. */
export async function codeFor(
  { id, config }: Pick<Deps, "id" | "config">,
  { seal }: OtpServices,
  purpose: OtpPurpose,
  to: Destination,
) {
  const [challenge_id, code] = [id(), newCode()];
  return {
    challenge_id,
    ...to,
    code_hash: hashAt(config.auth.jwt_secret, purpose, to, code),
    sealed_code: await seal.seal(challenge_id, code),
    ttl_s: codeTtl_s,
  };
}

/**
 * Lets the right code pass. Refuses in one and the same way a code that is wrong, was used, has expired, or is somebody
 * else's (`invalid_code`); after five wrong ones any (`rate_limited`).
 */
export function requireVerified(tried: { outcome: string; retry_after_s: number } | undefined): void {
  if (tried?.outcome === "verified") return;
  if (tried?.outcome !== "exhausted") {
    throw new Problem("invalid_code", { headers: refused("unauthenticated").headers });
  }
  throw new Problem("rate_limited", {
    detail: "Five wrong codes: ask for another",
    headers: { "retry-after": String(tried.retry_after_s) },
  });
}
