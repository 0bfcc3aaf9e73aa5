import { line } from "./books.ts";
import type { Person } from "./business.ts";
import type { WorkingDay } from "./calendar.ts";
import { idAt } from "./ids.ts";
import { dayText, type DayNumber, instantText } from "./local-time.ts";
import { decide_ms, type Remittance } from "./savings-cash.ts";
import { type Desk, hour_ms, minute_ms } from "./savings-desk.ts";

const categories = ["transport", "airtime"] as const;

type Expense = {
  readonly id: string;
  readonly spender: Person;
  readonly category: "transport" | "airtime" | "stationery" | "rent";
  readonly amount: number;
  readonly day: DayNumber;
  readonly made_ms: number;
  /** Whose cash it was paid from; null: from the vault. */
  readonly remittance: Remittance | null;
  decided: Readonly<{ at_ms: number; by: Person; ledger_id: string | null; reason: string | null }> | null;
};

/** Writes what agents spend on their round, and the office from the vault. */
export class Expenses {
  readonly #desk: Desk;
  readonly #waiting = new Set<Expense>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** An agent whose day has begun now and then pays the fare from what was collected. */
  onRound(remittance: Remittance): void {
    const { random, calendar, manager } = this.#desk;
    if (!random.evenly("fare", 0.12)) return;
    const { day, made_ms, collector } = remittance;
    const expense = this.#record({
      spender: collector.agent,
      category: random.pick(categories),
      amount: random.between(1, 4) * 5_000,
      day,
      made_ms,
      remittance,
    });
    const due_ms = calendar.opens(day - calendar.first) + decide_ms + collector.agent_no * 100;
    this.#decide(expense, due_ms, manager);
  }

  /** The office buys paper for each 150 markings, once a day at most, and every tenth time pays the rent. */
  onDay({ day, opens_ms, jobs }: WorkingDay): void {
    const { manager, admin, random } = this.#desk;
    if (!random.evenly("paper", Math.min(1, jobs / 150))) return;
    const isRent = random.evenly("rent", 0.1);
    const expense = this.#record({
      spender: manager,
      category: isRent ? "rent" : "stationery",
      amount: isRent ? 5_000_000 : random.between(2, 20) * 10_000,
      day,
      made_ms: opens_ms + 5 * minute_ms,
      remittance: null,
    });
    this.#decide(expense, opens_ms + 26 * hour_ms, admin);
  }

  #record(of: Omit<Expense, "id" | "decided">): Expense {
    const expense: Expense = { id: idAt(of.made_ms, this.#desk.random), ...of, decided: null };
    this.#waiting.add(expense);
    return expense;
  }

  #decide(expense: Expense, at_ms: number, by: Person): void {
    const { agenda, books, business, random } = this.#desk;
    const { stays } = business.plan.savings;
    if (stays !== null && this.#desk.daysAgo(expense.day) <= stays.days) return;
    agenda.add(at_ms, () => {
      const { remittance, amount, category } = expense;
      const hasEnough = remittance === null || remittance.expected >= amount;
      if (!hasEnough || random.evenly("refused", 0.1)) {
        expense.decided = { at_ms, by, ledger_id: null, reason: "No receipt" };
      } else {
        const { currency } = business.plan;
        const from = remittance?.collector.cash ?? books.house("cash:vault", currency, random);
        const ledger_id = idAt(at_ms, random);
        const source = ["savings.expense", expense.id] as const;
        const lines = [
          line(books.house(`expense:${category}`, currency, random), "debit", amount),
          line(from, "credit", amount),
        ];
        books.post({ id: ledger_id, kind: "savings.expense", at_ms, by: by.user_id, source }, lines);
        if (remittance !== null) remittance.expected -= amount;
        expense.decided = { at_ms, by, ledger_id, reason: null };
      }
      this.#waiting.delete(expense);
      this.#write(expense);
    });
  }

  /** What nobody has decided on. */
  close(): void {
    for (const expense of this.#waiting) this.#write(expense);
  }

  #write(expense: Expense): void {
    const { rows, business } = this.#desk;
    const { spender, remittance, decided, category } = expense;
    const isApproved = decided !== null && decided.ledger_id !== null;
    const made = instantText(expense.made_ms);
    const at = decided === null ? null : instantText(decided.at_ms);
    rows.add("savings.expenses", [
      business.id,
      expense.id,
      business.units[0] ?? null,
      spender.member_id,
      category,
      expense.amount,
      business.plan.currency,
      remittance === null ? "vault" : "agent_cash",
      decided === null ? "recorded" : isApproved ? "approved" : "rejected",
      dayText(expense.day),
      words[category],
      isApproved ? (remittance?.id ?? null) : null,
      decided?.ledger_id ?? null,
      decided?.by.member_id ?? null,
      at,
      decided?.reason ?? null,
      decided === null ? 1 : 2,
      made,
      at ?? made,
      spender.user_id,
      decided?.by.user_id ?? spender.user_id,
    ]);
  }
}

const words = {
  transport: "Fare of the round",
  airtime: "Airtime",
  stationery: "Cards and receipt rolls",
  rent: "Rent of the office",
} as const;
