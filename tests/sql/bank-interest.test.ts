import type { SQL } from "bun";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { interestJob } from "../../src/bank/interest.ts";
import type { Database } from "../../src/platform/db/database.ts";
import { deposit, openAccount } from "../helpers/bank.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { balanceOf } from "../helpers/ledger.ts";
import { insertBusiness } from "./fixtures.ts";
import { openLanes } from "./shop-truth.ts";

let database: TestDatabase;
let sql: SQL;
let db: Database;
let business: { id: string; currency: string };
/** Told to the cache. */
let told: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  db = openLanes(database.url);
});
afterAll(async () => {
  await db.close();
  await sql.close();
  await database.drop();
});
beforeEach(async () => {
  // The job goes through all businesses: those of other tests are out of its way.
  await sql`update core.businesses set status = 'suspended'`;
  business = { id: (await insertBusiness(sql)).business_id, currency: "NGN" };
  await sql`update core.businesses set status = 'active' where id = ${business.id}`;
  told = [];
});

const rates = (account_id: string, interest_bps: number, overdraft_bps = 0) =>
  sql`update bank.accounts set interest_bps = ${interest_bps}, overdraft_bps = ${overdraft_bps} where id = ${account_id}`;
const open = async (interest_bps: number, overdraft_bps = 0, overdraft_limit = 0): Promise<string> => {
  const { account_id } = await openAccount(sql, business, { overdraft_limit });
  await rates(account_id, interest_bps, overdraft_bps);
  // As it was opened: it never had another rate.
  await sql
    .unsafe(
      `alter table bank.past_rates disable trigger refuse_change;
    delete from bank.past_rates; alter table bank.past_rates enable trigger refuse_change`,
    )
    .simple();
  return account_id;
};
/** Money into the account, or out of it where the amount is negative. */
async function put(account_id: string, amount: number, effective_at: string): Promise<void> {
  if (amount > 0) return void (await deposit(sql, business, { account_id, amount, effective_at }));
  await sql`select ledger.post(ledger.posting_of(${business.id}, gen_random_uuid(), 'single', 'test', null,
      p_effective_at => ${effective_at}::text::timestamptz), jsonb_build_array(
    jsonb_build_object('account_id', ${account_id}::uuid, 'side', 'debit', 'amount', ${-amount}::bigint),
    jsonb_build_object('account_id', ledger.house_account(${business.id}, 'cash:vault', 'asset', 'NGN', 16),
      'side', 'credit', 'amount', ${-amount}::bigint)))`;
}
const accrued = async (account_id: string, from: string, to: string): Promise<string> => {
  const [row] =
    await sql`select bank.accrued_interest(${business.id}, ${account_id}, ${from}::text::date, ${to}::text::date)::text as amount`;
  return row.amount as string;
};

describe("half to even", () => {
  // numerator, denominator, digits
  test.each([
    [5, 10, 0, "0"],
    [15, 10, 0, "2"],
    [25, 10, 0, "2"],
    [26, 10, 0, "3"],
    [-5, 10, 0, "0"],
    [-15, 10, 0, "-2"],
    [-25, 10, 0, "-2"],
    [1, 3, 4, "0.3333"],
    [2, 3, 4, "0.6667"],
    [5, 100_000, 4, "0.0000"],
    [15, 100_000, 4, "0.0002"],
    [0, 7, 4, "0.0000"],
  ])("%d / %d with %d digits is %s", async (numerator, denominator, digits, expected) => {
    const [row] = await sql`select core.half_even(${numerator}, ${denominator}, ${digits})::text as rounded`;
    expect(row.rounded).toBe(expected);
  });

  test("nothing is lost by size: what a double cannot hold comes out to the last digit", async () => {
    const [row] =
      await sql`select core.half_even(9223372036854775807::numeric * 3650000 + 1825000, 3650000, 0)::text as odd,
      core.half_even(9223372036854775806::numeric * 3650000 + 1825000, 3650000, 0)::text as even`;
    expect([row.odd, row.even]).toEqual(["9223372036854775808", "9223372036854775806"]);
  });
});

describe("accrued interest", () => {
  test("is each day's closing balance at its rate, over 365 days whatever the year", async () => {
    const account = await open(365);
    await put(account, 1_000_000, "2027-12-31T12:00:00Z");
    // 1,000,000 × 3.65 % ÷ 365 is 100 a day.
    expect(await accrued(account, "2028-01-01", "2028-01-01")).toBe("100.0000");
    expect(await accrued(account, "2028-02-01", "2028-02-29")).toBe("2900.0000");
    expect(await accrued(account, "2028-01-01", "2028-12-31")).toBe("36600.0000");
    expect(await accrued(account, "2029-01-01", "2029-12-31")).toBe("36500.0000");
    expect(await accrued(account, "2028-01-02", "2028-01-01")).toBe("0.0000");
  });

  test("is kept exact: thirds of a minor unit add up to whole ones", async () => {
    const account = await open(1);
    await put(account, 1_216_667, "2026-01-01T00:00:00Z");
    // 0.33333342… a day
    expect(await accrued(account, "2026-02-01", "2026-02-01")).toBe("0.3333");
    expect(await accrued(account, "2026-02-01", "2026-02-03")).toBe("1.0000");
    expect(await accrued(account, "2026-02-01", "2026-02-28")).toBe("9.3333");
    // Half of the last digit, to the even one: 182.5 × 1 ÷ 3,650,000 is 0.00005.
    const ties = await open(1);
    await put(ties, 365, "2026-01-01T00:00:00Z");
    await sql`update bank.accounts set interest_bps = 1 where id = ${ties}`;
    expect(await accrued(ties, "2026-02-01", "2026-02-01")).toBe("0.0001");
  });

  test("a day ends where the business's day ends, and what comes and goes within it earns nothing", async () => {
    const account = await open(365);
    // Lagos is an hour ahead of UTC.
    await put(account, 1_000_000, "2026-03-09T22:59:59.999Z");
    await put(account, 1_000_000, "2026-03-10T23:00:00.000Z");
    await put(account, 5_000_000, "2026-03-12T08:00:00.000Z");
    await put(account, -5_000_000, "2026-03-12T09:00:00.000Z");
    expect(await accrued(account, "2026-03-08", "2026-03-08")).toBe("0.0000");
    expect(await accrued(account, "2026-03-09", "2026-03-09")).toBe("100.0000");
    expect(await accrued(account, "2026-03-10", "2026-03-10")).toBe("100.0000");
    expect(await accrued(account, "2026-03-11", "2026-03-12")).toBe("400.0000");
  });

  test("days of 23 and 25 hours are days like all others", async () => {
    await sql`update core.businesses set timezone = 'America/New_York' where id = ${business.id}`;
    const account = await open(365);
    await put(account, 1_000_000, "2026-01-01T12:00:00Z");
    expect(await accrued(account, "2026-03-07", "2026-03-09")).toBe("300.0000");
    expect(await accrued(account, "2026-10-31", "2026-11-02")).toBe("300.0000");
  });

  test("a negative balance owes at the rate of the overdraft, day by day beside what others earned", async () => {
    const account = await open(365, 3_650, 2_000_000);
    await put(account, -1_000_000, "2026-05-01T10:00:00Z");
    await put(account, 1_500_000, "2026-05-03T10:00:00Z");
    expect(await accrued(account, "2026-05-01", "2026-05-02")).toBe("-2000.0000");
    expect(await accrued(account, "2026-05-03", "2026-05-04")).toBe("100.0000");
    expect(await accrued(account, "2026-05-01", "2026-05-04")).toBe("-1900.0000");
  });

  test("a new rate counts from the day on which it is set, of several in a day the last", async () => {
    const account = await open(365);
    await put(account, 1_000_000, "2026-01-01T12:00:00Z");
    const [{ today, before }] = await sql`select core.business_today(${business.id})::text as today,
      (core.business_today(${business.id}) - 1)::text as before`;
    await rates(account, 730);
    await rates(account, 1_095);
    expect(await accrued(account, before, before)).toBe("100.0000");
    expect(await accrued(account, today, today)).toBe("300.0000");
    expect(await accrued(account, before, today)).toBe("400.0000");
  });
});

describe("posting", () => {
  type Month = { period: string; first: string; middle: string; before: string };
  /** The month that is over: its name, and instants in it and before it. */
  const lastMonth = async (): Promise<Month> => {
    const [row] = await sql`
      select to_char(m, 'YYYY-MM') as period, m::date::text as first, core.iso(m + interval '10 days 12 hours') as middle,
        core.iso(m - interval '10 days') as before
      from (select date_trunc('month', core.business_today(${business.id})::timestamp) - interval '1 month' as m) x`;
    return row as Month;
  };
  /** A replica: everything but the cache is real. */
  const replica = () => {
    const invalidate = (tags: readonly string[]) => Promise.resolve(void told.push(...tags));
    return interestJob({ db, cache: { invalidate } as never, id: () => Bun.randomUUIDv7() });
  };
  const work = async (job = replica()): Promise<void> => {
    while (await job.run()) continue;
  };
  const posted = async (): Promise<string[]> => {
    const rows: { line: string }[] = await sql`
      select reference || ' ' || kind || ' ' || status || ' ' || amount || ' '
        || case when to_account_id is null then 'out' else 'in' end as line
      from bank.transfers where business_id = ${business.id} order by reference`;
    return rows.map(({ line }) => line);
  };

  test("is once a month, by one transaction of the ledger under its reference, to the minor unit", async () => {
    const { period, before } = await lastMonth();
    const earning = await open(365);
    await put(earning, 1_000_050, before);
    const owing = await open(0, 3_650, 2_000_000);
    await put(owing, -1_000_000, before);
    const idle = await open(365);
    await work();
    const days = new Date(Date.UTC(Number(period.slice(0, 4)), Number(period.slice(5)), 0)).getUTCDate();
    expect(await posted()).toEqual(
      [
        `interest:${earning}:${period} interest posted ${days * 100} in`,
        `interest:${owing}:${period} interest posted ${days * 1_000} out`,
      ].toSorted(),
    );
    expect(await balanceOf(sql, business.id, earning)).toStartWith(`${1_000_050 + days * 100}/`);
    expect(await balanceOf(sql, business.id, owing)).toStartWith(`${-1_000_000 - days * 1_000}/`);
    const house = await sql`select code, posted::int as posted from ledger.account_balances
      where business_id = ${business.id} and code like '%:interest' order by code`;
    expect([...house]).toEqual([
      { code: "expense:interest", posted: days * 100 },
      { code: "income:interest", posted: days * 1_000 },
    ]);
    const same = await sql`select count(*)::int as n from bank.transfers b join ledger.transactions t
      on t.business_id = b.business_id and t.id = b.id and t.reference = b.reference where b.business_id = ${business.id}`;
    expect(same[0].n).toBe(2);
    expect(told.join(" ")).toContain(earning);
    const [row] =
      await sql`select units::text, amount::int, transfer_id from bank.interest_periods where account_id = ${idle}`;
    expect(row).toEqual({ units: "0", amount: 0, transfer_id: null });
    // Again, whenever and wherever: nothing.
    const [before_again, posted_before] = [await balanceOf(sql, business.id, earning), await posted()];
    await work();
    expect([await balanceOf(sql, business.id, earning), await posted()]).toEqual([
      before_again,
      posted_before,
    ]);
    const [vault] = await sql`select sum(case side when 'debit' then amount else -amount end)::int as net
      from ledger.entries where business_id = ${business.id}`;
    expect(vault.net).toBe(0);
  });

  test("is once, too, when several replicas are at it and one begins from the start", async () => {
    const { before } = await lastMonth();
    const accounts: string[] = [];
    for (let n = 0; n < 12; n++) accounts.push(await open(365));
    for (const account of accounts) await put(account, 1_000_000, before);
    await Promise.all([work(), work(), work()]);
    await work();
    expect((await posted()).length).toBe(12);
    await sql`delete from bank.interest_runs where business_id = ${business.id}`;
    await work();
    expect((await posted()).length).toBe(12);
  });

  test("a month that is not over is refused, one that was missed is caught up", async () => {
    const { first, period, before } = await lastMonth();
    const account = await open(365);
    await put(account, 1_000_000, "2020-01-01T00:00:00Z");
    const running = sql`select bank.post_interest(${business.id},
      date_trunc('month', core.business_today(${business.id}))::date, array[${account}]::uuid[], array[gen_random_uuid()])`;
    await expect(running).rejects.toThrow("is not over");
    const [{ earlier, earliest }] = await sql`select to_char(${first}::text::date - 1, 'YYYY-MM') as earlier,
      (date_trunc('month', ${first}::text::date - 1) - interval '1 month')::date::text as earliest`;
    await sql`insert into bank.interest_runs (business_id, period) values (${business.id}, ${earliest}::text::date)`;
    await work();
    expect((await posted()).map((line) => line.slice(0, line.indexOf(" ")))).toEqual([
      `interest:${account}:${earlier}`,
      `interest:${account}:${period}`,
    ]);
    expect(before < first).toBe(true);
  });

  test("a business whose posting fails keeps nobody else's interest back", async () => {
    const { before } = await lastMonth();
    const other = { id: (await insertBusiness(sql)).business_id, currency: "NGN" };
    // The job goes by their ids.
    const [broken, sound] = [business, other].toSorted((a, b) => (a.id < b.id ? -1 : 1)) as [
      typeof business,
      typeof business,
    ];
    business = broken;
    const most = await open(365);
    await put(most, 1_000_000, before);
    await sql`alter table ledger.balances disable trigger user`;
    await sql`update ledger.balances set posted_debit = 144115188075855871 - posted_credit,
        posted_credit = 144115188075855871 where account_id = ${most}`;
    await sql`alter table ledger.balances enable trigger user`;
    business = sound;
    await put(await open(365), 1_000_000, before);
    const job = replica();
    await expect(work(job)).rejects.toThrow();
    await work(job);
    expect((await posted()).length).toBe(1);
  });

  test("what is refused now is owed, and posted when it may be; neighbours do not wait", async () => {
    const { before } = await lastMonth();
    const [frozen, full, fine] = [await open(365), await open(0, 3_650, 1_000_000), await open(365)];
    await put(frozen, 1_000_000, before);
    await put(full, -1_000_000, before);
    await put(fine, 1_000_000, before);
    await sql`select bank.move_account(${business.id}, ${frozen}, '{active}', 'frozen', 'Court order')`;
    await work();
    expect((await posted()).length).toBe(1);
    await sql`select bank.move_account(${business.id}, ${frozen}, '{frozen}', 'active')`;
    await put(full, 500_000, new Date().toISOString());
    await work();
    // Not every hour: a day later.
    expect((await posted()).length).toBe(1);
    await sql`update bank.interest_periods set tried_at = now() - interval '25 hours'`;
    await work();
    expect((await posted()).length).toBe(3);
    const [row] = await sql`select count(*)::int as owed from bank.interest_periods
      where business_id = ${business.id} and transfer_id is null and amount <> 0`;
    expect(row.owed).toBe(0);
  });
});
