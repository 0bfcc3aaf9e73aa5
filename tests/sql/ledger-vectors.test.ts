import type { SQL } from "bun";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import {
  balanceOf,
  move,
  openLedgerAccount,
  post,
  type PostOptions,
  resolve,
  reverse,
} from "../helpers/ledger.ts";
import { insertBusiness, refusalOf } from "./fixtures.ts";

// The ledger vectors of the specification, in its words: Formance (L1), Blnk 181 (L2), TigerBeetle (L3 to L6), Fineract
// C2438 to C2441 (L14).
let database: TestDatabase;
let sql: SQL;
let business: string;
/** Ids of accounts by code. */
let accounts: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
});
afterAll(async () => {
  await sql?.close();
  await database?.drop();
});
beforeEach(async () => {
  ({ business_id: business } = await insertBusiness(sql));
  accounts = {};
  accounts["world"] = await openLedgerAccount(sql, business, { code: "world", kind: "asset", shards: 16 });
  for (const code of ["u1", "u2", "bank"]) {
    accounts[code] = await openLedgerAccount(sql, business, { code, overdraft_limit: 0 });
  }
});

const account = (code: string): string => accounts[code] ?? code;
const pay = (from: string, to: string, amount: number, options: PostOptions = {}): Promise<string> =>
  move(sql, business, account(from), account(to), amount, options);
const hold = (from: string, to: string, amount: number): Promise<string> =>
  pay(from, to, amount, { phase: "pending" });
const settle = (id: string, phase: "post" | "void", amount: number | null = null): Promise<string> =>
  resolve(sql, business, id, phase, amount);
const balance = (code: string): Promise<string> => balanceOf(sql, business, account(code));
const hoursFromNow = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();

test("L1: seven postings, their volumes, and the balances as of an effective time", async () => {
  const at = hoursFromNow(-2);
  await pay("world", "u1", 100, { effective_at: hoursFromNow(-4) });
  await pay("world", "u2", 125, { effective_at: hoursFromNow(-3) });
  await pay("u1", "u2", 75, { effective_at: at });
  await pay("world", "u1", 175, { effective_at: hoursFromNow(-1) });
  await pay("u2", "bank", 50);
  await pay("u2", "u1", 100, { effective_at: hoursFromNow(1) });
  await pay("u1", "bank", 150, { effective_at: hoursFromNow(2) });
  const codes = ["u1", "u2", "bank", "world"];
  expect(await Promise.all(codes.map(balance))).toEqual(
    [150, 50, 200, 400].map((amount) => `${amount}/${amount}/${amount}`),
  );
  const asOf = codes.map(async (code) => {
    const [row] =
      await sql`select ledger.balance_as_of(${business}, ${account(code)}, ${at}::text::timestamptz)::int as posted`;
    return row.posted as number;
  });
  expect(await Promise.all(asOf)).toEqual([25, 200, 0, 225]);
});

test("L2: of six holds of 1,000 on 5,000 the sixth is refused", async () => {
  await pay("world", "u1", 5_000);
  for (let count = 0; count < 5; count += 1) await hold("u1", "bank", 1_000);
  expect(await refusalOf(hold("u1", "bank", 1_000))).toBe("insufficient_funds");
  expect(await balance("u1")).toBe("5000/0/0");
});

test("L3: credits 100, debits 70: a hold of 50 is refused when it is made", async () => {
  await pay("world", "u1", 100);
  await pay("u1", "bank", 70);
  expect(await refusalOf(hold("u1", "bank", 50))).toBe("insufficient_funds");
  expect(await balance("u1")).toBe("30/30/30");
});

test("L4: a hold is settled once: posted again and voided after that are refused", async () => {
  await pay("world", "u1", 5_000);
  const [first, second] = [await hold("u1", "bank", 1_000), await hold("u1", "bank", 1_000)];
  await settle(first, "post");
  expect(await refusalOf(settle(first, "post"))).toBe("already_resolved");
  expect(await refusalOf(settle(first, "void"))).toBe("already_resolved");
  await settle(second, "void");
  expect(await refusalOf(settle(second, "post"))).toBe("already_resolved");
  expect(await balance("u1")).toBe("4000/4000/4000");
});

test("L5: a hold of 123: posted, posted with 100, voided", async () => {
  await pay("world", "u1", 1_000);
  const [all, part, none] = [
    await hold("u1", "u2", 123),
    await hold("u1", "u2", 123),
    await hold("u1", "u2", 123),
  ];
  expect([await balance("u1"), await balance("u2")]).toEqual(["1000/631/631", "0/369/0"]);
  await settle(all, "post");
  expect([await balance("u1"), await balance("u2")]).toEqual(["877/631/631", "123/369/123"]);
  await settle(part, "post", 100);
  expect([await balance("u1"), await balance("u2")]).toEqual(["777/654/654", "223/346/223"]);
  expect(await refusalOf(settle(none, "post", 124))).toBe("partial_amount");
  expect(await refusalOf(settle(none, "post", 0))).toBe("partial_amount");
  expect(await refusalOf(settle(none, "void", 100))).toBe("partial_amount");
  await settle(none, "void");
  expect([await balance("u1"), await balance("u2")]).toEqual(["777/777/777", "223/223/223"]);
});

test("L6: money passes through an account that has none, which shows 10 and then 0", async () => {
  const mid = await openLedgerAccount(sql, business, { code: "mid", overdraft_limit: 0 });
  await post(sql, business, [
    [account("world"), "debit", 10],
    [mid, "credit", 10],
    [mid, "debit", 10],
    [account("u1"), "credit", 10],
  ]);
  const rows =
    await sql`select balance_after::int as after from ledger.entries where account_id = ${mid} order by id`;
  expect(rows.map((row: { after: number }) => row.after)).toEqual([10, 0]);
  expect([await balanceOf(sql, business, mid), await balance("u1")]).toEqual(["0/0/0", "10/10/10"]);
});

describe("L7: refused, and nothing is left behind:", () => {
  let before: unknown;
  const everything = () =>
    sql`select (select count(*)::int from ledger.transactions) as transactions,
      (select count(*)::int from ledger.entries) as entries, (select sum(version)::int from ledger.balances) as versions`;
  const refused = async (statement: () => Promise<unknown>, name: string) => {
    before = await everything();
    expect(await refusalOf(statement())).toBe(name);
    expect(await everything()).toEqual(before as never);
  };

  test("debits that are not the credits, one line, no line", async () => {
    const unbalanced = () =>
      post(sql, business, [
        [account("world"), "debit", 5],
        [account("u1"), "credit", 4],
      ]);
    await refused(unbalanced, "unbalanced");
    await refused(() => post(sql, business, [[account("world"), "debit", 5]]), "unbalanced");
    await refused(() => post(sql, business, []), "unbalanced");
  });

  test("two currencies of which each is not balanced", async () => {
    const dollars = await openLedgerAccount(sql, business, { code: "dollars", currency: "USD" });
    await refused(() => pay("world", dollars, 5), "unbalanced");
  });

  test("an amount of zero, and a negative one", async () => {
    await refused(() => pay("world", "u1", 0), "amount_positive");
    await refused(() => pay("world", "u1", -5), "amount_positive");
  });

  test("an account that is not there, and one of another business", async () => {
    const { business_id } = await insertBusiness(sql);
    const foreign = await openLedgerAccount(sql, business_id, { code: "u1" });
    await refused(() => pay("world", Bun.randomUUIDv7(), 5), "account_not_found");
    await refused(() => pay("world", foreign, 5), "account_not_found");
  });

  test.each(["frozen", "closed"])("an account that is %s", async (status) => {
    await sql`update ledger.accounts set status = ${status}::ledger.account_status where id = ${account("u1")}`;
    await refused(() => pay("world", "u1", 5), "account_not_open");
  });

  test("a reference that was used in the business; another business has its own", async () => {
    await pay("world", "u1", 1, { reference: "R1" });
    await refused(() => pay("world", "u1", 1, { reference: "R1" }), "reference_exists");
    const { business_id } = await insertBusiness(sql);
    const [from, to] = [
      await openLedgerAccount(sql, business_id, { code: "world", kind: "asset" }),
      await openLedgerAccount(sql, business_id, { code: "u1" }),
    ];
    expect(await move(sql, business_id, from, to, 1, { reference: "R1" })).toBeString();
  });

  test("more than an account may hold", async () => {
    const till = await openLedgerAccount(sql, business, { code: "till", kind: "asset", max_balance: 100 });
    await pay(till, "u1", 100);
    await refused(() => pay(till, "u1", 1), "balance_ceiling");
  });
});

test("a hold made before its account was frozen may still be posted and voided", async () => {
  await pay("world", "u1", 100);
  const [posted, voided] = [await hold("u1", "bank", 10), await hold("u1", "bank", 20)];
  await sql`update ledger.accounts set status = 'frozen' where id = ${account("u1")}`;
  expect(await refusalOf(hold("u1", "bank", 1))).toBe("account_not_open");
  await settle(posted, "post");
  await settle(voided, "void");
  expect(await balance("u1")).toBe("90/90/90");
});

test("L8: rows of the ledger are neither updated, deleted nor truncated", async () => {
  await pay("world", "u1", 5);
  for (const table of ["ledger.entries", "ledger.transactions"]) {
    const statements = [
      `update ${table} set effective_at = now() where $1::int = 1`,
      `delete from ${table} where $1::int = 1`,
    ];
    for (const statement of statements)
      expect(await refusalOf(sql.unsafe(statement, [1]))).toBe("append_only");
    expect(await refusalOf(sql.unsafe(`truncate ${table} cascade`).simple())).toBe("append_only");
  }
});

test("L12: a transaction is reversed once, and a reversal, a hold and what voids it never", async () => {
  await pay("world", "u1", 50);
  const paid = await pay("u1", "bank", 5);
  const undone = await reverse(sql, business, paid);
  expect(await balance("u1")).toBe("50/50/50");
  expect(await refusalOf(reverse(sql, business, paid))).toBe("already_reversed");
  expect(await refusalOf(reverse(sql, business, undone))).toBe("not_reversible");
  const held = await hold("u1", "bank", 5);
  expect(await refusalOf(reverse(sql, business, held))).toBe("not_reversible");
  const voided = await settle(held, "void");
  expect(await refusalOf(reverse(sql, business, voided))).toBe("not_reversible");
  const posted = await settle(await hold("u1", "bank", 5), "post");
  await reverse(sql, business, posted);
  expect(await refusalOf(reverse(sql, business, posted))).toBe("already_reversed");
  expect(await refusalOf(reverse(sql, business, Bun.randomUUIDv7()))).toBe("transaction_not_found");
  const { business_id } = await insertBusiness(sql);
  expect(await refusalOf(reverse(sql, business_id, paid))).toBe("transaction_not_found");
});

test("L14: 1,000 in and out leaves 0; 1,000 out of 500 is refused and leaves 500", async () => {
  await pay("world", "u1", 1_000);
  await pay("u1", "world", 1_000);
  await pay("world", "u2", 500);
  expect(await refusalOf(pay("u2", "world", 1_000))).toBe("insufficient_funds");
  expect([await balance("u1"), await balance("u2")]).toEqual(["0/0/0", "500/500/500"]);
});

describe("a limit of 100", () => {
  const spend = (amount: number): Promise<string> =>
    pay("u1", "bank", amount, { limits: [[account("u1"), "day", "2026-01-01", amount, 100]] });
  const detailOf = (statement: Promise<unknown>): Promise<unknown> =>
    statement.then(
      () => null,
      (error: { detail?: string }) => JSON.parse(error.detail ?? "null") as unknown,
    );

  test("takes 60, refuses 50, takes 40", async () => {
    await pay("world", "u1", 1_000);
    await spend(60);
    expect(await refusalOf(spend(50))).toBe("limit_exceeded");
    expect(await detailOf(spend(50))).toEqual({ window: "day", limit: 100, used: 60 });
    await spend(40);
    expect(await refusalOf(spend(1))).toBe("limit_exceeded");
    expect(await balance("u1")).toBe("900/900/900");
    const [row] =
      await sql`select used::int as used from ledger.limit_usage where account_id = ${account("u1")}`;
    expect(row.used).toBe(100);
  });

  test("refuses a first 101, and counts each window by itself", async () => {
    await pay("world", "u1", 1_000);
    expect(await refusalOf(spend(101))).toBe("limit_exceeded");
    await spend(100);
    await pay("u1", "bank", 100, { limits: [[account("u1"), "day", "2026-01-02", 100, 100]] });
    const monthly = [account("u1"), "month", "2026-01-01", 50, 120] as const;
    await pay("u1", "bank", 50, { limits: [[account("u1"), "day", "2026-01-03", 50, 100], monthly] });
    expect(
      await detailOf(
        pay("u1", "bank", 80, {
          limits: [[account("u1"), "day", "2026-01-03", 50, 100], [...monthly.slice(0, 3), 80, 120] as never],
        }),
      ),
    ).toEqual({
      window: "month",
      limit: 120,
      used: 50,
    });
    const rows =
      await sql`select window_kind || ' ' || window_start || ' ' || used as used from ledger.limit_usage
      where account_id = ${account("u1")} order by 1`;
    expect(rows.map((row: { used: string }) => row.used)).toEqual([
      "day 2026-01-03 50",
      "month 2026-01-01 50",
    ]);
  });
});
