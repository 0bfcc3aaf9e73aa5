import { type DayNumber, localDay, localHour } from "./local-time.ts";
import type { BusinessPlan } from "./plan.ts";

const day_ms = 86_400_000;
const openingHour = 7;
const workday_ms = 11 * 3_600_000;

export type WorkingDay = { day: DayNumber; index: number; opens_ms: number; closes_ms: number; jobs: number };

/** The days of a business's history in its zone. Day 0 is the first; instants are milliseconds since 1970. */
export class Calendar {
  readonly first: DayNumber;
  readonly length: number;
  readonly #opens: Float64Array;
  readonly #until_ms: number;
  readonly #timezone: string;

  constructor(plan: Pick<BusinessPlan, "until_ms" | "days" | "timezone">) {
    const last = localDay(plan.until_ms, plan.timezone);
    this.first = last - plan.days + 1;
    this.length = plan.days;
    this.#until_ms = plan.until_ms;
    this.#timezone = plan.timezone;
    this.#opens = Float64Array.from({ length: plan.days }, (_, index) =>
      localHour(this.first + index, openingHour, plan.timezone),
    );
  }

  /** When the shop opens on a day; days after the last follow at 24 hours. */
  opens(index: number): number {
    const last = this.length - 1;
    return index <= last ? (this.#opens[index] ?? 0) : (this.#opens[last] ?? 0) + (index - last) * day_ms;
  }

  /** When a day begins. */
  midnight(index: number): number {
    return localHour(this.first + index, 0, this.#timezone);
  }

  /** The day whose opening is the last one before an instant. */
  indexOf(at_ms: number): number {
    const index = Math.floor((at_ms - this.opens(0) + 3_600_000) / day_ms);
    return Math.max(0, Math.min(this.length - 1, index));
  }

  /** Deals jobs out to the days: five full days, a half Saturday, a quiet Sunday, and a business that grows. */
  *deal(jobs: number): Generator<WorkingDay> {
    const weights = Array.from({ length: this.length }, (_, index) => this.#weight(index));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let before = 0;
    let dealt = 0;
    for (const [index, weight] of weights.entries()) {
      before += weight;
      const count = Math.round((jobs * before) / total) - dealt;
      dealt += count;
      const opens_ms = this.opens(index);
      const closes_ms = Math.min(opens_ms + workday_ms, this.#until_ms);
      yield { day: this.first + index, index, opens_ms, closes_ms, jobs: count };
    }
  }

  #weight(index: number): number {
    // on the last day only as much work has come in as of the day is over
    const share = Math.min(1, Math.max(0, (this.#until_ms - this.opens(index)) / workday_ms));
    const weekday = (this.first + index + 4) % 7;
    const load = weekday === 0 ? 0.1 : weekday === 6 ? 0.5 : 1;
    return share * load * (0.7 + (0.6 * index) / this.length);
  }
}
