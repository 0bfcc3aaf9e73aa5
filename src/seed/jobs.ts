import { type Business, firstCustomers, yearOf } from "./business.ts";
import { Calendar, type WorkingDay } from "./calendar.ts";
import { idAt } from "./ids.ts";
import { dayText, instantText } from "./local-time.ts";
import { type JobDraft, drawLife } from "./lives.ts";
import type { Rows } from "./rows.ts";
import { StepWriter, type StepsSummary } from "./steps.ts";
import { finishes, holdReasons, products, units } from "./vocabulary.ts";

const day_ms = 86_400_000;
const priorities = [
  "normal",
  "normal",
  "normal",
  "normal",
  "normal",
  "normal",
  "low",
  "low",
  "high",
  "urgent",
] as const;

/** Writes the jobs of a business, oldest first, and yields after each day, so that the caller can send what there is. */
export function* writeJobs(rows: Rows, business: Business): Generator<number> {
  const calendar = new Calendar(business.plan);
  const writer = new JobWriter(rows, business, new StepWriter(rows, business, calendar));
  for (const day of calendar.deal(business.plan.jobs)) {
    writer.writeDay(day);
    yield day.jobs;
  }
  writer.writeSequences();
}

class JobWriter {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #steps: StepWriter;
  readonly #numbers = new Map<string, number>();
  readonly #clerks: readonly string[];

  constructor(rows: Rows, business: Business, steps: StepWriter) {
    this.#rows = rows;
    this.#business = business;
    this.#steps = steps;
    this.#clerks = ["clerk", "clerk2", "clerk3", "manager"].flatMap(
      (login) => business.people.get(login)?.user_id ?? [],
    );
  }

  writeDay(day: WorkingDay): void {
    const { random } = this.#business.plan;
    const step_ms = (day.closes_ms - day.opens_ms) / Math.max(1, day.jobs);
    let at_ms = day.opens_ms;
    for (let i = 0; i < day.jobs; i++) {
      // two jobs of one order come in at the same instant
      if (i === 0 || !random.chance(0.02)) at_ms = Math.floor(day.opens_ms + (i + random.unit()) * step_ms);
      this.#writeJob(at_ms, day);
    }
  }

  #writeJob(created_ms: number, day: WorkingDay): void {
    const { plan } = this.#business;
    const { random } = plan;
    const job: JobDraft = {
      id: idAt(created_ms, random),
      created_by: random.pick(this.#clerks),
      created_ms,
      created_index: day.index,
      quantity: random.chance(0.5) ? random.between(1, 40) : random.between(1, 60) * 25,
      ...drawLife(plan, created_ms, day),
    };
    const isOpen = job.status !== "completed" && job.status !== "cancelled";
    const isRecent = isOpen || plan.until_ms - created_ms < plan.recent_days * day_ms;
    const summary: StepsSummary =
      plan.steps === "all" || isRecent
        ? this.#steps.write(job, plan.details === "all" || isRecent)
        : { total: 0, done: 0, started_ms: null, ended_ms: null };
    this.#writeRow(job, day, summary);
  }

  #writeRow(job: JobDraft, day: WorkingDay, summary: StepsSummary): void {
    const { id: business_id, plan, customers } = this.#business;
    const { random } = plan;
    // nobody orders before they are a customer
    const known = Math.max(firstCustomers, Math.floor((customers.length * day.index) / plan.days));
    const customer_id = random.chance(0.02)
      ? null
      : (customers[random.zipf(Math.min(customers.length, known))] ?? null);
    const created = instantText(job.created_ms);
    const started = isStarted(job) ? instantText(Math.floor(summary.started_ms ?? job.work_from_ms)) : null;
    const ended_ms = job.status === "completed" ? Math.floor(summary.ended_ms ?? job.work_until_ms) : null;
    const ended = ended_ms === null ? null : instantText(ended_ms);
    const priced = random.chance(0.9);
    this.#rows.add("shop.jobs", [
      business_id,
      job.id,
      this.#number(day.day),
      customer_id,
      this.#title(),
      random.chance(0.1) ? "As last time, see the sample." : null,
      job.status,
      random.pick(priorities),
      job.due_index === null ? null : dayText(day.day + job.due_index - day.index),
      job.quantity,
      random.pick(units),
      priced ? Math.ceil(job.quantity * random.between(3, 90)) * 1000 : null,
      priced ? plan.currency : null,
      summary.total,
      summary.done,
      job.status === "on_hold" ? random.pick(holdReasons) : null,
      job.status_before_hold,
      started,
      ended,
      created,
      ended ?? started ?? created,
      job.created_by,
      job.created_by,
    ]);
  }

  #number(day: number): string {
    const year = yearOf(day);
    const number = (this.#numbers.get(year) ?? 0) + 1;
    this.#numbers.set(year, number);
    return `JOB-${year}-${String(number).padStart(6, "0")}`;
  }

  #title(): string {
    const { random } = this.#business.plan;
    const title = `${random.pick(products)}, ${random.pick(finishes)}`;
    return random.chance(0.3) ? `${title}, order ${random.between(1000, 99999)}` : title;
  }

  /** The next job gets the next number. */
  writeSequences(): void {
    for (const [year, last] of this.#numbers)
      this.#rows.add("core.sequences", [this.#business.id, "job", year, last + 1]);
  }
}

const isStarted = ({ status, steps_done, current }: JobDraft): boolean =>
  status === "in_progress" || status === "completed" || steps_done > 0 || current !== null;
