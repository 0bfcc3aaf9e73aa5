import type { Deps } from "../http/deps.ts";
import { type Keyset, pageParameters } from "../http/pagination.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { act, orInUse, orStale } from "./act.ts";
import {
  createUnit as createStatement,
  deleteUnit as deleteStatement,
  getUnit as getStatement,
  updateUnit as updateStatement,
} from "./statements.ts";
import { unitsTag } from "./tags.ts";

/** Members of a unit that a caller may write. Absent: kept; null: cleared. */
export type UnitInput = Readonly<{ name: string; location?: string | null }>;

/** One unit of the caller's business, null when there is none. */
export async function getUnit(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  const parameters = { business_id: caller.business_id, unit_id: id };
  const [row] = await deps.db.fast.query(getStatement, parameters, caller);
  return row ?? null;
}

/** What a page of units depends on. */
export type UnitPageParts = { business_id: string; sort: string; after: string | null; limit_rows: number };

/** A page of units, by name. */
export const unitPage = (
  { business_id }: Caller,
  query: { sort?: string; limit?: number },
  after: Keyset | null = null,
): UnitPageParts => ({ business_id, sort: query.sort ?? "name", ...pageParameters(query.limit, after) });

/** Creates a unit. Refuses a name that exists (`already_exists`). */
export async function createUnit(deps: Deps, caller: Caller, input: UnitInput): Promise<Written | null> {
  const parameters = { unit_id: deps.id(), unit: JSON.stringify(input) };
  return act(deps, caller, createStatement, parameters, [unitsTag(caller.business_id)]);
}

/** Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match`. */
export async function updateUnit(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Partial<UnitInput>,
): Promise<Written> {
  const parameters = { unit_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  const changed = await act(deps, caller, updateStatement, parameters, [unitsTag(caller.business_id)]);
  return orStale(changed, () => getUnit(deps, caller, id));
}

/** Removes a unit. Refuses one that members, customers or anything else refer to (`in_use`), and a stale `If-Match`. */
export async function deleteUnit(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const parameters = { unit_id: id, version: caller.if_match };
  const tags = [unitsTag(caller.business_id)];
  const removed = await act(deps, caller, deleteStatement, parameters, tags).catch(orInUse);
  return orStale(removed, () => getUnit(deps, caller, id));
}
