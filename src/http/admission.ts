import { isUuid } from "../platform/id.ts";
import type { Authenticate } from "./authenticate.ts";
import { allows } from "./policy.ts";
import { Problem } from "./problem.ts";
import type { LimitName, RateLimits, Verdict } from "./rate-limit.ts";
import type { Route } from "./route-table.ts";
import type { Principal, RequestScope } from "./scope.ts";
import { bearerOf, type Claims, refused, type Tokens } from "./tokens.ts";

export type AdmissionOptions = {
  tokens: Tokens;
  authenticate: Authenticate;
  /** Null when limits are switched off. */
  rateLimits: RateLimits | null;
};

/**
 * Decides whether a request may reach its route: token, rate limit, session, policy, in this order. Verifying a token
 * is arithmetic and asks no store, so the limit can count per member; a bad token counts against its address, or
 * guessing would be free. Synchronous when everything is known in this process.
 */
export function admit(options: AdmissionOptions, scope: RequestScope, route: Route): void | Promise<void> {
  const { permission, login } = route.declaration;
  if (permission !== "public") return admitToken(options, scope, route);
  if (login === "optional") return admitOptionally(options, scope, route);
  return limitRate(options.rateLimits, scope, route, null);
}

/** Who is not logged in may go on, and the route is told why they are not when it asks who they are. */
async function admitOptionally(options: AdmissionOptions, scope: RequestScope, route: Route): Promise<void> {
  try {
    await admitToken(options, scope, route);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    scope.login_problem = error;
  }
}

function admitToken(options: AdmissionOptions, scope: RequestScope, route: Route): void | Promise<void> {
  let claims: Claims | Promise<Claims> | null;
  try {
    const token = bearerOf(scope.request.headers.get("authorization"));
    claims = token === null ? null : options.tokens.verify(token);
  } catch (error) {
    return refuseToken(options, scope, route, error);
  }
  if (!(claims instanceof Promise)) return admitClaims(options, scope, route, claims);
  return claims.then(
    (verified) => admitClaims(options, scope, route, verified),
    (error: unknown) => refuseToken(options, scope, route, error),
  );
}

async function refuseToken(
  { rateLimits }: AdmissionOptions,
  scope: RequestScope,
  route: Route,
  error: unknown,
): Promise<never> {
  await limitRate(rateLimits, scope, route, null);
  throw error;
}

function admitClaims(
  options: AdmissionOptions,
  scope: RequestScope,
  route: Route,
  claims: Claims | null,
): void | Promise<void> {
  const limited = limitRate(options.rateLimits, scope, route, claims);
  if (limited !== undefined) return limited.then(() => authorise(options, scope, route, claims));
  return authorise(options, scope, route, claims);
}

function limitRate(
  rateLimits: RateLimits | null,
  scope: RequestScope,
  route: Route,
  claims: Claims | null,
): void | Promise<void> {
  const limit = limitOf(scope, route);
  if (rateLimits === null || limit === "none") return;
  const subject = claims === null ? scope.ip : claims.subject;
  const verdict = takeLimit(rateLimits, scope, limit, subject);
  if (verdict instanceof Promise) return verdict.then(() => {});
}

/**
 * Counts a request, whose answer then says what is left of this limit.
 *
 * @throws {Problem} `rate_limited` when nothing was
 */
export function takeLimit(
  rateLimits: RateLimits,
  scope: RequestScope,
  limit: LimitName,
  subject: string,
): Verdict | Promise<Verdict> {
  const verdict = rateLimits.take(limit, subject);
  if (!(verdict instanceof Promise)) return obey(scope, verdict);
  const asked = performance.now();
  return verdict.then((late) => {
    // The first wait of a request, and shorter than its patience: it only counts.
    scope.timings.patience.spend(performance.now() - asked);
    return obey(scope, late);
  });
}

/** A list that can be searched, or one thing that can be asked for by a number (not its id), is a search only then. */
const searches = /[?&]q=|\/[0-9]{10}(?:\?|$)/;

function limitOf(scope: RequestScope, { declaration }: Route): LimitName | "none" {
  const declared = declaration.limit ?? "default";
  return declared === "search" && !searches.test(scope.request.url) ? "default" : declared;
}

function obey(scope: RequestScope, verdict: Verdict): Verdict {
  const { allowed, headers } = verdict;
  scope.rate_limit_headers = headers;
  if (!allowed) throw new Problem("rate_limited", { headers });
  return verdict;
}

function authorise(
  options: AdmissionOptions,
  scope: RequestScope,
  route: Route,
  claims: Claims | null,
): void | Promise<void> {
  if (claims === null) throw refused("unauthenticated");
  const business_id = businessOf(scope, claims);
  const found = options.authenticate(claims, business_id, scope);
  // What is known in this process is known in a few microseconds, which no timing shows.
  if (!(found instanceof Promise)) return allow(scope, route, claims, business_id, found);
  const started = performance.now();
  return found.then((principal) => {
    scope.timings.auth_ms = performance.now() - started;
    // The session's query belongs to `auth`.
    scope.timings.db_ms = 0;
    allow(scope, route, claims, business_id, principal);
  });
}

/** The business of the token, unless a member of several names another one. */
function businessOf({ request }: RequestScope, claims: Claims): string {
  const override = request.headers.get("x-business-id");
  if (override === null) return claims.bid;
  if (!isUuid(override)) throw new Problem("invalid_header", { detail: "X-Business-Id must be a UUID" });
  return override.toLowerCase();
}

function allow(
  scope: RequestScope,
  { declaration: { permission } }: Route,
  claims: Claims,
  business_id: string,
  principal: Principal | null,
): void {
  if (principal === null) {
    // A business one is no member of cannot be told from one that does not exist.
    throw business_id === claims.bid ? refused("session_revoked") : new Problem("not_found");
  }
  if (!allows(permission, principal.role)) {
    throw new Problem("forbidden", { extra: { permission, role: principal.role } });
  }
  scope.principal = principal;
}
