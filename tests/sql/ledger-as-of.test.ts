import type { SQL } from "bun";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { balanceOf, move, openLedgerAccount, post, resolve, reverse } from "../helpers/ledger.ts";
import { insertBusiness } from "./fixtures.ts";

let database: TestDatabase;
let sql: SQL;
let other: SQL;
let business: string;
let world: string;
let saver: string;

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
  world = await openLedgerAccount(sql, business, { code: "world", kind: "asset", shards: 4 });
  saver = await openLedgerAccount(sql, business, { code: "saver", overdraft_limit: 0 });
});

const ago = (days: number, hours = 0): string =>
  new Date(Date.now() - days * 86_400_000 - hours * 3_600_000).toISOString();
const today = (): string => new Date().toISOString().slice(0, 10);
const day = (days_ago: number): string => ago(days_ago).slice(0, 10);

const asOf = async (account: string, at: string): Promise<number | null> => {
  const [row] =
    await sql`select ledger.balance_as_of(${business}, ${account}, ${at}::text::timestamptz)::int as balance`;
  return row.balance as number | null;
};

type Kept = { is_ours: boolean; business_id: string | null; account_id: string | null; made: number };
/** One call for the accounts of the business, from `after` on. */
const keep = async (
  until: string,
  {
    after = null,
    least = 1,
    most = 1_000,
    accounts = 10,
  }: Partial<Record<"least" | "most" | "accounts", number>> & { after?: string | null } = {},
  connection: SQL = sql,
): Promise<Kept> => {
  const first = "00000000-0000-0000-0000-000000000000";
  const [row] =
    await connection`select * from ledger.keep_snapshots(${until}::text::date, ${business}, ${after ?? first},
    ${accounts}, ${least}, ${most})`;
  return row as Kept;
};

const snapshots = async (account: string): Promise<Record<string, number>> => {
  const rows: { day: string; net: number }[] = await sql`
    select as_of::text as day, (posted_credit - posted_debit)::int as net from ledger.balance_snapshots
    where account_id = ${account} order by as_of`;
  return Object.fromEntries(rows.map(({ day, net }) => [day, net]));
};

/** What every snapshot of the business must be: the sum of all that is effective before its day. */
const wrongSnapshots = async (): Promise<unknown[]> => sql`
  select s.*, e.debit, e.credit from ledger.balance_snapshots s cross join lateral (
    select coalesce(sum(amount) filter (where side = 'debit'), 0) as debit,
      coalesce(sum(amount) filter (where side = 'credit'), 0) as credit
    from ledger.entries where account_id = s.account_id and phase in ('single', 'post')
      and effective_at < s.as_of::timestamp at time zone 'UTC') e
  where s.business_id = ${business} and (s.posted_debit, s.posted_credit) <> (e.debit, e.credit)`;

describe("a balance as of an instant", () => {
  test("has what is effective until then, that instant included, in the account's normal sense", async () => {
    const at = ago(2);
    await move(sql, business, world, saver, 100, { effective_at: at });
    await move(sql, business, world, saver, 7, { effective_at: ago(1) });
    expect(await asOf(saver, at)).toBe(100);
    expect(await asOf(world, at)).toBe(100);
    expect(await asOf(saver, new Date(Date.parse(at) - 1).toISOString())).toBe(0);
    expect(await asOf(saver, ago(0))).toBe(107);
    expect(await asOf(saver, "infinity")).toBe(107);
    expect(await asOf(saver, "-infinity")).toBe(0);
  });

  test("does not have what is only held, nor what will be effective later", async () => {
    await move(sql, business, world, saver, 100);
    const hold = await move(sql, business, saver, world, 30, { phase: "pending" });
    await move(sql, business, world, saver, 5, { effective_at: ago(-1) });
    expect(await asOf(saver, ago(0, -1))).toBe(100);
    await resolve(sql, business, hold, "post", 20);
    expect([await asOf(saver, ago(0, -1)), await asOf(saver, ago(-2))]).toEqual([80, 85]);
  });

  test("of an account that is not there, or of another business, is null", async () => {
    const [row] = await sql`select ledger.balance_as_of(gen_random_uuid(), ${saver}, now()) as balance`;
    expect([row.balance, await asOf(Bun.randomUUIDv7(), ago(0))]).toEqual([null, null]);
  });
});

describe("snapshots", () => {
  test("do not change what an account had", async () => {
    for (const [days, amount] of [
      [9, 100],
      [7, 20],
      [5, 3],
      [3, 1],
    ] as const) {
      await move(sql, business, world, saver, amount, { effective_at: ago(days) });
    }
    const instants = [10, 9, 8, 7, 6, 5, 4, 3, 2, 0].map((days) => ago(days, -1));
    const before = await Promise.all(instants.flatMap((at) => [asOf(saver, at), asOf(world, at)]));
    for (const days of [6, 4, 0]) expect(await keep(day(days))).toMatchObject({ made: 2, account_id: null });
    expect(await Promise.all(instants.flatMap((at) => [asOf(saver, at), asOf(world, at)]))).toEqual(before);
    expect(await snapshots(saver)).toEqual({ [day(6)]: 120, [day(4)]: 123, [today()]: 124 });
    expect(await wrongSnapshots()).toEqual([]);
  });

  test("are what is summed from: nothing before them is read again", async () => {
    await move(sql, business, world, saver, 100, { effective_at: ago(5) });
    await keep(day(4));
    await sql`update ledger.balance_snapshots set posted_credit = 1000 where account_id = ${saver}`;
    expect([await asOf(saver, ago(4, 48)), await asOf(saver, ago(3))]).toEqual([0, 1000]);
  });

  test("are made where enough came since the last, and once", async () => {
    for (const days of [5, 4, 3]) await move(sql, business, world, saver, 1, { effective_at: ago(days) });
    expect(await keep(today(), { least: 4 })).toMatchObject({ made: 0 });
    expect(await keep(today(), { least: 3 })).toMatchObject({ made: 2 });
    expect(await keep(today(), { least: 1 })).toMatchObject({ made: 0 });
  });

  test("of an account with a long past are made in steps, each of so many entries", async () => {
    for (const days of [9, 8, 7, 6, 5, 4]) {
      await move(sql, business, world, saver, 10, { effective_at: ago(days) });
    }
    const places: (string | null)[] = [];
    let after: string | null = null;
    do {
      const kept: Kept = await keep(today(), { after, most: 4 });
      after = kept.account_id;
      places.push(after);
    } while (after !== null);
    expect(places.length).toBeGreaterThan(2);
    expect(Object.values(await snapshots(saver)).at(-1)).toBe(60);
    expect(Object.keys(await snapshots(saver)).length).toBe(2);
    expect(await wrongSnapshots()).toEqual([]);
  });

  test("are made for all accounts, a few at a time", async () => {
    const savers: string[] = [];
    for (let place = 0; place < 5; place += 1) {
      const account = await openLedgerAccount(sql, business, { code: `saver:${place}` });
      await move(sql, business, world, account, 10, { effective_at: ago(3) });
      savers.push(account);
    }
    let after: string | null = null;
    let calls = 0;
    do {
      const kept: Kept = await keep(day(1), { after, accounts: 2 });
      expect(kept.business_id ?? business).toBe(business);
      after = kept.account_id;
      calls += 1;
    } while (after !== null);
    expect(calls).toBe(4);
    for (const account of savers) expect(await snapshots(account)).toEqual({ [day(1)]: 10 });
  });

  test("move with what comes later and was effective before their day", async () => {
    await move(sql, business, world, saver, 100, { effective_at: ago(9) });
    for (const days of [8, 6, 0]) await keep(day(days), { least: 0 });
    const late = await move(sql, business, world, saver, 5, { effective_at: ago(7) });
    await move(sql, business, world, saver, 2, { effective_at: ago(8, 24) });
    expect(await snapshots(saver)).toEqual({ [day(8)]: 102, [day(6)]: 107, [today()]: 107 });
    // A reversal, and the end of a hold, are effective when they are made.
    await reverse(sql, business, late);
    const hold = await move(sql, business, saver, world, 9, { phase: "pending", effective_at: ago(9) });
    await resolve(sql, business, hold, "post");
    expect(await snapshots(saver)).toEqual({ [day(8)]: 102, [day(6)]: 107, [today()]: 107 });
    expect(await wrongSnapshots()).toEqual([]);
    expect(await balanceOf(sql, business, saver)).toBe("93/93/93");
  });

  test("do not move with what was refused, nor with what is only held", async () => {
    await move(sql, business, world, saver, 100, { effective_at: ago(9) });
    await keep(today());
    await expect(move(sql, business, saver, world, 101, { effective_at: ago(3) })).rejects.toThrow(
      "insufficient",
    );
    await move(sql, business, saver, world, 50, { effective_at: ago(3), phase: "pending" });
    expect(await snapshots(saver)).toEqual({ [today()]: 100 });
  });

  test("wait for a transaction that posts to the account, and have it", async () => {
    await move(sql, business, world, saver, 100, { effective_at: ago(9) });
    await other.unsafe("begin").simple();
    await move(other, business, world, saver, 11, { effective_at: ago(3) });
    const kept = keep(today());
    await Bun.sleep(50);
    await other.unsafe("commit").simple();
    expect(await kept).toMatchObject({ made: 2 });
    expect(await snapshots(saver)).toEqual({ [today()]: 111 });
    expect(await wrongSnapshots()).toEqual([]);
  });

  test("are found by a transaction that waited for them, whatever shard it posts to", async () => {
    await post(
      sql,
      business,
      [
        [world, "debit", 100],
        [saver, "credit", 100],
      ],
      { effective_at: ago(9) },
    );
    await other.unsafe("begin").simple();
    await keep(today(), {}, other);
    const late = move(sql, business, world, saver, 11, { effective_at: ago(3) });
    await Bun.sleep(50);
    await other.unsafe("commit").simple();
    await late;
    expect(await snapshots(saver)).toEqual({ [today()]: 111 });
    expect(await wrongSnapshots()).toEqual([]);
  });

  test("are made by one at a time", async () => {
    await move(sql, business, world, saver, 100, { effective_at: ago(9) });
    await other.unsafe("begin").simple();
    await keep(today(), {}, other);
    expect(await keep(today())).toMatchObject({ is_ours: false, made: 0 });
    await other.unsafe("rollback").simple();
    expect(await keep(today())).toMatchObject({ is_ours: true, made: 2 });
  });
});
