import type { SQL } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { getCustomerMetrics, getMetrics } from "../../src/savings/statements.ts";
import { makeCustomer } from "../helpers/bank.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { openSavings } from "../helpers/savings.ts";
import { type History, insertHistory } from "./savings-history.ts";

let database: TestDatabase;
let sql: SQL;
let business: Business;
let units: string[];
const seed = Number((Math.random() * 2 - 1).toFixed(6));
const timezone = "Africa/Lagos";

type Metrics = Record<string, unknown> & { scope: string };

/** Whose rows a scope means, as a condition on a row with `agent` and `unit`. */
type Scope = Readonly<{ name: string; agent_id: string | null; unit_id: string | null; where: string }>;

const historyOf = (of: Business, ids: readonly string[], more: Partial<History> = {}): History => ({
  business: of,
  agents: [of.people.agent, of.people.sub_agent, of.people.manager].map(({ member_id }) => member_id),
  units: ids,
  staff: of.people.owner,
  accounts: 240,
  visits: 4,
  days: 70,
  seed,
  ...more,
});

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "ALPHA", timezone, currency: "NGN" });
  units = await makeUnits(business);
  await insertHistory(sql, historyOf(business, units));
  await sql`update core.memberships set unit_id = ${units[0] ?? null} where id = ${business.people.agent.member_id}`;
  // Another business has some of everything, too.
  const bravo = await makeBusiness(sql, { code: "BRAVO", timezone, currency: "NGN" });
  await insertHistory(sql, historyOf(bravo, await makeUnits(bravo), { accounts: 30 }));
}, 30_000);
afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

async function makeUnits({ id }: Business): Promise<string[]> {
  const rows: { id: string }[] = await sql`insert into core.units (business_id, name)
    values (${id}, 'North'), (${id}, 'South') returning id`;
  return rows.map((row) => row.id);
}

const scopes = (): Scope[] => {
  const { agent, sub_agent } = business.people;
  const [north = ""] = units;
  return [
    { name: "business", agent_id: null, unit_id: null, where: "true" },
    {
      name: "agent",
      agent_id: agent.member_id,
      unit_id: null,
      where: `agent in ('${agent.member_id}', '${sub_agent.member_id}')`,
    },
    {
      name: "agent",
      agent_id: sub_agent.member_id,
      unit_id: null,
      where: `agent = '${sub_agent.member_id}'`,
    },
    { name: "unit", agent_id: null, unit_id: north, where: `unit = '${north}'` },
  ];
};

async function readMetrics(
  { agent_id, unit_id }: Pick<Scope, "agent_id" | "unit_id">,
  own_agent_id: string | null = null,
): Promise<Metrics | null> {
  const [row] = await sql.unsafe(getMetrics.text, [business.id, agent_id, unit_id, own_agent_id, timezone]);
  return row === undefined ? null : (JSON.parse(row.body) as Metrics);
}

/** One object of plain counts over all rows: `from` gives rows with agent and unit, of which the scope keeps its own. */
async function recount(scope: Scope, columns: string, from: string): Promise<Record<string, unknown>> {
  const [row] = await sql.unsafe(
    `select to_jsonb(t) as row from (select ${columns} from (${from}) x where ${scope.where}) t`,
    [business.id],
  );
  return row.row as Record<string, unknown>;
}

const today = "core.business_today($1)";
const month = `to_char(${today}, 'YYYY-MM')`;
const confirmed = `select c.*, c.agent_id as agent, c.unit_id as unit from savings.collections c
  where c.business_id = $1 and c.status = 'confirmed'`;
const accounts = `select a.*, a.agent_id as agent, a.unit_id as unit from savings.accounts a where a.business_id = $1`;
const requests = `select r.*, r.agent_id as agent, r.unit_id as unit from savings.payment_requests r
  where r.business_id = $1`;
const sum = (what: string, when: string) => `coalesce(sum(${what}) filter (where ${when}), 0)`;

async function naive(scope: Scope): Promise<Record<string, unknown>> {
  const collections = await recount(
    scope,
    `${sum("amount", `business_date = ${today}`)} as today, ${sum("markings", `business_date = ${today}`)} as markings_today,
     ${sum("amount", `to_char(business_date, 'YYYY-MM') = ${month}`)} as mtd,
     ${sum("amount", `business_date = ${today} and method = 'cash'`)} as cash_today,
     count(distinct agent) filter (where business_date = ${today}) as agents_out`,
    confirmed,
  );
  // slot by slot
  const expected = await recount(
    scope,
    "coalesce(sum(marking_amount), 0) as expected_today",
    `${accounts} and a.status = 'active' and exists (select from generate_series(1, a.markings_total) p
       where savings.due_on(a.starts_on, a.period_days, p) = ${today})`,
  );
  const [amount, due] = [Number(collections["today"]), Number(expected["expected_today"])];
  const rate_pct = due === 0 ? null : Math.round((1000 * amount) / due) / 10;
  const status = (name: string) => `count(*) filter (where status = '${name}') as ${name}`;
  return {
    collections: { ...collections, ...expected, rate_pct },
    accounts: await recount(
      scope,
      `${["active", "completed", "closed_early", "paid_out", "cancelled"].map(status).join(", ")}, count(*) as total,
       ${sum("collected", "status in ('active', 'completed', 'closed_early')")} as owed`,
      accounts,
    ),
    payment_requests: await recount(
      scope,
      `count(*) filter (where status = 'pending') as pending, ${sum("net", "status = 'pending'")} as pending_amount,
       count(*) filter (where status = 'pending' and created_at < now() - interval '24 hours') as pending_over_24h,
       ${sum("net", "status in ('approved', 'paying', 'failed')")} as in_flight_amount`,
      requests,
    ),
    ...(await recount(
      scope,
      `${sum("amount", `to_char(earned_on, 'YYYY-MM') = ${month}`)} as commission_mtd`,
      `select c.*, c.agent_id as agent, r.unit_id as unit from savings.commissions c
       join savings.payment_requests r on r.id = c.payment_request_id where c.business_id = $1`,
    )),
    ...(await recount(
      scope,
      `${sum("amount", `to_char(spent_on, 'YYYY-MM') = ${month} and status = 'approved'`)} as expenses_mtd`,
      `select e.*, e.member_id as agent, e.unit_id as unit from savings.expenses e where e.business_id = $1`,
    )),
    remittances: await recount(
      scope,
      `count(*) as open, coalesce(sum(expected), 0) as unremitted, coalesce(sum(variance), 0) as variance`,
      `select m.*, m.agent_id as agent, b.unit_id as unit from savings.remittances m
       join core.memberships b on b.id = m.agent_id where m.business_id = $1 and m.status <> 'confirmed'`,
    ),
    top_agents: await lines(
      scope,
      `select agent as agent_id, u.full_name as name, sum(amount) as amount, sum(markings) as markings
       from (${confirmed}) x join core.memberships b on b.id = agent join core.users u on u.id = b.user_id
       where business_date = ${today} and SCOPE group by 1, 2 order by 3 desc, 1 limit 10`,
    ),
    savings_accounts: await lines(
      scope,
      `select x.id as savings_account_id, x.tracking_number, x.customer_id, k.name as customer_name, x.status, x.collected
       from (${accounts}) x join core.customers k on k.id = x.customer_id
       where x.status in ('completed', 'closed_early') and collected > 0 and SCOPE
         and collected > marking_amount * ((markings_paid + 30) / 31)
         and not exists (select from savings.payment_requests r where r.savings_account_id = x.id
           and r.status not in ('rejected', 'cancelled'))
       order by x.created_at desc, x.id desc limit 20`,
    ),
  };
}

async function lines({ where }: Scope, text: string): Promise<unknown[]> {
  const rows: { row: unknown }[] = await sql.unsafe(
    `select to_jsonb(t) as row from (${text.replace("SCOPE", where)}) t`,
    [business.id],
  );
  return rows.map(({ row }) => row);
}

describe(`the figures of a made history (seed ${seed})`, () => {
  test("are what a recount of every row shows, in every scope, before and after counters are folded", async () => {
    for (const fold of [false, true]) {
      if (fold) await sql`select core.fold_counters(100000)`;
      for (const scope of scopes()) {
        const [{ day }] = await sql`select core.business_today(${business.id})::text as day`;
        expect(await readMetrics(scope)).toEqual({
          as_of: expect.any(String),
          today: day,
          scope: scope.name,
          currency: "NGN",
          ...(await naive(scope)),
        });
      }
    }
    expect([...(await sql`select * from core.counter_drift()`)]).toEqual([]);
  });

  // What is of today, of the month or of a seldom state may be nothing, by the calendar or the seed.
  test("are those of a business with accounts, money and agents", async () => {
    const metrics = (await readMetrics({ agent_id: null, unit_id: null })) as Record<
      string,
      Record<string, number>
    >;
    expect(metrics["accounts"]?.["total"]).toBeGreaterThan(20);
    expect(metrics["accounts"]?.["owed"]).toBeGreaterThan(0);
    expect(metrics["savings_accounts"]?.["length"]).toBeGreaterThan(0);
  });

  test("follow rows that move, and agents' days are their visits", async () => {
    await sql`update savings.accounts set agent_id = ${business.people.manager.member_id}, unit_id = ${units[1] ?? null}
      where business_id = ${business.id} and starts_on > core.business_today(business_id) - 20`;
    await sql`update savings.collections set status = 'reversed', reversal_reason = 'Wrong card'
      where business_id = ${business.id} and status = 'confirmed' and markings = 1`;
    await sql`update savings.payment_requests set status = 'approved' where business_id = ${business.id} and status = 'pending'
      and method = 'cash'`;
    await sql`delete from savings.expenses where business_id = ${business.id} and amount % 2 = 0`;
    for (const scope of scopes()) expect(await readMetrics(scope)).toMatchObject(await naive(scope));
    expect([...(await sql`select * from core.counter_drift()`)]).toEqual([]);
    const days =
      await sql`select agent_id, business_date::text, unit_id, collections::int, markings::int, cash::int, other::int
      from savings.agent_days(${business.id}, core.business_today(${business.id}) - 9, core.business_today(${business.id}))
      order by business_date, agent_id, unit_id`;
    const visits = await sql`select agent_id, business_date::text, unit_id, count(*)::int as collections,
        sum(markings)::int as markings, coalesce(sum(amount) filter (where method = 'cash'), 0)::int as cash,
        coalesce(sum(amount) filter (where method <> 'cash'), 0)::int as other
      from savings.collections where business_id = ${business.id} and status = 'confirmed'
        and business_date between core.business_today(business_id) - 9 and core.business_today(business_id)
      group by 1, business_date, 3 order by business_date, 1, 3`;
    expect([...days]).toEqual([...visits]);
    expect(visits.length).toBeGreaterThan(20);
  });
});

type Node = { "Relation Name"?: string; Plans?: Node[] };

test("no figure is read from what grows: visits, markings, commissions, expenses; `bun run load savings-metrics` has the times", async () => {
  const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
  for (const { agent_id, unit_id } of scopes()) {
    const values = [business.id, agent_id, unit_id, null, timezone];
    const [row] = await sql.unsafe(`explain (format json) ${getMetrics.text}`, values);
    const nodes = nodesOf(row["QUERY PLAN"][0].Plan);
    const read = new Set(nodes.flatMap((node) => node["Relation Name"] ?? []));
    const grown = ["collections", "markings", "commissions", "expenses"].filter((name) => read.has(name));
    expect(grown).toEqual([]);
    expect(read).toContain("counters");
  }
});

test("nobody reads whom they do not see: an agent's agent, a unit that is not there, another business", async () => {
  const { agent, sub_agent, manager } = business.people;
  const of = (agent_id: string | null, unit_id: string | null, own: string | null = null) =>
    readMetrics({ agent_id, unit_id }, own);
  expect(await of(sub_agent.member_id, null, agent.member_id)).toMatchObject({ scope: "agent" });
  expect(await of(agent.member_id, null, sub_agent.member_id)).toBeNull();
  expect(await of(manager.member_id, null, agent.member_id)).toBeNull();
  expect(await of(crypto.randomUUID(), null)).toBeNull();
  expect(await of(null, crypto.randomUUID())).toBeNull();
  const [foreign] = await sql`select b.id as member_id, u.id as unit_id from core.memberships b
    join core.units u on u.business_id = b.business_id where b.business_id <> ${business.id} limit 1`;
  expect(await of(foreign.member_id, null)).toBeNull();
  expect(await of(null, foreign.unit_id)).toBeNull();
});

test("many visits of one agent and day are a handful of deltas", async () => {
  const { savings_account_id } = await openSavings(sql, business);
  for (let folded = 1; folded > 0;) [{ folded }] = await sql`select core.fold_counters(10000) as folded`;
  await sql`insert into savings.collections (business_id, id, savings_account_id, agent_id, amount, currency, markings, method,
      status, client_ref, content_hash, collected_at, business_date, receipt_no, confirmed_at)
    select ${business.id}, gen_random_uuid(), ${savings_account_id}, ${business.people.agent.member_id}, 100, 'NGN', 1, 'cash',
      'confirmed', gen_random_uuid(), '', now(), '2026-03-01', 'R' || g, now() from generate_series(1, 500) g`;
  const deltas =
    await sql`select name, dimension[1] <> 'all' as of_agent, count::int, total::int from core.counter_deltas
    order by name, 2`;
  expect([...deltas]).toEqual([
    { name: "savings.agent_days", of_agent: true, count: 500, total: 50_000 },
    { name: "savings.agent_markings", of_agent: true, count: 500, total: 500 },
    { name: "savings.collected", of_agent: false, count: 500, total: 50_000 },
    { name: "savings.collected", of_agent: true, count: 500, total: 50_000 },
  ]);
});

describe("a customer", () => {
  const read = async (
    customer_id: string | null,
    own_user_id: string | null = null,
    own_agent_id: string | null = null,
  ): Promise<Record<string, unknown> | null> => {
    const values = [business.id, customer_id, own_user_id, own_agent_id, timezone];
    const [row] = await sql.unsafe(getCustomerMetrics.text, values);
    return row === undefined ? null : (JSON.parse(row.body) as Record<string, unknown>);
  };

  test("sees what each account pays, what was paid, and which may be asked for", async () => {
    const { people } = business;
    const customer_id = await makeCustomer(sql, business, { user_id: people.customer.user_id });
    const paid = async (count: number, status = "active") => {
      const { savings_account_id: id } = await openSavings(sql, business, {
        customer_id,
        marking_amount: 500,
      });
      await sql`update savings.accounts set markings_paid = ${count}, collected = ${count * 500},
        status = ${status}::savings.account_status where id = ${id}`;
      return id;
    };
    const request = async (id: string, status: string) => {
      await sql`insert into savings.payment_requests (business_id, id, savings_account_id, customer_id, agent_id, requested_by,
          method, gross, commission, fees, net, currency, agent_amount, parent_amount, status, reference,
          ledger_transaction_id, reason)
        values (${business.id}, ${Bun.randomUUIDv7()}, ${id}, ${customer_id}, ${people.agent.member_id},
          ${people.owner.user_id}, 'cash', 2000, 450, 50, 1500, 'NGN', 0, 0, ${status}::savings.payment_request_status,
          ${Bun.randomUUIDv7()}, case when ${status} = 'paid' then gen_random_uuid() end, 'Made so')`;
    };
    const [empty, one, enough] = [await paid(0), await paid(1), await paid(12)];
    const [full, asked, done] = [
      await paid(31, "completed"),
      await paid(4, "closed_early"),
      await paid(4, "paid_out"),
    ];
    await request(enough, "rejected");
    await request(asked, "pending");
    await request(done, "paid");
    const body = await read(customer_id);
    expect(body).toMatchObject({ scope: "customer", currency: "NGN", saved: 24_000, paid_out: 1_500 });
    const rows = body?.["savings_accounts"] as Record<string, unknown>[];
    const told = rows.map((row) => [
      row["savings_account_id"],
      row["payable"],
      row["can_request"],
      row["commission"],
    ]);
    expect(told).toEqual([
      [done, 0, false, 450],
      [asked, 1_500, false, 450],
      [full, 15_000, true, 500],
      [enough, 5_500, true, 500],
      [one, 0, false, 500],
      [empty, 0, false, 0],
    ]);
    expect(rows.map((row) => (row["payment_request"] as { status: string } | null)?.status ?? null)).toEqual([
      "paid",
      "pending",
      null,
      null,
      null,
      null,
    ]);
    expect(rows[2]).toMatchObject({ markings_paid: 31, markings_total: 31, fees: 0, status: "completed" });
    // Who the customer is sees the same; an agent of others sees a customer without accounts; nobody else anything.
    const { as_of: _, ...same } = (await read(null, people.customer.user_id)) ?? {};
    expect(body).toMatchObject(same);
    expect(await read(customer_id, people.clerk.user_id)).toBeNull();
    expect(await read(crypto.randomUUID())).toBeNull();
    expect(await read(customer_id, null, people.manager.member_id)).toMatchObject({
      saved: 0,
      savings_accounts: [],
    });
    expect((await read(customer_id, null, people.agent.member_id))?.["saved"]).toBe(24_000);
  });
});
