import type { SQL } from "bun";
import type { Business } from "./fixtures.ts";
import { makeProduct, openSavings } from "./savings.ts";

/** What savings have of a business: see things.ts. */
export type SavingsThings = Readonly<{
  product_id: string;
  savings_account_id: string;
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
  const { savings_account_id } = await openSavings(sql, business, { customer_id, product_id });
  return {
    product_id,
    savings_account_id,
    byPath: {
      "/api/v1/savings-products": product_id,
      "/api/v1/savings": savings_account_id,
    },
  };
}
