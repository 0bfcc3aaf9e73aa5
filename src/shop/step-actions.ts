import { act, orNotFound } from "../core/act.ts";
import type { Move } from "../core/moves.ts";
import type { Deps } from "../http/deps.ts";
import { permissions } from "../http/policy.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { StepStatus, TimeKind } from "../platform/enums.ts";
import { moveStep, reportProduction } from "./statements.ts";
import { tagsOfStep } from "./job-steps.ts";
import { requireThreeDecimals } from "./quantities.ts";
import { type StepAction, stepMoves } from "./step-moves.ts";
import { timeTag } from "./tags.ts";

/** What was produced: numbers with up to three decimals. */
export type Quantities = Readonly<{ qty_good?: number; qty_scrap?: number }>;

/** What goes with a move. `kind`: of work where it starts, of a loss where it stops. */
export type StepGiven = Quantities & Readonly<{ kind?: TimeKind; reason?: string; machine_id?: string }>;

/** Where production is reported, as moves that lead nowhere: what else would allow it is a start. */
export const reportMoves = (["in_progress", "paused"] as const).map((status) => ({
  action: "report",
  from: status,
  to: "in_progress",
  roles: permissions["job_steps.work"],
})) satisfies readonly Move<StepStatus>[];

/**
 * Moves a step as `stepMoves` allows, and with it its time log, the steps that waited for it, and its job.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `process_not_permitted`, `illegal_transition` with
 *   `{from, to, allowed}`, `operator_overlap`, `machine_overlap`, `machine_unavailable`, `machine_process_mismatch`,
 *   `reference_not_found`, `dependent_started`, `over_production`, `validation`
 */
export async function actOnStep(
  deps: Deps,
  caller: Caller,
  { id, action, given }: { id: string; action: StepAction; given: StepGiven },
): Promise<Written> {
  const parameters = {
    ...asked(caller, id),
    action,
    moves: JSON.stringify(stepMoves),
    given: givenText(given),
    next_id: deps.id(),
  };
  const tags = [...(await tagsOfStep(deps, caller, id)), timeTag(caller.business_id)];
  return orNotFound(await act(deps, caller, moveStep, parameters, tags));
}

/**
 * Reports what a step has produced, while it is running or paused. Reports are only ever added.
 *
 * @throws {Problem} `not_found`, `precondition_failed`, `process_not_permitted`, `illegal_transition`, `over_production`,
 *   `validation`
 */
export async function reportOnStep(
  deps: Deps,
  caller: Caller,
  { id, given }: { id: string; given: Quantities & Readonly<{ reason?: string }> },
): Promise<Written> {
  const parameters = {
    ...asked(caller, id),
    moves: JSON.stringify(reportMoves),
    given: givenText(given),
    report_id: deps.id(),
  };
  return orNotFound(
    await act(deps, caller, reportProduction, parameters, await tagsOfStep(deps, caller, id)),
  );
}

const asked = ({ role, if_match }: Caller, step_id: string) => ({ role, step_id, version: if_match });

function givenText(given: StepGiven): string {
  requireThreeDecimals({ "/qty_good": given.qty_good, "/qty_scrap": given.qty_scrap });
  return JSON.stringify(given);
}
