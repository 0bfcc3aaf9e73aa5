import { act, orNotFound } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { requireThreeDecimals } from "./quantities.ts";
import {
  addJobStep,
  assignJobStep,
  deleteJobStep,
  findStepJob,
  orderJobSteps,
  updateJobStep,
} from "./statements.ts";
import { stepTags } from "./tags.ts";

/** Members of a step that planning writes. Instants are RFC 3339, quantities have up to three decimals. */
export type StepPlan = Readonly<{
  process_id?: string;
  est_minutes?: number | null;
  planned_start?: string | null;
  planned_end?: string | null;
  due_at?: string | null;
  qty_target?: number | null;
  allowance_bps?: number;
  instructions?: string | null;
  /** Ids of steps of the job. */
  depends_on?: readonly string[];
}>;

/** A step to add. `position`: last where it is left out; `depends_on`: the step before it where it is left out. */
export type NewStep = StepPlan &
  Readonly<{
    process_id: string;
    machine_id?: string | null;
    assigned_to?: string | null;
    position?: number;
  }>;

/** Who does a step, and on what. Absent: kept; null: nobody, nothing. */
export type Assignment = Readonly<{ member_id?: string | null; machine_id?: string | null }>;

/**
 * What a change of a step makes wrong: its job's answers too, and which job that is never changes.
 *
 * @throws {Problem} `not_found`
 */
export async function tagsOfStep(deps: Deps, caller: Caller, step_id: string) {
  const { business_id } = caller;
  const [step] = await deps.db.fast.query(findStepJob, { business_id, step_id }, caller);
  if (step === undefined) throw new Problem("not_found");
  return stepTags(business_id, step.job_id);
}

/**
 * Adds a step to a job that is not over; it is ready at once where the job is under way and nothing is waited for.
 *
 * @throws {Problem} `not_found`, `illegal_transition`, `process_not_permitted`, `reference_not_found`,
 *   `machine_process_mismatch`, `validation`
 */
export async function addStep(deps: Deps, caller: Caller, job_id: string, step: NewStep): Promise<Written> {
  requireThreeDecimals({ "/qty_target": step.qty_target });
  const parameters = { role: caller.role, job_id, step_id: deps.id(), step: JSON.stringify(step) };
  return orNotFound(await act(deps, caller, addJobStep, parameters, stepTags(caller.business_id, job_id)));
}

/**
 * Puts the steps of a job in the order of these ids: all of them, each once. `If-Match` is about the job.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition`, `validation`
 */
export async function orderSteps(
  deps: Deps,
  caller: Caller,
  job_id: string,
  step_ids: readonly string[],
): Promise<Written> {
  const parameters = { role: caller.role, job_id, version: caller.if_match, step_ids: [...step_ids] };
  return orNotFound(await act(deps, caller, orderJobSteps, parameters, stepTags(caller.business_id, job_id)));
}

/**
 * Changes the members of a step that `patch` names (RFC 7396), while neither it nor its job is over. What it waits for and its
 * process change only before it was ever started.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition`, `process_not_permitted`, `reference_not_found`,
 *   `machine_process_mismatch`, `dependency_cycle`, `over_production`, `validation`
 */
export async function updateStep(deps: Deps, caller: Caller, id: string, patch: StepPlan): Promise<Written> {
  requireThreeDecimals({ "/qty_target": patch.qty_target });
  const parameters = { ...asked(caller, id), patch: JSON.stringify(patch) };
  return orNotFound(await act(deps, caller, updateJobStep, parameters, await tagsOfStep(deps, caller, id)));
}

/**
 * Gives a step to a member and a machine, and tells the member. A running step keeps both.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition`, `process_not_permitted`, `reference_not_found`,
 *   `machine_process_mismatch`, `validation`
 */
export async function assignStep(
  deps: Deps,
  caller: Caller,
  id: string,
  given: Assignment,
): Promise<Written> {
  const parameters = { ...asked(caller, id), given: JSON.stringify(given) };
  return orNotFound(await act(deps, caller, assignJobStep, parameters, await tagsOfStep(deps, caller, id)));
}

/**
 * Takes a step away that was never worked on. Those that waited for it wait for what it waited for.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `illegal_transition`, `process_not_permitted`, `in_use`
 */
export async function deleteStep(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const tags = await tagsOfStep(deps, caller, id);
  return orNotFound(await act(deps, caller, deleteJobStep, asked(caller, id), tags));
}

const asked = ({ role, if_match }: Caller, step_id: string) => ({ role, step_id, version: if_match });
