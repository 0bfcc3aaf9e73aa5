import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeBudget } from "../helpers/budget.ts";
import { expectProblem } from "../helpers/problem.ts";

type View = { planned: number; spent: number; remaining: number; [member: string]: unknown };
type By = "agent" | "customer";
type Sent = { by: By; body?: unknown };

let api: TestApp;
const tokens = new Map<By, string>();

beforeAll(async () => {
  api = await startTestApp();
  for (const role of ["agent", "customer"] as const)
    tokens.set(role, await api.token(api.alpha.people[role]));
});
afterAll(() => api.stop());

const send = (method: string, path: string, { by, body }: Sent): Promise<Response> =>
  api.send(method, `/api/v1${path}`, {
    token: tokens.get(by) ?? "",
    headers: method === "GET" ? {} : { "if-match": "*" },
    ...(body === undefined ? {} : { body }),
  });
async function sent<T = object>(method: string, path: string, options: Sent, status = 200): Promise<T> {
  const response = await send(method, path, options);
  expect(`${method} ${path} ${response.status}`).toEndWith(` ${status}`);
  return (await response.json()) as T;
}
const listed = async <T>(path: string, by: By) => (await sent<Page<T>>("GET", path, { by })).data;

describe("what old clients ask", () => {
  test("is zeros without a budget, in the currency and the month of the business", async () => {
    const by = "customer";
    const view = await sent<View>("GET", "/allocations?year=2026&month=2", { by });
    const nothing = { income: 0, planned: 0, spent: 0, remaining: 0 };
    expect(view).toEqual({
      year: 2026,
      month: 2,
      currency: api.alpha.currency,
      ...nothing,
      target_bps_total: 0,
      unassigned_bps: 10_000,
      allocations: [],
    });
    expect(await sent<View>("GET", "/monthly-budget?year=2026&month=2", { by })).toEqual({
      month: "2026-02",
      ...nothing,
      to_budget: 0,
      held: 0,
    });
    expect(await listed<View>("/allocations/history?year=2026&month=2&months=2", by)).toEqual([
      { month: "2026-01", ...nothing },
      { month: "2026-02", ...nothing },
    ]);
    const { year, month } = await sent<View>("GET", "/allocations/summary", { by });
    const now = new Intl.DateTimeFormat("en-CA", {
      timeZone: api.alpha.timezone,
      year: "numeric",
      month: "2-digit",
    }).format();
    expect(`${String(year)}-${String(month).padStart(2, "0")}`).toBe(now);
  });

  test("says one thing in four answers, which a write ends at once", async () => {
    const by = "agent";
    const { id, categories } = await makeBudget(api.sql, api.alpha, api.alpha.people.agent);
    const { income = "", health = "", spending = "" } = categories;
    const pay = (category_id: string, amount: number, occurred_on: string) =>
      sent("POST", `/budgets/${id}/transactions`, { by, body: { category_id, amount, occurred_on } }, 201);
    const asked = "year=2026&month=1";
    const view = (path: string) => sent<View>("GET", `${path}?${asked}`, { by });
    expect(await view("/allocations")).toMatchObject({ planned: 0, spent: 0 });
    await pay(income, 10_001, "2026-01-02");
    await pay(health, -70, "2026-01-03");
    await pay(spending, -30, "2026-02-03");
    await sent("PUT", `/budgets/${id}/months/2026-01/categories/${health}`, { by, body: { planned: 100 } });
    await sent("PUT", `/budgets/${id}/months/2026-02/categories/${spending}`, { by, body: { planned: 900 } });
    await sent("PATCH", `/budgets/${id}/categories/${health}`, { by, body: { hidden: true } });
    const { allocations, ...sums } = await view("/allocations");
    expect(sums).toEqual({
      year: 2026,
      month: 1,
      currency: api.alpha.currency,
      income: 10_001,
      planned: 100,
      spent: 70,
      remaining: 30,
      target_bps_total: 9_000,
      unassigned_bps: 1_000,
    });
    expect(await view("/allocations/summary")).toEqual(sums);
    const figures = { income: 10_001, planned: 100, spent: 70, remaining: 30 };
    expect(await view("/monthly-budget")).toEqual({
      month: "2026-01",
      ...figures,
      to_budget: 9_001,
      held: 900,
    });
    const month = await sent<{ groups: View[] }>("GET", `/budgets/${id}/months/2026-01`, { by });
    expect(month).toMatchObject({ income: 10_001, planned: 100, to_budget: 9_001, held: 900 });
    const shown = month.groups.map(
      ({
        id: group_id,
        name,
        label,
        icon,
        hidden,
        target_bps,
        target_amount,
        planned,
        spent,
        remaining,
      }) => ({ group_id, name, label, icon, hidden, target_bps, target_amount, planned, spent, remaining }),
    );
    expect(allocations).toEqual(shown);
    const history = await listed<View>("/allocations/history?year=2026&month=2&months=3", by);
    expect(history).toEqual([
      { month: "2025-12", income: 0, planned: 0, spent: 0, remaining: 0 },
      { month: "2026-01", ...figures },
      { month: "2026-02", income: 0, planned: 900, spent: 30, remaining: 870 },
    ]);
    await sent("PATCH", `/budgets/${id}`, { by, body: { mode: "tracking" } });
    expect(await view("/monthly-budget")).toEqual({
      month: "2026-01",
      income: 10_001,
      planned: 0,
      spent: 0,
      remaining: 0,
      to_budget: null,
      held: 0,
    });
    for (const path of [
      "/allocations?year=2025&month=12",
      "/allocations?month=13",
      "/monthly-budget?months=2",
      "/allocations/history?months=37",
    ])
      await expectProblem(send("GET", path, { by }), "validation");
  });
});
