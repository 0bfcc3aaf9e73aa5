import type { SQL } from "bun";
import { deposit, makeCustomer, openAccount } from "./bank.ts";
import { makeBudget } from "./budget.ts";
import type { Business } from "./fixtures.ts";

/** What the owner of a business has of budgets: see things.ts. */
export type BudgetThings = Readonly<{
  budget_id: string;
  category_id: string;
  transaction_id: string;
  /** A bank account of the customer that the owner is, with an entry. */
  account_id: string;
  /** By the path before `/{id}`. */
  byPath: Readonly<Record<string, string>>;
}>;

/** Tables whose rows are the business's. */
export const budgetTables = [
  "budget.budgets",
  "budget.category_groups",
  "budget.categories",
  "budget.allocations",
  "budget.transactions",
  "budget.category_months",
  "budget.month_holds",
] as const;

/** Makes a budget of the owner with a transaction, straight in the database; `canary` stands in what can be read. */
export async function makeBudgetThings(
  sql: SQL,
  business: Business,
  { canary }: { canary: string },
): Promise<BudgetThings> {
  const { id, categories } = await makeBudget(sql, business, business.people.owner, { name: canary });
  const [category_id = "", transaction_id] = [categories["spending"], Bun.randomUUIDv7()];
  await sql`insert into budget.transactions (business_id, id, budget_id, category_id, amount, occurred_on, payee)
    values (${business.id}, ${transaction_id}, ${id}, ${category_id}, -100, '2026-01-05', ${canary})`;
  const customer_id = await makeCustomer(sql, business, {
    name: canary,
    user_id: business.people.owner.user_id,
  });
  const { account_id } = await openAccount(sql, business, { customer_id });
  await deposit(sql, business, { account_id, amount: 900, effective_at: "2026-02-01T12:00:00Z" });
  return { budget_id: id, category_id, transaction_id, account_id, byPath: { "/api/v1/budgets": id } };
}
