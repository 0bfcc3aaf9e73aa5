import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { effectsIn, lookAtLedger, openAccounts, proveLedger } from "../chaos/bank/ledger.ts";
import { deposit } from "../helpers/bank.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { makeBusiness } from "../helpers/fixtures.ts";

/** That what `bun run chaos bank` sees of the ledger shows what is broken there. */
let database: TestDatabase;
let sql: SQL;
let business: { id: string; currency: string };
let accounts: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "LOOK", timezone: "UTC", currency: "NGN" });
  accounts = await openAccounts(sql, { business_id: business.id, count: 3, balance: 100 });
});
afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

const look = () => lookAtLedger(sql, { business_id: business.id, closed: accounts.slice(0, 2) });
const well = { of: "sql", total: 200, accounts: 3, least_available: 100, unbalanced: 0 };

/** Does something to the data, looks, and takes it back. */
async function meanwhile<Seen>(change: () => Promise<unknown>, see: () => Promise<Seen>): Promise<Seen> {
  await sql`begin`;
  try {
    await change();
    return await see();
  } finally {
    await sql`rollback`;
  }
}

const prove = () => proveLedger(sql, business.id);

/** A transfer in the bank alone. */
const insertTransfer = (id: string, amount: number) =>
  sql`insert into bank.transfers (business_id, id, kind, status, to_account_id, amount, currency, reference, memo)
    values (${business.id}, ${id}, 'deposit', 'posted', ${accounts[0]}, ${amount}, 'NGN', ${id}, 'the mark')`;

test("a ledger that is well shows its total, and nothing is wrong with it", async () => {
  expect(await look()).toEqual(well);
  expect(await prove()).toEqual([]);
});

test("one unit that is in a balance and in no entry is seen", async () => {
  const add = () =>
    sql`update ledger.balances set posted_credit = posted_credit + 1 where account_id = ${accounts[0]}`;
  expect(await meanwhile(add, look)).toEqual({ ...well, total: 201, unbalanced: -1 });
  expect(await meanwhile(add, prove)).toEqual(["1 balances are not what their entries say"]);
});

test("money that moved without a transfer is seen", async () => {
  const pay = () => deposit(sql, business, { account_id: accounts[0] ?? "", amount: 7 });
  expect(await meanwhile(pay, look)).toMatchObject({ total: 207, unbalanced: 0 });
  expect(await meanwhile(pay, prove)).toEqual(["1 transactions of the ledger belong to no transfer"]);
});

test("a transfer counts as moved only when the ledger has moved just that", async () => {
  const effects = () => effectsIn(sql, business.id);
  const [seen] = await meanwhile(() => insertTransfer(Bun.randomUUIDv7(), 7), effects);
  expect(seen).toMatchObject({ mark: "the mark", kind: "deposit", from: null, to: accounts[0], amount: 7 });
  expect(seen?.is_in_ledger).toBeFalse();
  for (const [amount, is_in_ledger] of [
    [7, true],
    [8, false],
  ] as const) {
    const both = async () => {
      const id = await deposit(sql, business, { account_id: accounts[0] ?? "", amount: 7 });
      await insertTransfer(id, amount);
    };
    const found = await meanwhile(both, effects);
    expect(found.map((effect) => effect.is_in_ledger)).toEqual([is_in_ledger]);
  }
});
