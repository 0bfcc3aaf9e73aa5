import { Elysia } from "elysia";
import { versionOf } from "./etag.ts";
import { idempotencyOf } from "./idempotency.ts";
import { Problem } from "./problem.ts";
import { type Caller, principalOf, type RequestScope, scopeOf } from "./scope.ts";

/** Gives authenticated routes their `caller` and `scope`. */
export const edge = new Elysia({ name: "http.edge" }).derive({ as: "scoped" }, ({ request }) => {
  const scope = scopeOf(request);
  return { scope, caller: callerOf(scope) };
});

/** The caller of a request, with its preconditions read and checked against what the route declared. */
export function callerOf(scope: RequestScope): Caller {
  const { request } = scope;
  const principal = principalOf(scope);
  // Member by member: a spread copies by lookup, for every request.
  return {
    user_id: principal.user_id,
    session_id: principal.session_id,
    business_id: principal.business_id,
    member_id: principal.member_id,
    role: principal.role,
    timezone: principal.timezone,
    currency: principal.currency,
    request_id: scope.request_id,
    get ip() {
      return scope.ip;
    },
    timings: scope.timings,
    idempotency: idempotencyOf(scope),
    if_match: ifMatchOf(scope),
    // Getters: an address or an AbortSignal costs what most requests never need.
    get signal() {
      return request.signal;
    },
  };
}

function ifMatchOf({ request, route }: RequestScope): number | null {
  const demand = route?.declaration.if_match;
  if (demand === undefined) return null;
  const header = request.headers.get("if-match");
  if (header !== null) return versionOf(header);
  if (demand === "required") throw new Problem("precondition_required");
  return null;
}
