import { act, orNotFound } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { JobPriority } from "../platform/enums.ts";
import { type JobAction, jobMoves } from "./job-moves.ts";
import type { StepPlan } from "./job-steps.ts";
import { requireThreeDecimals } from "./quantities.ts";
import { createJob, deleteJob, duplicateJob, moveJob, reviseJob, updateJob } from "./statements.ts";
import { stepTags } from "./tags.ts";

/** What people write of a job. `due_on` is a day of the business's calendar, quantities have up to three decimals. */
export type JobFields = Readonly<{
  title?: string;
  description?: string | null;
  customer_id?: string | null;
  priority?: JobPriority;
  due_on?: string | null;
  quantity?: number | null;
  unit?: string | null;
  /** A quotation, in minor units. */
  price?: Readonly<{ amount: number; currency: string }> | null;
}>;

/** A step that a job begins with. `depends_on`: places in the list, from 1; left out: the step before it; empty: none. */
export type FirstStep = Readonly<
  Omit<StepPlan, "depends_on"> & {
    process_id: string;
    machine_id?: string | null;
    assigned_to?: string | null;
    depends_on?: readonly number[];
  }
>;

export type NewJob = JobFields &
  Readonly<{ title: string; steps?: readonly FirstStep[]; routing_id?: string | null }>;

const moves = JSON.stringify(jobMoves);

/**
 * Makes a draft with the next number, and with the steps that are given, those of a routing, or none.
 *
 * @throws {Problem} `reference_not_found`, `machine_process_mismatch`, `process_not_permitted`, `dependency_cycle`,
 *   `validation`
 */
export async function makeJob(deps: Deps, caller: Caller, asked: NewJob): Promise<Written> {
  const { steps, routing_id, ...fields } = asked;
  if (steps !== undefined && typeof routing_id === "string")
    throw new Problem("validation", {
      errors: [{ pointer: "/steps", detail: "Steps or a routing, not both" }],
    });
  requireThreeDecimals({
    "/quantity": fields.quantity,
    ...Object.fromEntries((steps ?? []).map(({ qty_target }, at) => [`/steps/${at}/qty_target`, qty_target])),
  });
  const job_id = deps.id();
  const parameters = {
    role: caller.role,
    job_id,
    fields: JSON.stringify(fields),
    steps: steps === undefined ? null : JSON.stringify(steps),
    routing_id: routing_id ?? null,
  };
  return orNotFound(await act(deps, caller, createJob, parameters, stepTags(caller.business_id, job_id)));
}

/**
 * Changes the members of a job that `patch` names (RFC 7396), while the job is not over. Open steps that were to make the old
 * quantity make the new one.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition`, `reference_not_found`, `over_production`
 */
export async function changeJob(deps: Deps, caller: Caller, id: string, patch: JobFields): Promise<Written> {
  requireThreeDecimals({ "/quantity": patch.quantity });
  const parameters = { ...asked(caller, id), moves, fields: JSON.stringify(patch) };
  return orNotFound(await act(deps, caller, updateJob, parameters, tagsOf(caller, id)));
}

/**
 * Deletes a draft, with its steps and files.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `in_use`
 */
export async function removeJob(deps: Deps, caller: Caller, job_id: string): Promise<Written> {
  const parameters = { job_id, version: caller.if_match };
  return orNotFound(await act(deps, caller, deleteJob, parameters, tagsOf(caller, job_id)));
}

/**
 * Moves a job as `jobMoves` allows, and its steps with it: on hold they pause, cancelled they are cancelled.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition`
 */
export async function actOnJob(
  deps: Deps,
  caller: Caller,
  { id, action, reason }: Readonly<{ id: string; action: JobAction; reason: string | null }>,
): Promise<Written> {
  const parameters = { ...asked(caller, id), action, moves, reason };
  return orNotFound(await act(deps, caller, moveJob, parameters, tagsOf(caller, id)));
}

/**
 * Makes a draft like a job: its fields but the due date, its steps with what they wait for and their machines.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `reference_not_found` for what was archived since
 */
export async function copyJob(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const new_id = deps.id();
  const parameters = { ...asked(caller, id), new_id };
  return orNotFound(await act(deps, caller, duplicateJob, parameters, tagsOf(caller, new_id)));
}

/**
 * Changes a job that people work by; old and new values are kept under the next revision, with why.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition`, `reference_not_found`, `over_production`,
 *   `validation` where nothing changes
 */
export async function changeByRevision(
  deps: Deps,
  caller: Caller,
  id: string,
  { changes, reason }: Readonly<{ changes: JobFields; reason: string }>,
): Promise<Written> {
  requireThreeDecimals({ "/changes/quantity": changes.quantity });
  const parameters = { ...asked(caller, id), moves, fields: JSON.stringify(changes), reason };
  return orNotFound(await act(deps, caller, reviseJob, parameters, tagsOf(caller, id)));
}

const asked = ({ role, if_match }: Caller, job_id: string) => ({ role, job_id, version: if_match });

/** Its steps too: they begin, pause and end with it. */
const tagsOf = ({ business_id }: Caller, job_id: string) => stepTags(business_id, job_id);
