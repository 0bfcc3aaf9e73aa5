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
export const callerOf = (scope: RequestScope): Caller => new RequestCaller(scope);

/** A class: its getters are made once. An address or an AbortSignal costs what most requests never need. */
class RequestCaller implements Caller {
  readonly user_id: string;
  readonly session_id: string;
  readonly business_id: string;
  readonly member_id: string;
  readonly role: Caller["role"];
  readonly timezone: string;
  readonly currency: string;
  readonly request_id: string;
  readonly timings: Caller["timings"];
  readonly idempotency: Caller["idempotency"];
  readonly if_match: number | null;
  readonly #scope: RequestScope;

  constructor(scope: RequestScope) {
    const principal = principalOf(scope);
    this.user_id = principal.user_id;
    this.session_id = principal.session_id;
    this.business_id = principal.business_id;
    this.member_id = principal.member_id;
    this.role = principal.role;
    this.timezone = principal.timezone;
    this.currency = principal.currency;
    this.request_id = scope.request_id;
    this.timings = scope.timings;
    this.idempotency = idempotencyOf(scope);
    this.if_match = ifMatchOf(scope);
    this.#scope = scope;
  }

  get ip(): string {
    return this.#scope.ip;
  }
  get signal(): AbortSignal {
    return this.#scope.signal;
  }
}

function ifMatchOf({ request, route }: RequestScope): number | null {
  const demand = route?.declaration.if_match;
  if (demand === undefined) return null;
  const header = request.headers.get("if-match");
  if (header !== null) return versionOf(header);
  if (demand === "required") throw new Problem("precondition_required");
  return null;
}
