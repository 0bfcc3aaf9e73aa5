import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { collect, makeProduct, openSavings } from "../helpers/savings.ts";

let database: TestDatabase;
let sql: SQL;
/** The only one. */
let business: Business;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "ONLY", timezone: "Africa/Lagos", currency: "NGN" });
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

async function handle(reference: string, amount: number): Promise<{ result: string; reason: string | null }> {
  const event_id = crypto.randomUUID();
  const event = {
    provider: "acme",
    event_id,
    is_payment: true,
    reference,
    amount,
    currency: "NGN",
    body: "{}",
  };
  await sql`insert into savings.webhook_events ${sql(event)}`;
  const [row] = await sql`select e.result, e.reason from savings.handle_event('acme', ${event_id}) e`;
  return row;
}

test("with one business, money under a reference that nobody knows is parked in its books", async () => {
  expect(await handle("nobody", 700)).toEqual({ result: "parked", reason: "reference_unknown" });
  const [{ parked }] =
    await sql`select (b.posted_credit - b.posted_debit)::int as parked from ledger.balances b
    join ledger.accounts a on a.id = b.account_id where a.code = 'clearing:unapplied' and b.posted_credit > 0`;
  expect(parked).toBe(700);
});

test("a checkout is the template with what it names", async () => {
  const [{ url }] = await sql`select savings.checkout_url(${business.id},
    'https://x.example/{reference}?a={amount}&c={currency}&b={business}&r={reference}',
    '01987c3e-6b20-7d11-8c3a-5a2f9e4b7c06', 500, 'NGN') as url`;
  const id = "01987c3e-6b20-7d11-8c3a-5a2f9e4b7c06";
  expect(url).toBe(`https://x.example/${id}?a=500&c=NGN&b=ONLY&r=${id}`);
});

/** A generator that gives the same numbers for the same seed (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test("whatever comes in whatever order, every amount is credited once or parked, and no slot is paid twice", async () => {
  const seed = Number(process.env["SAVINGS_ONLINE_SEED"] ?? Math.floor(Math.random() * 1e9));
  const random = randomOf(seed);
  const product_id = await makeProduct(sql, business, { cycle_markings: 5 });
  const accounts = [];
  for (let made = 0; made < 4; made += 1)
    accounts.push((await openSavings(sql, business, { product_id, marking_amount: 100 })).savings_account_id);
  const payments: { id: string; amount: number }[] = [];
  // One that nothing gets in the way of: of the others a history may have none.
  const plain = {
    savings_account_id: accounts[0] ?? "",
    count: 1,
    method: "card",
    provider: "acme",
  } as const;
  const [first] = await collect(sql, business, [plain]);
  expect(await handle(first?.collection_id ?? "", 100)).toMatchObject({ result: "confirmed" });
  for (let step = 0; step < 120; step += 1) {
    const savings_account_id = accounts[random(accounts.length)] ?? "";
    const payment = payments[random(Math.max(payments.length, 1))];
    const action = random(10);
    if (action < 3 || payment === undefined) {
      const count = 1 + random(3);
      const visit = { savings_account_id, count, method: "card", provider: "acme" } as const;
      const [made] = await collect(sql, business, [visit]);
      if (made?.is_new === true) payments.push({ id: made.collection_id ?? "", amount: 100 * count });
    } else if (action < 5) {
      await collect(sql, business, [{ savings_account_id }]);
    } else if (action === 5) {
      await sql`update savings.collections set status = 'reversed', reversal_reason = 'Given up'
        where id = ${payment.id} and status = 'recorded'`;
    } else {
      const { id, amount } = payment;
      await handle(action === 6 ? "nobody" : id, action === 7 ? amount + 1 : amount);
    }
  }
  const [sums] = await sql`with balance as (
      select a.code, sum(b.posted_debit - b.posted_credit)::int as debit
      from ledger.accounts a join ledger.balances b on b.account_id = a.id group by a.code)
    select (select debit from balance where code = 'clearing:acme') as owed,
      (select -debit from balance where code = 'clearing:unapplied') as parked,
      (select sum(e.amount)::int from savings.webhook_events e) as events,
      (select sum(c.amount)::int from savings.collections c where c.status = 'confirmed' and c.method <> 'cash') as confirmed,
      (select count(*)::int from savings.accounts a where a.collected <> (
        select -b.debit from balance b where b.code = 'savings:account:' || a.id)
        or a.markings_paid <> (select count(*) from savings.markings m where m.savings_account_id = a.id)
        or a.markings_paid > a.markings_total) as wrong`;
  expect({ seed, ...sums }).toMatchObject({ seed, owed: sums.events, wrong: 0 });
  expect({ seed, sum: sums.confirmed + sums.parked }).toEqual({ seed, sum: sums.events });
});

test("verify finds an event that is not in the ledger as it is kept", async () => {
  const verify = async () =>
    (await sql`select part, broken from savings.verify(${business.id}) v
    where v.broken is not null`) as { part: string; broken: string }[];
  const { savings_account_id } = await openSavings(sql, business, { marking_amount: 100 });
  const [made] = await collect(sql, business, [{ savings_account_id, method: "card", provider: "acme" }]);
  const reference = made?.collection_id ?? "";
  expect(await handle(reference, 100)).toMatchObject({ result: "confirmed" });
  expect(await verify()).toEqual([]);
  for (const change of ["amount = 101", "provider = 'other'", "collection_id = gen_random_uuid()"]) {
    const [{ event_id }] =
      await sql`select event_id from savings.webhook_events where reference = ${reference}`;
    await sql.unsafe(`update savings.webhook_events set ${change} where event_id = $1`, [event_id]);
    const [{ part, broken } = { part: "", broken: "" }] = await verify();
    expect([part, broken.includes(event_id)]).toEqual(["events", true]);
    await sql`update savings.webhook_events set amount = 100, provider = 'acme', collection_id = ${reference}
      where event_id = ${event_id}`;
  }
});
