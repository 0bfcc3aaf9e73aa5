import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { DatabaseError } from "../platform/db/errors.ts";
import { act, orStale } from "./act.ts";
import {
  createUnit as createStatement,
  deleteUnit as deleteStatement,
  getUnit as getStatement,
  listUnits as listStatement,
  updateUnit as updateStatement,
} from "./statements.ts";

/** Members of a unit that a caller may write. Absent: kept; null: cleared. */
export type UnitInput = Readonly<{ name: string; location?: string | null }>;

const foreignKeyViolation = "23503";

/** One unit of the caller's business, null when there is none. */
export async function getUnit(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  const parameters = { business_id: caller.business_id, unit_id: id };
  const [row] = await deps.db.fast.query(getStatement, parameters, caller);
  return row ?? null;
}

/** A page of units, by name. */
export async function listUnits(
  deps: Deps,
  caller: Caller,
  query: { sort?: string; limit?: number },
  after: Keyset | null,
): Promise<Page> {
  const [row] = await deps.db.report.query(
    listStatement,
    {
      business_id: caller.business_id,
      sort: query.sort ?? "name",
      ...pageParameters(query.limit, after),
    },
    caller,
  );
  return row ?? emptyPage;
}

/** Creates a unit. Refuses a name that exists (`already_exists`). */
export async function createUnit(deps: Deps, caller: Caller, input: UnitInput): Promise<Written | null> {
  return act(deps, caller, createStatement, { unit_id: deps.id(), unit: JSON.stringify(input) });
}

/** Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match`. */
export async function updateUnit(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Partial<UnitInput>,
): Promise<Written> {
  const parameters = { unit_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  return orStale(await act(deps, caller, updateStatement, parameters), () => getUnit(deps, caller, id));
}

/** Removes a unit. Refuses one that members, customers or anything else refer to (`in_use`), and a stale `If-Match`. */
export async function deleteUnit(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const parameters = { unit_id: id, version: caller.if_match };
  const removed = await act(deps, caller, deleteStatement, parameters).catch((error: unknown) => {
    // Whatever refers to it: the same keys refuse a reference to nobody, which is another problem.
    if (error instanceof DatabaseError && error.sqlstate === foreignKeyViolation) {
      throw new Problem("in_use", { cause: error });
    }
    throw error;
  });
  return orStale(removed, () => getUnit(deps, caller, id));
}
