import { memberRoles } from "../platform/enums.ts";
import { budgetGroups, type SeededCategory } from "./budget-words.ts";
import type { Business, Person } from "./business.ts";
import { Calendar } from "./calendar.ts";
import { idAt } from "./ids.ts";
import { type DayNumber, dayText, instantText } from "./local-time.ts";
import type { Rows, Value } from "./rows.ts";

/** Units of an amount in `budget-words`, in minor units of any currency. */
const minor = 100;
/** When a day's money is written down: in the evening, in hours after the shop has opened. */
const evening_ms = 12 * 3_600_000;
const uncategorized_share = 0.03;
const imported_share = 0.6;
/** Money that comes back, such as for goods that were returned. */
const refund_share = 0.02;

type Category = SeededCategory & { readonly id: string; readonly is_income: boolean };
type Month = { readonly first: DayNumber; readonly text: string };
/** A budget while it is written. */
type Book = {
  readonly id: string;
  readonly owner: Person;
  readonly categories: readonly Category[];
  /** Those that are drawn from. */
  readonly drawn: readonly Category[];
  lines: number;
};

/**
 * Writes a budget for one person of each role: groups, categories, a plan for each month, and what came in and went out until
 * now. Yields now and then how many transactions there are more, beside those of fixed days.
 */
export function* writeBudgets(rows: Rows, business: Business): Generator<number> {
  const { plan, people } = business;
  const { transactions, main_share } = plan.budget;
  if (transactions === 0) return;
  const writer = new BudgetWriter(rows, business);
  const owners = memberRoles.flatMap((role) => people.get(role) ?? []);
  const main = Math.round(transactions * main_share);
  const others = Math.floor((transactions - main) / Math.max(1, owners.length - 1));
  for (const [place, owner] of owners.entries()) yield* writer.write(owner, place === 0 ? main : others);
}

class BudgetWriter {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #calendar: Calendar;
  readonly #months: readonly Month[];

  constructor(rows: Rows, business: Business) {
    this.#rows = rows;
    this.#business = business;
    this.#calendar = new Calendar(business.plan);
    this.#months = monthsOf(this.#calendar);
  }

  *write(owner: Person, transactions: number): Generator<number> {
    const book = this.#open(owner);
    this.#plan(book);
    for (const { day, index, opens_ms, jobs } of this.#calendar.deal(transactions)) {
      const at_ms = Math.min(opens_ms + evening_ms, this.#business.plan.until_ms);
      const date = Number(dayText(day).slice(8));
      const fixed = book.categories.filter((category) => category.day === date);
      for (const category of fixed) this.#add(book, category, day, at_ms);
      for (let at = 0; at < jobs; at++)
        this.#add(book, this.#business.plan.budget.random.pick(book.drawn), day, at_ms);
      if (index % 30 === 29 || jobs > 100) yield jobs;
    }
  }

  #open(owner: Person): Book {
    const { id: business_id, plan, stamps } = this.#business;
    const { random } = plan.budget;
    const begin_ms = this.#calendar.opens(0);
    const id = idAt(begin_ms, random);
    const { text = "" } = this.#months[0] ?? {};
    const names = [`${owner.name.split(" ")[0] ?? ""}'s month`, "envelope", plan.currency, plan.timezone];
    this.#rows.add("budget.budgets", [business_id, id, owner.user_id, ...names, true, text, ...stamps]);
    const categories = budgetGroups.flatMap((group, sort) => {
      const is_income = group.target_bps === 0;
      const group_id = idAt(begin_ms, random);
      const label = group.name[0]?.toUpperCase() + group.name.slice(1);
      const head: Value[] = [business_id, group_id, id, group.name, label, group.icon, group.target_bps];
      this.#rows.add("budget.category_groups", [...head, is_income, sort, ...stamps]);
      return group.categories.map((category, place): Category => {
        const category_id = idAt(begin_ms, random);
        const rollover = category.rollover ?? "carry_surplus";
        const values: Value[] = [business_id, category_id, id, group_id, category.name, rollover, place];
        this.#rows.add("budget.categories", [...values, ...stamps]);
        return { ...category, id: category_id, is_income };
      });
    });
    const drawn = categories.filter(({ day }) => day === undefined);
    return { id, owner, categories, drawn, lines: 0 };
  }

  /** What comes or goes on its day is planned as it is; of what is drawn, about what some ten times come to. */
  #plan({ id, categories, owner }: Book): void {
    for (const month of this.#months) {
      const at = instantText(this.#calendar.opens(Math.max(0, month.first - this.#calendar.first)));
      for (const { id: category_id, day, low, high, is_income } of categories) {
        if (is_income) continue;
        const planned = (day === undefined ? Math.round((low + high) / 1_000) * 500 : low) * minor;
        const values: Value[] = [this.#business.id, category_id, month.text, id, planned];
        this.#rows.add("budget.allocations", [...values, at, at, owner.user_id, owner.user_id]);
      }
    }
  }

  #add(book: Book, category: Category, day: DayNumber, at_ms: number): void {
    const { id: business_id, plan } = this.#business;
    const { random } = plan.budget;
    const { low, high, payees, is_income } = category;
    const amount = random.between(low * minor, high * minor);
    const isDrawn = category.day === undefined;
    const comesIn = is_income || (isDrawn && random.chance(refund_share));
    book.lines += 1;
    const at = instantText(at_ms);
    this.#rows.add("budget.transactions", [
      business_id,
      idAt(at_ms, random),
      book.id,
      isDrawn && random.chance(uncategorized_share) ? null : category.id,
      comesIn ? amount : -amount,
      dayText(day),
      random.pick(payees),
      isDrawn ? null : category.name,
      random.chance(imported_share) ? `statement-${book.lines}` : null,
      at,
      at,
      book.owner.user_id,
      book.owner.user_id,
    ]);
  }
}

function monthsOf(calendar: Calendar): Month[] {
  const months: Month[] = [];
  for (let index = 0; index < calendar.length; index++) {
    const day = calendar.first + index;
    const text = `${dayText(day).slice(0, 7)}-01`;
    if (months.at(-1)?.text !== text) months.push({ first: day, text });
  }
  return months;
}
