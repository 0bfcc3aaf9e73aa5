import { act, orInUse, orStale } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { type Keyset, pageParameters } from "../http/pagination.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { ProcessPageParts } from "./processes.cache.ts";
import {
  createProcess as createStatement,
  deleteProcess as deleteStatement,
  getProcess as getStatement,
  updateProcess as updateStatement,
} from "./statements.ts";
import { permissionsTag, processesTag } from "./tags.ts";

/** Members of a process that a caller may write. Null: none. */
export type ProcessInput = Readonly<{
  code: string;
  name: string;
  group_name?: string | null;
  is_machine_based?: boolean;
  is_production?: boolean;
  default_minutes?: number | null;
  sort?: number;
  is_active?: boolean;
}>;

/** A process of which nothing else is said. */
export const defaultProcess = {
  is_machine_based: false,
  is_production: false,
  sort: 0,
  is_active: true,
} as const;

/** A page of processes in the order the business gave them; those in use unless archived ones are asked for. */
export const processPage = (
  { business_id }: Caller,
  query: Readonly<{ is_active?: boolean; limit?: number }>,
  after: Keyset | null = null,
): ProcessPageParts => ({
  business_id,
  is_active: query.is_active ?? true,
  ...pageParameters(query.limit, after),
});

/** Makes a process. Refuses a code that exists (`already_exists`). */
export async function createProcess(
  deps: Deps,
  caller: Caller,
  input: ProcessInput,
): Promise<Written | null> {
  const parameters = { process_id: deps.id(), process: JSON.stringify({ ...defaultProcess, ...input }) };
  return act(deps, caller, createStatement, parameters, [processesTag(caller.business_id)]);
}

/** Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match`, and a code that exists. */
export async function updateProcess(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Partial<ProcessInput>,
): Promise<Written | null> {
  const parameters = { process_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  return act(deps, caller, updateStatement, parameters, [processesTag(caller.business_id)]);
}

/** Removes a process that was never used, with what roles may do with it. Refuses another one (`in_use`). */
export async function deleteProcess(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const { business_id, if_match: version } = caller;
  const tags = [processesTag(business_id), permissionsTag(business_id)];
  const removed = await act(deps, caller, deleteStatement, { process_id: id, version }, tags).catch(orInUse);
  return orStale(removed, async () => {
    const [row] = await deps.db.fast.query(getStatement, { business_id, process_id: id }, caller);
    return row;
  });
}
