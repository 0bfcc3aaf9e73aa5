import type { Agenda } from "./agenda.ts";
import type { Books } from "./books.ts";
import type { Business, Person } from "./business.ts";
import type { Calendar } from "./calendar.ts";
import { dayText, type DayNumber } from "./local-time.ts";
import type { Random } from "./random.ts";
import type { Rows } from "./rows.ts";

export const minute_ms = 60_000;
export const hour_ms = 60 * minute_ms;
const evening_ms = 10.5 * hour_ms;

/** What everything in savings needs: where rows go, the ledger, what is due later, and the office. */
export class Desk {
  readonly rows: Rows;
  readonly business: Business;
  readonly books: Books;
  readonly agenda: Agenda;
  /** Of the days on which savings are collected. */
  readonly calendar: Calendar;
  readonly random: Random;
  readonly until_ms: number;
  /** Who decides, and who else pays and counts. */
  readonly manager: Person;
  readonly admin: Person;

  constructor(
    rows: Rows,
    business: Business,
    with_: Readonly<{ books: Books; agenda: Agenda; calendar: Calendar }>,
  ) {
    this.rows = rows;
    this.business = business;
    this.books = with_.books;
    this.agenda = with_.agenda;
    this.calendar = with_.calendar;
    this.random = business.plan.savings.random;
    this.until_ms = business.plan.until_ms;
    this.manager = this.#person("manager");
    this.admin = this.#person("admin");
  }

  #person(login: string): Person {
    const person = this.business.people.get(login);
    if (person === undefined) throw new RangeError(`nobody is ${login}`);
    return person;
  }

  /** The same instant, or a time of the next day where the office is closed by then. */
  atWork(at_ms: number): number {
    const index = this.calendar.indexOf(at_ms);
    const opens_ms = this.calendar.opens(index);
    if (at_ms < opens_ms + evening_ms) return Math.max(at_ms, opens_ms + hour_ms);
    return this.calendar.opens(index + 1) + hour_ms + (at_ms % hour_ms);
  }

  /** How many days before the last one of the history a day is. */
  daysAgo(day: DayNumber): number {
    return this.calendar.first + this.calendar.length - 1 - day;
  }
}

/** `2026-11` */
export const monthOf = (day: DayNumber): string => dayText(day).slice(0, 7);
