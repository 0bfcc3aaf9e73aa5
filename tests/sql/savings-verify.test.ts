import type { SQL } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { savingsCheck } from "../../src/savings/verify.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { collect, makeProduct, openSavings } from "../helpers/savings.ts";
import { moves } from "../helpers/savings-model/world.ts";
import { brokenBy, proofOf } from "./proofs.ts";

let database: TestDatabase;
let sql: SQL;
let business: Business;
/** What is broken on purpose below: rows by what they are. */
let rows: Record<
  | "account"
  | "paid_account"
  | "asked_account"
  | "visit"
  | "undone"
  | "recorded"
  | "remittance"
  | "confirmed"
  | "paid"
  | "pending"
  | "rejected"
  | "expense"
  | "agent"
  | "owner",
  string
>;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "ALPHA", timezone: "Africa/Lagos", currency: "NGN" });
  const { agent, owner } = business.people;
  const paid_account = await filled(2);
  const [, to_confirm] = [await filled(1), await remittanceOf()];
  await moveRemittance(to_confirm, "submit", { declared: 300 });
  await moveRemittance(to_confirm, "confirm", { counted: 290 });
  const account = await filled(3);
  const [visit, undone, recorded] = [
    await visitOf(account),
    await visitOf(account),
    await visitOf(account, "transfer"),
  ];
  await sql`select savings.reverse_collection(${business.id}, ${owner.member_id}, null, 'owner', ${undone}, null,
    ${moves.collections}::text::jsonb, 'Wrong card', ${Bun.randomUUIDv7()})`;
  const expense = Bun.randomUUIDv7();
  const spent = JSON.stringify({ category: "transport", amount: 5, paid_from: "agent_cash" });
  await sql`select savings.record_expense(${business.id}, ${agent.user_id}, ${agent.member_id}, ${expense},
    ${spent}::text::jsonb, '["transport"]')`;
  await sql`select savings.move_expense(${business.id}, ${owner.user_id}, ${owner.member_id}, null, 'owner', ${expense}, null,
    'approve', ${moves.expenses}::text::jsonb, '{}', '["transport"]', ${Bun.randomUUIDv7()})`;
  const paid = await requested(paid_account, ["approve", "pay"]);
  const rejected = await requested(await filled(2), ["reject"]);
  const asked_account = await filled(2);
  const pending = await requested(asked_account);
  rows = {
    account,
    paid_account,
    asked_account,
    visit,
    undone,
    recorded,
    remittance: await remittanceOf(),
    confirmed: to_confirm,
    paid,
    pending,
    rejected,
    expense,
    agent: agent.member_id,
    owner: owner.member_id,
  };
}, 30_000);
afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

/** An account with so many markings of 100, paid in cash. */
async function filled(count: number): Promise<string> {
  const product_id = await makeProduct(sql, business, { agent_share_bps: 5_000 });
  const { savings_account_id } = await openSavings(sql, business, { marking_amount: 100, product_id });
  if (count > 0) await collect(sql, business, [{ savings_account_id, count }]);
  return savings_account_id;
}

async function visitOf(savings_account_id: string, method = "cash"): Promise<string> {
  const id = Bun.randomUUIDv7();
  const item = {
    id,
    savings_account_id,
    count: 1,
    method,
    client_ref: id,
    collected_at: new Date(Date.now() - 1_000),
  };
  const checkouts = JSON.stringify({ transfer: { provider: "sample", url: "https://pay.example/{id}" } });
  await sql`select savings.collect(${business.id}, ${business.people.agent.member_id}, null, null,
    ${JSON.stringify([item])}::text::jsonb, ${checkouts}::text::jsonb)`;
  return id;
}

async function remittanceOf(): Promise<string> {
  const [row] = await sql`select id from savings.remittances
    where business_id = ${business.id} and status = 'open' order by created_at desc limit 1`;
  return row.id;
}

async function moveRemittance(id: string, action: string, given: object): Promise<void> {
  const by = action === "submit" ? business.people.agent : business.people.owner;
  await sql`select savings.move_remittance(${business.id}, ${by.member_id}, null, ${by.role}, ${id}, null, ${action},
    ${moves.remittances}::text::jsonb, ${JSON.stringify(given)}::text::jsonb, ${Bun.randomUUIDv7()})`;
}

/** Asks for an account's money as the agent, and moves the request as the owner. */
async function requested(savings_account_id: string, actions: readonly string[] = []): Promise<string> {
  const id = Bun.randomUUIDv7();
  const given = JSON.stringify({ savings_account_id, method: "cash" });
  await sql`select savings.request_payment(${business.id}, ${business.people.agent.user_id}, null, null, ${id},
    ${given}::text::jsonb)`;
  for (const action of actions)
    await sql`select savings.move_payment_request(${business.id}, ${business.people.owner.user_id}, null, null, 'owner', ${id},
      null, ${action}, ${moves.payment_requests}::text::jsonb, '{"reason": "No"}', ${Bun.randomUUIDv7()})`;
  return id;
}

const prove = (): Promise<string> => proofOf(database.url, savingsCheck);
const afterwards = (statement: string) => brokenBy(sql, "savings", business.id, statement, rows);

test("all of it holds where nobody changed anything, and verify says how much it proved", async () => {
  expect(await prove()).toMatch(/^ok {5}savings: 11 markings of 1 businesses proven/);
  const [{ n }] = await sql`select count(*)::int as n from ledger.verify(${business.id})`;
  expect(n).toBe(0);
});

test("verify names the business and the first row that is broken", async () => {
  await sql`update savings.accounts set collected = collected + 1 where id = ${rows.account}`;
  const told = await prove();
  await sql`update savings.accounts set collected = collected - 1 where id = ${rows.account}`;
  expect(told).toStartWith(
    `BROKEN savings: 1 of 1 businesses; of business ${business.id}, accounts: account ${rows.account}`,
  );
  expect(told).toContain("says that 4 markings of 401 in all are paid, it has 4 of 400");
});

describe("savings are found broken", () => {
  test.each([
    [
      "an account that says more",
      "update savings.accounts set markings_paid = 5 where id = $account",
      "accounts",
      /says that 5/,
    ],
    [
      "an account that is not in the ledger as its own",
      "update ledger.accounts set code = 'savings:account:x' where id = $account",
      "accounts",
      /is not in the ledger/,
    ],
    [
      "a balance that is not its markings",
      "update ledger.balances set posted_credit = posted_credit + 1 where account_id = $account",
      "accounts",
      /has 401 in the ledger, its markings less what was paid are 400/,
    ],
    [
      "a marking that was lost",
      "delete from savings.markings where collection_id = $visit",
      "accounts",
      /it has 3 of 300/,
    ],
    [
      "a marking beyond the last slot",
      "update savings.markings set position = 40, for_date = for_date + 36 where collection_id = $visit",
      "accounts",
      /has a marking at 40 and 31 slots/,
    ],
    [
      "a marking for another day",
      "update savings.markings set for_date = for_date + 1 where collection_id = $visit",
      "accounts",
      /marking 4 of account .* its slot is due on/,
    ],
    [
      "an account that is active and full",
      "update savings.accounts set markings_total = 4 where id = $account",
      "accounts",
      /is active and full/,
    ],
    [
      "an account that is paid out and was not paid",
      "update savings.accounts set status = 'paid_out' where id = $account",
      "accounts",
      /is paid_out, and 0 was paid/,
    ],
    [
      "an account that was paid and says that it was not",
      "update savings.accounts set status = 'closed_early' where id = $paid_account",
      "accounts",
      /is closed_early, and 200 was paid/,
    ],
    [
      "an account that is active though its money is asked for",
      "update savings.accounts set status = 'active' where id = $asked_account",
      "accounts",
      /is active, and a payment is asked for/,
    ],
    [
      "money that is held for nobody",
      "update ledger.balances set pending_debit = 7 where account_id = $account",
      "accounts",
      /has 7 held in the ledger, requests for 0 are live/,
    ],
    [
      "a visit of another amount",
      "update savings.collections set amount = 101 where id = $visit",
      "collections",
      /is 100 to account/,
    ],
    [
      "a visit that the ledger does not know",
      "update savings.collections set id = gen_random_uuid() where id = $visit",
      "collections",
      /is confirmed, and the ledger has it as nothing/,
    ],
    [
      "a visit that is booked to another account",
      "update savings.collections set savings_account_id = $paid_account where id = $visit",
      "collections",
      /to account/,
    ],
    [
      "a visit that is recorded and booked",
      "update savings.collections set status = 'recorded' where id = $visit",
      "collections",
      /is recorded, and the ledger has it as 100/,
    ],
    [
      "a payment that nobody confirmed",
      "update savings.collections set status = 'confirmed', confirmed_at = now() where id = $recorded",
      "collections",
      /the ledger has it as nothing/,
    ],
    [
      "a visit that was undone and still pays a slot",
      "update savings.markings set reversed_at = null where collection_id = $undone; drop index savings.markings_position_uq",
      "collections",
      /is reversed of 1 markings, and 1 markings/,
    ],
    [
      "a visit that was undone without the money",
      "update savings.collections set reversal_id = gen_random_uuid() where id = $undone",
      "collections",
      /is reversed, and the ledger gave back nothing/,
    ],
    [
      "a visit that was deleted",
      "delete from savings.collections where id = $visit",
      "collections",
      /marking 4 of account .* is paid by no collection of it/,
    ],
    [
      "a visit that was deleted with its markings",
      "delete from savings.collections where id = $visit; delete from savings.markings where collection_id = $visit",
      "collections",
      /is of a visit, and no collection tells of it/,
    ],
    [
      "a visit of another agent's remittance",
      "update savings.remittances set agent_id = $owner where id = $remittance",
      "collections",
      /belongs to no remittance of its agent/,
    ],
    [
      "a remittance that expects more",
      "update savings.remittances set expected = expected + 1 where id = $remittance",
      "cash",
      /remittance .* \(open\) expects \d+, its visits less what was spent are/,
    ],
    [
      "a remittance that was confirmed and not booked",
      "update savings.remittances set ledger_transaction_id = null where id = $confirmed",
      "cash",
      /\(confirmed\) expects 300, .* are 300, and 0 left the cash/,
    ],
    [
      "cash in hand that is not what was collected",
      "update ledger.balances b set posted_debit = posted_debit + 1 from savings.agents g where g.id = $agent and b.account_id = g.cash_id",
      "cash",
      /agent .* as cash in the ledger/,
    ],
    [
      "a shortage that nobody owes",
      "update ledger.balances b set posted_debit = 0 from savings.agents g where g.id = $agent and b.account_id = g.receivable_id",
      "cash",
      /has 0 as receivable in the ledger, it should be 10/,
    ],
    [
      "a commission that the ledger does not owe",
      "update ledger.balances b set posted_credit = 0 from savings.agents g where g.id = $agent and b.account_id = g.commission_id",
      "cash",
      /has 0 as commission in the ledger, it should be 50/,
    ],
    [
      "a request that is paid and was not",
      "update savings.payment_requests set status = 'paid', ledger_transaction_id = gen_random_uuid() where id = $pending",
      "payments",
      /is paid of 200 and 100 net; the ledger holds 200, ended by nothing, and paid nothing/,
    ],
    [
      "a request that is live though its hold was let go",
      "update savings.payment_requests set status = 'approved' where id = $rejected",
      "payments",
      /is approved .* ended by void/,
    ],
    [
      "a commission that was earned by nobody's request",
      "insert into savings.commissions (business_id, savings_account_id, payment_request_id, agent_id, amount, agent_amount, house_amount, currency, ledger_transaction_id, earned_on) select business_id, savings_account_id, id, agent_id, 1, 1, 0, 'NGN', id, now() from savings.payment_requests where id = $pending",
      "payments",
      /is pending with a commission of 100 .* earned is 1 /,
    ],
    [
      "a commission that was not earned though the request was paid",
      "delete from savings.commissions where payment_request_id = $paid",
      "payments",
      /is paid with a commission of 100 .* earned is nothing/,
    ],
    [
      "an expense of another amount",
      "update savings.expenses set amount = 6 where id = $expense",
      "expenses",
      /is approved of 6 from agent_cash, the ledger has 5 from agent:/,
    ],
    [
      "an expense that came out of another pocket",
      "update savings.expenses set paid_from = 'vault' where id = $expense",
      "expenses",
      /from vault, the ledger has 5 from agent:/,
    ],
  ] as const)("by %s", async (_, statement, part, words) => {
    expect(await afterwards(statement)).toMatchObject({ [part]: expect.stringMatching(words) });
  });
});
