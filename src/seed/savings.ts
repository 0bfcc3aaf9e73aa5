import type { Account } from "./accounts.ts";
import type { WorkingDay } from "./calendar.ts";
import type { DayNumber } from "./local-time.ts";
import { type SavingsAccount, SavingsAccounts } from "./savings-accounts.ts";
import { Cash } from "./savings-cash.ts";
import { Commissions } from "./savings-commissions.ts";
import { type Desk, hour_ms, minute_ms, monthOf } from "./savings-desk.ts";
import { Expenses } from "./savings-expenses.ts";
import { Payments } from "./savings-payments.ts";
import { writeProducts } from "./savings-terms.ts";
import { Visits } from "./savings-visits.ts";

const day_ms = 24 * hour_ms;
/** After the day begins, while accounts are opened. */
const first_ms = 30 * minute_ms;
/** Accounts that are written at a time. */
const accountsAtOnce = 2_000;

/** The savings of a business: puts what happens on the days that it is told of into the agenda. */
export class Savings {
  readonly #desk: Desk;
  readonly #accounts: SavingsAccounts;
  readonly #cash: Cash;
  readonly #expenses: Expenses;
  readonly #commissions: Commissions;
  readonly #payments: Payments;
  readonly #visits: Visits;
  /** Those that are visited, and all of which not everything is written. */
  readonly #round: SavingsAccount[] = [];
  readonly #alive = new Set<SavingsAccount>();
  /** How many accounts the round should have. */
  #wanted = 0;
  #month = "";

  /** `wallets`: accounts of the bank, by customer. `begin_ms`: as old as products are. */
  constructor(desk: Desk, wallets: ReadonlyMap<string, Account>, begin_ms: number) {
    this.#desk = desk;
    const products = writeProducts(desk.rows, desk.business, begin_ms);
    const cash = new Cash(desk);
    const accounts = new SavingsAccounts(desk.rows, desk.business, desk.books, products);
    const commissions = new Commissions(desk, cash);
    const onPaid = (account: SavingsAccount) => this.#end(account);
    this.#cash = cash;
    this.#accounts = accounts;
    this.#commissions = commissions;
    this.#expenses = new Expenses(desk);
    this.#payments = new Payments(desk, { cash, accounts, commissions, wallets, onPaid });
    const onFilled = (account: SavingsAccount, at_ms: number) => this.#turn(account, at_ms);
    this.#visits = new Visits(desk, { cash, accounts, onFilled });
    const { id, plan, stamps } = desk.business;
    const { cash_ceiling } = plan.savings;
    if (cash_ceiling !== null)
      desk.rows.add("core.settings", [id, "savings.agent_cash_ceiling", String(cash_ceiling), ...stamps]);
  }

  /** Plans the visits of a day, `jobs` slots altogether, and what else begins with it. Returns how many slots. */
  planDay(day: WorkingDay): number {
    const { until_ms, agenda, calendar } = this.#desk;
    if (day.opens_ms + first_ms > until_ms) return 0;
    agenda.runUntil(calendar.midnight(day.index));
    if (this.#month !== monthOf(day.day)) {
      if (this.#month !== "") this.#commissions.settle(day.opens_ms);
      this.#month = monthOf(day.day);
    }
    this.#expenses.onDay(day);
    // five full days and a half one have to do for seven; a quiet day sends nobody away
    this.#wanted = Math.max(day.jobs * 0.9, this.#wanted * 0.97);
    this.#openAccounts(day);
    const visits = this.#draw(day);
    const from_ms = day.opens_ms + first_ms;
    const step_ms = Math.max(0, Math.min(day.closes_ms, until_ms) - from_ms) / Math.max(1, visits.length);
    // the last one first: the agenda takes what comes before all others at no cost
    for (const [place, { account, markings }] of visits.entries()) {
      const at_ms = Math.floor(from_ms + (visits.length - 1 - place + this.#desk.random.unit()) * step_ms);
      agenda.add(at_ms, () => {
        const began = this.#visits.run({ account, markings, at_ms, day: day.day });
        if (began !== null) this.#expenses.onRound(began);
      });
    }
    return visits.reduce((sum, { markings }) => sum + markings, 0);
  }

  #openAccounts({ day, opens_ms }: WorkingDay): void {
    const isOwnMissing = this.#accounts.isOwnMissing();
    const missing = Math.max(Math.ceil(this.#wanted) - this.#round.length, isOwnMissing ? 1 : 0);
    for (let i = 0; i < missing; i++) {
      const at_ms = opens_ms + Math.floor((first_ms * i) / missing);
      const account = this.#accounts.open(at_ms, day);
      if (account === null) continue;
      this.#alive.add(account);
      if (account.fate === "cancels") {
        this.#closeAfter(account, at_ms, 6);
        continue;
      }
      account.place = this.#round.push(account) - 1;
    }
  }

  #draw({ day, jobs }: WorkingDay): { account: SavingsAccount; markings: number }[] {
    const { random } = this.#desk;
    const visits: { account: SavingsAccount; markings: number }[] = [];
    let left = jobs;
    for (let misses = 0; left > 0 && misses < 40 && this.#round.length > 0;) {
      const account = random.pick(this.#round);
      const markings = Math.min(left, this.#wish(account, day));
      if (markings === 0) {
        misses++;
        continue;
      }
      misses = 0;
      account.visited_day = day;
      visits.push({ account, markings });
      left -= markings;
    }
    return visits;
  }

  /** How many slots a customer pays when the agent comes: what is due, some of what was missed, now and then ahead. */
  #wish(account: SavingsAccount, day: DayNumber): number {
    const { random } = this.#desk;
    if (account.visited_day === day) return 0;
    const elapsed = Math.floor((day - account.starts_day) / account.product.period_days) + 1;
    // some always pay for the week to come
    const isAhead = account.index % 4 === 0;
    const behind = Math.min(account.total, elapsed + (isAhead ? 7 : 0)) - account.paid;
    if (isAhead) return Math.max(0, Math.min(behind, 7));
    if (behind <= 0) return random.chance(0.05) ? random.between(1, 3) : 0;
    return behind > 1 && random.chance(0.5) ? random.between(2, Math.min(behind, 5)) : 1;
  }

  /** Slots of an account were paid: it may be full by that, or come to what else becomes of it. */
  #turn(account: SavingsAccount, at_ms: number): void {
    if (account.place === -1) return;
    if (account.paid === account.total) {
      this.#leave(account);
      this.#accounts.change(account, { status: "completed" }, at_ms);
      this.#accounts.release(account);
      this.#payments.invite(account, at_ms);
      return;
    }
    if (account.fate === "fills" || account.paid < account.turns_at) return;
    this.#leave(account);
    if (account.fate === "asks") this.#payments.invite(account, at_ms);
    else this.#closeAfter(account, at_ms, account.fate === "stops" ? 18 : 2);
  }

  #leave(account: SavingsAccount): void {
    const last = this.#round.pop();
    if (last !== undefined && last !== account) {
      last.place = account.place;
      this.#round[account.place] = last;
    }
    account.place = -1;
  }

  #closeAfter(account: SavingsAccount, since_ms: number, days: number): void {
    const at_ms = this.#desk.atWork(since_ms + days * day_ms);
    this.#desk.agenda.add(at_ms, () => {
      if (account.awaits > 0) {
        this.#closeAfter(account, at_ms, 1);
        return;
      }
      const status = account.paid === 0 ? "cancelled" : "closed_early";
      const reason = account.fate === "closes" ? "The customer needs the money" : "Nobody pays any more";
      this.#accounts.change(account, { status, closed_ms: at_ms, reason }, at_ms);
      this.#accounts.release(account);
      if (status === "cancelled") this.#end(account);
      else this.#payments.invite(account, at_ms);
    });
  }

  /** Nothing happens to it any more. */
  #end(account: SavingsAccount): void {
    this.#payments.write(account);
    this.#accounts.write(account);
    this.#alive.delete(account);
  }

  /** Everything that the end of the history decides. */
  *close(): Generator<number> {
    this.#visits.close();
    let written = 0;
    for (const account of this.#alive) {
      this.#end(account);
      if (++written % accountsAtOnce === 0) yield 0;
    }
    this.#expenses.close();
    this.#commissions.close();
    this.#cash.close();
  }
}
