import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { rollovers } from "../../src/platform/enums.ts";
import { compareMonths } from "../helpers/budget-model/episode.ts";
import { monthOf } from "../helpers/budget-model/months.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";

let database: TestDatabase;
let sql: SQL;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
}, 30_000);
afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

const seed = Math.floor(Math.random() * 2 ** 31);

test(`whatever was planned, held and paid, each month is that of the model, and the proof holds (seed ${seed})`, async () => {
  const seen = await compareMonths(sql, { seed, months: 520 });
  // The long form is `bun run chaos budget`.
  expect([...seen.keys()].toSorted()).toEqual([...rollovers].toSorted());
}, 60_000);

test("the model tells one rule from another, and so does the comparison", async () => {
  const category = { id: "c", group_id: "g", hidden: false } as const;
  const group = { hidden: false, target_bps: 1_000 } as const;
  const balances = rollovers.map((rollover) =>
    monthOf(
      {
        mode: "envelope",
        groups: [{ ...group, id: "g", is_income: false }],
        categories: [{ ...category, rollover }],
        plans: [{ category_id: "c", month: 0, planned: 100 }],
        transactions: [{ category_id: "c", month: 0, amount: -150, deleted: false }],
        holds: new Map(),
      },
      1,
    ),
  );
  expect(balances.map(({ balance, last_month_overspent }) => [balance, last_month_overspent])).toEqual([
    [0, -50],
    [0, -50],
    [-50, 0],
    [0, -50],
  ]);
  // One unit more in the roll-up than was paid is found.
  await sql.unsafe(`create function pg_temp.spoil() returns trigger language plpgsql as
    $$ begin new.activity := new.activity + 1; return new; end $$`);
  await sql.unsafe(
    `create trigger spoil before insert on budget.category_months for each row execute function pg_temp.spoil()`,
  );
  await expect(compareMonths(sql, { seed, months: 20 })).rejects.toThrow(" is to be ");
});
