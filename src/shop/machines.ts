import { act, orInUse, orStale } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { type Keyset, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { MachineStatus, TimeKind } from "../platform/enums.ts";
import { machineMoves } from "./machine-moves.ts";
import type { MachinePageParts } from "./machines.cache.ts";
import {
  beginDowntime as beginStatement,
  createMachine as createStatement,
  deleteMachine as deleteStatement,
  endDowntime as endStatement,
  getMachine as getStatement,
  updateMachine as updateStatement,
} from "./statements.ts";
import { machinesTag, timeTag } from "./tags.ts";

/** Members of a machine that a caller may write. Null: none. */
export type MachineInput = Readonly<{
  code: string;
  name: string;
  type?: string | null;
  location?: string | null;
  status?: MachineStatus;
  /** Steps that it runs at the same time. */
  capacity?: number;
  units_per_hour?: number | null;
  rate_per_hour?: Readonly<{ amount: number; currency: string }> | null;
  weekly_minutes?: number;
  is_active?: boolean;
  process_ids?: readonly string[];
}>;

/** A machine of which nothing else is said. */
export const defaultMachine = {
  status: "active",
  capacity: 1,
  weekly_minutes: 2_400,
  is_active: true,
} as const;

/** A page of machines, by code; those in use unless archived ones are asked for. */
export const machinePage = (
  { business_id }: Caller,
  query: Readonly<{ is_active?: boolean; status?: MachineStatus; process_id?: string; limit?: number }>,
  after: Keyset | null = null,
): MachinePageParts => ({
  business_id,
  is_active: query.is_active ?? true,
  status: query.status ?? null,
  process_id: query.process_id?.toLowerCase() ?? null,
  ...pageParameters(query.limit, after),
});

/** The members as the database takes them: a rate is an amount of the business's currency (`validation`). */
function stored({ currency }: Caller, { rate_per_hour, ...members }: Partial<MachineInput>): string {
  if (rate_per_hour === undefined) return JSON.stringify(members);
  if (rate_per_hour !== null && rate_per_hour.currency !== currency) {
    const errors = [{ pointer: "/rate_per_hour/currency", detail: `The business's currency is ${currency}` }];
    throw new Problem("validation", { errors });
  }
  return JSON.stringify({ ...members, rate_per_hour: rate_per_hour?.amount ?? null });
}

/** Makes a machine. Refuses a code that exists (`already_exists`) and processes of nobody (`reference_not_found`). */
export async function createMachine(
  deps: Deps,
  caller: Caller,
  input: MachineInput,
): Promise<Written | null> {
  const parameters = { machine_id: deps.id(), machine: stored(caller, { ...defaultMachine, ...input }) };
  return act(deps, caller, createStatement, parameters, [machinesTag(caller.business_id)]);
}

/**
 * Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match`, what `createMachine` refuses, and a status
 * that does not follow the one it has (`illegal_transition`).
 */
export async function updateMachine(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Partial<MachineInput>,
): Promise<Written | null> {
  const moves = JSON.stringify(machineMoves);
  const parameters = { machine_id: id, version: caller.if_match, patch: stored(caller, patch), moves };
  return act(deps, caller, updateStatement, parameters, [machinesTag(caller.business_id)]);
}

/** Removes a machine that was never used. Refuses another one (`in_use`), and a stale `If-Match`. */
export async function deleteMachine(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const { business_id, if_match: version } = caller;
  const tags = [machinesTag(business_id)];
  const removed = await act(deps, caller, deleteStatement, { machine_id: id, version }, tags).catch(orInUse);
  return orStale(removed, async () => {
    const [row] = await deps.db.fast.query(getStatement, { business_id, machine_id: id }, caller);
    return row;
  });
}

/** What is lost while a machine is down. */
export type LossKind = Exclude<TimeKind, "setup" | "productive">;

/**
 * A machine is down from now on. Null: it is not there.
 *
 * @throws {Problem} `machine_overlap` when it is down already, `machine_unavailable` when it is archived
 */
export const beginDowntime = (
  deps: Deps,
  caller: Caller,
  id: string,
  { kind, reason = null }: Readonly<{ kind: LossKind; reason?: string | null }>,
): Promise<Written | null> => {
  const parameters = { machine_id: id, time_log_id: deps.id(), kind, reason };
  return act(deps, caller, beginStatement, parameters, downtimeTags(caller));
};

/** A machine is no longer down. Null: there is no such downtime. Refuses one that has ended (`illegal_transition`). */
export const endDowntime = (
  deps: Deps,
  caller: Caller,
  { id, log }: Readonly<{ id: string; log: string }>,
): Promise<Written | null> =>
  act(deps, caller, endStatement, { machine_id: id, time_log_id: log }, downtimeTags(caller));

const downtimeTags = ({ business_id }: Caller) => [timeTag(business_id), machinesTag(business_id)];
