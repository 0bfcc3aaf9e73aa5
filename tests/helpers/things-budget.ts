import type { SQL } from "bun";
import { deposit, makeCustomer, openAccount } from "./bank.ts";
import { makeBudget } from "./budget.ts";
import type { Business } from "./fixtures.ts";

/** What the owner of a business has of budgets: see things.ts. */
export type BudgetThings = Readonly<{
  budget_id: string;
  group_id: string;
  category_id: string;
  /** Another one that money is planned for. */
  other_category_id: string;
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
  const { spending: category_id = "", health: other_category_id = "" } = categories;
  const transaction_id = Bun.randomUUIDv7();
  const [{ group_id }] =
    await sql`update budget.category_groups g set label = ${canary} from budget.categories c
    where c.id = ${category_id} and g.id = c.group_id returning c.group_id`;
  await sql`insert into budget.allocations (business_id, budget_id, category_id, month, planned, note)
    values (${business.id}, ${id}, ${category_id}, '2026-01-01', 500, ${canary})`;
  await sql`insert into budget.transactions (business_id, id, budget_id, category_id, amount, occurred_on, payee)
    values (${business.id}, ${transaction_id}, ${id}, ${category_id}, -100, '2026-01-05', ${canary})`;
  const customer_id = await makeCustomer(sql, business, {
    name: canary,
    user_id: business.people.owner.user_id,
  });
  const { account_id } = await openAccount(sql, business, { customer_id });
  await deposit(sql, business, { account_id, amount: 900, effective_at: "2026-02-01T12:00:00Z" });
  return {
    budget_id: id,
    group_id: group_id as string,
    category_id,
    other_category_id,
    transaction_id,
    account_id,
    byPath: { "/api/v1/budgets": id },
  };
}
