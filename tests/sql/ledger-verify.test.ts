import type { SQL } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { bankCheck } from "../../src/bank/verify.ts";
import { ledgerCheck } from "../../src/ledger/verify.ts";
import { openAccount } from "../helpers/bank.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { move, openLedgerAccount, resolve, reverse } from "../helpers/ledger.ts";
import { insertBusiness } from "./fixtures.ts";
import { brokenBy, proofOf } from "./proofs.ts";

let database: TestDatabase;
let sql: SQL;
let business: { id: string; currency: string };
/** What is broken on purpose below: rows by what they are. */
let rows: Record<
  "world" | "saver" | "bank_account" | "transfer" | "paid" | "hold" | "post" | "undone" | "reversal",
  string
>;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  const { business_id } = await insertBusiness(sql);
  business = { id: business_id, currency: "NGN" };
  const world = await openLedgerAccount(sql, business_id, { code: "world", kind: "asset", shards: 2 });
  const saver = await openLedgerAccount(sql, business_id, { code: "saver", overdraft_limit: 0 });
  const paid = await move(sql, business_id, world, saver, 100, { effective_at: "2026-01-05T00:00:00Z" });
  const hold = await move(sql, business_id, saver, world, 30, { phase: "pending" });
  const post = await resolve(sql, business_id, hold, "post", 20);
  const undone = await move(sql, business_id, saver, world, 5);
  const reversal = await reverse(sql, business_id, undone);
  await sql`select ledger.keep_snapshots('2026-01-06', '00000000-0000-0000-0000-000000000000',
    '00000000-0000-0000-0000-000000000000', 100, 1, 1000)`;
  const { account_id: bank_account } = await openAccount(sql, business);
  const transfer = Bun.randomUUIDv7();
  const deposit = {
    business_id,
    id: transfer,
    kind: "deposit",
    to_account_id: bank_account,
    amount: 900,
    currency: "NGN",
  };
  await sql`select bank.move_batch(${JSON.stringify([deposit])}::text::jsonb, true, '{}')`;
  rows = { world, saver, bank_account, transfer, paid, hold, post, undone, reversal };
});
afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

const prove = (check: typeof ledgerCheck): Promise<string> => proofOf(database.url, check);
const afterwards = (of: "ledger" | "bank", statement: string) =>
  brokenBy(sql, of, business.id, statement, rows);

test("all of it holds where nobody changed anything, and verify says how much it proved", async () => {
  expect(await prove(ledgerCheck)).toMatch(/^ok {5}ledger: 12 entries of 1 businesses proven/);
  expect(await prove(bankCheck)).toMatch(/^ok {5}bank: 1 transfers of 1 businesses proven/);
});

test("verify names the business and the first row that is broken, and goes on", async () => {
  await sql`update ledger.balances set posted_credit = posted_credit + 1 where account_id = ${rows.saver}`;
  const told = await prove(ledgerCheck);
  await sql`update ledger.balances set posted_credit = posted_credit - 1 where account_id = ${rows.saver}`;
  expect(told).toStartWith(
    `BROKEN ledger: 1 of 1 businesses; of business ${business.id}, balances: account saver, shard 0`,
  );
  expect(told).toContain("has posted 25/106");
});

describe("the ledger is found broken", () => {
  test.each([
    [
      "an amount that was changed",
      "update ledger.entries set amount = 101 where transaction_id = $paid and side = 'debit'",
      "transactions",
      /has entries of 101 debit and 100 credit in NGN/,
    ],
    [
      "entries that were deleted",
      "delete from ledger.entries where transaction_id = $paid",
      "transactions",
      /has no entries/,
    ],
    [
      "a transaction that was deleted",
      "delete from ledger.transactions where id = $undone",
      "entries",
      /names transaction .*, which is not there/,
    ],
    [
      "an account that was deleted",
      "delete from ledger.accounts where id = $saver",
      "entries",
      /is of an account that is not there/,
    ],
    [
      "an entry in another currency",
      "update ledger.entries set currency = 'USD' where transaction_id = $paid",
      "entries",
      /is in USD, its account in NGN/,
    ],
    [
      "an entry of another time",
      "update ledger.entries set effective_at = now() where transaction_id = $paid",
      "entries",
      /not of the phase or the time/,
    ],
    [
      "a balance that is not what its entries say",
      "update ledger.balances set pending_debit = 7 where account_id = $saver",
      "balances",
      /account saver, shard 0.* pending 7\/0/,
    ],
    [
      "a balance row that was deleted",
      "delete from ledger.balances where account_id = $saver",
      "balances",
      /account saver, shard 0/,
    ],
    [
      "a running balance that was changed",
      "update ledger.entries set balance_after = 99 where transaction_id = $paid and account_id = $saver",
      "running balances",
      /says that 99 was left, it was 100/,
    ],
    [
      "a hold that was ended twice",
      "drop index ledger.ltx_resolved_once_uq; insert into ledger.transactions select business_id, gen_random_uuid(), 'void', kind, pending_id, null, null, null, null, null, '{}', effective_at, posted_at from ledger.transactions where id = $post",
      "links",
      /is not the only one that does/,
    ],
    [
      "more posted than was held",
      "update ledger.entries set amount = 31 where transaction_id = $post",
      "links",
      /does not end the hold/,
    ],
    [
      "a reversal that is not the mirror",
      "update ledger.entries set side = case side when 'debit' then 'credit'::ledger.side else 'debit' end where transaction_id = $reversal",
      "links",
      /is not the mirror of/,
    ],
    [
      "a snapshot that is not what was effective",
      "update ledger.balance_snapshots set posted_credit = 1 where account_id = $saver",
      "snapshots",
      /says 0\/1 \(debit\/credit\), it should say 0\/100/,
    ],
    [
      "an account below its floor",
      "alter table ledger.balances drop constraint insufficient_funds; update ledger.balances set posted_debit = 200 where account_id = $saver",
      "bounds",
      /account saver has -95 available/,
    ],
    [
      "a frozen account that says that it is open",
      "update ledger.accounts set status = 'frozen' where id = $saver",
      "bounds",
      /is frozen and does not say so/,
    ],
  ] as const)("by %s", async (_, statement, part, words) => {
    expect(await afterwards("ledger", statement)).toMatchObject({ [part]: expect.stringMatching(words) });
  });
});

describe("the bank is found broken", () => {
  test.each([
    [
      "an account that is not in the ledger",
      "update ledger.accounts set owner_type = null, owner_id = null where id = $bank_account",
      "accounts",
      /is not in the ledger/,
    ],
    [
      "an account without the bank's",
      "delete from bank.accounts where id = $bank_account",
      "accounts",
      /belongs to no account of the bank/,
    ],
    [
      "an account in another currency",
      "update bank.accounts set currency = 'USD' where id = $bank_account",
      "accounts",
      /is active in USD/,
    ],
    [
      "another overdraft limit",
      "update ledger.balances set overdraft_limit = 5 where account_id = $bank_account",
      "accounts",
      /with overdraft limit 0, in the ledger open in NGN with 5/,
    ],
    [
      "an account that is closed in the ledger alone",
      "update ledger.accounts set status = 'closed' where id = $bank_account",
      "accounts",
      /in the ledger closed/,
    ],
    [
      "a transfer of another amount",
      "update bank.transfers set amount = 901 where id = $transfer",
      "transfers",
      /of 901 and a fee of 0.* 900 given/,
    ],
    [
      "a transfer that moved nothing",
      "update bank.transfers set id = gen_random_uuid() where id = $transfer",
      "transfers",
      /the ledger has it as nothing/,
    ],
    [
      "a transfer that is said to be undone",
      "update bank.transfers set status = 'reversed', reversed_by_id = $paid where id = $transfer",
      "transfers",
      /is reversed/,
    ],
    [
      "a transfer that is said to wait",
      "update bank.transfers set status = 'pending' where id = $transfer",
      "transfers",
      /is pending/,
    ],
    [
      "money without a transfer",
      "delete from bank.transfers where id = $transfer",
      "transfers",
      /no transfer tells of it/,
    ],
  ] as const)("by %s", async (_, statement, part, words) => {
    expect(await afterwards("bank", statement)).toMatchObject({ [part]: expect.stringMatching(words) });
  });
});
