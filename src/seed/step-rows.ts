import type { StepStatus } from "../platform/enums.ts";
import type { Business, Person } from "./business.ts";
import type { Calendar } from "./calendar.ts";
import { idAt } from "./ids.ts";
import { instantText } from "./local-time.ts";
import type { JobDraft } from "./lives.ts";
import { Notices } from "./notices.ts";
import type { Machine, Process } from "./shop-floor.ts";
import type { Rows } from "./rows.ts";
import { blockReasons, lossReasons, stepNotes } from "./shop-words.ts";
import { slot_minutes } from "./slots.ts";

const minute_ms = 60_000;
const hour_ms = 60 * minute_ms;
const day_ms = 24 * hour_ms;

/** `logged`: there is time of it, which the books know. */
type Work = Readonly<{ started_ms: number; ended_ms: number | null; logged: boolean }>;
/** A step that is being thought out. `operator` is a place in the list of operators. */
export type Step = {
  id: string;
  process: Process;
  position: number;
  status: StepStatus;
  depends_on: readonly number[];
  est_minutes: number;
  operator: number | null;
  machine: Machine | null;
  work: Work | null;
};

/** Part of the time of a step: of its operator, or lost. */
type Part = Readonly<{ kind: "setup" | "productive" | "lost"; from_ms: number; to_ms: number | null }>;

/** Turns steps into rows. */
export class StepRows {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #calendar: Calendar;
  readonly #notices: Notices;

  constructor(rows: Rows, business: Business, calendar: Calendar) {
    this.#rows = rows;
    this.#business = business;
    this.#calendar = calendar;
    this.#notices = new Notices(rows, business);
  }

  write(job: JobDraft, steps: readonly Step[], detailed: boolean): void {
    for (const step of steps) this.#writeStep(job, step, detailed);
    if (!detailed) return;
    for (const step of steps) {
      for (const needed of step.depends_on) {
        this.#rows.add("shop.step_dependencies", [this.#business.id, step.id, steps[needed - 1]?.id ?? null]);
      }
    }
  }

  #writeStep(job: JobDraft, step: Step, detailed: boolean): void {
    const { id: business_id, plan } = this.#business;
    const { random } = plan;
    const operator = this.#operatorOf(step);
    const { work } = step;
    const quantities = this.#quantities(job, step, detailed);
    const blocked = step.status === "blocked" ? random.pick(blockReasons) : null;
    const created = instantText(job.created_ms);
    const started = work === null ? null : instantText(work.started_ms);
    const ended_ms = work?.ended_ms ?? null;
    const ended = ended_ms === null ? null : instantText(ended_ms);
    const completed = step.status === "completed" ? ended : null;
    const worker = started === null ? null : (operator?.member_id ?? null);
    this.#rows.add("shop.job_steps", [
      business_id,
      step.id,
      job.id,
      step.process.id,
      step.position,
      step.status,
      blocked === null ? null : "in_progress",
      blocked,
      operator?.member_id ?? null,
      step.machine?.id ?? null,
      ...this.#plannedAt(step),
      this.#dueAt(job, step.position),
      step.est_minutes,
      job.quantity,
      random.chance(0.2) ? 500 : 0,
      quantities.good,
      quantities.scrap,
      started,
      worker,
      completed,
      completed === null ? null : worker,
      created,
      ended ?? started ?? created,
      job.created_by,
      job.created_by,
    ]);
    if (work?.logged && operator !== null) this.#writeLogs(step, operator, blocked);
    if (quantities.good + quantities.scrap > 0 && operator !== null)
      this.#writeReports(step, operator, quantities);
    if (detailed && operator !== null) this.#writeNote(step, operator);
    this.#tell(job, step, operator, blocked);
  }

  #operatorOf = (step: Step): Person | null => this.#business.operators[step.operator ?? -1] ?? null;

  #quantities(job: JobDraft, step: Step, detailed: boolean): { good: number; scrap: number } {
    const { random } = this.#business.plan;
    if (!detailed || step.work === null || !step.process.production) return { good: 0, scrap: 0 };
    if (step.status !== "completed")
      return { good: Math.floor(job.quantity * random.unit() * 0.8), scrap: 0 };
    const scrap = random.below(Math.floor(job.quantity / 50) + 1);
    return { good: job.quantity - scrap, scrap };
  }

  /** The time of a step: it is set up, done, and now and then stands still; what is blocked lately still does. */
  #writeLogs(step: Step, operator: Person, blocked: string | null): void {
    const { random, until_ms } = this.#business.plan;
    const { started_ms = 0, ended_ms = null } = step.work ?? {};
    if (ended_ms === null) {
      this.#writeLog(step, operator, { kind: "productive", from_ms: started_ms, to_ms: null });
      return;
    }
    const at = (share: number) => started_ms + Math.floor(((ended_ms - started_ms) * share) / 1000) * 1000;
    const set_ms = step.process.machine && random.chance(0.15) ? at(0.15) : started_ms;
    if (set_ms > started_ms)
      this.#writeLog(step, operator, { kind: "setup", from_ms: started_ms, to_ms: set_ms });
    if (random.chance(0.12)) {
      const [stops_ms, goes_on_ms] = [at(0.5), at(0.6 + random.unit() * 0.3)];
      this.#writeLog(step, operator, { kind: "productive", from_ms: set_ms, to_ms: stops_ms });
      this.#writeLog(step, operator, { kind: "lost", from_ms: stops_ms, to_ms: goes_on_ms });
      this.#writeLog(step, operator, { kind: "productive", from_ms: goes_on_ms, to_ms: ended_ms });
    } else this.#writeLog(step, operator, { kind: "productive", from_ms: set_ms, to_ms: ended_ms });
    // a log is a day long at most, also some hours after now
    if (blocked !== null && ended_ms > until_ms - day_ms + 4 * hour_ms)
      this.#writeLog(step, operator, { kind: "lost", from_ms: ended_ms, to_ms: null });
  }

  #writeLog(step: Step, operator: Person, { kind, from_ms, to_ms }: Part): void {
    const { id: business_id, plan } = this.#business;
    const { random } = plan;
    const isLost = kind === "lost";
    const started = instantText(from_ms);
    const ended = to_ms === null ? null : instantText(to_ms);
    this.#rows.add("shop.time_logs", [
      business_id,
      idAt(from_ms, random),
      step.id,
      step.machine?.id ?? null,
      isLost ? null : operator.member_id,
      isLost ? random.pick(["performance_loss", "quality_loss", "availability_loss"]) : kind,
      isLost ? random.pick(lossReasons) : null,
      started,
      ended,
      (step.machine?.capacity ?? 1) === 1,
      started,
      ended ?? started,
      operator.user_id,
      operator.user_id,
    ]);
  }

  /** What was produced, in one report or in two. */
  #writeReports(step: Step, operator: Person, { good, scrap }: { good: number; scrap: number }): void {
    const { random, until_ms } = this.#business.plan;
    const { started_ms = 0, ended_ms = null } = step.work ?? {};
    const last_ms = ended_ms ?? until_ms;
    const first = good > 1 && random.chance(0.15) ? Math.floor(good / 2) : 0;
    if (first > 0)
      this.#writeReport(step, operator, {
        at_ms: Math.floor((started_ms + last_ms) / 2),
        good: first,
        scrap: 0,
      });
    this.#writeReport(step, operator, { at_ms: last_ms, good: good - first, scrap });
  }

  #writeReport(
    step: Step,
    { member_id, user_id }: Person,
    { at_ms, good, scrap }: { at_ms: number; good: number; scrap: number },
  ): void {
    const at = instantText(at_ms);
    const id = idAt(at_ms, this.#business.plan.random);
    const row = [this.#business.id, id, step.id, good, scrap, member_id];
    this.#rows.add("shop.production_reports", [...row, at, at, user_id, user_id]);
  }

  #writeNote(step: Step, operator: Person): void {
    const { id: business_id, plan } = this.#business;
    const { random, until_ms } = plan;
    if (step.work === null || !random.chance(0.05)) return;
    const at_ms = step.work.ended_ms ?? until_ms;
    const at = instantText(at_ms);
    const row = [business_id, idAt(at_ms, random), step.id, operator.member_id, random.pick(stepNotes)];
    this.#rows.add("shop.step_notes", [...row, at, at, operator.user_id, operator.user_id]);
  }

  #tell(job: JobDraft, step: Step, operator: Person | null, blocked: string | null): void {
    if (operator === null) return;
    const about = { ref_type: "shop.job_step", ref_id: step.id } as const;
    const body = `${step.process.name} of ${job.job_number}, ${job.title}`;
    if (step.status === "ready") {
      const type = step.position === 1 ? "shop.step_assigned" : "shop.step_ready";
      const title = step.position === 1 ? "A step is yours" : "A step is ready";
      this.#notices.tell({ ...about, at_ms: job.work_until_ms, type, title, body }, operator.user_id);
    }
    if (blocked === null) return;
    const at_ms = step.work?.ended_ms ?? job.work_until_ms;
    const notice = { type: "shop.step_blocked", title: "A step is blocked", body: `${body}: ${blocked}` };
    this.#notices.tellStaff({ ...about, at_ms, ...notice }, operator.user_id);
  }

  /** Open steps that somebody has are planned for the next days. */
  #plannedAt(step: Step): [start: string | null, end: string | null] {
    const { random } = this.#business.plan;
    if (step.operator === null || (step.status !== "ready" && step.status !== "pending")) return [null, null];
    const day = this.#calendar.length - 1 + step.position - 1 + random.below(2);
    const start_ms = this.#calendar.opens(day) + random.below(10) * slot_minutes * minute_ms;
    return [instantText(start_ms), instantText(start_ms + Math.max(5, step.est_minutes) * minute_ms)];
  }

  /** Steps are due one after the other on the way from the day the job came in to the day it is due, at 17:00. */
  #dueAt(job: JobDraft, position: number): string | null {
    if (job.due_index === null) return null;
    const days = Math.ceil(((job.due_index - job.created_index) * position) / job.routing.steps.length);
    return instantText(this.#calendar.opens(job.created_index + days) + 10 * hour_ms);
  }
}
