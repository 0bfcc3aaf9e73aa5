import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import {
  collect,
  makeProduct,
  openSavings,
  type ProductOptions,
  type SavingsOptions,
} from "../helpers/savings.ts";

let database: TestDatabase;
let sql: SQL;
let business: Business;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "COLL", timezone: "Africa/Lagos", currency: "NGN" });
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

const open = async (product: ProductOptions = {}, options: SavingsOptions = {}) =>
  openSavings(sql, business, {
    product_id: await makeProduct(sql, business, product),
    marking_amount: 100,
    ...options,
  });

async function account(id: string) {
  const [row] =
    await sql`select status, markings_paid, markings_total, collected::int, cycles, ends_on::text, version
    from savings.accounts where id = ${id}`;
  return row as Record<string, unknown>;
}

async function positions(id: string) {
  const rows = await sql`select position, for_date::text, amount::int from savings.markings
    where savings_account_id = ${id} and reversed_at is null order by position`;
  return rows as { position: number; for_date: string; amount: number }[];
}

test("a visit fills the lowest free slots, whose dates are their own, and completes the account with the last", async () => {
  const { savings_account_id } = await open({ cycle_markings: 3 }, { starts_on: "2026-01-30" });
  const [first] = await collect(sql, business, [{ savings_account_id, count: 2 }]);
  expect(first).toMatchObject({ is_new: true, refusal: null });
  expect(await positions(savings_account_id)).toEqual([
    { position: 1, for_date: "2026-01-30", amount: 100 },
    { position: 2, for_date: "2026-01-31", amount: 100 },
  ]);
  const [many] = await collect(sql, business, [{ savings_account_id, count: 2 }]);
  expect(many).toMatchObject({ refusal: "account_full", detail: { remaining: 1 } });
  await collect(sql, business, [{ savings_account_id }]);
  expect(await account(savings_account_id)).toMatchObject({
    status: "completed",
    markings_paid: 3,
    collected: 300,
    version: 2,
  });
  const [full] = await collect(sql, business, [{ savings_account_id }]);
  expect(full).toMatchObject({ refusal: "account_full", detail: { remaining: 0 } });
});
