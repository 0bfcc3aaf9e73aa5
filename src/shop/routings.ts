import { act, orInUse, orStale } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { pageParameters } from "../http/pagination.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { RoutingPageParts } from "./routings.cache.ts";
import {
  createRouting as createStatement,
  deleteRouting as deleteStatement,
  getRouting as getStatement,
  updateRouting as updateStatement,
} from "./statements.ts";
import { routingsTag } from "./tags.ts";

/** A step of a template. `depends_on`: positions before its own; left out or null: the one before it; empty: none. */
export type RoutingStepInput = Readonly<{
  process_id: string;
  machine_id?: string | null;
  est_minutes?: number | null;
  depends_on?: readonly number[] | null;
  instructions?: string | null;
}>;

export type RoutingInput = Readonly<{
  name: string;
  is_active?: boolean;
  steps: readonly RoutingStepInput[];
}>;

/** A page of routings, by name; those in use unless archived ones are asked for. */
export const routingPage = (
  { business_id }: Caller,
  query: Readonly<{ is_active?: boolean; limit?: number }>,
): RoutingPageParts => ({
  business_id,
  is_active: query.is_active ?? true,
  ...pageParameters(query.limit, null),
});

/**
 * Makes a routing.
 *
 * @throws {Problem} `already_exists` for its name; `reference_not_found` for processes and machines that are not there or
 *   archived; `machine_process_mismatch`; `dependency_cycle` for a step that waits for itself or a later one
 */
export async function createRouting(
  deps: Deps,
  caller: Caller,
  input: RoutingInput,
): Promise<Written | null> {
  const parameters = { routing_id: deps.id(), routing: JSON.stringify({ is_active: true, ...input }) };
  return act(deps, caller, createStatement, parameters, [routingsTag(caller.business_id)]);
}

/** Changes the members that `patch` names; `steps` replaces all of them. Refuses a stale `If-Match`, and what `createRouting` does. */
export async function updateRouting(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Partial<RoutingInput>,
): Promise<Written | null> {
  const parameters = { routing_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  return act(deps, caller, updateStatement, parameters, [routingsTag(caller.business_id)]);
}

/** Removes a routing; jobs keep the steps that they were given. Refuses a stale `If-Match`. */
export async function deleteRouting(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const { business_id, if_match: version } = caller;
  const tags = [routingsTag(business_id)];
  const removed = await act(deps, caller, deleteStatement, { routing_id: id, version }, tags).catch(orInUse);
  return orStale(removed, async () => {
    const [row] = await deps.db.fast.query(getStatement, { business_id, routing_id: id }, caller);
    return row;
  });
}
