import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller, RequestScope } from "../http/scope.ts";
import { refused } from "../http/tokens.ts";
import type { LoginOutcome } from "../platform/metrics.ts";
import { act, actOf } from "./act.ts";
import { invalidate, invalidationOf } from "./invalidation.ts";
import { type Passwords, requireStrong } from "./passwords.ts";
import { startSession, type TokenAnswer } from "./sessions.ts";
import {
  changePassword as changeStatement,
  enterBusiness as enterStatement,
  findLogin,
  getPassword,
  recordFailedLogin,
} from "./statements.ts";
import { membershipsTag, membersTag, sessionsTag, userTag } from "./tags.ts";

/** What a person logs in with: exactly one name. */
export type Credentials = Readonly<{ username?: string; email?: string; phone?: string; password: string }>;

/** What the routes of a login share with each other, beside deps. */
export type AuthServices = Readonly<{ passwords: Passwords }>;

/**
 * Logs a person in, and counts how it ended. Nobody there, a wrong password, a suspended account and one that is held up after failures are the
 * same refusal (`invalid_credentials`) after the same work, so that it cannot be told who has an account.
 * Refuses: `validation`, `no_membership` (only when the password was right), `overloaded`.
 */
export async function login(
  deps: Deps,
  services: AuthServices,
  scope: RequestScope,
  credentials: Credentials,
): Promise<TokenAnswer> {
  const { username = null, email = null, phone = null, password } = credentials;
  if ([username, email, phone].filter((name) => name !== null).length !== 1) {
    throw new Problem("validation", { detail: "Give exactly one of username, email and phone" });
  }
  return counted(deps, () => enter(deps, services, scope, { username, email, phone, password }));
}

/** Counts how a login ended, whatever it was tried with. */
export async function counted<T>({ metrics }: Pick<Deps, "metrics">, run: () => Promise<T>): Promise<T> {
  try {
    const answer = await run();
    metrics.login("success");
    return answer;
  } catch (error) {
    metrics.login(outcomeOf(error));
    throw error;
  }
}

function outcomeOf(error: unknown): LoginOutcome {
  const code = error instanceof Problem ? error.code : null;
  // A code that is dead is as wrong as any.
  if (code === "invalid_code" || code === "rate_limited") return "invalid_credentials";
  return code === "invalid_credentials" || code === "no_membership" ? code : "unavailable";
}

type Names = { username: string | null; email: string | null; phone: string | null };

async function enter(
  deps: Deps,
  services: AuthServices,
  scope: RequestScope,
  { password, ...names }: Names & { password: string },
): Promise<TokenAnswer> {
  // Before anything is asked: a flood costs those who are let in as little as may be.
  services.passwords.requireRoom();
  const [found] = await deps.db.fast.query(findLogin, { ...names, ip: scope.ip }, scope);
  const matches = await services.passwords.verify(password, found?.password_hash ?? null, scope.signal);
  if (found !== undefined && !matches) countFailure(deps, scope, found.user_id);
  if (found === undefined || !matches || !found.is_open || found.password_hash === null)
    throw wrongCredentials();
  const { user_id, password_hash } = found;
  const answer = await startSession(deps, scope, { user_id, password_hash });
  if (answer === null) throw wrongCredentials();
  return answer;
}

/** Beside the answer, not before it: a wrong password must not take longer than a wrong name. */
function countFailure(deps: Deps, scope: RequestScope, user_id: string): void {
  deps.db.write.query(recordFailedLogin, { user_id }).catch((error: unknown) => {
    deps.log.warn({ request_id: scope.request_id, err: error }, "a failed login was not counted");
  });
}

const wrongCredentials = (): Problem =>
  new Problem("invalid_credentials", { headers: refused("unauthenticated").headers });

/**
 * Changes the caller's own password and ends all their other sessions. A wrong old password is a mistake in the body
 * (`validation`), not of the token: clients answer 401 by refreshing and sending again. Refuses: `weak_password`.
 */
export async function changePassword(
  deps: Deps,
  services: AuthServices,
  caller: Caller,
  { old_password, new_password }: { old_password: string; new_password: string },
): Promise<Written> {
  const [person] = await deps.db.fast.query(getPassword, { user_id: caller.user_id }, caller);
  const old_hash = person?.password_hash ?? null;
  const { username = null, email = null, phone = null } = person ?? {};
  requireStrong(new_password, "/new_password", { old: old_password, names: [username, email, phone] });
  const matches = await services.passwords.verify(old_password, old_hash, caller.signal);
  if (!matches || old_hash === null) throw wrongOldPassword();
  const new_hash = await services.passwords.hash(new_password, caller.signal);
  const tags = [userTag(caller.user_id), sessionsTag(caller.user_id)];
  const changed = await act(deps, caller, changeStatement, { old_hash, new_hash }, tags);
  // Somebody changed it in between: what was verified is the old one of then.
  if (changed === null) throw wrongOldPassword();
  return changed;
}

const wrongOldPassword = (): Problem =>
  new Problem("validation", { errors: [{ pointer: "/old_password", detail: "is wrong" }] });

/**
 * Makes another business of the caller's the active one of this session and issues a token for it; an invitation is
 * accepted by it. Refuses: `not_found` where the caller is no member.
 */
export async function enterBusiness(
  deps: Deps,
  caller: Caller,
  business_id: string,
): Promise<Omit<TokenAnswer, "refresh_token" | "user">> {
  const invalidation = invalidationOf([membershipsTag(caller.user_id), membersTag(business_id)]);
  const [entered] = await deps.db.write.query(
    enterStatement,
    { act: actOf(caller), business_id, invalidation: JSON.stringify(invalidation) },
    caller,
  );
  if (entered === undefined) throw new Problem("not_found");
  if (entered.has_accepted) await invalidate(deps, invalidation);
  const { user_id: sub, session_id: sid } = caller;
  return {
    access_token: await deps.tokens.issue({ sub, sid, bid: business_id.toLowerCase() }),
    token_type: "Bearer",
    expires_in: deps.tokens.ttl_s,
    business: JSON.parse(entered.body),
  };
}
