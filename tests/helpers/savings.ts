import type { SQL } from "bun";
import { makeCustomer } from "./bank.ts";
import type { Business } from "./fixtures.ts";

/** Terms of a product of a test; all of it has a default. Amounts in minor units. */
export type ProductOptions = Readonly<{
  name?: string;
  kind?: "daily" | "weekly" | "target";
  period_days?: number;
  cycle_markings?: number;
  calendar_month?: boolean;
  flexible_amount?: boolean;
  min_marking_amount?: number;
  max_marking_amount?: number | null;
  commission_rule?: string;
  commission_bps?: number;
  commission_flat?: number;
  commission_cap?: number | null;
  agent_share_bps?: number;
  parent_share_bps?: number;
  early_fee_bps?: number;
  early_fee_months?: number;
  min_markings_before_payment?: number;
  backdate_days?: number;
  auto_renew?: boolean;
}>;

/** Makes a product straight in the database, in the business's currency. */
export async function makeProduct(
  sql: SQL,
  business: Pick<Business, "id" | "currency">,
  options: ProductOptions = {},
): Promise<string> {
  const id = Bun.randomUUIDv7();
  const product = {
    name: `Product ${id}`,
    ...options,
    business_id: business.id,
    id,
    currency: business.currency,
  };
  await sql`insert into savings.products ${sql(product)}`;
  return id;
}

/** What a savings account of a test is like: all of it has a default. */
export type SavingsOptions = Readonly<{
  /** Default: a new customer. */
  customer_id?: string;
  /** Default: a new product of 31 slots a cycle. */
  product_id?: string;
  /** Member. Default: the business's agent. */
  agent_id?: string;
  marking_amount?: number;
  cycles?: number;
  /** Default: the first of the month of the server's clock. */
  starts_on?: string;
  unit_id?: string | null;
}>;

export type TestSavings = Readonly<{
  savings_account_id: string;
  customer_id: string;
  product_id: string;
  tracking_number: string;
}>;

/** Nine digits and their check digit (Luhn, ISO/IEC 7812-1). */
export function trackingNumber(digits = String(Math.floor(Math.random() * 1e9)).padStart(9, "0")): string {
  let sum = 0;
  for (const [index, digit] of [...digits].toReversed().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

/** Opens a savings account straight in the database, with its ledger account and no marking. */
export async function openSavings(
  sql: SQL,
  business: Pick<Business, "id" | "currency" | "people">,
  options: SavingsOptions = {},
): Promise<TestSavings> {
  const customer_id = options.customer_id ?? (await makeCustomer(sql, business));
  const product_id = options.product_id ?? (await makeProduct(sql, business));
  const savings_account_id = Bun.randomUUIDv7();
  const tracking_number = trackingNumber();
  const { agent_id = business.people.agent.member_id, marking_amount = 50_000, cycles = 1 } = options;
  const starts_on = options.starts_on ?? `${new Date().toISOString().slice(0, 7)}-01`;
  await sql`select ledger.ensure_account(${business.id}, ${`savings:account:${savings_account_id}`}, 'liability',
    ${business.currency}, 1, 0, ${savings_account_id}, 'savings.account', ${customer_id})`;
  await sql`insert into savings.accounts (business_id, id, unit_id, customer_id, agent_id, product_id, tracking_number,
      marking_amount, currency, cycles, markings_total, starts_on, ends_on, period_days, cycle_markings, calendar_month,
      flexible_amount, min_marking_amount, max_marking_amount, auto_renew, backdate_days, commission_rule, commission_bps,
      commission_flat, commission_cap, agent_share_bps, parent_share_bps, early_fee_bps, early_fee_months,
      min_markings_before_payment)
    select p.business_id, ${savings_account_id}, ${options.unit_id ?? null}::uuid, ${customer_id}, ${agent_id}, p.id,
      ${tracking_number}, ${marking_amount}, p.currency, ${cycles}, n.total, ${starts_on}::date,
      savings.due_on(${starts_on}::date, p.period_days, n.total), p.period_days, p.cycle_markings, p.calendar_month,
      p.flexible_amount, p.min_marking_amount, p.max_marking_amount, p.auto_renew, p.backdate_days, p.commission_rule,
      p.commission_bps, p.commission_flat, p.commission_cap, p.agent_share_bps, p.parent_share_bps, p.early_fee_bps,
      p.early_fee_months, p.min_markings_before_payment
    from savings.products p
    cross join lateral savings.slots_of(${starts_on}::date, p.calendar_month, p.cycle_markings, ${cycles}) n (total)
    where p.business_id = ${business.id} and p.id = ${product_id}`;
  return { savings_account_id, customer_id, product_id, tracking_number };
}

/** A visit of a test; all but the account has a default. Amounts in minor units. */
export type Visit = Readonly<{
  savings_account_id?: string;
  tracking_number?: string;
  /** Default: 1, where there are no `amounts`. */
  count?: number;
  amounts?: readonly number[];
  method?: "cash" | "transfer" | "card" | "mobile_money";
  client_ref?: string;
  collected_at?: string;
  /** Of what is not cash: who confirms it. */
  provider?: string;
}>;

export type Collected = Readonly<{
  place: number;
  collection_id: string | null;
  is_new: boolean;
  refusal: string | null;
  detail: Record<string, unknown> | null;
}>;

/** Collects straight in the database, as `savings.collect` does for its callers. Default: the business's agent. */
export async function collect(
  sql: SQL,
  business: Pick<Business, "id" | "people">,
  visits: readonly Visit[],
  by = business.people.agent,
): Promise<Collected[]> {
  const items = visits.map((visit) => ({
    id: Bun.randomUUIDv7(),
    ...(visit.amounts === undefined ? { count: 1 } : {}),
    method: "cash",
    client_ref: crypto.randomUUID(),
    collected_at: new Date(Date.now() - 1_000).toISOString(),
    ...visit,
  }));
  const checkouts = Object.fromEntries(
    visits.flatMap(({ method = "cash", provider }) =>
      provider === undefined ? [] : [[method, { provider, url: "https://pay.example.com/{reference}" }]],
    ),
  );
  return (await sql`select c.place, c.collection_id, c.is_new, c.refusal, c.detail
    from unnest(savings.collect(${business.id}, ${by.member_id}, null, null, ${JSON.stringify(items)}::text::jsonb,
      ${JSON.stringify(checkouts)}::text::jsonb)) c
    order by c.place`) as Collected[];
}
