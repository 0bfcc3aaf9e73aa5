import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { openSavings } from "../helpers/savings.ts";

let database: TestDatabase;
let sql: SQL;
let business: Business;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "TERM", timezone: "Africa/Lagos", currency: "NGN" });
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

const terms = {
  starts_on: "2026-01-01",
  cycles: 1,
  cycle_markings: 31,
  calendar_month: false,
  marking_amount: 1,
  markings_paid: 31,
  commission_rule: "one_marking_per_cycle",
  commission_bps: 0,
  commission_flat: 0,
  commission_cap: null,
  early_fee_bps: 0,
  early_fee_months: 0,
};

async function settle(
  account: Partial<Record<keyof typeof terms | "collected", unknown>>,
  on = "2026-12-31",
) {
  const record = JSON.stringify({ ...terms, ...account });
  const [row] = await sql`select s.cycles, s.gross::int, s.commission::int, s.fees::int, s.net::int
    from savings.settlement(jsonb_populate_record(null::savings.accounts, ${record}::text::jsonb), ${on}::date) s`;
  return Object.values(row as object) as number[];
}

const year = { calendar_month: true, cycles: 12, marking_amount: 100, markings_paid: 365, collected: 36_500 };

const vectors = [
  ["S1", { marking_amount: 50_000, collected: 1_550_000 }, [1, 1_550_000, 50_000, 0, 1_500_000]],
  [
    "S2",
    { marking_amount: 10_000, markings_paid: 30, collected: 300_000, cycle_markings: 30 },
    [1, 300_000, 10_000, 0, 290_000],
  ],
  ["S3", { marking_amount: 50_000, markings_paid: 12, collected: 600_000 }, [1, 600_000, 50_000, 0, 550_000]],
  ["S4", { marking_amount: 50_000, markings_paid: 1, collected: 50_000 }, [1, 50_000, 50_000, 0, 0]],
  ["S5", { marking_amount: 2_000, collected: 62_000, commission_cap: 500 }, [1, 62_000, 500, 0, 61_500]],
  [
    "S6",
    { markings_paid: 3, collected: 6_000, commission_rule: "average_marking" },
    [1, 6_000, 2_000, 0, 4_000],
  ],
  ["S8 a year by months", year, [12, 36_500, 1_200, 0, 35_300]],
  ["S8 January alone", { ...year, markings_paid: 31, collected: 3_100 }, [1, 3_100, 100, 0, 3_000]],
  [
    "five markings of three cycles",
    { cycles: 3, marking_amount: 100, markings_paid: 5, collected: 500 },
    [1, 500, 100, 0, 400],
  ],
  [
    "2.5 % is floored",
    { commission_rule: "percent", commission_bps: 250, collected: 999 },
    [1, 999, 24, 0, 975],
  ],
  [
    "a flat fee for each cycle that was reached",
    {
      cycles: 3,
      commission_rule: "flat_per_cycle",
      commission_flat: 70,
      markings_paid: 32,
      collected: 3_200,
    },
    [2, 3_200, 140, 0, 3_060],
  ],
] as const;

for (const [name, account, expected] of vectors) {
  test(`settlement ${name}`, async () => {
    expect(await settle(account)).toEqual([...expected]);
  });
}

test("settlement S7: the early fee ends when its months are over, to the day", async () => {
  const account = {
    collected: 1_000_000,
    commission_rule: "none",
    early_fee_bps: 300,
    early_fee_months: 9,
  };
  expect(await settle(account, "2026-07-01")).toEqual([1, 1_000_000, 0, 30_000, 970_000]);
  expect(await settle(account, "2026-09-30")).toEqual([1, 1_000_000, 0, 30_000, 970_000]);
  expect(await settle(account, "2026-10-01")).toEqual([1, 1_000_000, 0, 0, 1_000_000]);
});

test("months that begin on the 31st have the slots of their days", async () => {
  const rows =
    await sql`select savings.slots_of('2026-01-31', true, 31, k) as slots from generate_series(0, 3) k order by k`;
  expect(rows.map(({ slots }: { slots: number }) => slots)).toEqual([0, 28, 59, 89]);
});

test("an agent is made once, with a number, three ledger accounts and the ceiling that holds", async () => {
  const { member_id } = business.people.agent;
  await sql`insert into core.settings (business_id, key, value) values (${business.id}, 'savings.agent_cash_ceiling', '5000')`;
  const made = await Promise.all(
    Array.from({ length: 8 }, () => sql`select g.* from savings.agent(${business.id}, ${member_id}) g`),
  );
  expect(new Set(made.map(([row]) => row.agent_no))).toEqual(new Set([1]));
  const balance = async () => {
    const [row] =
      await sql`select b.max_balance::int as most, b.overdraft_limit::int as least from ledger.balances b
      join savings.agents g on g.business_id = b.business_id and g.cash_id = b.account_id where g.id = ${member_id}`;
    return row;
  };
  expect(await balance()).toEqual({ most: 5_000, least: 0 });
  await sql`update core.settings set value = '7000' where business_id = ${business.id} and key = 'savings.agent_cash_ceiling'`;
  expect(await balance()).toEqual({ most: 7_000, least: 0 });
  await sql`delete from core.settings where business_id = ${business.id} and key = 'savings.agent_cash_ceiling'`;
  expect(await balance()).toEqual({ most: null, least: 0 });
});

test("a customer has one active account of a product", async () => {
  const { customer_id, product_id } = await openSavings(sql, business);
  const again = openSavings(sql, business, { customer_id, product_id });
  await expect(again).rejects.toThrow(/active_account_exists|savings_accounts_run_uq/);
});

test("a visit of a day whose remittance is submitted joins one that is open, or opens another", async () => {
  const { member_id } = business.people.sub_agent;
  const remittance = async (date: string): Promise<{ id: string; business_date: string; no: number }> => {
    const [row] =
      await sql`select m.id, m.business_date::text as business_date, m.no from savings.remittances m
      where m.id = savings.remittance_for(${business.id}, ${member_id}, ${date}::date)`;
    return row;
  };
  const submit = (id: string) =>
    sql`update savings.remittances set status = 'submitted', declared = 0, submitted_at = now() where id = ${id}`;
  await sql`select savings.remittance_for(${business.id}, ${member_id}, '2026-03-01')`;
  const first = await remittance("2026-03-01");
  expect(first).toMatchObject({ business_date: "2026-03-01", no: 1 });
  await sql`select savings.remittance_for(${business.id}, ${member_id}, '2026-03-02')`;
  const second = await remittance("2026-03-02");
  await submit(first.id);
  expect((await remittance("2026-03-01")).id).toBe(second.id);
  await submit(second.id);
  await sql`select savings.remittance_for(${business.id}, ${member_id}, '2026-03-01')`;
  const [today] = await sql`select core.business_today(${business.id})::text as day`;
  expect(await remittance("2026-03-01")).toMatchObject({ business_date: today.day, no: 1 });
});
