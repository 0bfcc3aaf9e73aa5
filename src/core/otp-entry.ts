import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import { otpResend_s } from "../http/rate-limit.ts";
import type { RequestScope } from "../http/scope.ts";
import { type AuthServices, counted } from "./auth.ts";
import { invalidate, invalidationOf } from "./invalidation.ts";
import {
  codeFor,
  codeTtl_s,
  type Destination,
  hashAt,
  limitCodes,
  type OtpServices,
  recipientOf,
  requireChannel,
  requireVerified,
} from "./otp-request.ts";
import { requireStrong } from "./passwords.ts";
import { newSession, nilUuid, openedSession, type TokenAnswer } from "./sessions.ts";
import { createPublicChallenge, enterByCode as enterStatement } from "./statements.ts";
import { membershipsTag, membersTag, sessionsTag, userTag } from "./tags.ts";

/** What a code can be good for without a login. */
export const entryPurposes = ["login", "signup", "reset_password"] as const;
export type EntryPurpose = (typeof entryPurposes)[number];

/** The same for everybody: whether a code is on its way, only who has the phone or the mailbox finds out. */
export type CodeRequested = Readonly<{
  /** Seconds that a code is good for. */
  expires_in_s: number;
  /** Seconds until another one can be asked for. */
  retry_after_s: number;
}>;

/**
 * Sends a code to a phone or an e-mail address, if it is good for anything there: to a person's, to log in or to set a new
 * password; to nobody's, to make an account. Neither the answer nor the time it takes tells which, because nobody is looked
 * up for it: the courier does that (otp-courier.ts). Refuses: `rate_limited` (per destination and per address),
 * `signup_closed`, `code_delivery_unavailable`.
 */
export async function requestEntryCode(
  deps: Deps,
  services: OtpServices,
  scope: RequestScope,
  { purpose, ...to }: Destination & { purpose: EntryPurpose },
): Promise<CodeRequested> {
  requireOpen(deps, purpose);
  requireChannel(deps, to.channel);
  const recipient = recipientOf(deps.config.auth.jwt_secret, to.destination);
  const retry_after_s = await limitCodes(deps, scope, recipient);
  const challenge = await codeFor(deps, services, purpose, to);
  const resend_s = deps.rateLimits === null ? 0 : resendHeld_s;
  const [made] = await deps.db.write.query(createPublicChallenge, { ...challenge, purpose, resend_s }, scope);
  if (made === undefined) {
    throw new Problem("rate_limited", { headers: { "retry-after": String(otpResend_s) } });
  }
  return { expires_in_s: codeTtl_s, retry_after_s };
}

function requireOpen({ config }: Pick<Deps, "config">, purpose: EntryPurpose): void {
  if (purpose === "signup" && !config.auth.signup_enabled) throw new Problem("signup_closed");
}

/**
 * What the database holds of the time between two codes, for when replicas without Redis do not know of each other's: a
 * second less, because its clock may be behind the one by which somebody was told when to come back.
 */
const resendHeld_s = otpResend_s - 1;

/** Who signs up, and the business that becomes theirs. */
export type Account = Readonly<{
  full_name: string;
  password?: string | undefined;
  locale?: string | undefined;
  timezone?: string | undefined;
  currency?: string | undefined;
  business_name?: string | undefined;
}>;

/** A code that was tried, and what it is to do. */
export type Entry = Destination &
  Readonly<{ code: string }> &
  (
    | Readonly<{ purpose: "login" }>
    | Readonly<{ purpose: "signup"; account: Account }>
    | Readonly<{ purpose: "reset_password"; new_password: string }>
  );

/** In place of the person whom the statement finds. */
const highestUuid = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/**
 * Lets in who has the code, by one statement: it makes the account, or sets the password and ends every session, where that
 * is the purpose, and opens a session. Counted as a login. Nobody there and any code but the right one are refused in one and
 * the same way after the same work (`invalid_code`); after five wrong ones any is (`rate_limited`). Refuses before that:
 * `signup_closed`, `weak_password`, `overloaded`; after it, when the code is used up: `no_membership`.
 */
export async function enterByCode(
  deps: Deps,
  services: AuthServices,
  scope: RequestScope,
  entry: Entry,
): Promise<TokenAnswer> {
  requireOpen(deps, entry.purpose);
  return counted(deps, () => enter(deps, services, scope, entry));
}

async function enter(
  deps: Deps,
  services: AuthServices,
  scope: RequestScope,
  entry: Entry,
): Promise<TokenAnswer> {
  const { purpose, channel, destination, code } = entry;
  const account = JSON.stringify(await accountOf(deps, services, scope, entry));
  const session = newSession(deps, scope);
  // All that may be wrong afterwards: a new password ends sessions, a login may accept an invitation.
  const tagsOf = (user_id: string, business_id: string) => [
    userTag(user_id),
    sessionsTag(user_id),
    membershipsTag(user_id),
    membersTag(business_id),
  ];
  const invalidation = invalidationOf(tagsOf(highestUuid, nilUuid));
  const [row] = await deps.db.write.query(
    enterStatement,
    {
      purpose,
      channel,
      destination,
      code_hash: hashAt(deps.config.auth.jwt_secret, purpose, entry, code),
      resend_s: otpResend_s,
      account,
      session: session.given,
      invalidation: JSON.stringify(invalidation),
    },
    scope,
  );
  requireVerified(row);
  const { user_id, business_id, user_body = null, business_body = null } = row ?? {};
  if (row?.is_recorded === true && invalidation !== null) {
    const tags = tagsOf(String(user_id), business_id ?? nilUuid);
    await invalidate(deps, { ...invalidation, tags });
  }
  return openedSession(deps, session, {
    user_id: String(user_id),
    business_id: business_id ?? null,
    user_body,
    business_body,
  });
}

/** What the statement is given beside the code. A password is hashed before it is known whether the code is right. */
async function accountOf(deps: Deps, services: AuthServices, scope: RequestScope, entry: Entry) {
  const names = [entry.destination, entry.destination.replace(/^\+/, "")];
  if (entry.purpose === "login") return {};
  if (entry.purpose === "reset_password") {
    requireStrong(entry.new_password, "/new_password", { names });
    return { password_hash: await services.passwords.hash(entry.new_password, scope.signal) };
  }
  const { full_name, password, locale = "en", timezone = "UTC", currency = "USD" } = entry.account;
  if (password !== undefined) requireStrong(password, "/password", { names });
  return {
    user_id: deps.id(),
    member_id: deps.id(),
    business_id: deps.id(),
    code: newBusinessCode(),
    full_name,
    password_hash: password === undefined ? null : await services.passwords.hash(password, scope.signal),
    locale,
    timezone,
    currency,
    business_name: entry.account.business_name ?? full_name,
  };
}

const codeLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Ten letters and digits, 50 bits: two businesses that were not named never meet. */
const newBusinessCode = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => codeLetters[byte % 32]).join("");
