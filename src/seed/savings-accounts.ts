import type { SavingsAccountStatus } from "../platform/enums.ts";
import { type Balance, type Books, newBalance } from "./books.ts";
import { type Agent, type Business, customerSince } from "./business.ts";
import { idAt } from "./ids.ts";
import { dayText, type DayNumber, instantText } from "./local-time.ts";
import type { Rows } from "./rows.ts";
import { commonTerms, type Product, slotsOf } from "./savings-terms.ts";

/**
 * `fills`: until it is full; `closes`: is closed before; `asks`: is closed by asking for the money before; `stops`: nobody
 * pays any more, and it is closed in the end; `cancels`: nobody ever paid.
 */
type Fate = "fills" | "closes" | "asks" | "stops" | "cancels";

/** A savings account with its balance in the ledger. Minor units. */
export type SavingsAccount = Balance & {
  readonly index: number;
  readonly customer: number;
  readonly customer_id: string;
  readonly agent: Agent;
  readonly product: Product;
  readonly run_no: number;
  readonly marking_amount: number;
  readonly starts_day: DayNumber;
  readonly opened_ms: number;
  readonly fate: Fate;
  /** After how many markings its fate comes. */
  readonly turns_at: number;
  cycles: number;
  total: number;
  paid: number;
  /** Below which every slot is paid but those in `holes`: what was freed by reversals. */
  next: number;
  holes: number[];
  collected: number;
  status: SavingsAccountStatus;
  closed_ms: number | null;
  reason: string | null;
  /** As columns version and updated_at: what is paid alone is no change. */
  changes: number;
  changed_ms: number;
  /** Of its last visit: there is one a day. */
  visited_day: DayNumber;
  /** Something is still to come of a visit: until then the account is neither filled up nor closed. */
  awaits: number;
  /** Place in the list of those that are visited; -1: not in it. */
  place: number;
};

/** 2^53 - 1, as 0026 (savings.open_account) says. */
const max_balance = 9_007_199_254_740_991;
const golden = (Math.sqrt(5) - 1) / 2;
const markingAmounts = [20_000, 50_000, 50_000, 100_000, 100_000, 200_000] as const;

/** Opens savings accounts and writes them, as they are in the end, when nothing will happen to them any more. */
export class SavingsAccounts {
  readonly #rows: Rows;
  readonly #business: Business;
  readonly #books: Books;
  readonly #products: readonly Product[];
  readonly #stride: number;
  /** Runs of a customer and product, by `saver * products + product`; and which of these have an active account. */
  readonly #runs = new Map<number, number>();
  readonly #active = new Set<number>();
  #opened = 0;
  #drawn = 0;

  constructor(rows: Rows, business: Business, books: Books, products: readonly Product[]) {
    this.#rows = rows;
    this.#business = business;
    this.#books = books;
    this.#products = products;
    this.#stride = Math.max(1, Math.floor(business.plan.customers / business.plan.savings.savers));
  }

  /** Whether the customer who has a login, and always two accounts at least, has fewer. */
  isOwnMissing(): boolean {
    return this.#products.filter((_, place) => this.#active.has(place)).length < 2;
  }

  /** Opens an account that begins on a day; null: everybody who was asked has one. */
  open(at_ms: number, day: DayNumber): SavingsAccount | null {
    const { plan } = this.#business;
    for (let i = 0; i < 8; i++) {
      const isOwn = i === 0 && this.isOwnMissing();
      const saver = isOwn ? 0 : plan.savings.random.below(plan.savings.savers);
      const customer = saver * this.#stride;
      const product = this.#opened === 0 ? 0 : this.#draw();
      const key = saver * this.#products.length + product;
      if (customerSince(plan, customer) > at_ms || this.#active.has(key)) continue;
      this.#active.add(key);
      const run_no = (this.#runs.get(key) ?? 0) + 1;
      this.#runs.set(key, run_no);
      return this.#make({ saver, customer, product, run_no, at_ms, day });
    }
    return null;
  }

  /** By the golden ratio, which spreads evenly: a few draws have some of each product. */
  #draw(): number {
    let left = (++this.#drawn * golden) % 1;
    return Math.max(
      0,
      this.#products.findIndex(({ share }) => (left -= share) < 0),
    );
  }

  #make(of: {
    saver: number;
    customer: number;
    product: number;
    run_no: number;
    at_ms: number;
    day: DayNumber;
  }): SavingsAccount {
    const { agents, customers, plan } = this.#business;
    const { random } = plan.savings;
    const product = this.#products[of.product];
    const agent = agents[of.saver % agents.length];
    const customer_id = customers[of.customer];
    if (product === undefined || agent === undefined || customer_id === undefined)
      throw new RangeError("nobody to save");
    const account_id = idAt(of.at_ms, random);
    // who has a login sees a whole life: the first account comes to its end, and none is given up
    const cycles = this.#opened === 0 ? 1 : random.between(1, product.cycles);
    const total = slotsOf(product, of.day, cycles);
    const fate = of.saver === 0 && !product.auto_renew ? "fills" : this.#fate(product);
    const share = product.auto_renew ? 0.7 + random.unit() * 1.8 : 0.15 + random.unit() * 0.6;
    this.#books.writeAccount({
      account_id,
      code: `savings:account:${account_id}`,
      kind: "liability",
      currency: plan.currency,
      owner: ["savings.account", customer_id],
      at_ms: of.at_ms,
      by: agent.user_id,
    });
    return {
      ...newBalance({ account_id, currency: plan.currency, normal_side: "credit" }),
      updated_ms: of.at_ms,
      index: this.#opened++,
      customer: of.customer,
      customer_id,
      agent,
      product,
      run_no: of.run_no,
      marking_amount: random.pick(markingAmounts),
      starts_day: of.day,
      opened_ms: of.at_ms,
      fate,
      turns_at: fate === "cancels" ? 0 : Math.max(2, Math.floor(total * share)),
      cycles,
      total,
      paid: 0,
      next: 1,
      holes: [],
      collected: 0,
      status: "active",
      closed_ms: null,
      reason: null,
      changes: 1,
      changed_ms: of.at_ms,
      visited_day: 0,
      awaits: 0,
      place: -1,
    };
  }

  #fate({ auto_renew }: Product): Fate {
    const { random } = this.#business.plan.savings;
    if (random.evenly("closes", 0.07)) return "closes";
    if (random.evenly("asks", 0.07)) return "asks";
    if (random.evenly("stops", 0.04)) return "stops";
    if (random.evenly("cancels", 0.03)) return "cancels";
    // what grows is never full
    return auto_renew ? "asks" : "fills";
  }

  /** A change of the record. */
  change(account: SavingsAccount, change: Partial<SavingsAccount>, at_ms: number): void {
    Object.assign(account, change);
    account.changes++;
    account.changed_ms = at_ms;
  }

  /** The customer may begin another one of its product. */
  release(account: SavingsAccount): void {
    const product = this.#products.indexOf(account.product);
    this.#active.delete((account.customer / this.#stride) * this.#products.length + product);
  }

  write(account: SavingsAccount): void {
    const { id: business_id, units, plan } = this.#business;
    const { product, agent, starts_day, closed_ms } = account;
    this.#rows.add("savings.accounts", [
      business_id,
      account.account_id,
      units[0] ?? null,
      account.customer_id,
      agent.member_id,
      product.id,
      trackingNumber(account.index),
      account.run_no,
      account.marking_amount,
      plan.currency,
      account.cycles,
      account.total,
      dayText(starts_day),
      dayText(starts_day + (account.total - 1) * product.period_days),
      product.period_days,
      product.cycle_markings,
      product.calendar_month,
      product.flexible_amount,
      commonTerms.min_marking_amount,
      commonTerms.max_marking_amount,
      product.auto_renew,
      commonTerms.backdate_days,
      product.commission_rule,
      product.commission_bps,
      product.commission_flat,
      product.commission_cap,
      commonTerms.agent_share_bps,
      commonTerms.parent_share_bps,
      product.early_fee_bps,
      product.early_fee_months,
      commonTerms.min_markings_before_payment,
      account.status,
      account.paid,
      account.collected,
      closed_ms === null ? null : instantText(closed_ms),
      account.reason,
      account.changes,
      instantText(account.opened_ms),
      instantText(account.changed_ms),
      agent.user_id,
      agent.user_id,
    ]);
    this.#books.writeBalance(account, { overdraft_limit: 0, max_balance, is_open: true });
  }
}

/**
 * Nine digits that do not follow each other, and their check digit (Luhn, ISO/IEC 7812-1): the multiplier has no divisor in
 * common with 10^9, so no number comes twice.
 */
export function trackingNumber(index: number): string {
  const digits = String(Number((BigInt(index) * 387_420_489n + 271_828_183n) % 1_000_000_000n)).padStart(
    9,
    "0",
  );
  let sum = 0;
  for (let i = 0; i < 9; i++) {
    const value = Number(digits[8 - i]) * (i % 2 === 0 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return `${digits}${(10 - (sum % 10)) % 10}`;
}
