import { type Business, firstCustomers, yearOf } from "./business.ts";
import { Calendar, type WorkingDay } from "./calendar.ts";
import { idAt } from "./ids.ts";
import { dayText, instantText } from "./local-time.ts";
import { type JobDraft, drawLife } from "./lives.ts";
import type { Rows } from "./rows.ts";
import type { Routing } from "./shop-floor.ts";
import { StepWriter, type StepsSummary } from "./steps.ts";
import { Notices } from "./notices.ts";
import { holdReasons, revisionReasons, units } from "./shop-words.ts";
import { writeDowntimes } from "./downtime.ts";
import { Workday } from "./workday.ts";

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
  const workday = new Workday(business, calendar);
  const writer = new JobWriter(rows, business, new StepWriter(rows, business, { calendar, workday }));
  for (const day of calendar.deal(business.plan.jobs)) {
    writer.writeDay(day);
    yield day.jobs;
  }
  writer.writeSequences();
  writeDowntimes(rows, business, workday);
}

class JobWriter {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #steps: StepWriter;
  readonly #numbers = new Map<string, number>();
  readonly #clerks: readonly string[];
  readonly #notices: Notices;

  constructor(rows: Rows, business: Business, steps: StepWriter) {
    this.#rows = rows;
    this.#business = business;
    this.#steps = steps;
    this.#notices = new Notices(rows, business);
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
    const { plan, routings } = this.#business;
    const { random } = plan;
    const routing = random.pick(routings);
    const job: JobDraft = {
      id: idAt(created_ms, random),
      job_number: this.#number(day.day),
      title: this.#title(routing),
      routing,
      created_by: random.pick(this.#clerks),
      created_ms,
      created_index: day.index,
      quantity: random.chance(0.5) ? random.between(1, 40) : random.between(1, 60) * 25,
      ...drawLife(plan, created_ms, day, routing.steps.length),
    };
    const isOpen = job.status !== "completed" && job.status !== "cancelled";
    const isRecent = isOpen || plan.until_ms - created_ms < plan.recent_days * day_ms;
    const isDetailed = plan.details === "all" || isRecent;
    const summary: StepsSummary =
      plan.steps === "all" || isRecent
        ? this.#steps.write(job, isDetailed)
        : { total: 0, done: 0, started_ms: null, ended_ms: null };
    this.#writeRow(job, day, summary, isDetailed && job.status !== "draft" && random.chance(0.06));
  }

  #writeRow(job: JobDraft, day: WorkingDay, summary: StepsSummary, isRevised: boolean): void {
    const { id: business_id, plan } = this.#business;
    const { random } = plan;
    const created = instantText(job.created_ms);
    const started = isStarted(job) ? instantText(Math.floor(summary.started_ms ?? job.work_from_ms)) : null;
    const ended_ms = job.status === "completed" ? Math.floor(summary.ended_ms ?? job.work_until_ms) : null;
    const ended = ended_ms === null ? null : instantText(ended_ms);
    const priced = random.chance(0.9);
    const held = job.status === "on_hold" ? random.pick(holdReasons) : null;
    const due_on = job.due_index === null ? null : dayText(day.day + job.due_index - day.index);
    this.#rows.add("shop.jobs", [
      business_id,
      job.id,
      job.job_number,
      this.#customer(day),
      job.title,
      random.chance(0.1) ? "As last time, see the sample." : null,
      job.status,
      random.pick(priorities),
      due_on,
      job.quantity,
      random.pick(units),
      priced ? Math.ceil(job.quantity * random.between(3, 90)) * 1000 : null,
      priced ? plan.currency : null,
      isRevised ? 2 : 1,
      summary.total,
      summary.done,
      held,
      job.status_before_hold,
      started,
      ended,
      created,
      ended ?? started ?? created,
      job.created_by,
      job.created_by,
    ]);
    if (isRevised) this.#writeRevision(job, due_on);
    this.#tell(job, { held, ended_ms });
  }

  /** Nobody orders before they are a customer. */
  #customer(day: WorkingDay): string | null {
    const { plan, customers } = this.#business;
    const { random } = plan;
    const known = Math.max(firstCustomers, Math.floor((customers.length * day.index) / plan.days));
    if (random.chance(0.02)) return null;
    return customers[random.zipf(Math.min(customers.length, known))] ?? null;
  }

  /** The second revision: it is due later than was first agreed, or is another quantity. */
  #writeRevision(job: JobDraft, due_on: string | null): void {
    const { id: business_id, plan } = this.#business;
    const { random } = plan;
    const before = due_on === null ? null : dayText(Date.parse(due_on) / day_ms - random.between(1, 7));
    const changes =
      before === null
        ? { quantity: { from: job.quantity + random.between(1, 20), to: job.quantity } }
        : { due_on: { from: before, to: due_on } };
    const at = instantText(Math.floor(job.work_from_ms));
    const row = [business_id, job.id, 2, random.pick(revisionReasons), JSON.stringify(changes)];
    this.#rows.add("shop.job_revisions", [...row, at, at, job.created_by, job.created_by]);
  }

  #tell(job: JobDraft, { held, ended_ms }: { held: string | null; ended_ms: number | null }): void {
    const about = { ref_type: "shop.job", ref_id: job.id } as const;
    const name = `${job.job_number}, ${job.title}`;
    if (held !== null) {
      const notice = { type: "shop.job_on_hold", title: "A job is on hold", body: `${name}: ${held}` };
      this.#notices.tellStaff({ ...about, at_ms: Math.floor(job.work_until_ms), ...notice }, job.created_by);
    }
    if (ended_ms === null) return;
    const notice = { type: "shop.job_completed", title: "A job is completed", body: name };
    this.#notices.tellStaff({ ...about, at_ms: ended_ms, ...notice }, job.created_by);
  }

  #number(day: number): string {
    const year = yearOf(day);
    const number = (this.#numbers.get(year) ?? 0) + 1;
    this.#numbers.set(year, number);
    return `JOB-${year}-${String(number).padStart(6, "0")}`;
  }

  #title({ products, finishes }: Routing): string {
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
