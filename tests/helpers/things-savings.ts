import type { SQL } from "bun";
import type { Business } from "./fixtures.ts";
import { collectCash } from "./savings-cash.ts";
import { collect, makeProduct, openSavings } from "./savings.ts";
import { makePaymentThings, type PaymentThings } from "./things-savings-payments.ts";

/** What savings have of a business: see things.ts. */
export type SavingsThings = Readonly<{
  product_id: string;
  savings_account_id: string;
  /** Submitted by the agent, with as much cash as the expense needs. */
  remittance_id: string;
  /** Of the agent, recorded, paid from their cash. */
  expense_id: string;
  payments: PaymentThings;
  /** An account that is collected for, and a collection of the agent's for it, of today. */
  visited: Readonly<{ savings_account_id: string; tracking_number: string; collection_id: string }>;
  /** By the path before `/{id}`. */
  byPath: Readonly<Record<string, string>>;
}>;

/** Tables whose rows are the business's. */
export const savingsTables = [
  "savings.products",
  "savings.accounts",
  "savings.agents",
  "savings.remittances",
  "savings.collections",
  "savings.markings",
  "savings.payment_destinations",
  "savings.payment_requests",
  "savings.commissions",
  "savings.expenses",
] as const;

/** Makes one of everything of savings, straight in the database; `canary` stands in what can be read. */
export async function makeSavingsThings(
  sql: SQL,
  business: Business,
  { customer_id, canary }: { customer_id: string; canary: string },
): Promise<SavingsThings> {
  const product_id = await makeProduct(sql, business, { name: canary });
  // Some slots were missed, whatever the zone.
  const starts_on = new Date(Date.now() - 10 * 86_400_000).toISOString().slice(0, 10);
  const { savings_account_id } = await openSavings(sql, business, { customer_id, product_id, starts_on });
  const cash = await makeCashThings(sql, business, canary);
  const payments = await makePaymentThings(sql, business, { customer_id, canary });
  const visited = await makeCollectingThings(sql, business);
  return {
    product_id,
    savings_account_id,
    ...cash,
    payments,
    visited,
    byPath: {
      "/api/v1/remittances": cash.remittance_id,
      "/api/v1/expenses": cash.expense_id,
      "/api/v1/savings-products": product_id,
      "/api/v1/savings": savings_account_id,
      "/api/v1/collections": visited.collection_id,
      "/api/v1/payment-destinations": payments.destination_id,
      "/api/v1/payment-requests": payments.payment_request_id,
    },
  };
}

/** A remittance that waits to be counted, and an expense that waits to be approved. */
async function makeCashThings(sql: SQL, business: Business, canary: string) {
  const agent_id = business.people.agent.member_id;
  const { remittance_id } = await collectCash(sql, business, { agent_id, amount: 10_000 });
  await sql`update savings.remittances set status = 'submitted', declared = expected, submitted_at = now(), note = ${canary}
    where id = ${remittance_id}`;
  const expense_id = Bun.randomUUIDv7();
  await sql`insert into savings.expenses (business_id, id, member_id, category, amount, currency, paid_from, spent_on,
      description)
    values (${business.id}, ${expense_id}, ${agent_id}, 'transport', 500, ${business.currency}, 'agent_cash', current_date - 1,
      ${canary})`;
  return { remittance_id, expense_id };
}

/** An account with a visit of today. */
async function makeCollectingThings(sql: SQL, business: Business): Promise<SavingsThings["visited"]> {
  const { savings_account_id, tracking_number } = await openSavings(sql, business);
  const [collected] = await collect(sql, business, [{ savings_account_id, count: 2 }]);
  return { savings_account_id, tracking_number, collection_id: collected?.collection_id ?? "" };
}
