import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeBudget } from "../helpers/budget.ts";
import { expectProblem } from "../helpers/problem.ts";
import type { Rollover } from "../../src/platform/enums.ts";

type Category = {
  id: string;
  name: string;
  planned: number;
  activity: number;
  carry_in: number;
  balance: number;
};
type Group = {
  id: string;
  name: string;
  target_amount: number;
  planned: number;
  spent: number;
  remaining: number;
  balance: number;
  categories: Category[];
};
type Month = {
  month: string;
  version: number;
  income: number;
  planned: number;
  activity: number;
  balance: number;
  uncategorized: number;
  held: number;
  last_month_overspent: number;
  available_funds: number | null;
  to_budget: number | null;
  groups: Group[];
  proof: { cash: number; parts: number } | null;
};

let api: TestApp;
let token: string;

beforeAll(async () => {
  api = await startTestApp();
  token = await api.token(api.alpha.people.customer);
});
afterAll(() => api.stop());

function send(method: string, path: string, body?: unknown, if_match = "*"): Promise<Response> {
  const headers = method === "GET" ? {} : { "if-match": if_match };
  return api.send(method, `/api/v1${path}`, { token, headers, ...(body === undefined ? {} : { body }) });
}
async function sent<T = Month>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await send(method, path, body);
  expect(`${method} ${path} ${response.status}`).toEndWith(" 200");
  return (await response.json()) as T;
}

/** A budget of its own, whose category `spending` carries over as asked. */
async function budgetThat(rollover: Rollover = "carry_surplus", fields: object = {}) {
  const budget = await makeBudget(api.sql, api.alpha, api.alpha.people.customer, { ...fields });
  const { spending = "", income = "" } = budget.categories;
  await api.sql`update budget.categories set rollover = ${rollover} where id = ${spending}`;
  const path = `/budgets/${budget.id}`;
  const month = async (name: string): Promise<Month> => {
    const found = await sent("GET", `${path}/months/${name}`);
    expect(found.proof?.parts).toBe(found.proof?.cash);
    return found;
  };
  const pay = async (amount: number, occurred_on: string, category_id: string | null = spending) => {
    const body = { amount, occurred_on, category_id };
    expect((await send("POST", `${path}/transactions`, body)).status).toBe(201);
  };
  return {
    ...budget,
    path,
    month,
    pay,
    spending,
    income,
    earn: (amount: number, occurred_on: string) => pay(amount, occurred_on, income),
    plan: (name: string, planned: number, category_id = spending) =>
      sent("PUT", `${path}/months/${name}/categories/${category_id}`, { planned }),
  };
}

describe("carrying over", () => {
  test("B1: income of January that February plans is held, and overspending does not release it", async () => {
    const { month, earn, pay, plan } = await budgetThat();
    await earn(10_000, "2026-01-05");
    await plan("2026-02", 5_000);
    expect(await month("2026-01")).toMatchObject({ held: 5_000, to_budget: 5_000, income: 10_000 });
    expect(await month("2026-02")).toMatchObject({ available_funds: 10_000, to_budget: 5_000, held: 0 });
    await pay(-15_000, "2026-01-20");
    expect(await month("2026-01")).toMatchObject({ held: 5_000, to_budget: 5_000 });
    expect(await month("2026-02")).toMatchObject({ last_month_overspent: -15_000, to_budget: -10_000 });
  });

  test("B2: what is held is at most what is left", async () => {
    const { month, earn, plan } = await budgetThat();
    await earn(10_000, "2026-01-05");
    await plan("2026-01", 7_500);
    await plan("2026-02", 5_000);
    expect(await month("2026-01")).toMatchObject({ held: 2_500, to_budget: 0 });
    expect(await month("2026-02")).toMatchObject({ available_funds: 2_500, to_budget: -2_500 });
  });

  test("B3 and B5: carry_all carries debts and what is left", async () => {
    const three = await budgetThat("carry_all");
    for (const [name, day, spent] of [
      ["2026-01", "09", -49_500],
      ["2026-02", "09", -10_000],
    ] as const) {
      await three.plan(name, 30_000);
      await three.pay(spent, `${name}-${day}`);
    }
    expect((await three.month("2026-01")).balance).toBe(-19_500);
    expect((await three.month("2026-02")).balance).toBe(500);
    const five = await budgetThat("carry_all");
    await five.plan("2026-01", 100);
    await five.plan("2026-02", 100);
    await five.pay(-75, "2026-01-09");
    expect((await five.month("2026-02")).balance).toBe(125);
    await five.pay(-45, "2026-01-10");
    expect((await five.month("2026-02")).balance).toBe(80);
  });

  test("B6: carry_floor drops a debt that leaves nothing of the plan, also across a month without anything", async () => {
    const { month, pay, plan } = await budgetThat("carry_floor");
    await plan("2026-01", 100);
    await plan("2026-02", 100);
    await pay(-150, "2026-01-09");
    expect((await month("2026-02")).balance).toBe(50);
    await pay(-100, "2026-01-10");
    expect((await month("2026-02")).balance).toBe(100);
    await pay(-130, "2026-02-10");
    await plan("2026-04", 100);
    // March plans nothing, so the debt of 30 is dropped there, and April has all of its plan.
    expect((await month("2026-04")).balance).toBe(100);
  });

  test("reset carries nothing, carry_surplus no debt, and what was let off lessens what is to budget", async () => {
    for (const [rollover, left, owed] of [
      ["reset", 0, 0],
      ["carry_surplus", 60, 0],
      ["carry_all", 60, -40],
    ] as const) {
      const { month, pay, plan } = await budgetThat(rollover);
      await plan("2026-01", 100);
      await pay(-40, "2026-01-09");
      const carried = await month("2026-02");
      expect([rollover, carried.balance]).toEqual([rollover, left]);
      // Released is what is not carried: it is there to budget again.
      expect(carried.to_budget).toBe(-100 + 60 - left);
      await pay(-100, "2026-01-10");
      const owing = await month("2026-02");
      expect([owing.balance, owing.last_month_overspent]).toEqual([owed, owed === 0 ? -40 : 0]);
    }
  });

  test("an uncategorised transaction is in no balance, and in the proof", async () => {
    const { month, pay, earn } = await budgetThat();
    await earn(1_000, "2026-01-02");
    await pay(-300, "2026-01-03", null);
    expect(await month("2026-01")).toMatchObject({
      uncategorized: -300,
      balance: 0,
      to_budget: 1_000,
      proof: { cash: 700 },
    });
    expect(await month("2026-03")).toMatchObject({ uncategorized: 0, proof: { cash: 700, parts: 700 } });
  });

  test("a range is what its months are one by one", async () => {
    const { path, month, pay, plan, earn } = await budgetThat("carry_floor");
    await earn(9_000, "2026-02-02");
    for (const name of ["2026-01", "2026-03", "2026-06"]) {
      await plan(name, 700);
      await pay(-900, `${name}-11`);
    }
    const { data, meta } = await sent<{ data: Month[]; meta: object }>(
      "GET",
      `${path}/months?from=2026-02&to=2026-07`,
    );
    expect(meta).toEqual({ next_cursor: null, has_more: false });
    expect(data.map((found) => found.month)).toEqual([
      "2026-02",
      "2026-03",
      "2026-04",
      "2026-05",
      "2026-06",
      "2026-07",
    ]);
    for (const found of data) expect(found).toEqual(await month(found.month));
    const { data: year } = await sent<{ data: Month[] }>("GET", `${path}/months?to=2026-03`);
    expect(year.map((found) => found.month)).toEqual(["2026-01", "2026-02", "2026-03"]);
  });
});

describe("tracking", () => {
  test("carries and holds nothing, and leaves hidden categories out", async () => {
    const { path, month, pay, plan, earn, categories } = await budgetThat("carry_all", { mode: "tracking" });
    await earn(5_000, "2026-01-02");
    await plan("2026-01", 900);
    await plan("2026-01", 70, categories["health"]);
    await plan("2026-02", 4_000);
    await pay(-200, "2026-01-04");
    expect(await month("2026-01")).toMatchObject({
      planned: 970,
      activity: -200,
      balance: 770,
      held: 0,
      to_budget: null,
      available_funds: null,
      proof: null,
    });
    expect(await month("2026-02")).toMatchObject({ planned: 4_000, balance: 4_000, last_month_overspent: 0 });
    await sent("PATCH", `${path}/categories/${categories["health"]}`, { hidden: true });
    expect((await month("2026-01")).planned).toBe(900);
    await sent("PATCH", path, { mode: "envelope" });
    // An envelope is money, hidden or not.
    expect((await month("2026-01")).planned).toBe(970);
    await expectProblem(send("PUT", `${path}/months/2026-01/hold`, { held: -1 }), "validation");
    await sent("PUT", `${path}/months/2026-01/hold`, { held: 10 });
    await sent("PATCH", path, { mode: "tracking" });
    expect((await month("2026-01")).held).toBe(0);
    await expectProblem(send("PUT", `${path}/months/2026-01/hold`, { held: 10 }), "validation");
  });
});

describe("planning", () => {
  const planOf = ({ groups }: Month, id: string) =>
    groups.flatMap(({ categories }) => categories).find((category) => category.id === id)?.planned;

  test("changes up to 200 categories or none, and raises the version that the next change must name", async () => {
    const { path, month, categories, spending, income } = await budgetThat();
    const items = (one: object) => ({ items: [{ category_id: categories["health"], planned: 40 }, one] });
    const months = `${path}/months/2026-01`;
    const first = await send("GET", months);
    const etag = first.headers.get("etag") ?? "";
    expect((await send("PATCH", months, items({ category_id: spending, planned: 60 }), etag)).status).toBe(
      200,
    );
    const planned = await month("2026-01");
    expect([planned.planned, planOf(planned, spending), planned.version]).toEqual([100, 60, 2]);
    const refused = [
      [{ category_id: crypto.randomUUID(), planned: 5 }, "unknown_category"],
      [{ category_id: income, planned: 5 }, "income_category"],
      [{ category_id: categories["health"], planned: 5 }, "validation"],
      [{ category_id: spending, planned: 0.5 }, "validation"],
      [{ category_id: spending, planned: 5, more: 1 }, "validation"],
    ] as const;
    for (const [item, code] of refused) await expectProblem(send("PATCH", months, items(item)), code);
    const other = await budgetThat();
    await expectProblem(
      send("PATCH", months, items({ category_id: other.spending, planned: 5 })),
      "unknown_category",
    );
    await expectProblem(
      send("PATCH", months, items({ category_id: spending, planned: 5 }), etag),
      "precondition_failed",
    );
    await expectProblem(
      api.send("PATCH", `/api/v1${months}`, { token, body: items({ category_id: spending, planned: 5 }) }),
      "precondition_required",
    );
    expect(await month("2026-01")).toEqual(planned);
    for (const name of ["2025-12", "2076-01", "2026-13", "26-01"]) {
      await expectProblem(send("GET", `${path}/months/${name}`), "validation");
      await expectProblem(
        send("PATCH", `${path}/months/${name}`, items({ category_id: spending, planned: 1 })),
        "validation",
      );
    }
    await expectProblem(send("GET", `${path}/months?from=2026-01&to=2029-01`), "validation");
    await expectProblem(send("GET", `${path}/months?from=2026-03&to=2026-01`), "validation");
  });

  test("moves money between two categories, and keeps a note until another comes", async () => {
    const { path, month, categories, spending, income, plan } = await budgetThat();
    const health = categories["health"] ?? "";
    await sent("PUT", `${path}/months/2026-01/categories/${spending}`, { planned: 100, note: "Rent" });
    const move = (body: object) => send("POST", `${path}/months/2026-01/move`, body);
    const moved = (await (await move({ from: spending, to: health, amount: 130 })).json()) as Month;
    expect([planOf(moved, spending), planOf(moved, health), moved.planned]).toEqual([-30, 130, 100]);
    expect(moved.groups.flatMap((group) => group.categories).find(({ id }) => id === spending)).toMatchObject(
      { note: "Rent" },
    );
    await plan("2026-01", 5);
    expect(
      (await month("2026-01")).groups.flatMap((group) => group.categories).find(({ id }) => id === spending),
    ).toMatchObject({ note: null });
    const refused = [
      [{ from: spending, to: spending.toUpperCase(), amount: 1 }, "validation"],
      [{ from: spending, to: income, amount: 1 }, "income_category"],
      [{ from: spending, to: crypto.randomUUID(), amount: 1 }, "unknown_category"],
      [{ from: spending, to: health, amount: 0 }, "validation"],
      [{ from: spending, to: health, amount: 1.5 }, "validation"],
      [{ from: spending, to: health, amount: 2 ** 53 - 1 }, "validation"],
    ] as const;
    for (const [body, code] of refused) await expectProblem(move(body), code);
  });

  test("by targets gives out the whole, unit by unit to the first; to the categories of a group alike", async () => {
    const { path, month, earn, categories } = await budgetThat();
    await earn(12_345, "2026-01-02");
    const { groups } = await month("2026-01");
    // 9000 basis points of 12,345 are 11,110.5; each share is rounded down, and two units are left.
    expect(groups.map(({ target_amount }) => target_amount)).toEqual([1235, 1235, 6172, 1234, 617, 617]);
    const group_id = groups[2]?.id;
    for (const name of ["Rent", "Food", "Fuel"]) {
      expect((await send("POST", `${path}/categories`, { group_id, name, sort: 1 })).status).toBe(201);
    }
    await sent("PATCH", `${path}/categories/${categories["spending"]}`, { hidden: true });
    const assign = (body: object) => sent("POST", `${path}/months/2026-01/auto-assign`, body);
    const assigned = await assign({ by: "target_bps" });
    expect(assigned.groups.map(({ planned, target_amount }) => planned - target_amount)).toEqual([
      0, 0, 0, 0, 0, 0,
    ]);
    expect(assigned.groups[2]?.categories.map(({ planned }) => planned)).toEqual([0, 2058, 2057, 2057]);
    expect((await assign({ by: "target_bps", amount: 10 })).planned).toBe(9);
    expect((await assign({ by: "target_bps", amount: 0 })).planned).toBe(0);
  });

  test("by what was spent, by a balance to reach, or like the last month", async () => {
    const { path, month, pay, plan, spending, categories } = await budgetThat();
    const health = categories["health"] ?? "";
    for (const [name, spent] of [
      ["2026-01", -100],
      ["2026-02", -200],
      ["2026-03", -301],
    ] as const) {
      await pay(spent, `${name}-08`);
      await pay(50, `${name}-09`, health);
    }
    const assign = (name: string, body: object) => sent("POST", `${path}/months/${name}/auto-assign`, body);
    expect(planOf(await assign("2026-04", { by: "average3" }), spending)).toBe(200);
    expect(planOf(await assign("2026-03", { by: "average3" }), spending)).toBe(150);
    const last = await assign("2026-04", { by: "last" });
    expect([planOf(last, spending), planOf(last, health)]).toEqual([301, 0]);
    await plan("2026-05", 70);
    const lifted = await assign("2026-05", {
      by: "up_to",
      amount: 400,
      category_ids: [spending.toUpperCase(), health],
    });
    // It has 301 from April and 70; health has 150 of what came back.
    expect([planOf(lifted, spending), planOf(lifted, health)]).toEqual([99, 250]);
    expect(planOf(await assign("2026-05", { by: "up_to", amount: 1 }), spending)).toBe(99);
    const copied = await sent("POST", `${path}/months/2026-06/copy-last-month`);
    expect(copied.groups.map(({ planned }) => planned)).toEqual(
      (await month("2026-05")).groups.map(({ planned }) => planned),
    );
    for (const [name, body] of [
      ["2026-01", { by: "last" }],
      ["2026-01", { by: "average3" }],
      ["2026-04", { by: "up_to" }],
      ["2026-04", { by: "last", amount: 5 }],
      ["2026-04", { by: "half" }],
    ] as const) {
      await expectProblem(send("POST", `${path}/months/${name}/auto-assign`, body), "validation");
    }
    await expectProblem(send("POST", `${path}/months/2026-01/copy-last-month`), "validation");
  });

  test("a hold that a person set is in place of the computed one until it is taken back", async () => {
    const { path, month, earn, plan } = await budgetThat();
    await earn(10_000, "2026-01-05");
    await plan("2026-02", 3_000);
    const hold = (held: number | null) => sent("PUT", `${path}/months/2026-01/hold`, { held });
    expect(await hold(1_000)).toMatchObject({ held: 1_000, to_budget: 9_000 });
    expect(await hold(12_000)).toMatchObject({ held: 12_000, to_budget: -2_000 });
    expect(await month("2026-02")).toMatchObject({ held: 0, to_budget: 7_000 });
    expect(await hold(null)).toMatchObject({ held: 3_000, to_budget: 7_000 });
    await expectProblem(send("PUT", `${path}/months/2026-01/hold`, {}), "validation");
    await expectProblem(
      api.send("PUT", `/api/v1${path}/months/2026-01/hold`, { token, body: { held: 1 } }),
      "precondition_required",
    );
  });
});
