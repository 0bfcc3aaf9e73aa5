// OAuth 2.0 Security Best Current Practice, refresh tokens: https://www.rfc-editor.org/rfc/rfc9700#section-4.14
import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Caller, RequestScope } from "../http/scope.ts";
import { refused } from "../http/tokens.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { invalidate, invalidationOf } from "./invalidation.ts";
import {
  listSessions as listStatement,
  revokeSession as revokeStatement,
  rotateRefreshToken,
  startSession as startStatement,
} from "./statements.ts";
import { membershipsTag, membersTag, sessionTag } from "./tags.ts";

/** What a login and a refresh answer. `expires_in`: seconds the access token lives. */
export type TokenAnswer = {
  access_token: string;
  token_type: "Bearer";
  expires_in: number;
  refresh_token: string;
  user: unknown;
  business: unknown;
};

const userAgentMax = 300;

/** A new refresh token: 256 bits. The database is told its SHA-256 only. */
const newRefreshToken = (): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");

/**
 * The token that follows. It is derived, not drawn, because two parallel refreshes are one: both are answered with the
 * same successor, though the database knows only its hash. Without the secret nobody gets from a token to the next.
 */
export function successorOf(refresh_token: string, secret: string): string {
  return new Bun.CryptoHasher("sha256", secret).update(`refresh\n${refresh_token}`).digest("base64url");
}

const hashOf = (refresh_token: string): Uint8Array =>
  new Bun.CryptoHasher("sha256").update(refresh_token).digest();

/** In place of the business that the statement chooses. */
export const nilUuid = "00000000-0000-0000-0000-000000000000";

/** A session that is to be opened. `given`: JSON, as core.open_session takes it. */
export type NewSession = Readonly<{ session_id: string; refresh_token: string; given: string }>;

/** Draws a session and its first refresh token, for a statement that opens it when the credentials are right. */
export function newSession({ config, id }: Pick<Deps, "config" | "id">, scope: RequestScope): NewSession {
  const { refresh_idle_ttl_s: idle_ttl_s, refresh_absolute_ttl_s: absolute_ttl_s } = config.auth;
  const [session_id, refresh_token] = [id(), newRefreshToken()];
  const { ip, request_id, request } = scope;
  const user_agent = request.headers.get("user-agent")?.slice(0, userAgentMax) ?? null;
  const token_hash = Buffer.from(hashOf(refresh_token)).toString("hex");
  const given = { session_id, token_hash, ip, user_agent, idle_ttl_s, absolute_ttl_s, request_id };
  return { session_id, refresh_token, given: JSON.stringify(given) };
}

/** What opening a session answers. Refuses: `no_membership`, where the person belongs to no business. */
export function openedSession(
  deps: Deps,
  { session_id, refresh_token }: NewSession,
  row: {
    user_id: string;
    business_id: string | null;
    user_body: string | null;
    business_body: string | null;
  },
): Promise<TokenAnswer> {
  if (row.business_id === null) throw new Problem("no_membership");
  return tokenAnswer(deps, { ...row, session_id, business_id: row.business_id }, refresh_token);
}

/**
 * Opens a session for a person whose password was verified against `password_hash`, in the business they worked in last.
 * Null when the account is no longer what it was when the password was checked. Refuses: `no_membership`.
 */
export async function startSession(
  deps: Deps,
  scope: RequestScope,
  { user_id, password_hash }: { user_id: string; password_hash: string },
): Promise<TokenAnswer | null> {
  const session = newSession(deps, scope);
  const tagsIn = (business_id: string) => [membershipsTag(user_id), membersTag(business_id)];
  const invalidation = invalidationOf(tagsIn(nilUuid));
  const parameters = { user_id, password_hash, session: session.given };
  const [row] = await deps.db.write.query(
    startStatement,
    { ...parameters, invalidation: JSON.stringify(invalidation) },
    scope,
  );
  if (row === undefined) return null;
  if (row.has_accepted && row.business_id !== null && invalidation !== null) {
    await invalidate(deps, { ...invalidation, tags: tagsIn(row.business_id) });
  }
  return openedSession(deps, session, { ...row, user_id });
}

/**
 * Uses a refresh token once and answers with its successor. Parallel uses within 10 s are the same refresh and get the
 * same successor; a later one means that the token was stolen, and ends the session. Refuses: `invalid_refresh_token`,
 * `no_membership` (the token stays good).
 */
export async function refreshSession(
  deps: Deps,
  scope: RequestScope,
  refresh_token: string,
): Promise<TokenAnswer> {
  const successor = successorOf(refresh_token, deps.config.auth.jwt_secret);
  const [row] = await deps.db.write.query(
    rotateRefreshToken,
    {
      token_hash: hashOf(refresh_token),
      successor_hash: hashOf(successor),
      idle_ttl_s: deps.config.auth.refresh_idle_ttl_s,
    },
    scope,
  );
  const outcome = row?.outcome ?? "refused";
  if (row !== undefined && outcome === "reused") {
    const { session_id, user_id } = row;
    // Without the signal: who goes away must not keep a stolen session alive.
    await endSession(
      deps,
      { user_id, session_id, reason: "refresh_token_reused" },
      { timings: scope.timings },
    );
    deps.log.warn(
      { request_id: scope.request_id, session_id, user_id, ip: scope.ip },
      "refresh token reused",
    );
  }
  if (outcome === "no_membership") throw new Problem("no_membership");
  if (row === undefined || (outcome !== "rotated" && outcome !== "repeated")) {
    throw new Problem("invalid_refresh_token", { headers: refused("invalid_token").headers });
  }
  return tokenAnswer(deps, { ...row, business_id: String(row.business_id) }, successor);
}

async function tokenAnswer(
  deps: Deps,
  row: {
    user_id: string;
    session_id: string;
    business_id: string;
    user_body: string | null;
    business_body: string | null;
  },
  refresh_token: string,
): Promise<TokenAnswer> {
  const { user_id: sub, session_id: sid, business_id: bid } = row;
  return {
    access_token: await deps.tokens.issue({ sub, sid, bid }),
    token_type: "Bearer",
    expires_in: deps.tokens.ttl_s,
    refresh_token,
    user: JSON.parse(row.user_body ?? "null"),
    business: JSON.parse(row.business_body ?? "null"),
  };
}

/**
 * Ends one of the caller's own sessions. Once this resolves its tokens are refused here, and on every replica that hears
 * the cache's invalidations; on one that does not, a second after it was committed. False: there is no such session.
 */
export async function revokeSession(
  deps: Deps,
  caller: Caller,
  { id: session_id, reason }: { id: string; reason: "logout" | "revoked" },
): Promise<boolean> {
  return endSession(deps, { user_id: caller.user_id, session_id, reason }, caller);
}

async function endSession(
  deps: Deps,
  session: { user_id: string; session_id: string; reason: "logout" | "revoked" | "refresh_token_reused" },
  context: QueryContext,
): Promise<boolean> {
  const invalidation = invalidationOf([sessionTag(session.user_id, session.session_id)]);
  const parameters = { ...session, invalidation: JSON.stringify(invalidation) };
  const [row] = await deps.db.write.query(revokeStatement, parameters, context);
  if (row === undefined) return false;
  await invalidate(deps, invalidation);
  return true;
}

/** A page of the caller's living sessions, the one seen last first. */
export async function listSessions(
  deps: Deps,
  caller: Caller,
  query: { limit?: number },
  after: Keyset | null,
): Promise<Page> {
  const { user_id, session_id } = caller;
  const [row] = await deps.db.report.query(
    listStatement,
    {
      user_id,
      session_id,
      ...pageParameters(query.limit, after),
    },
    caller,
  );
  return row ?? emptyPage;
}
