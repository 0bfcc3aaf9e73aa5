import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import {
  collect,
  makeProduct,
  openSavings,
  type ProductOptions,
  type SavingsOptions,
} from "../helpers/savings.ts";

let database: TestDatabase;
let sql: SQL;
let business: Business;
const day_ms = 86_400_000;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "COLL", timezone: "Africa/Lagos", currency: "NGN" });
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

const open = async (product: ProductOptions = {}, options: SavingsOptions = {}) =>
  openSavings(sql, business, {
    product_id: await makeProduct(sql, business, product),
    marking_amount: 100,
    ...options,
  });

test("a visit fills the lowest free slots, and the version of an account moves only when its record does", async () => {
  const { savings_account_id } = await open({ cycle_markings: 3 });
  const told = async () => {
    const [row] = await sql`select a.version, a.status, (select count(*)::int from core.audit_log l
        where l.entity_id = a.id and l.action = 'savings_account.updated') as told
      from savings.accounts a where a.id = ${savings_account_id}`;
    return Object.values(row as object);
  };
  await collect(sql, business, [{ savings_account_id, count: 2 }]);
  expect(await told()).toEqual([1, "active", 0]);
  await collect(sql, business, [{ savings_account_id }]);
  expect(await told()).toEqual([2, "completed", 1]);
});

test("a collection is told in the audit trail, and an agent is made by their first visit", async () => {
  const { savings_account_id } = await open();
  const by = business.people.manager;
  const [made] = await collect(sql, business, [{ savings_account_id }], by);
  const [row] = await sql`select l.action, l.after ->> 'amount' as amount, g.receipts
    from core.audit_log l, savings.agents g
    where l.entity_id = ${made?.collection_id ?? ""} and g.id = ${by.member_id}`;
  expect(row).toEqual({ action: "collection.created", amount: "100", receipts: 1 });
});

test("rule 11: a visit of a day that was handed over joins what is open, and its business date stays", async () => {
  const { savings_account_id } = await open();
  const by = business.people.admin;
  const at = (days: number) => new Date(Date.now() - days * day_ms - 1_000).toISOString();
  const visit = async (days: number) => {
    const [made] = await collect(sql, business, [{ savings_account_id, collected_at: at(days) }], by);
    const [row] =
      await sql`select c.business_date::text as date, m.business_date::text as of, m.id, m.expected::int
      from savings.collections c join savings.remittances m on m.id = c.remittance_id where c.id = ${made?.collection_id ?? ""}`;
    return row as { date: string; of: string; id: string; expected: number };
  };
  const submit = (id: string) =>
    sql`update savings.remittances set status = 'submitted', declared = expected where id = ${id}`;
  const date = (days: number) => dateIn("Africa/Lagos", Date.parse(at(days)));
  const first = await visit(1);
  expect(first).toMatchObject({ date: date(1), of: date(1), expected: 100 });
  await submit(first.id);
  const late = await visit(1);
  expect(late).toMatchObject({ date: date(1), of: date(0), expected: 100 });
  const older = await visit(2);
  expect(older).toMatchObject({ date: date(2), of: date(2), expected: 100 });
  const again = await visit(1);
  expect(again).toMatchObject({ id: late.id, expected: 200 });
  // Nothing is open any more: a second one of today.
  for (const { id } of [late, older]) await submit(id);
  const next = await visit(1);
  expect(next).toMatchObject({ date: date(1), of: date(0), expected: 100 });
  expect(next.id).not.toBe(late.id);
});

/** Says the day of an instant in a zone, as the runtime's own zone rules have it. */
function daysOf(timeZone: string): (at_ms: number) => string {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  });
  return (at_ms) => format.format(at_ms);
}
const dateIn = (timeZone: string, at_ms: number): string => daysOf(timeZone)(at_ms);

/** Instants of the last 350 days at which the zone's clocks were changed, and midnights beside them and of late. */
function seamsOf(timeZone: string): { shifts: number[]; midnights: number[] } {
  const half_hour_ms = 1_800_000;
  const now_ms = Math.floor(Date.now() / half_hour_ms) * half_hour_ms;
  const clock = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const minutes = (at_ms: number) =>
    clock
      .format(at_ms)
      .split(":")
      .reduce((sum, part) => sum * 60 + Number(part), 0);
  const isShifted = (at_ms: number, span_ms: number) =>
    (minutes(at_ms + span_ms) - minutes(at_ms) - span_ms / 60_000 + 14_400) % 1_440 !== 0;
  const steps = (from_ms: number, to_ms: number, step_ms: number) =>
    Array.from({ length: Math.floor((to_ms - from_ms) / step_ms) }, (_, n) => from_ms + n * step_ms);
  const shifts = steps(now_ms - 350 * day_ms, now_ms - day_ms, day_ms)
    .filter((at_ms) => isShifted(at_ms, day_ms))
    .flatMap((day) =>
      steps(day, day + day_ms, half_hour_ms).filter((at_ms) => isShifted(at_ms, half_hour_ms)),
    )
    .map((at_ms) => at_ms + half_hour_ms);
  const day = daysOf(timeZone);
  const midnights = [...shifts, now_ms - 2 * day_ms].flatMap((at_ms) =>
    steps(at_ms - 2 * day_ms, at_ms + 2 * day_ms, half_hour_ms)
      .filter((half) => day(half) !== day(half + half_hour_ms))
      .map((half) => half + half_hour_ms),
  );
  return { shifts, midnights };
}

test.each([
  ["Pacific/Auckland", 1],
  ["America/New_York", 1],
  ["Asia/Kolkata", 0],
  ["Africa/Lagos", 0],
] as const)(
  "rule 9: midnight and the change of clocks in %s part business dates",
  async (timezone, changes) => {
    const code = `Z${timezone.length}${timezone.slice(0, 2).toUpperCase()}`;
    const there = await makeBusiness(sql, { code, timezone, currency: "NGN" });
    const product_id = await makeProduct(sql, there, { cycle_markings: 366, backdate_days: 366 });
    const { savings_account_id } = await openSavings(sql, there, { product_id });
    const day = daysOf(timezone);
    const { shifts, midnights } = seamsOf(timezone);
    expect(shifts.length).toBeGreaterThanOrEqual(changes);
    const instants = [...shifts, ...midnights].flatMap((at_ms) => [at_ms - 1, at_ms]);
    const visits = instants.map((at_ms) => ({
      savings_account_id,
      collected_at: new Date(at_ms).toISOString(),
    }));
    const made = await collect(sql, there, visits);
    const rows =
      await sql`select id, business_date::text as date from savings.collections where business_id = ${there.id}`;
    const dates = new Map(rows.map(({ id, date }: { id: string; date: string }) => [id, date]));
    expect(made.map(({ collection_id }) => dates.get(collection_id ?? ""))).toEqual(instants.map(day));

    // How far back a visit may lie is counted in days of the calendar, not in hours.
    const near = await openSavings(sql, there, {
      product_id: await makeProduct(sql, there, { backdate_days: 1 }),
    });
    const from_ms = midnights.find((at_ms) => day(at_ms) === day(Date.now() - day_ms)) ?? 0;
    const bounds = await collect(
      sql,
      there,
      [from_ms, from_ms - 1].map((at_ms) => ({
        savings_account_id: near.savings_account_id,
        collected_at: new Date(at_ms).toISOString(),
      })),
    );
    expect(bounds.map(({ refusal }) => refusal)).toEqual([null, "visit_backdated"]);
  },
);
