import type { SQL } from "bun";
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
