import type { Deps } from "../http/deps.ts";
import { otpResend_s } from "../http/rate-limit.ts";
import type { Written } from "../http/respond.ts";
import type { Caller, RequestScope } from "../http/scope.ts";
import { DatabaseError } from "../platform/db/errors.ts";
import { actOf } from "./act.ts";
import { invalidate, invalidationOf } from "./invalidation.ts";
import { memberBusinessTags } from "./me.ts";
import type { CodeRequested } from "./otp-entry.ts";
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
import { changeContact, createContactChallenge } from "./statements.ts";
import { stepUpRequired } from "./step-up.ts";
import { userTag } from "./tags.ts";

/**
 * Sends a code to a phone or an e-mail address that is to be the caller's. What somebody has already gets none, and the
 * answer does not tell. Who can be reached already must have verified a code from there lately, or a stolen token would be
 * enough to take the account over. Refuses: `step_up_required`, `rate_limited`, `code_delivery_unavailable`.
 */
export async function requestContactCode(
  deps: Deps,
  services: OtpServices,
  scope: RequestScope,
  caller: Caller,
  to: Destination,
): Promise<CodeRequested> {
  requireChannel(deps, to.channel);
  const recipient = recipientOf(deps.config.auth.jwt_secret, to.destination);
  const retry_after_s = await limitCodes(deps, scope, recipient);
  const { user_id, session_id } = caller;
  const challenge = await codeFor(deps, services, "change_contact", to);
  const [made] = await deps.db.write.query(
    createContactChallenge,
    { ...challenge, user_id, session_id },
    caller,
  );
  if (made === undefined) throw stepUpRequired();
  return { expires_in_s: codeTtl_s, retry_after_s };
}

/**
 * Makes the phone or e-mail address that the code came from the caller's own, in place of the one before; they are told.
 * Refuses any code but the right one, and one for what somebody else has (`invalid_code`); after five wrong ones any
 * (`rate_limited`).
 */
export async function verifyContact(
  deps: Deps,
  caller: Caller,
  { code, ...to }: Destination & { code: string },
): Promise<Written> {
  const tags = [userTag(caller.user_id), ...(await memberBusinessTags(deps, caller))];
  const invalidation = invalidationOf(tags);
  const [row] = await deps.db.write
    .query(
      changeContact,
      {
        act: actOf(caller, invalidation),
        ...to,
        code_hash: hashAt(deps.config.auth.jwt_secret, "change_contact", to, code),
        resend_s: otpResend_s,
      },
      caller,
    )
    .catch(orTaken);
  requireVerified(row);
  await invalidate(deps, invalidation);
  return {
    status: 200,
    body: row?.body ?? "",
    version: row?.version ?? null,
    location: null,
    replayed: false,
  };
}

/** Somebody got it in the moment between the look and the change: as if they had had it before. */
function orTaken(error: unknown): never[] {
  if (error instanceof DatabaseError && error.sqlstate === "23505") return [];
  throw error;
}
