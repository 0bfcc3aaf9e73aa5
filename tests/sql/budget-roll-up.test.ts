import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { budgetCheck } from "../../src/budget/verify.ts";
import { driftOf, makeBudget, type TestBudget } from "../helpers/budget.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { proofOf } from "./proofs.ts";

let database: TestDatabase;
let sql: SQL;
let business: Business;
let budgets: TestBudget[];
let owner_id: string;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "ROLL", timezone: "Africa/Lagos", currency: "NGN" });
  owner_id = business.people.owner.user_id;
  budgets = [];
  for (const name of ["One", "Two"])
    budgets.push(await makeBudget(sql, business, business.people.owner, { name }));
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

/** What a writer does next: in which budget, to which of its transactions, and with what. */
type Step = Readonly<{
  budget: number;
  kind: "add" | "change" | "delete" | "sweep" | "move";
  pick: number;
  items: readonly Readonly<{ amount: number; day: number; category: number; line: number }>[];
}>;

const item = fc.record({
  amount: fc.integer({ min: -1_000, max: 1_000 }).filter((amount) => amount !== 0),
  day: fc.integer({ min: 0, max: 100 }),
  category: fc.integer({ min: 0, max: 4 }),
  line: fc.integer({ min: 0, max: 30 }),
});
const step: fc.Arbitrary<Step> = fc.record({
  budget: fc.nat({ max: 1 }),
  kind: fc.constantFrom("add", "add", "change", "delete", "sweep", "move"),
  pick: fc.nat({ max: 1_000 }),
  items: fc.array(item, { minLength: 1, maxLength: 6 }),
});

const dayOf = (day: number) => new Date(Date.UTC(2026, 0, 1 + day)).toISOString().slice(0, 10);
const categoryOf = ({ categories }: TestBudget, place: number) => Object.values(categories)[place] ?? null;
const budgetOf = (place: number): TestBudget => budgets[place] ?? { id: "", categories: {} };

/** One step on a connection. @returns how many new versions the budget has by it */
async function take(on: SQL, { budget: place, kind, pick, items }: Step): Promise<number> {
  const budget = budgetOf(place);
  const [first] = items;
  if (first === undefined) return 0;
  const fields = {
    amount: first.amount,
    occurred_on: dayOf(first.day),
    category_id: categoryOf(budget, first.category),
  };
  const one = `select id from budget.transactions where budget_id = $1 and deleted_at is null order by id offset $2 limit 1`;
  if (kind === "add") {
    const lines = items.map(({ amount, day, category, line }) => ({
      id: Bun.randomUUIDv7(),
      amount,
      occurred_on: dayOf(day),
      category_id: categoryOf(budget, category),
      import_id: line < 20 ? `line-${line}` : null,
    }));
    const [row] = await on.unsafe(
      `select (budget.create_batch($1, $2, $3, $4::text::jsonb, '{}', '/', 'r')::json ->> 'created')::int as created`,
      [business.id, owner_id, budget.id, JSON.stringify(lines)],
    );
    return row.created > 0 ? 1 : 0;
  }
  const [found] = await on.unsafe(one, [budget.id, pick % 40]);
  if (found === undefined) return 0;
  if (kind === "change") {
    const [row] = await on.unsafe(
      `select (budget.update_transaction($1, $2, $3, $4, null, $5::text::jsonb)).id is not null as done`,
      [business.id, owner_id, budget.id, found.id, JSON.stringify(fields)],
    );
    return row.done ? 1 : 0;
  }
  if (kind === "delete") {
    const [row] = await on.unsafe(`select budget.delete_transaction($1, $2, $3, $4, null) as done`, [
      business.id,
      owner_id,
      budget.id,
      found.id,
    ]);
    return row.done ? 1 : 0;
  }
  // What no endpoint does: rows by the dozen, whoever else is writing. The roll-up is the table's own.
  const [text, values] =
    kind === "sweep"
      ? [
          `delete from budget.transactions where budget_id = $1 and amount between $2 and $2 + 50`,
          [first.amount],
        ]
      : [
          `update budget.transactions set category_id = $2, amount = -amount where budget_id = $1 and amount > 500`,
          [fields.category_id],
        ];
  await on.begin(async (tx) => {
    await tx`select from budget.budgets where id = ${budget.id} for no key update`;
    await tx.unsafe(text, [budget.id, ...values]);
  });
  return 0;
}

test("whatever several writers do at once, roll-ups are what transactions come to, and each change is one version and one event", async () => {
  const writers = await Promise.all(Array.from({ length: 4 }, () => Promise.resolve(connect(database.url))));
  try {
    const histories = fc.array(fc.array(step, { minLength: 4, maxLength: 10 }), {
      minLength: 4,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(histories, async (all) => {
        const before = await versions();
        const changes = [0, 0];
        await Promise.all(
          all.map(async (steps, place) => {
            const on = writers[place] ?? sql;
            for (const one of steps) changes[one.budget] = (await take(on, one)) + (changes[one.budget] ?? 0);
          }),
        );
        expect(await driftOf(sql, business.id)).toBe(0);
        expect(await versions()).toEqual(before.map((version, place) => version + (changes[place] ?? 0)));
      }),
      { numRuns: Number(process.env["BUDGET_RUNS"] ?? 12) },
    );
    // In the order in which they were published, events of a budget count its versions up, and none is left out.
    for (const { id } of budgets) {
      const events: { version: number }[] =
        await sql`select (payload ->> 'version')::int as version from core.outbox where topic = ${`budget:${id}`} order by id`;
      expect(events.map(({ version }) => version)).toEqual(events.map((_, at) => at + 2));
    }
    const [doubled] = await sql`select count(*)::int as rows from (select from budget.transactions
      where import_id is not null group by budget_id, import_id having count(*) > 1) twice`;
    expect(doubled.rows).toBe(0);
  } finally {
    for (const writer of writers) await writer.close();
  }
}, 60_000);

async function versions(): Promise<number[]> {
  const rows: { version: number }[] = await sql`select version from budget.budgets order by name`;
  return rows.map(({ version }) => version);
}

test("verify names the first month whose roll-up is wrong, and recounting repairs it", async () => {
  const prove = (): Promise<string> => proofOf(database.url, budgetCheck);
  const { id, categories } = budgetOf(0);
  const line = {
    id: Bun.randomUUIDv7(),
    amount: -5,
    occurred_on: "2026-09-09",
    category_id: categories["health"],
  };
  await sql.unsafe(`select budget.create_batch($1, $2, $3, $4::text::jsonb, '{}', '/', 'r')`, [
    business.id,
    owner_id,
    id,
    JSON.stringify([line, { ...line, id: Bun.randomUUIDv7(), category_id: null }]),
  ]);
  expect(await prove()).toMatch(/^ok {4} budgets: \d+ budget transactions of 1 businesses proven/);
  const spoil = [
    [
      `activity = activity + 3 where category_id = '${line.category_id}' and month = '2026-09-01'`,
      `2026-09, category ${line.category_id}: the roll-up differs by -3 in 0 transactions`,
    ],
    [
      `tx_count = 9 where category_id is null and month = '2026-09-01'`,
      "2026-09, category none: the roll-up differs by 0 in -8 transactions",
    ],
  ] as const;
  for (const [change, told] of spoil) {
    await sql.unsafe(`update budget.category_months set ${change} and budget_id = '${id}'`);
    expect(await prove()).toContain(
      `BROKEN budgets: 1 of 1 businesses; of business ${business.id}, budget ${id}, ${told}`,
    );
    const [repaired] = await sql`select budget.recount(${business.id}, ${id}) as months`;
    expect(repaired.months).toBe(1);
    expect(await prove()).toStartWith("ok ");
  }
  await sql`delete from budget.category_months where budget_id = ${id}`;
  expect(await prove()).toStartWith("BROKEN");
  await sql`select budget.recount(${business.id}, ${id})`;
  expect(await prove()).toStartWith("ok ");
});
