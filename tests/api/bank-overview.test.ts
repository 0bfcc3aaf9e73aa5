import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { kycStatuses, wireStatuses } from "../../src/platform/enums.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { approveCustomer, deposit, insertTransfer, makeCustomer, openAccount } from "../helpers/bank.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let owner: string;
let ours: string;
let accounts: string[];

type Row = Record<string, unknown>;
type Overview = Readonly<Record<string, Row[]>> & {
  open_wire_transfers: Row;
  kyc: Row & Row[];
  as_of: string;
};

const hour_ms = 3_600_000;

beforeAll(async () => {
  api = await startTestApp();
  const { alpha, bravo, sql } = api;
  owner = await api.token(alpha.people.owner);
  await sql`insert into core.settings (business_id, key, value) values (${alpha.id}, 'bank.fx_rates', '{"USD": "1500"}')`;
  ours = await makeCustomer(sql, alpha, { user_id: alpha.people.customer.user_id });
  const open = { customer_id: ours, balance: 50_000 };
  const [first, second, dollars, closed] = [
    await openAccount(sql, alpha, { ...open, overdraft_limit: 7_000 }),
    await openAccount(sql, alpha, open),
    await openAccount(sql, alpha, { customer_id: ours, currency: "USD" }),
    await openAccount(sql, alpha, { customer_id: ours }),
  ].map(({ account_id }) => account_id) as [string, string, string, string];
  await sql`select bank.move_account(${alpha.id}, ${closed}, '{active}', 'closed', 'Not needed')`;
  accounts = [first, second, dollars];
  const { account_id: stranger, customer_id: other } = await openAccount(sql, alpha);
  await moveAbout([first, second, dollars, stranger]);
  await sendWires(ours, first);
  await sendWires(other, stranger);
  await waitForCompliance();
  // Another business has some of everything too.
  const { account_id: foreign } = await openAccount(sql, bravo);
  await insertTransfer(sql, bravo.id, { amount: 1, to: foreign });
  await sql`update ledger.balances set day = core.business_today(${alpha.id}), day_used = 100 where account_id = ${first}`;
});
afterAll(() => api.stop());

/** Transfers of all kinds and states, on both sides of every edge: of the hour, of the month in Lagos, of the account. */
async function moveAbout([first, second, dollars, stranger]: [
  string,
  string,
  string,
  string,
]): Promise<void> {
  const { alpha, sql } = api;
  const [{ month }] = await sql`select core.iso(date_trunc('month', now() at time zone 'Africa/Lagos')
    at time zone 'Africa/Lagos') as month`;
  const now = Date.now();
  const hour = now - (now % hour_ms);
  const edges = [
    now,
    hour,
    hour - 1,
    hour - 23 * hour_ms,
    hour - 23 * hour_ms - 1,
    Date.parse(month),
    Date.parse(month) - 1,
  ];
  const ends = [
    [first, second],
    [second, stranger],
    [stranger, first],
    [null, first],
    [first, null],
    [dollars, null],
  ] as const;
  let amount = 1;
  for (const at of edges) {
    for (const [from, to] of ends) {
      const currency = from === dollars ? "USD" : "NGN";
      const kind = from === null ? "deposit" : to === null ? "withdrawal" : "internal";
      const status = ["posted", "reversed", "posted", "pending", "failed"][amount % 5] ?? "posted";
      await insertTransfer(sql, alpha.id, {
        amount: amount++,
        from,
        to,
        currency,
        kind,
        status,
        at: new Date(at),
      });
    }
  }
}

/** Two wires of each status. */
async function sendWires(customer_id: string, from: string): Promise<void> {
  const { alpha, sql } = api;
  const [{ id }] =
    await sql`insert into bank.beneficiaries (business_id, customer_id, name, bank_name, iban_or_account, country)
    values (${alpha.id}, ${customer_id}, 'Kofi', 'Bank of Accra', ${Bun.randomUUIDv7().replaceAll("-", "").toUpperCase()}, 'GH')
    returning id`;
  for (const [index, status] of [...wireStatuses, ...wireStatuses].entries()) {
    const transfer = await insertTransfer(sql, alpha.id, {
      amount: 1_000 + index,
      from,
      kind: "wire",
      status: "pending",
      currency: index % 2 === 0 ? "NGN" : "USD",
    });
    await sql`insert into bank.wire_transfers (business_id, transfer_id, customer_id, beneficiary_id, beneficiary_snapshot,
        status, target_amount, target_currency, screening_score, needs_review, limit_day, rejection_reason)
      values (${alpha.id}, ${transfer}, ${customer_id}, ${id}, '{}', ${status}, 1, 'USD', 0, false, current_date, 'none')`;
  }
}

/** Customers in every state; of the approved ones one has sent something new. */
async function waitForCompliance(): Promise<void> {
  const { alpha, sql } = api;
  for (const status of [...kycStatuses, "approved"] as const) {
    const customer_id = await makeCustomer(sql, alpha);
    const waits = ["pending", "in_review", "approved"].includes(status);
    await sql`insert into bank.kyc_profiles (business_id, customer_id, status, level, expires_on, submitted_at)
      values (${alpha.id}, ${customer_id}, ${status}::bank.kyc_status, ${status === "approved" ? 1 : 0}, '2099-12-31',
        case when ${waits} then now() - random() * interval '9 days' end)`;
  }
}

const read = async (query = "", token = owner): Promise<Overview> => {
  const response = await api.send("GET", `/api/v1/bank/overview${query}`, { token });
  expect(response.status).toBe(200);
  return (await response.json()) as Overview;
};
/** Rows as the API would send them: numbers and texts. */
const truth = async (text: string, values: readonly unknown[]): Promise<Row[]> => {
  const rows: { row: Row }[] = await api.sql.unsafe(`select to_jsonb(t) as row from (${text}) t`, [
    ...values,
  ]);
  return rows.map(({ row }) => row);
};

describe("of a business", () => {
  const recount = async () => {
    const { id } = api.alpha;
    return {
      wire_transfers: await truth(
        `select w.status, t.currency, count(*), sum(t.amount) as amount, core.iso(min(w.updated_at)) as oldest
         from bank.wire_transfers w join bank.transfers t on t.id = w.transfer_id where w.business_id = $1
           and w.status not in ('completed', 'rejected', 'cancelled', 'returned') group by 1, 2 order by 1, 2`,
        [id],
      ),
      kyc: await truth(
        `select status, count(*), core.iso(min(submitted_at)) as oldest from bank.kyc_profiles
         where business_id = $1 and submitted_at is not null group by 1 order by 1`,
        [id],
      ),
      volume_24h: await truth(
        `select kind::text, status::text, currency, count(*), sum(amount) as amount from bank.transfers
         where business_id = $1 and created_at >= date_trunc('hour', now()) - interval '23 hours'
         group by 1, 2, 3 order by kind::text, status::text, currency`,
        [id],
      ),
    };
  };

  test("shows what a recount of every row shows, before and after counters are folded", async () => {
    for (const fold of [false, true]) {
      if (fold) await api.sql`select core.fold_counters(10000)`;
      await api.forget();
      const { as_of: _, ...overview } = await read();
      const expected = await recount();
      expect(overview as Row).toEqual(expected);
      expect([overview["wire_transfers"]?.length, overview["kyc"]?.length]).toEqual([10, 3]);
      expect(overview["volume_24h"]?.length).toBeGreaterThan(8);
    }
  });

  test("is empty where nothing happens, and nobody else's", async () => {
    const { as_of: _, ...overview } = await read("", await api.token(api.bravo.people.compliance));
    expect(overview as Row).toMatchObject({
      wire_transfers: [],
      kyc: [],
      volume_24h: [{ kind: "internal", status: "posted", currency: "NGN", count: 1, amount: 1 }],
    });
  });
});

describe("of a customer", () => {
  const recount = async () => {
    const { id } = api.alpha;
    const theirs = "select a.id from bank.accounts a where a.customer_id = $2 and a.status <> 'closed'";
    const since = "date_trunc('month', now() at time zone 'Africa/Lagos') at time zone 'Africa/Lagos'";
    const sum = (end: string) =>
      `coalesce((select sum(t.amount) from bank.transfers t where t.business_id = $1 and t.status = 'posted'
        and t.created_at >= ${since} and t.currency = c.currency and t.${end} in (${theirs})), 0)`;
    const [wires] = await truth(
      `select count(*), sum(t.amount) as amount from bank.wire_transfers w join bank.transfers t on t.id = w.transfer_id
       where w.business_id = $1 and w.customer_id = $2 and w.status not in ('completed', 'rejected', 'cancelled', 'returned')`,
      [id, ours],
    );
    return {
      accounts: await truth(
        `select a.id, a.account_number, a.type, a.currency, a.status, a.daily_limit, b.posted,
           b.available + a.overdraft_limit as available, coalesce(u.used, 0) as used_today
         from bank.accounts a join ledger.account_balances b on b.id = a.id
         left join ledger.limit_usage u on u.account_id = a.id and u.window_kind = 'day'
           and u.window_start = core.business_today($1)
         where a.business_id = $1 and a.id in (${theirs}) order by a.account_number`,
        [id, ours],
      ),
      month: await truth(
        `select c.currency, ${sum("to_account_id")} as in_mtd, ${sum("from_account_id")} as out_mtd
         from (select distinct currency from bank.accounts where business_id = $1 and id in (${theirs})) c order by 1`,
        [id, ours],
      ),
      open_wire_transfers: wires ?? {},
      kyc: { status: "approved", level: 2, expires_on: "2099-12-31" },
    };
  };

  test("shows what a recount shows, to staff who name them and to the customer, who need not", async () => {
    const expected = await recount();
    const customer = await api.token(api.alpha.people.customer);
    for (const [query, token] of [
      [`?customer_id=${ours}`, owner],
      [`?customer_id=${ours.toUpperCase()}`, customer],
      ["", customer],
    ] as const) {
      const { as_of: _, ...overview } = await read(query, token);
      expect(overview as Row).toEqual(expected);
    }
    expect(new Set(expected.accounts.map(({ id }) => id))).toEqual(new Set(accounts));
    expect(expected.accounts.filter(({ used_today }) => used_today === 100).length).toBe(1);
    expect(expected.open_wire_transfers).toMatchObject({ count: 10 });
  });

  test("of whom nothing is known yet says so", async () => {
    const nobody = await makeCustomer(api.sql, api.alpha);
    const { as_of: _, ...overview } = await read(`?customer_id=${nobody}`);
    expect(overview as Row).toEqual({
      accounts: [],
      month: [],
      open_wire_transfers: { count: 0, amount: 0 },
      kyc: { status: "not_started", level: 0, expires_on: null },
    });
  });

  test("is 404 for another customer, another business, and a login that is no customer; several must say which", async () => {
    const { alpha, bravo, sql } = api;
    const customer = await api.token(alpha.people.customer);
    const ask = (query: string, token: string) => api.send("GET", `/api/v1/bank/overview${query}`, { token });
    const other = await makeCustomer(sql, alpha);
    await expectProblem(await ask(`?customer_id=${other}`, customer), "not_found");
    const foreign = await makeCustomer(sql, bravo);
    for (const token of [customer, owner]) {
      await expectProblem(await ask(`?customer_id=${foreign}`, token), "not_found");
    }
    await expectProblem(await ask("", await api.token(bravo.people.customer)), "not_found");
    await expectProblem(await ask("", await api.token(alpha.people.clerk)), "forbidden");
    const second = await makeCustomer(sql, alpha, { user_id: alpha.people.customer.user_id });
    const problem = await expectProblem(await ask("", customer), "validation");
    expect(problem.errors).toMatchObject([{ pointer: "customer_id" }]);
    expect((await read(`?customer_id=${second}`, customer))["accounts"]).toEqual([]);
    await sql`update core.customers set user_id = null where id = ${second}`;
  });

  test("follows the money at once where it is told", async () => {
    const before = await read(`?customer_id=${ours}`);
    await approveCustomer(api.sql, api.alpha, { customer_id: ours, level: 2 });
    await deposit(api.sql, api.alpha, { account_id: accounts[0] ?? "", amount: 11 });
    const response = await api.send("POST", "/api/v1/transfers", {
      token: owner,
      headers: { "idempotency-key": crypto.randomUUID() },
      body: { from_account_id: accounts[0], to_account_id: accounts[1], amount: 5, currency: "NGN" },
    });
    expect(response.status).toBe(201);
    const after = await read(`?customer_id=${ours}`);
    // What posts many at once counts them too.
    const drift = await api.sql`select * from core.counter_drift(${api.alpha.id})`;
    expect([...drift]).toEqual([]);
    const posted = ({ accounts: all }: Overview, id = "") => all?.find((row) => row["id"] === id)?.["posted"];
    expect(Number(posted(after, accounts[0])) - Number(posted(before, accounts[0]))).toBe(6);
    expect(Number(posted(after, accounts[1])) - Number(posted(before, accounts[1]))).toBe(5);
  });
});
