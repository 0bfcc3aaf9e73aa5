import type { Business, Machine, Person, Process } from "./business.ts";
import type { Calendar } from "./calendar.ts";
import { idAt } from "./ids.ts";
import { instantText } from "./local-time.ts";
import type { JobDraft } from "./lives.ts";
import type { Rows } from "./rows.ts";
import { SlotBook, lowestBit, slot_minutes, slots_per_day } from "./slots.ts";
import { blockReasons, lossReasons } from "./vocabulary.ts";

const minute_ms = 60_000;
const hour_ms = 60 * minute_ms;
const slot_ms = slot_minutes * minute_ms;
/** Finished work ends this long before now; what runs now began later, so that the two never overlap. */
const quiet_ms = 6 * hour_ms;

type StepStatus =
  "pending" | "ready" | "in_progress" | "paused" | "blocked" | "completed" | "skipped" | "cancelled";
type Work = { started_ms: number; ended_ms: number | null; logged: boolean };
type Step = {
  id: string;
  process: Process;
  position: number;
  status: StepStatus;
  depends_on: readonly number[];
  operator: number | null;
  machine: Machine | null;
  work: Work | null;
};

/** What the steps say about their job. */
export type StepsSummary = {
  total: number;
  done: number;
  started_ms: number | null;
  ended_ms: number | null;
};

/** Writes the steps of jobs, with their dependencies, time logs and reports, and keeps the book of who is busy when. */
export class StepWriter {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #calendar: Calendar;
  readonly #operatorBook: SlotBook;
  readonly #machineBook: SlotBook;
  readonly #running = new Set<string>();
  readonly #machinesOf: ReadonlyMap<string, readonly Machine[]>;

  constructor(rows: Rows, business: Business, calendar: Calendar) {
    this.#rows = rows;
    this.#business = business;
    this.#calendar = calendar;
    this.#operatorBook = new SlotBook(business.operators.length, calendar.length);
    this.#machineBook = new SlotBook(business.machines.length, calendar.length);
    this.#machinesOf = new Map(
      business.processes.map(({ code }) => [
        code,
        business.machines.filter((machine) => machine.does.includes(code)),
      ]),
    );
  }

  /** Writes all steps of a job. `detailed`: with dependencies, logs and reports. */
  write(job: JobDraft, detailed: boolean): StepsSummary {
    const steps = this.#route(job);
    const summary: StepsSummary = { total: steps.length, done: 0, started_ms: null, ended_ms: null };
    const { random } = this.#business.plan;
    const worked = job.steps_done + (job.current === null ? 0 : 1);
    let after_ms = job.work_from_ms;
    for (const step of steps) {
      const isDone = step.position <= job.steps_done;
      const isCurrent = step.position === job.steps_done + 1 && job.current !== null;
      if (isDone)
        step.status =
          step.position > 1 && step.position < steps.length && random.chance(0.02) ? "skipped" : "completed";
      else if (isCurrent) step.status = job.current ?? "ready";
      else if (job.status === "cancelled") step.status = "cancelled";
      else if (job.status !== "draft" && step.depends_on.every((needed) => needed <= job.steps_done))
        step.status = "ready";
      this.#assign(step);
      const span_ms = job.work_until_ms - job.work_from_ms;
      const target_ms = job.work_from_ms + (span_ms * (step.position - 0.5)) / Math.max(1, worked);
      this.#work(step, { target_ms, after_ms, logged: detailed });
      if (step.work !== null) {
        summary.started_ms ??= step.work.started_ms;
        after_ms = step.work.ended_ms ?? after_ms;
        if (step.status === "completed") summary.ended_ms = step.work.ended_ms;
      }
      if (isDone) summary.done++;
    }
    for (const step of steps) this.#writeStep(job, step, detailed);
    if (detailed) this.#writeDependencies(steps);
    return summary;
  }

  /** Picks the processes of a job, in the order of the shop; now and then two branches run side by side. */
  #route(job: JobDraft): Step[] {
    const { processes, plan } = this.#business;
    const { random } = plan;
    const steps: Step[] = [];
    const forks = job.steps_total >= 4 && random.chance(0.3);
    for (let position = 1; position <= job.steps_total; position++) {
      const from = Math.floor(((position - 1) * processes.length) / job.steps_total);
      const to = Math.floor((position * processes.length) / job.steps_total) - 1;
      const process = processes[random.between(from, to)];
      if (process === undefined) throw new RangeError("no process");
      const depends_on =
        position === 1
          ? []
          : forks && position === 3
            ? [1]
            : forks && position === 4
              ? [2, 3]
              : [position - 1];
      const id = idAt(job.created_ms, random);
      steps.push({
        id,
        process,
        position,
        status: "pending",
        depends_on,
        operator: null,
        machine: null,
        work: null,
      });
    }
    return steps;
  }

  #assign(step: Step): void {
    const { plan, operators } = this.#business;
    const { random } = plan;
    const unassigned = step.status === "pending" ? 0.6 : step.status === "ready" ? 0.2 : 0;
    if (random.chance(unassigned)) return;
    step.operator = random.below(operators.length);
    const machines = this.#machinesOf.get(step.process.code) ?? [];
    if (step.process.machine && machines.length > 0) step.machine = random.pick(machines);
  }

  /** Says when the step was worked on, and takes the slot of a log. A step that cannot run now is paused. */
  #work(step: Step, when: { target_ms: number; after_ms: number; logged: boolean }): void {
    if (step.status === "in_progress") {
      const started_ms = this.#start(step);
      if (started_ms !== null) {
        step.work = { started_ms, ended_ms: null, logged: true };
        return;
      }
      step.status = "paused";
    }
    if (step.status !== "completed" && step.status !== "paused" && step.status !== "blocked") return;
    const placed = when.logged ? this.#place(step, when) : null;
    if (placed !== null) {
      step.work = { ...placed, logged: true };
      return;
    }
    const limit_ms = this.#business.plan.until_ms - quiet_ms;
    const started_ms = Math.floor(Math.min(limit_ms, Math.max(when.after_ms, when.target_ms)));
    step.work = { started_ms, ended_ms: started_ms + step.process.minutes * minute_ms, logged: false };
  }

  /** Starts a step now, if its operator and its machine are free. Returns when it began. */
  #start(step: Step): number | null {
    const { plan, operators } = this.#business;
    const operator = operators[step.operator ?? -1];
    if (operator === undefined || this.#running.has(operator.member_id)) return null;
    if (step.machine !== null) {
      if (step.machine.status !== "active" || this.#running.has(step.machine.id)) return null;
      this.#running.add(step.machine.id);
    }
    this.#running.add(operator.member_id);
    return plan.until_ms - plan.random.between(10, 290) * minute_ms;
  }

  /** Finds a slot near an instant that is free for operator and machine alike, today or on one of the next days. */
  #place(step: Step, { target_ms, after_ms }: { target_ms: number; after_ms: number }): Work | null {
    const { random, until_ms } = this.#business.plan;
    const operator = step.operator ?? 0;
    const begin = this.#calendar.indexOf(Math.max(target_ms, after_ms));
    for (let day = begin; day < Math.min(begin + 3, this.#calendar.length); day++) {
      const opens_ms = this.#calendar.opens(day);
      const first = Math.max(0, Math.ceil((after_ms - opens_ms) / slot_ms));
      if (first >= slots_per_day) continue;
      const free =
        this.#operatorBook.free(operator, day, first) &
        (step.machine === null ? -1 : this.#machineBook.free(step.machine.index, day, first));
      if (free === 0) continue;
      const late = free & -(1 << Math.min(slots_per_day - 1, first + random.below(8)));
      const slot = lowestBit(late === 0 ? free : late);
      const begins_ms = opens_ms + slot * slot_ms;
      if (begins_ms + slot_ms > until_ms - quiet_ms) return null;
      this.#operatorBook.take(operator, day, slot);
      if (step.machine !== null) this.#machineBook.take(step.machine.index, day, slot);
      const started_ms = begins_ms + random.below(240) * 1000;
      const worked_s = Math.round(Math.min(35, step.process.minutes * (0.6 + random.unit() * 0.8)) * 60);
      return { started_ms, ended_ms: started_ms + worked_s * 1000, logged: true };
    }
    return null;
  }

  #writeStep(job: JobDraft, step: Step, detailed: boolean): void {
    const { id: business_id, operators, plan } = this.#business;
    const { random } = plan;
    const operator = step.operator === null ? null : (operators[step.operator] ?? null);
    const { work } = step;
    const counted = detailed && work !== null && step.process.production;
    const scrap =
      counted && step.status === "completed" ? random.below(Math.floor(job.quantity / 50) + 1) : 0;
    const good = !counted
      ? 0
      : step.status === "completed"
        ? job.quantity - scrap
        : Math.floor(job.quantity * random.unit() * 0.8);
    const blocked = step.status === "blocked";
    const created = instantText(job.created_ms);
    const started = work === null ? null : instantText(work.started_ms);
    const ended_ms = work?.ended_ms ?? null;
    const ended = ended_ms === null ? null : instantText(ended_ms);
    const completed = step.status === "completed" ? ended : null;
    this.#rows.add("shop.job_steps", [
      business_id,
      step.id,
      job.id,
      step.process.id,
      step.position,
      step.status,
      blocked ? "in_progress" : null,
      blocked ? random.pick(blockReasons) : null,
      operator?.member_id ?? null,
      step.machine?.id ?? null,
      this.#dueAt(job, step.position),
      step.process.minutes,
      job.quantity,
      random.chance(0.2) ? 500 : 0,
      good,
      scrap,
      started,
      started === null ? null : (operator?.member_id ?? null),
      completed,
      completed === null ? null : (operator?.member_id ?? null),
      created,
      ended ?? started ?? created,
      job.created_by,
      job.created_by,
    ]);
    if (work?.logged && operator !== null && started !== null)
      this.#writeLog(step, operator, { started, ended });
    if (good + scrap > 0) {
      const at = ended ?? started;
      const by = operator?.user_id ?? null;
      this.#rows.add("shop.production_reports", [
        business_id,
        idAt(ended_ms ?? work?.started_ms ?? job.created_ms, random),
        step.id,
        good,
        scrap,
        operator?.member_id ?? null,
        at,
        at,
        by,
        by,
      ]);
    }
  }

  #writeLog(
    step: Step,
    operator: Person,
    { started, ended }: { started: string; ended: string | null },
  ): void {
    const { id: business_id, plan } = this.#business;
    const { random } = plan;
    const draw = random.unit();
    const lost = ended !== null && draw > 0.92;
    const kind = lost
      ? random.pick(["performance_loss", "quality_loss", "availability_loss"])
      : draw > 0.85
        ? "setup"
        : "productive";
    this.#rows.add("shop.time_logs", [
      business_id,
      idAt(step.work?.started_ms ?? 0, random),
      step.id,
      step.machine?.id ?? null,
      operator.member_id,
      kind,
      lost ? random.pick(lossReasons) : null,
      started,
      ended,
      (step.machine?.capacity ?? 1) === 1,
      started,
      ended ?? started,
      operator.user_id,
      operator.user_id,
    ]);
  }

  #writeDependencies(steps: readonly Step[]): void {
    for (const step of steps) {
      for (const needed of step.depends_on) {
        this.#rows.add("shop.step_dependencies", [this.#business.id, step.id, steps[needed - 1]?.id ?? null]);
      }
    }
  }

  /** Steps are due one after the other on the way from the day the job came in to the day it is due, at 17:00. */
  #dueAt(job: JobDraft, position: number): string | null {
    if (job.due_index === null) return null;
    const days = Math.ceil(((job.due_index - job.created_index) * position) / job.steps_total);
    return instantText(this.#calendar.opens(job.created_index + days) + 10 * hour_ms);
  }
}
