import { type Balance, type Books, newBalance, posted, type Usage } from "./books.ts";
import { type Business, customerSince } from "./business.ts";
import { idAt } from "./ids.ts";
import { dayText, type DayNumber, instantText } from "./local-time.ts";
import type { Rows } from "./rows.ts";

const day_ms = 86_400_000;

/** `rests`: nobody moves it any more; `closes`: emptied and closed; `freezes`; `waits`: its customer is not known yet. */
type Fate = "lives" | "rests" | "closes" | "freezes" | "waits";

/** A bank account with its balance. Limits and what is used of them count what leaves it, minor units. */
export type Account = Balance & {
  readonly index: number;
  readonly customer_id: string;
  /** Of its customer. */
  readonly kyc: Kyc;
  readonly opened_ms: number;
  readonly type: string;
  readonly fate: Fate;
  /** From when on nothing moves it. */
  readonly ends_ms: number;
  readonly daily_limit: number;
  readonly monthly_limit: number;
  readonly overdraft_limit: number;
  readonly interest_bps: number;
  readonly overdraft_bps: number;
  /** Exact interest of the month that runs, see 0021 (bank.interest_units). */
  interest_units: number;
  /** What a reversal that is still to come will take. */
  reserved: number;
  used: { day: DayNumber; in_day: number; wired: number; month: string; in_month: number };
  closed_ms: number | null;
  moved_ms: number;
};

export type KycStatus = "approved" | "expired" | "pending" | "in_review" | "rejected";
/** What is known of an owner: `level` is 0 unless approved. */
export type Kyc = Readonly<{ status: KycStatus; level: number }>;

/** As bank.default_limits() of 0017: by level, in minor units. */
const levelLimits = [
  { daily: 5_000_000, monthly: 30_000_000 },
  { daily: 20_000_000, monthly: 200_000_000 },
  { daily: 500_000_000, monthly: 5_000_000_000 },
  { daily: 5_000_000_000, monthly: 50_000_000_000 },
] as const;

const types = ["checking", "savings", "checking", "business", "investment"] as const;
const waiting = ["pending", "in_review", "rejected"] as const;

/** Of five accounts two belong to one customer. */
const ownerOf = (index: number): number => Math.floor((index * 4) / 5);

/** How many customers have accounts. */
export const ownersOf = (accounts: number): number => ownerOf(accounts - 1) + 1;

/** The place of an owner among the customers: they are spread over all of them. */
export const customerOf = (owner: number, { plan }: Business): number =>
  owner * Math.max(1, Math.floor(plan.customers / ownersOf(plan.bank.accounts)));

/** What has become of the identification of an owner, in a pattern: nothing is drawn, so a few show every state. */
export function kycOf(owner: number, accounts: number): Kyc {
  const owners = ownersOf(accounts);
  if (owner >= owners - Math.ceil(owners / 12)) return { status: waiting[owner % 3] ?? "pending", level: 0 };
  if (owner % 17 === 11) return { status: "expired", level: 0 };
  return { status: "approved", level: owner % 9 === 4 ? 1 : owner % 13 === 6 ? 3 : 2 };
}

/** Draws the accounts of a business, in the order in which they were opened. */
export function planAccounts(business: Business): Account[] {
  return Array.from({ length: business.plan.bank.accounts }, (_, index) => planAccount(business, index));
}

function planAccount(business: Business, index: number): Account {
  const { plan, customers } = business;
  const { bank, until_ms } = plan;
  const owner = ownerOf(index);
  const customer = customerOf(owner, business);
  const since_ms = customerSince(plan, customer);
  // within a day of becoming a customer, and the second one not before the first
  const opened_ms = Math.floor(since_ms + (Math.min(day_ms, until_ms - since_ms) * (1 + (index % 5))) / 6);
  const kyc = kycOf(owner, bank.accounts);
  const fate = kyc.level === 0 && kyc.status !== "expired" ? "waits" : fateOf(index);
  const share = { lives: 1, rests: 0.25, closes: 0.5, freezes: 0.7, waits: 0 }[fate];
  const currency = bank.foreign.accounts.includes(index) ? bank.foreign.currency : plan.currency;
  const rate = currency === plan.currency ? 1 : bank.foreign.rate;
  const limits = levelLimits[kyc.level] ?? levelLimits[0];
  const type = types[index % types.length] ?? "checking";
  const isOverdrawable = type === "business" && kyc.level >= 2 && currency === plan.currency;
  return {
    ...newBalance({ account_id: idAt(opened_ms, bank.random), currency, normal_side: "credit" }),
    index,
    customer_id: customers[customer] ?? "",
    kyc,
    opened_ms,
    type,
    fate,
    ends_ms: opened_ms + (until_ms - opened_ms) * share,
    daily_limit: Math.floor(limits.daily / rate),
    monthly_limit: Math.floor(limits.monthly / rate),
    overdraft_limit: isOverdrawable ? 25_000_000 : 0,
    interest_bps: type === "savings" ? bank.interest_bps : 0,
    overdraft_bps: isOverdrawable ? bank.overdraft_bps : 0,
    interest_units: 0,
    reserved: 0,
    used: { day: 0, in_day: 0, wired: 0, month: "", in_month: 0 },
    closed_ms: null,
    moved_ms: opened_ms,
  };
}

function fateOf(index: number): Fate {
  const place = index % 20;
  return place === 7 ? "closes" : place === 13 ? "freezes" : place === 17 ? "rests" : "lives";
}

/** What the limits of an account's day and month leave. */
export function limitLeft({ used, daily_limit, monthly_limit }: Account, day: DayNumber): number {
  const in_day = used.day === day ? used.in_day : 0;
  const in_month = used.month === monthOf(day) ? used.in_month : 0;
  return Math.min(daily_limit - in_day, monthly_limit - in_month);
}

/** What may leave an account now, its limits considered. */
export const spendable = (account: Account, day: DayNumber): number =>
  Math.min(available(account), limitLeft(account, day));

export const available = (account: Account): number =>
  posted(account) - account.pending_debit - account.reserved + account.overdraft_limit;

/** Counts what leaves an account against the limits of its day and month. */
export function use(
  account: Account,
  amount: number,
  { day, is_wire = false }: { day: DayNumber; is_wire?: boolean },
): void {
  const { used } = account;
  const month = monthOf(day);
  if (used.day !== day) Object.assign(used, { day, in_day: 0, wired: 0 });
  if (used.month !== month) Object.assign(used, { month, in_month: 0 });
  used.in_day += amount;
  used.in_month += amount;
  if (is_wire) used.wired += amount;
}

/** `YYYY-MM` */
export const monthOf = (day: DayNumber): string => dayText(day).slice(0, 7);

/** Writes accounts as they are at the end of the history, with their balances and what is used of their limits. */
export class AccountWriter {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #books: Books;
  readonly #today: DayNumber;

  constructor(rows: Rows, business: Business, books: Books, today: DayNumber) {
    this.#rows = rows;
    this.#business = business;
    this.#books = books;
    this.#today = today;
  }

  write(account: Account): void {
    const { id: business_id, people } = this.#business;
    const { account_id, index } = account;
    const status = this.#statusOf(account);
    const isOpen = status === "active" || status === "dormant";
    const ledgerStatus = isOpen ? "open" : status === "closed" ? "closed" : "frozen";
    const opened = instantText(account.opened_ms);
    const changed = instantText(this.#changedAt(account, status));
    const by = people.get(index % 2 === 0 ? "clerk" : "clerk2")?.user_id ?? null;
    this.#rows.add("ledger.accounts", [
      business_id,
      account_id,
      `bank:account:${account_id}`,
      "liability",
      account.currency,
      "bank.account",
      account_id,
      ledgerStatus,
      1,
      opened,
      changed,
      by,
      by,
    ]);
    this.#rows.add("bank.accounts", [
      business_id,
      account_id,
      account.customer_id,
      accountNumber(index),
      account.type,
      account.currency,
      status,
      index % 4 === 1 ? "Rainy days" : null,
      account.daily_limit,
      account.monthly_limit,
      account.overdraft_limit,
      account.interest_bps,
      account.overdraft_bps,
      status === "frozen" ? "Payments that the customer does not know" : null,
      status === "closed" ? "The customer asked for it" : null,
      opened,
      account.fate === "waits" ? null : opened,
      account.closed_ms === null ? null : instantText(account.closed_ms),
      opened,
      changed,
      by,
      by,
    ]);
    const { overdraft_limit } = account;
    this.#books.writeBalance(account, { overdraft_limit, is_open: isOpen, used: this.#usageOf(account) });
  }

  #statusOf({ fate, closed_ms, moved_ms }: Account): string {
    const { until_ms, bank } = this.#business.plan;
    if (fate === "waits") return "pending";
    if (closed_ms !== null) return "closed";
    if (fate === "freezes") return "frozen";
    return moved_ms < until_ms - bank.dormant_days * day_ms ? "dormant" : "active";
  }

  #changedAt(account: Account, status: string): number {
    if (account.closed_ms !== null) return account.closed_ms;
    if (status === "frozen") return Math.floor(account.ends_ms);
    if (status === "dormant") return account.moved_ms + this.#business.plan.bank.dormant_days * day_ms;
    return account.opened_ms;
  }

  /** Windows that are over decide nothing any more. */
  #usageOf({ used }: Account): Usage[] {
    const month = monthOf(this.#today);
    const today = dayText(this.#today);
    const usage: Usage[] = [];
    if (used.day === this.#today) {
      usage.push({ window: "day", start: today, amount: used.in_day });
      usage.push({ window: "wire_day", start: today, amount: used.wired });
    }
    if (used.month === month) usage.push({ window: "month", start: `${month}-01`, amount: used.in_month });
    return usage.filter(({ amount }) => amount > 0);
  }
}

/** As bank.next_account_number of 0017 numbers them: nine digits and their check digit (ISO 7064 MOD 11,10). */
export function accountNumber(index: number): string {
  const digits = String(firstNumber + index);
  let rest = 10;
  for (const digit of digits) {
    const sum = (rest + Number(digit)) % 10;
    rest = ((sum === 0 ? 10 : sum) * 2) % 11;
  }
  return `${digits}${(11 - rest) % 10}`;
}

export const firstNumber = 100_000_001;
