import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { statementColumns, statementLinesMax } from "../../src/savings/account-statements.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { collect, makeProduct, openSavings, type SavingsOptions } from "../helpers/savings.ts";

let api: TestApp;
let manager: string;
let agent: string;
let today: string;

beforeAll(async () => {
  api = await startTestApp();
  manager = await api.token(api.alpha.people.manager);
  agent = await api.token(api.alpha.people.agent);
  [{ today }] = await api.sql`select core.business_today(${api.alpha.id})::text as today`;
});
afterAll(() => api.stop());

type Slot = {
  position: number;
  due_on: string;
  paid: boolean;
  for_date: string | null;
  amount: number | null;
  receipt_no: string | null;
  missed: boolean;
};
type Card = { cycles: object[]; markings: Slot[] } & Record<string, unknown>;
type Line = {
  kind: string;
  side: string;
  amount: number;
  balance: number;
  receipt_no: string | null;
} & Record<string, unknown>;
type Statement = { opening: number; closing: number; lines: Line[] } & Record<string, unknown>;

const dayFrom = (day: string, days: number): string =>
  new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
const open = async (options: SavingsOptions = {}): Promise<string> =>
  (await openSavings(api.sql, api.alpha, { starts_on: today, ...options })).savings_account_id;
const visit = async (
  savings_account_id: string,
  more: { count?: number; amounts?: number[] } = {},
): Promise<string> => {
  const [done] = await collect(api.sql, api.alpha, [{ savings_account_id, ...more }]);
  if (done === undefined || done.refusal !== null) throw new Error(`not collected: ${done?.refusal}`);
  return done.collection_id ?? "";
};
const getCard = (id: string, token = manager) => api.send("GET", `/api/v1/savings/${id}/markings`, { token });
const card = async (id: string, token = manager): Promise<Card> => {
  const response = await getCard(id, token);
  expect(response.status).toBe(200);
  return (await response.json()) as Card;
};
const places = (slots: readonly Slot[], is: (slot: Slot) => boolean): number[] =>
  slots.filter(is).map(({ position }) => position);

describe("the card", () => {
  test("shows every slot: the lowest are paid first, what was due before today and is not paid was missed", async () => {
    const id = await open({ starts_on: dayFrom(today, -5), cycles: 2 });
    await visit(id, { count: 2 });
    const { markings, cycles, ...head } = await card(id);
    expect(head).toMatchObject({
      savings_account_id: id,
      status: "active",
      markings_paid: 2,
      markings_total: 62,
    });
    expect(cycles).toEqual([
      { no: 1, total: 31, paid: 2, complete: false },
      { no: 2, total: 31, paid: 0, complete: false },
    ]);
    expect(markings.map(({ position }) => position)).toEqual(Array.from({ length: 62 }, (_, at) => at + 1));
    expect(places(markings, ({ paid }) => paid)).toEqual([1, 2]);
    expect(places(markings, ({ missed }) => missed)).toEqual([3, 4, 5]);
    expect(markings[0]).toMatchObject({
      due_on: dayFrom(today, -5),
      for_date: dayFrom(today, -5),
      amount: 50_000,
    });
    expect(markings[0]?.receipt_no).toBe(markings[1]?.receipt_no ?? "");
    expect(markings[5]).toEqual({
      position: 6,
      due_on: today,
      paid: false,
      for_date: null,
      amount: null,
      receipt_no: null,
      missed: false,
    });
  });

  test("crosses cycles, frees what is reversed, and says which cycle is complete", async () => {
    const product_id = await makeProduct(api.sql, api.alpha, { cycle_markings: 3, flexible_amount: true });
    const id = await open({ product_id, cycles: 2 });
    const first = await visit(id, { amounts: [10, 20] });
    await visit(id, { amounts: [30, 40] });
    expect((await card(id)).cycles).toMatchObject([
      { paid: 3, complete: true },
      { paid: 1, complete: false },
    ]);
    const response = await api.send("POST", `/api/v1/collections/${first}/reverse`, {
      token: agent,
      body: { reason: "Wrong card" },
      headers: { "idempotency-key": crypto.randomUUID() },
    });
    expect(response.status).toBe(200);
    const { markings, cycles, markings_paid } = await card(id);
    expect(cycles).toMatchObject([{ paid: 1, complete: false }, { paid: 1 }]);
    expect([markings_paid, places(markings, ({ paid }) => paid)]).toEqual([2, [3, 4]]);
    expect(markings.map(({ amount }) => amount)).toEqual([null, null, 30, 40, null, null]);
  });

  test("of months has a cycle for each, as long as it is; of weeks a slot every seven days", async () => {
    const months = await makeProduct(api.sql, api.alpha, { calendar_month: true });
    const year = await card(await open({ product_id: months, cycles: 4, starts_on: "2024-01-31" }));
    expect(year.cycles).toMatchObject([{ total: 29 }, { total: 31 }, { total: 30 }, { total: 31 }]);
    expect(year.markings).toHaveLength(121);
    expect(year.markings.at(-1)?.due_on).toBe("2024-05-30");
    const weekly = await makeProduct(api.sql, api.alpha, {
      kind: "weekly",
      period_days: 7,
      cycle_markings: 4,
    });
    const weeks = await card(await open({ product_id: weekly, starts_on: "2026-01-01" }));
    expect(weeks.markings.map(({ due_on }) => due_on)).toEqual([
      "2026-01-01",
      "2026-01-08",
      "2026-01-15",
      "2026-01-22",
    ]);
  });

  test("of an account that was closed misses nothing afterwards", async () => {
    const id = await open({ starts_on: dayFrom(today, -9) });
    await api.sql`update savings.accounts set status = 'cancelled', closed_at = now() - interval '4 days' where id = ${id}`;
    expect(places((await card(id)).markings, ({ missed }) => missed)).toEqual([1, 2, 3, 4, 5]);
  });

  test("goes by the day of the business, wherever it is", async () => {
    const missed: number[] = [];
    const id = await open({ starts_on: dayFrom(today, -3) });
    const { timezone } = api.alpha;
    for (const zone of ["Pacific/Pago_Pago", "Pacific/Kiritimati", timezone]) {
      const changed = await api.send("PATCH", "/api/v1/business", {
        token: await api.token(api.alpha.people.owner),
        body: { timezone: zone },
        headers: { "if-match": "*" },
      });
      expect(changed.status).toBe(200);
      const [{ there }] = await api.sql`select core.business_today(${api.alpha.id})::text as there`;
      const { markings } = await card(id);
      const due = (Date.parse(there) - Date.parse(today)) / 86_400_000 + 3;
      expect([zone, places(markings, (slot) => slot.missed).length]).toEqual([zone, due]);
      missed.push(due);
    }
    expect((missed[1] ?? 0) - (missed[0] ?? 0)).toBeGreaterThanOrEqual(1);
  });

  test("is another one as soon as its account is", async () => {
    const id = await open({ starts_on: dayFrom(today, -1) });
    expect(await card(id)).toMatchObject({ status: "active" });
    const path = `/api/v1/savings/${id}/close`;
    expect((await api.send("POST", path, { token: manager, body: { reason: "Test" } })).status).toBe(200);
    expect(await card(id)).toMatchObject({ status: "cancelled" });
  });

  test("is for those who see the account", async () => {
    const id = await open({ agent_id: api.alpha.people.manager.member_id });
    for (const token of [
      agent,
      await api.token(api.alpha.people.customer),
      await api.token(api.bravo.people.owner),
    ]) {
      await expectProblem(getCard(id, token), "not_found");
      await expectProblem(getStatement(id, "", { token }), "not_found");
    }
    await expectProblem(getCard(id, await api.token(api.alpha.people.clerk)), "forbidden");
  });
});

function getStatement(id: string, query = "", { token = manager, accept = "application/json" } = {}) {
  return api.send("GET", `/api/v1/savings/${id}/statement${query}`, { token, headers: { accept } });
}
const statement = async (...asked: Parameters<typeof getStatement>): Promise<Statement> => {
  const response = await getStatement(...asked);
  expect(response.status).toBe(200);
  expect(response.headers.get("cache-control")).toBe("no-store");
  return (await response.json()) as Statement;
};

describe("the statement", () => {
  test("says what was paid in and taken back, and what was saved after each", async () => {
    const id = await open();
    const first = await visit(id, { count: 2 });
    await visit(id);
    await api.send("POST", `/api/v1/collections/${first}/reverse`, {
      token: agent,
      body: { reason: "Counted twice" },
      headers: { "idempotency-key": crypto.randomUUID() },
    });
    const { lines, ...head } = await statement(id);
    expect(head).toMatchObject({
      savings_account_id: id,
      currency: "NGN",
      from: today,
      to: today,
      opening: 0,
      closing: 50_000,
    });
    expect(lines.map(({ kind, side, amount, balance }) => [kind, side, amount, balance])).toEqual([
      ["savings.collection", "credit", 100_000, 100_000],
      ["savings.collection", "credit", 50_000, 150_000],
      ["savings.reversal", "debit", 100_000, 50_000],
    ]);
    expect(lines[0]).toMatchObject({
      transaction_id: first,
      markings: 2,
      method: "cash",
      business_date: today,
    });
    expect(lines[2]).toMatchObject({ receipt_no: lines[0]?.receipt_no, description: "Counted twice" });
  });

  test("of some days begins with what was saved before them", async () => {
    const id = await open({ starts_on: dayFrom(today, -40) });
    await addEntries(id, [
      [dayFrom(today, -30), 100],
      [dayFrom(today, -20), 200],
      [dayFrom(today, -10), 400],
    ]);
    const of = async (from: number, to: number) => {
      const { opening, lines, closing } = await statement(
        id,
        `?from=${dayFrom(today, from)}&to=${dayFrom(today, to)}`,
      );
      return [opening, lines.map(({ amount }) => amount), closing];
    };
    expect(await of(-40, -31)).toEqual([0, [], 0]);
    expect(await of(-30, -20)).toEqual([0, [100, 200], 300]);
    expect(await of(-29, -11)).toEqual([100, [200], 300]);
    expect(await of(-20, 0)).toEqual([100, [200, 400], 700]);
    expect(await of(-9, 0)).toEqual([700, [], 700]);
    expect(await statement(id)).toMatchObject({
      from: dayFrom(today, -40),
      to: today,
      opening: 0,
      closing: 700,
    });
  });

  test("days are the business's: a minute before its midnight is another day than a minute after it", async () => {
    const id = await open({ starts_on: "2026-01-01" });
    // Lagos is an hour ahead of UTC.
    await addEntries(id, [
      ["2026-03-04T22:59:00Z", 1],
      ["2026-03-04T23:01:00Z", 2],
    ]);
    const { lines } = await statement(id, "?from=2026-03-05&to=2026-03-05");
    expect(lines.map(({ amount, date }) => [amount, date])).toEqual([[2, "2026-03-05"]]);
  });

  test("of any number of lines comes as CSV, and is too long for JSON", async () => {
    const id = await open({ starts_on: dayFrom(today, -1) });
    const days = Array.from({ length: statementLinesMax + 1 }, (): [string, number] => [
      dayFrom(today, -1),
      1,
    ]);
    await addEntries(id, days);
    await expectProblem(getStatement(id), "validation");
    const response = await getStatement(id, "", { accept: "text/csv" });
    expect(response.headers.get("content-disposition")).toMatch(
      /^attachment; filename="savings-\d{10}-[\d-]+\.csv"$/,
    );
    const records = (await response.text()).trimEnd().split("\r\n");
    expect(records).toHaveLength(statementLinesMax + 4);
    expect(records[0]).toBe(statementColumns.join());
    expect(records[1]).toMatch(/,opening,.*,0$/);
    expect(records.at(-1)).toMatch(new RegExp(`,closing,.*,${statementLinesMax + 1}$`));
  });

  test("refuses a period that ends before it begins, and days that there are not", async () => {
    const id = await open();
    await expectProblem(getStatement(id, "?from=2026-02-01&to=2026-01-31"), "validation");
    await expectProblem(getStatement(id, "?from=2026-02-30"), "validation");
    await expectProblem(getStatement(id, "?since=2026-02-01"), "validation");
  });

  /** Entries of an account as they would be booked at some time, without what stands against them. */
  async function addEntries(
    id: string,
    entries: readonly (readonly [effective_at: string, amount: number])[],
  ) {
    const rows = entries.map(([effective_at, amount]) => ({ id: Bun.randomUUIDv7(), effective_at, amount }));
    await api.sql`with rows as (
        select * from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) r (id uuid, effective_at timestamptz, amount bigint)),
      t as (insert into ledger.transactions (business_id, id, phase, kind, effective_at, posted_at)
        select ${api.alpha.id}, id, 'single', 'savings.collection', effective_at, now() from rows)
      insert into ledger.entries (business_id, account_id, transaction_id, shard, side, amount, currency, phase, effective_at)
      select ${api.alpha.id}, ${id}, id, 0, 'credit', amount, 'NGN', 'single', effective_at from rows`;
  }
});
