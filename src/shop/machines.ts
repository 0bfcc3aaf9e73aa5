import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Resource } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { MachineStatus } from "../platform/enums.ts";
import {
  getMachine as getStatement,
  listMachines as listStatement,
  listProcesses as listProcessesStatement,
} from "./statements.ts";

/** One machine with what it can do and what it is running, null when the business has none of this id. */
export async function getMachine(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  const [row] = await deps.db.fast.query(
    getStatement,
    { business_id: caller.business_id, machine_id: id },
    caller,
  );
  return row ?? null;
}

/** A page of machines in use, by code. */
export async function listMachines(
  deps: Deps,
  caller: Caller,
  query: Readonly<{ status?: MachineStatus; process_id?: string; limit?: number }>,
  after: Keyset | null,
): Promise<Page> {
  const parameters = {
    business_id: caller.business_id,
    status: query.status ?? null,
    process_id: query.process_id ?? null,
    ...pageParameters(query.limit, after),
  };
  const [row] = await deps.db.fast.query(listStatement, parameters, caller);
  return row ?? emptyPage;
}

/** A page of processes in the order the business gave them. */
export async function listProcesses(
  deps: Deps,
  caller: Caller,
  query: Readonly<{ is_active?: boolean; limit?: number }>,
  after: Keyset | null,
): Promise<Page> {
  const parameters = {
    business_id: caller.business_id,
    is_active: query.is_active ?? null,
    ...pageParameters(query.limit, after),
  };
  const [row] = await deps.db.fast.query(listProcessesStatement, parameters, caller);
  return row ?? emptyPage;
}
