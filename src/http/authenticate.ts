import type { Principal, RequestScope } from "./scope.ts";
import type { Claims } from "./tokens.ts";

/**
 * Finds who a verified token speaks for now: its session is alive, its user and membership active. Null when not.
 * Implemented by the core; `business_id` is the token's, or the one of `X-Business-Id`.
 */
export type Authenticate = (
  claims: Claims,
  business_id: string,
  context: Pick<RequestScope, "timings">,
) => Principal | null | Promise<Principal | null>;
