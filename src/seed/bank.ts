import {
  type Account,
  AccountWriter,
  available,
  firstNumber,
  planAccounts,
  spendable,
  use,
} from "./accounts.ts";
import type { Agenda } from "./agenda.ts";
import { BeneficiaryWriter } from "./beneficiaries.ts";
import { type Books, line, posted } from "./books.ts";
import type { Business } from "./business.ts";
import type { Calendar, WorkingDay } from "./calendar.ts";
import { idAt } from "./ids.ts";
import { Interest } from "./interest.ts";
import { writeKyc } from "./kyc.ts";
import { localDay } from "./local-time.ts";
import type { Rows } from "./rows.ts";
import { TransferWriter } from "./transfers.ts";
import { WireWriter } from "./wires.ts";

const day_ms = 86_400_000;
const minute_ms = 60_000;
/** After this a clerk has seen that a transfer was entered twice. */
const reversal_ms = 20 * minute_ms;
/** Accounts that are written at a time. */
const accountsAtOnce = 2_000;

/** The bank of a business: what moves on the days that it is told of. */
export class Bank {
  readonly #calendar: Calendar;
  readonly #business: Business;
  readonly #rows: Rows;
  readonly #books: Books;
  readonly #accounts: readonly Account[];
  readonly #agenda: Agenda;
  readonly #transfers: TransferWriter;
  readonly #payees: BeneficiaryWriter;
  readonly #wires: WireWriter;
  readonly #interest: Interest;
  readonly #clerks: readonly string[];
  /** How many accounts are open by now, from the first. */
  #opened = 0;
  /** Up to which account those that close have been looked at. */
  #closing = 0;

  constructor(
    rows: Rows,
    business: Business,
    with_: Readonly<{ calendar: Calendar; books: Books; agenda: Agenda }>,
  ) {
    const { people } = business;
    this.#rows = rows;
    this.#business = business;
    this.#calendar = with_.calendar;
    this.#books = with_.books;
    this.#agenda = with_.agenda;
    this.#accounts = planAccounts(business);
    this.#transfers = new TransferWriter(rows, business, this.#books);
    this.#payees = new BeneficiaryWriter(rows, business);
    this.#wires = new WireWriter(rows, business, {
      books: this.#books,
      transfers: this.#transfers,
      agenda: this.#agenda,
      payees: this.#payees,
    });
    this.#interest = new Interest(business, this.#accounts, this.#transfers);
    this.#clerks = ["clerk", "clerk2", "clerk3"].flatMap((login) => people.get(login)?.user_id ?? []);
  }

  /** Into which account of theirs a customer may be paid until the end of the history, by customer. */
  wallets(): Map<string, Account> {
    const { currency } = this.#business.plan;
    const mayTake = ({ fate, currency: own }: Account) => fate === "lives" && own === currency;
    return new Map(this.#accounts.filter(mayTake).map((account) => [account.customer_id, account]));
  }

  /** What is there before the first day: settings, the house, and the money of accounts that are older than the transfers. */
  *open(): Generator<number> {
    const { id, plan, stamps } = this.#business;
    const { random, settings } = plan.bank;
    for (const [key, value] of Object.entries(settings))
      this.#rows.add("core.settings", [id, key, JSON.stringify(value), ...stamps]);
    const currencies = new Set(this.#accounts.map(({ currency }) => currency));
    for (const currency of currencies) this.#books.keepHouse(currency);
    this.#payees.writeWatchlist(plan.until_ms - plan.days * day_ms);
    if (plan.bank.days === plan.days) return;
    const at_ms = this.#calendar.opens(0);
    for (const account of this.#accounts) {
      if (account.opened_ms >= at_ms) break;
      if (account.fate === "waits" || (account.fate === "closes" && account.ends_ms < at_ms)) continue;
      const amount = random.between(1, 4_000) * unit;
      const opening = this.#books.house("equity:opening", account.currency);
      const posting = { id: idAt(at_ms, random), kind: "bank.opening", at_ms, by: null };
      this.#books.post(posting, [line(opening, "debit", amount), line(account, "credit", amount)]);
      if (account.index % accountsAtOnce === 0) yield 0;
    }
  }

  writeDay(day: WorkingDay): void {
    const { plan } = this.#business;
    const { random } = plan.bank;
    const midnight_ms = this.#calendar.midnight(day.index);
    if (this.#interest.isPaid) {
      this.#agenda.runUntil(midnight_ms);
      this.#interest.endDay(day, midnight_ms);
    }
    if (day.opens_ms > plan.until_ms) return;
    this.#openUntil(day.opens_ms);
    this.#closeAccounts(day);
    for (const [place, wire] of plan.bank.wires.entries()) {
      if (wire.days_ago !== this.#calendar.length - 1 - day.index) continue;
      const at_ms = day.opens_ms + (place + 1) * minute_ms;
      this.#agenda.runUntil(at_ms);
      const account = wire.account === undefined ? this.#pickWiring(day) : this.#accounts[wire.account];
      if (account !== undefined) this.#wires.write(wire, account, { at_ms, day: day.day });
    }
    const from_ms = day.opens_ms + 30 * minute_ms;
    const step_ms = Math.max(0, day.closes_ms - from_ms) / Math.max(1, day.jobs);
    for (let i = 0; i < day.jobs; i++) {
      const at_ms = Math.min(plan.until_ms, Math.floor(from_ms + (i + random.unit()) * step_ms));
      this.#agenda.runUntil(at_ms);
      this.#openUntil(at_ms);
      this.#move(at_ms, day);
    }
  }

  #openUntil(at_ms: number): void {
    while ((this.#accounts[this.#opened]?.opened_ms ?? Infinity) <= at_ms) this.#opened++;
  }

  #isMovable = ({ fate, ends_ms, closed_ms }: Account, at_ms: number): boolean =>
    fate !== "waits" && closed_ms === null && (fate === "lives" || at_ms < ends_ms - reversal_ms);

  /** An account that may be moved, the older the oftener. */
  #pick(at_ms: number): Account | null {
    for (let i = 0; i < 6; i++) {
      const account = this.#accounts[this.#business.plan.bank.random.zipf(Math.max(1, this.#opened))];
      if (account !== undefined && account.opened_ms <= at_ms && this.#isMovable(account, at_ms))
        return account;
    }
    return null;
  }

  /** One whose customer may send wires, and that will be there when one comes back. */
  #pickWiring(day: WorkingDay): Account | undefined {
    for (let i = 0; i < 40; i++) {
      const account = this.#pick(day.opens_ms);
      if (account !== null && this.#wires.mayUse(account, day.day)) return account;
    }
    return undefined;
  }

  #move(at_ms: number, day: WorkingDay): void {
    const { random, wire_share } = this.#business.plan.bank;
    const account = this.#pick(at_ms);
    if (account === null) return;
    const draw = random.unit();
    if (draw < wire_share && this.#wires.mayUse(account, day.day)) {
      this.#wires.write(this.#wires.draw(), account, { at_ms, day: day.day });
      return;
    }
    const scale = account.currency === this.#business.plan.currency ? unit : unit / 100;
    const amount = Math.ceil(random.unit() ** 2 * 400) * scale;
    if (draw > 0.985 && spendable(account, day.day) >= scale / 10) this.#charge(account, scale / 10, at_ms);
    else if (draw < 0.3 || spendable(account, day.day) < amount) this.#deposit(account, amount * 3, at_ms);
    else if (draw < 0.5) this.#pay(account, null, { amount, at_ms, day });
    else {
      const other = this.#pick(at_ms);
      const isFit = other !== null && other !== account && other.currency === account.currency;
      this.#pay(account, isFit ? other : null, { amount, at_ms, day });
    }
  }

  #deposit(to: Account, amount: number, at_ms: number): void {
    const by = this.#business.plan.bank.random.pick(this.#clerks);
    this.#transfers.write({ kind: "deposit", from: null, to, amount, at_ms, by });
  }

  #charge(from: Account, amount: number, at_ms: number): void {
    this.#transfers.write({ kind: "fee", from, to: null, amount, at_ms, by: null });
  }

  /** A withdrawal, or a transfer to another account; now and then it is undone, where both ends will be there then. */
  #pay(
    from: Account,
    to: Account | null,
    { amount, at_ms, day }: { amount: number; at_ms: number; day: WorkingDay },
  ): void {
    const { plan, people } = this.#business;
    const { random } = plan.bank;
    const kind = to === null ? "withdrawal" : "internal";
    const isOwn = kind === "internal" && from.customer_id === this.#business.customers[0];
    const by = isOwn ? (people.get("customer")?.user_id ?? null) : random.pick(this.#clerks);
    const isUndone = at_ms + reversal_ms < plan.until_ms && random.evenly("undone", 0.012);
    const reversal = isUndone ? { id: idAt(at_ms + reversal_ms, random), at_ms: at_ms + reversal_ms } : null;
    const transfer = this.#transfers.write({ kind, from, to, amount, at_ms, by, reversal });
    if (reversal === null) {
      use(from, amount, { day: day.day });
      return;
    }
    if (to !== null) to.reserved += amount;
    this.#agenda.add(reversal.at_ms, () => {
      if (to !== null) to.reserved -= amount;
      this.#transfers.reverse(transfer, reversal, people.get("manager")?.user_id ?? null);
    });
  }

  /** Accounts that close do so in the order in which they were opened. */
  #closeAccounts(day: WorkingDay): void {
    for (
      let account = this.#accounts[this.#closing];
      account !== undefined;
      account = this.#accounts[++this.#closing]
    ) {
      if (account.fate !== "closes") continue;
      if (account.ends_ms > day.opens_ms) return;
      const left = posted(account);
      // who has more than may leave in a day, or has something on its way, stays
      if (
        account.pending_debit > 0 ||
        account.reserved > 0 ||
        available(account) > spendable(account, day.day)
      )
        continue;
      this.#agenda.runUntil(day.opens_ms);
      if (left > 0) {
        const by = this.#clerks[0] ?? null;
        this.#transfers.write({
          kind: "withdrawal",
          from: account,
          to: null,
          amount: left,
          at_ms: day.opens_ms,
          by,
        });
        use(account, left, { day: day.day });
      }
      account.closed_ms = day.opens_ms + minute_ms;
    }
  }

  /** What is still due, and everything that the end of the history decides. */
  *close(): Generator<number> {
    const { id: business_id, plan } = this.#business;
    this.#agenda.runUntil(plan.until_ms);
    const today = localDay(plan.until_ms, plan.timezone);
    const writer = new AccountWriter(this.#rows, this.#business, this.#books, today);
    for (const account of this.#accounts) {
      writer.write(account);
      if (account.index % accountsAtOnce === 0) yield 0;
    }
    this.#rows.add("core.sequences", [
      business_id,
      "bank.account_number",
      "",
      firstNumber + this.#accounts.length,
    ]);
    yield* writeKyc(this.#rows, this.#business);
  }
}

/** What amounts are multiples of, in minor units. */
const unit = 50_000;
