import { Elysia } from "elysia";
import type { Timings } from "./timing.ts";
import type { Role } from "./policy.ts";
import { Problem } from "./problem.ts";
import type { Route } from "./route-table.ts";
import type { TraceContext } from "./trace-context.ts";

/** Who a valid session speaks for: the person, the member, and the business the token (or `X-Business-Id`) names. */
export type Principal = Readonly<{
  user_id: string;
  session_id: string;
  business_id: string;
  member_id: string;
  role: Role;
  /** IANA time zone of the business: its days and months are counted there. */
  timezone: string;
  /** ISO 4217 currency of the business. */
  currency: string;
}>;

/** The key of a POST that must happen once, and the SHA-256 of its method, path and body. */
export type Idempotency = Readonly<{ key: string; request_hash: string }>;

/** Makes the connection of a request a WebSocket with this state. False when the request is none for it. */
export type Upgrade = (data: object) => boolean;

/** What is known of a request besides who makes it. Made first, passed on as an argument, never global. */
export type RequestScope = {
  readonly request: Request;
  readonly request_id: string;
  readonly trace: TraceContext;
  readonly ip: string;
  readonly path: string;
  readonly timings: Timings;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** Null where nothing listens for WebSockets. */
  readonly upgrade: Upgrade | null;
  readonly route: Route | null;
  principal: Principal | null;
  /** Why nobody is logged in, on a route that needs no login but takes one. */
  login_problem: Problem | null;
  /** The body as it came, once it was read: its hash makes the idempotency key safe. */
  body: string | null;
  /** `RateLimit` and `RateLimit-Policy` of this answer, where a limit counted. */
  rate_limit_headers: Readonly<Record<string, string>> | null;
  /**
   * These headers, ready with what all answers of this server under this limit carry: to be copied into the answer, which
   * then lacks only what is its own.
   */
  dressed(headers: Headers): Headers;
  /** Why the request was refused, once it was. */
  problem: Problem | null;
};

/** The person behind a request, with what a service needs of the request itself. It is a QueryContext. */
export type Caller = Principal &
  Readonly<{
    request_id: string;
    ip: string;
    signal: AbortSignal;
    timings: Timings;
    idempotency: Idempotency | null;
    /** The version named by `If-Match`; null when any will do. */
    if_match: number | null;
  }>;

/** The same person with another key. A spread alone would lose what a caller computes when asked. */
export function withIdempotency(caller: Caller, idempotency: Idempotency | null): Caller {
  return { ...caller, ip: caller.ip, signal: caller.signal, idempotency };
}

/** Where a request carries its scope through the framework: a property costs a third of an entry in a WeakMap. */
const bound = Symbol("scope");
type BoundRequest = Request & { [bound]?: RequestScope };

/** Binds a scope to the request that Elysia will hand to the route. */
export function bindScope(request: Request, scope: RequestScope): void {
  (request as BoundRequest)[bound] = scope;
}

/** The scope of a request that came through the pipeline. */
export function scopeOf(request: Request): RequestScope {
  const scope = (request as BoundRequest)[bound];
  if (scope === undefined) throw new Error("a route was reached without the pipeline");
  return scope;
}

/** The principal of a request; the pipeline has refused everybody else before, but where a login is optional. */
export function principalOf(scope: RequestScope): Principal {
  if (scope.principal === null) throw scope.login_problem ?? new Problem("unauthenticated");
  return scope.principal;
}

/** Gives public routes their `scope`. */
export const publicEdge = new Elysia({ name: "http.public-edge" }).derive(
  { as: "scoped" },
  ({ request }) => ({
    scope: scopeOf(request),
  }),
);
