import type { Deps } from "../http/deps.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { act, orStale } from "./act.ts";
import { getBusiness as getStatement, updateBusiness as updateStatement } from "./statements.ts";
import { businessTag } from "./tags.ts";

/** Its currency is not among it: amounts that were written in it would change their meaning. */
export type BusinessPatch = Readonly<{ name?: string; timezone?: string }>;

/** The business that the caller works in. */
export async function getBusiness(deps: Deps, caller: Caller): Promise<Resource | null> {
  const [row] = await deps.db.fast.query(getStatement, { business_id: caller.business_id }, caller);
  return row ?? null;
}

/**
 * Changes the members that `patch` names (RFC 7396). Another time zone counts for everybody at once, where
 * invalidations are not heard within a second. Refuses a stale `If-Match` and an unknown time zone.
 */
export async function updateBusiness(deps: Deps, caller: Caller, patch: BusinessPatch): Promise<Written> {
  const parameters = { version: caller.if_match, patch: JSON.stringify(patch) };
  const changed = await act(deps, caller, updateStatement, parameters, [businessTag(caller.business_id)]);
  return orStale(changed, () => getBusiness(deps, caller));
}
