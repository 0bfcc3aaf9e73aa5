import type { SQL } from "bun";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { correctCounters, counterCheck, createCounterCheck } from "../../src/core/counters.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { insertTransfer } from "../helpers/bank.ts";
import { insertBusiness } from "./fixtures.ts";
import { openLanes } from "./shop-truth.ts";
import { proofOf } from "./proofs.ts";

let database: TestDatabase;
let sql: SQL;
let other: SQL;
let business: string;

beforeAll(async () => {
  database = await createTestDatabase();
  [sql, other] = [connect(database.url), connect(database.url)];
});
afterAll(async () => {
  await Promise.all([sql?.close(), other?.close()]);
  await database?.drop();
});
beforeEach(async () => {
  ({ business_id: business } = await insertBusiness(sql));
});

const noon = new Date("2026-03-01T12:59:59.999Z");
const one = new Date("2026-03-01T13:00:00.000Z");
const someone = () => Bun.randomUUIDv7();
const insert = (amount: number, more: Partial<Parameters<typeof insertTransfer>[2]> = {}) =>
  insertTransfer(sql, business, { amount, from: someone(), to: someone(), at: noon, ...more });

/** `2026-03-01T12/internal/posted/NGN 2 300` */
const values = async (of = business): Promise<string[]> => {
  const rows: { line: string }[] = await sql`
    select array_to_string(dimension, '/') || ' ' || count || ' ' || total as line from core.counter_values
    where business_id = ${of} and name = 'bank.transfers' and (count <> 0 or total <> 0) order by dimension`;
  return rows.map(({ line }) => line);
};
const fold = async (connection: SQL, limit = 10_000): Promise<number> => {
  const [row] = await connection`select core.fold_counters(${limit}::int) as folded`;
  return row.folded as number;
};
const drift = async (): Promise<number> => {
  const [row] = await sql`select count(*)::int as wrong from core.counter_drift(${business})`;
  return row.wrong as number;
};

describe("what transfers count as", () => {
  test("hours of UTC, by kind, status and currency, imports included", async () => {
    await insert(100);
    await insert(200);
    await insert(7, { at: one });
    await insert(5, { kind: "deposit", from: null });
    await insert(9, { currency: "USD" });
    expect(await values()).toEqual([
      "2026-03-01T12/deposit/posted/NGN 1 5",
      "2026-03-01T12/internal/posted/NGN 2 300",
      "2026-03-01T12/internal/posted/USD 1 9",
      "2026-03-01T13/internal/posted/NGN 1 7",
    ]);
    expect(await drift()).toBe(0);
  });

  test("many rows of one statement are one delta", async () => {
    await sql`insert into bank.transfers (business_id, id, kind, status, to_account_id, amount, currency, reference)
      select ${business}, gen_random_uuid(), 'deposit', 'posted', gen_random_uuid(), g, 'NGN', g::text
      from generate_series(1, 500) g`;
    const deltas =
      await sql`select count, total::int from core.counter_deltas where business_id = ${business}`;
    expect([...deltas].map(({ count, total }) => [Number(count), total])).toEqual([[500, 125_250]]);
  });

  test("a row that moves leaves where it was; what changes nothing that counts writes nothing; one that goes is gone", async () => {
    const id = await insert(100, { status: "pending" });
    await sql`update bank.transfers set status = 'posted' where id = ${id}`;
    expect(await values()).toEqual(["2026-03-01T12/internal/posted/NGN 1 100"]);
    const before = await sql`select count(*)::int as n from core.counter_deltas`;
    await sql`update bank.transfers set memo = 'for the goats' where id = ${id}`;
    expect([...(await sql`select count(*)::int as n from core.counter_deltas`)]).toEqual([...before]);
    await sql`delete from bank.transfers where id = ${id}`;
    expect(await values()).toEqual([]);
  });

  test("the largest amounts there are do not keep a transfer from being posted", async () => {
    const most = 9_223_372_036_854_775_807n;
    for (const _ of [1, 2])
      await insert(1).then((id) => sql`update bank.transfers set amount = ${most} where id = ${id}`);
    expect(await values()).toEqual([`2026-03-01T12/internal/posted/NGN 2 ${most * 2n}`]);
  });

  test("a transaction that is undone counts nothing", async () => {
    await sql
      .begin(async (tx) => {
        await tx`insert into bank.transfers (business_id, id, kind, status, to_account_id, amount, currency, reference)
          values (${business}, ${someone()}, 'deposit', 'posted', ${someone()}, 1, 'NGN', 'undone')`;
        throw new Error("undone");
      })
      .catch(() => {});
    expect(await values()).toEqual([]);
  });
});

describe("folding", () => {
  test("shows the same figures before, between and after, in parts of any size", async () => {
    for (const amount of [1, 2, 3, 4, 5]) await insert(amount);
    const before = await values();
    const all = await sql`select count(*)::int as n from core.counter_deltas`;
    expect(await fold(sql, 2)).toBe(2);
    expect(await values()).toEqual(before);
    expect(await fold(sql)).toBe(all[0].n - 2);
    expect(await values()).toEqual(before);
    expect(await fold(sql)).toBe(0);
    expect(await drift()).toBe(0);
  });

  test("a counter that comes to nothing goes", async () => {
    const id = await insert(100);
    await fold(sql);
    await sql`delete from bank.transfers where id = ${id}`;
    await fold(sql);
    const left = await sql`select 1 from core.counters where business_id = ${business}`;
    expect([...left]).toEqual([]);
  });

  test("is one's work at a time, and loses nothing of those who write meanwhile", async () => {
    await insert(1);
    await sql.begin(async (tx) => {
      await fold(tx);
      expect(await fold(other)).toBe(0);
      await insertTransfer(other, business, { amount: 2, to: someone(), at: noon });
    });
    expect(await values()).toEqual(["2026-03-01T12/internal/posted/NGN 2 3"]);
    const running = Promise.all([1, 2, 3, 4].map((amount) => insert(amount)));
    while (await Promise.race([running.then(() => false), fold(other).then(() => true)])) continue;
    await fold(other);
    expect(await values()).toEqual(["2026-03-01T12/internal/posted/NGN 6 13"]);
    expect(await drift()).toBe(0);
  });
});

describe("the recount", () => {
  const prove = async (): Promise<string[]> => (await proofOf(database.url, counterCheck)).split("\n");

  test("finds what is kept wrong, names the first, and --rebuild corrects it while others write", async () => {
    await insert(100);
    await insert(200, { at: one });
    expect((await prove())[0]).toStartWith("ok     counters");
    await sql`insert into core.counter_deltas (business_id, name, dimension, count, total)
      values (${business}, 'bank.transfers', '{2026-03-01T12,internal,posted,NGN}', 1, 0),
        (${business}, 'bank.transfers', '{2027,of,nothing,NGN}', 0, 5)`;
    await fold(sql);
    const [line] = await prove();
    expect(line).toContain("BROKEN counters: 2 differ");
    expect(line).toContain(
      `{2026-03-01T12,internal,posted,NGN} of business ${business} is kept as 2 (100), its rows are 1 (100)`,
    );
    const [corrected] = await Promise.all([correctCounters(database.url), insert(300), insert(400)]);
    expect(corrected).toBe(2);
    expect((await prove())[0]).toStartWith("ok     counters");
    expect(await values()).toContain("2026-03-01T13/internal/posted/NGN 1 200");
  });
});

test("the job recounts one business after the other, says in the log which is wrong, and repairs nothing", async () => {
  await sql`insert into core.counter_deltas (business_id, name, dimension, count, total)
    values (${business}, 'bank.transfers', '{2028,of,nothing,NGN}', 1, 1)`;
  const logged: string[] = [];
  const db = openLanes(database.url);
  const log = {
    error: ({ business_id, broken }: Record<string, string>) => void logged.push(`${business_id} ${broken}`),
  };
  const check = createCounterCheck({ db, log, metrics: { integrity: () => {} } } as never);
  const [{ businesses }] = await sql`select count(*)::int as businesses from core.businesses`;
  for (let turn = 0; turn <= businesses; turn++) await check();
  await db.close();
  expect(logged.length).toBe(1);
  expect(logged[0]).toStartWith(`${business} 1 differ; bank.transfers {2028,of,nothing,NGN}`);
  expect(await drift()).toBe(1);
  expect(await correctCounters(database.url)).toBe(1);
});

test("a table that held rows before it was counted is counted with them, by statements of its own", async () => {
  await sql
    .unsafe(
      `
    create table bank.counted_sample (business_id uuid, id int primary key, word text);
    create function bank.sample_counts(s bank.counted_sample)
      returns table (business_id uuid, name text, dimension text[], total numeric) language sql stable as
      $$ select s.business_id, 'bank.sample', array[s.word], s.id::numeric where s.word <> 'none' $$`,
    )
    .simple();
  await sql`insert into bank.counted_sample values (${business}, 1, 'early'), (${business}, 2, 'none')`;
  await sql`select core.keep_counters('bank.counted_sample', 'bank.sample_counts')`;
  await sql`update bank.counted_sample set word = 'late'`;
  await sql`delete from bank.counted_sample where id = 1`;
  const rows = await sql`select dimension[1] as word, count::int, total::int from core.counter_values
    where business_id = ${business} and count <> 0`;
  expect([...rows]).toEqual([{ word: "late", count: 1, total: 2 }]);
  expect(await drift()).toBe(0);
  await sql
    .unsafe(
      "delete from core.counted_tables where name = 'bank.counted_sample'; drop table bank.counted_sample cascade",
    )
    .simple();
});
