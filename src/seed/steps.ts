import type { StepStatus } from "../platform/enums.ts";
import type { Business } from "./business.ts";
import type { Calendar } from "./calendar.ts";
import { idAt } from "./ids.ts";
import type { JobDraft } from "./lives.ts";
import type { Machine } from "./shop-floor.ts";
import { type Step, StepRows } from "./step-rows.ts";
import { type Wish, quiet_ms, type Workday } from "./workday.ts";
import type { Rows } from "./rows.ts";

const minute_ms = 60_000;
const hour_ms = 60 * minute_ms;

/** What the steps say about their job. */
export type StepsSummary = {
  total: number;
  done: number;
  started_ms: number | null;
  ended_ms: number | null;
};

/** Lets the steps of jobs happen, and writes them with their dependencies, time, reports and notes. */
export class StepWriter {
  readonly #business: Business;
  readonly #workday: Workday;
  readonly #rows: StepRows;
  readonly #machinesOf: ReadonlyMap<string, readonly Machine[]>;

  constructor(
    rows: Rows,
    business: Business,
    { calendar, workday }: { calendar: Calendar; workday: Workday },
  ) {
    this.#business = business;
    this.#workday = workday;
    this.#rows = new StepRows(rows, business, calendar);
    this.#machinesOf = new Map(
      business.processes.map(({ code }) => [
        code,
        business.machines.filter((machine) => machine.does.includes(code)),
      ]),
    );
  }

  /** Writes all steps of a job. `detailed`: with dependencies, logs, reports and notes. */
  write(job: JobDraft, detailed: boolean): StepsSummary {
    const steps = this.#route(job);
    const summary: StepsSummary = { total: steps.length, done: 0, started_ms: null, ended_ms: null };
    const worked = job.steps_done + (job.current === null ? 0 : 1);
    // when each is over, by its position
    const ends_ms = [job.work_from_ms];
    for (const step of steps) {
      step.status = this.#status(job, step);
      this.#assign(step);
      const after_ms = Math.max(job.work_from_ms, ...step.depends_on.map((needed) => ends_ms[needed] ?? 0));
      const span_ms = job.work_until_ms - job.work_from_ms;
      const target_ms = job.work_from_ms + (span_ms * (step.position - 0.5)) / Math.max(1, worked);
      this.#work(job, step, { target_ms, after_ms, logged: detailed });
      ends_ms.push(step.work?.ended_ms ?? after_ms);
      if (step.work !== null) {
        const { started_ms, ended_ms } = step.work;
        summary.started_ms = Math.min(summary.started_ms ?? started_ms, started_ms);
        if (step.status === "completed") summary.ended_ms = Math.max(summary.ended_ms ?? 0, ended_ms ?? 0);
      }
      if (isDone(step.status)) summary.done++;
    }
    this.#rows.write(job, steps, detailed);
    return summary;
  }

  #route(job: JobDraft): Step[] {
    const { random, step_slots } = this.#business.plan;
    const size = 1 + random.unit() * (step_slots - 1);
    return job.routing.steps.map(({ process, needs }, index) => ({
      id: idAt(job.created_ms, random),
      process,
      position: index + 1,
      status: "pending",
      depends_on: needs,
      est_minutes: Math.round((process.minutes * size) / 5) * 5,
      operator: null,
      machine: null,
      work: null,
    }));
  }

  #status(job: JobDraft, step: Step): StepStatus {
    const { random } = this.#business.plan;
    if (step.position <= job.steps_done) {
      const isBetween = step.position > 1 && step.position < job.routing.steps.length;
      return isBetween && random.chance(0.02) ? "skipped" : "completed";
    }
    if (step.position === job.steps_done + 1 && job.current !== null) return job.current;
    if (job.status === "cancelled") return "cancelled";
    const waits = job.status === "draft" || step.depends_on.some((needed) => needed > job.steps_done);
    if (waits) return "pending";
    // the other branch is often under way, too
    return job.current === "in_progress" && random.chance(0.6) ? "in_progress" : "ready";
  }

  #assign(step: Step): void {
    const { plan, operators } = this.#business;
    const { random } = plan;
    const unassigned = step.status === "pending" ? 0.6 : step.status === "ready" ? 0.2 : 0;
    // nobody whose queue is looked at stands about
    const isNext = step.status === "in_progress" && plan.focus > 0 && this.#workday.isFree(0);
    if (isNext || random.chance(plan.focus)) step.operator = 0;
    else if (random.chance(unassigned)) return;
    else step.operator = random.below(operators.length);
    const machines = this.#machinesOf.get(step.process.code) ?? [];
    if (step.process.machine && machines.length > 0) step.machine = random.pick(machines);
  }

  /** Says when the step was worked on. One that cannot run now is still ready, or was paused. */
  #work(job: JobDraft, step: Step, when: { target_ms: number; after_ms: number; logged: boolean }): void {
    const { random, until_ms } = this.#business.plan;
    if (step.status === "in_progress") {
      const started_ms = this.#workday.start(step.operator ?? 0, step.machine);
      if (started_ms !== null) {
        step.work = { started_ms, ended_ms: null, logged: true };
        return;
      }
      step.status = job.steps_done > 0 && random.chance(0.8) ? "ready" : "paused";
    }
    if (step.status !== "completed" && step.status !== "paused" && step.status !== "blocked") return;
    const limit_ms = until_ms - quiet_ms;
    const minutes = step.est_minutes * (0.7 + random.unit() * 0.5);
    // what stands still now was worked on lately
    const target_ms = step.status === "completed" ? when.target_ms : limit_ms - random.unit() * 30 * hour_ms;
    const wish: Wish = { after_ms: when.after_ms, target_ms, minutes };
    const placed = when.logged ? this.#workday.place(step.operator ?? 0, step.machine, wish) : null;
    if (placed !== null) {
      step.work = { ...placed, logged: true };
      return;
    }
    const started_ms = Math.floor(Math.max(when.after_ms, Math.min(limit_ms, target_ms)));
    const ended_ms = Math.max(
      started_ms,
      Math.min(started_ms + Math.floor(minutes) * minute_ms, until_ms - minute_ms),
    );
    step.work = { started_ms, ended_ms, logged: false };
  }
}

export const isDone = (status: StepStatus): boolean =>
  status === "completed" || status === "skipped" || status === "cancelled";
