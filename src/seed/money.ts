import { Agenda } from "./agenda.ts";
import { Bank } from "./bank.ts";
import { Books } from "./books.ts";
import type { Business } from "./business.ts";
import { Calendar } from "./calendar.ts";
import type { Rows } from "./rows.ts";
import { Desk } from "./savings-desk.ts";
import { Savings } from "./savings.ts";

const day_ms = 86_400_000;

/**
 * Writes the bank and the savings of a business, which share a ledger: day by day, each thing at its time. Yields now and
 * then how many transfers and markings there are more.
 */
export function* writeMoney(rows: Rows, business: Business): Generator<number> {
  const { plan } = business;
  const begin_ms = plan.until_ms - plan.days * day_ms;
  const calendar = new Calendar({ ...plan, days: plan.bank.days });
  const isSame = plan.savings.days === plan.bank.days;
  const rounds = isSame ? calendar : new Calendar({ ...plan, days: plan.savings.days });
  const books = new Books(rows, business, begin_ms);
  const agenda = new Agenda();
  const bank = new Bank(rows, business, { calendar, books, agenda });
  const desk = new Desk(rows, business, { books, agenda, calendar: rounds });
  const savings = new Savings(desk, bank.wallets(), begin_ms);
  yield* bank.open();
  const rounded = rounds.deal(plan.savings.markings);
  for (const day of calendar.deal(plan.bank.transfers)) {
    const round = day.day >= rounds.first ? rounded.next() : null;
    const markings = round?.done === false ? savings.planDay(round.value) : 0;
    bank.writeDay(day);
    yield day.jobs + markings;
  }
  yield* bank.close();
  yield* savings.close();
  books.writeHouse();
}
