import { expect } from "bun:test";
import type { SQL } from "bun";
import type { Send, TestApp } from "./app.ts";
import type { Business, Person } from "./fixtures.ts";

/** A budget with the categories that everybody begins with, by their names. */
export type TestBudget = Readonly<{ id: string; categories: Readonly<Record<string, string>> }>;

/** Makes a budget straight in the database: from January 2026, in the currency of the business unless another is given. */
export async function makeBudget(
  sql: SQL,
  business: Business,
  owner: Person,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<TestBudget> {
  const id = Bun.randomUUIDv7();
  const given = { name: "Home", first_month: "2026-01", mode: "envelope", ...fields };
  await sql.unsafe(
    `select (budget.create_budget(b.id, $2::uuid, $3::uuid,
      jsonb_build_object('currency', b.currency, 'timezone', b.timezone) || $4::text::jsonb)).id
    from core.businesses b where b.id = $1::uuid`,
    [business.id, owner.user_id, id, JSON.stringify(given)],
  );
  const rows: { name: string; id: string }[] =
    await sql`select name, id from budget.categories where budget_id = ${id}`;
  return { id, categories: Object.fromEntries(rows.map((row) => [row.name, row.id])) };
}

/** What `budget.roll_up_drift` finds wrong in a business: months and categories. */
export async function driftOf(sql: SQL, business_id: string): Promise<number> {
  const [row] = await sql`select count(*)::int as months from budget.roll_up_drift(${business_id}::uuid)`;
  return row.months as number;
}

/** A transaction as the API shows it. */
export type Transaction = Record<string, unknown> & { id: string; amount: number; version: number };
export type TransactionPage = { data: Transaction[]; meta: { next_cursor: string | null } };

/** The members of a new transaction. */
export const line = (amount: number, occurred_on: string, more: object = {}) => ({
  amount,
  occurred_on,
  ...more,
});

/** Speaks of one budget as one person; `of` names another budget. */
export function budgetDesk(api: TestApp, { token, budget_id }: { token: string; budget_id: string }) {
  type Options = Send & { of?: string };
  const send = (method: string, path = "", options: Options = {}): Promise<Response> =>
    api.send(method, `/api/v1/budgets/${options.of ?? budget_id}${path}`, { token, ...options });
  return {
    send,
    /** What a request that succeeds is answered. */
    async sent<T = Transaction>(method: string, path: string, options: Options = {}): Promise<T> {
      const response = await send(method, path, options);
      expect(response.status).toBeLessThan(300);
      return (response.status === 204 ? null : await response.json()) as T;
    },
  };
}
export type BudgetDesk = ReturnType<typeof budgetDesk>;
