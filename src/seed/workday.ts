import type { Business } from "./business.ts";
import type { Calendar } from "./calendar.ts";
import type { Machine } from "./shop-floor.ts";
import { SlotBook, lowestBit, runsOf, slot_minutes, slots_per_day } from "./slots.ts";

const minute_ms = 60_000;
const slot_ms = slot_minutes * minute_ms;
/** Finished work ends this long before now; what runs or stands still now began later, so that the two never overlap. */
export const quiet_ms = 120 * minute_ms;

/** Where work is to lie: not before `after_ms`, near `target_ms`, and so many minutes long. */
export type Wish = Readonly<{ target_ms: number; after_ms: number; minutes: number }>;
export type Span = Readonly<{ started_ms: number; ended_ms: number }>;

/** Keeps the book of which operator and which machine is busy when, and what runs now. */
export class Workday {
  readonly #business: Business;
  readonly #calendar: Calendar;
  readonly #operators: SlotBook;
  readonly #machines: SlotBook;
  readonly #running = new Set<string>();

  constructor(business: Business, calendar: Calendar) {
    this.#business = business;
    this.#calendar = calendar;
    this.#operators = new SlotBook(business.operators.length, calendar.length);
    this.#machines = new SlotBook(business.machines.length, calendar.length);
  }

  /** Whether an operator is in nothing now. */
  isFree(operator: number): boolean {
    return !this.#running.has(this.#business.operators[operator]?.member_id ?? "");
  }

  /** Starts work now, if its operator and its machine are free. Returns when it began. */
  start(operator: number, machine: Machine | null): number | null {
    const { plan, operators } = this.#business;
    const person = operators[operator];
    if (person === undefined || this.#running.has(person.member_id)) return null;
    if (machine !== null) {
      if (machine.state !== "active" || this.#running.has(machine.id)) return null;
      this.#running.add(machine.id);
    }
    this.#running.add(person.member_id);
    return plan.until_ms - plan.random.between(5, 100) * minute_ms;
  }

  /** Finds slots near an instant that are free for operator and machine alike, that day or on one of the next. */
  place(operator: number | null, machine: Machine | null, wish: Wish): Span | null {
    const { random, until_ms } = this.#business.plan;
    const length = Math.ceil(wish.minutes / (slot_minutes - 5));
    const begin = this.#calendar.indexOf(Math.max(wish.target_ms, wish.after_ms));
    for (let day = begin; day < Math.min(begin + 3, this.#calendar.length); day++) {
      const opens_ms = this.#calendar.opens(day);
      const first = Math.max(0, Math.ceil((wish.after_ms - opens_ms) / slot_ms));
      if (first >= slots_per_day) continue;
      const free =
        (operator === null ? -1 : this.#operators.free(operator, day, first)) &
        (machine === null ? -1 : this.#machines.free(machine.index, day, first));
      const runs = runsOf(free, length) & -(1 << first);
      if (runs === 0) continue;
      const late = runs & -(1 << Math.min(slots_per_day - 1, first + random.below(8)));
      const slot = lowestBit(late === 0 ? runs : late);
      const begins_ms = opens_ms + slot * slot_ms;
      if (begins_ms + length * slot_ms > until_ms - quiet_ms) return null;
      if (operator !== null) this.#operators.take(operator, day, slot, length);
      if (machine !== null) this.#machines.take(machine.index, day, slot, length);
      const started_ms = begins_ms + random.below(240) * 1000;
      return { started_ms, ended_ms: started_ms + Math.round(wish.minutes * 60) * 1000 };
    }
    return null;
  }
}
