import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { purgeDeleted } from "../../src/budget/background-jobs.ts";
import type { Page } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { driftOf, makeBudget } from "../helpers/budget.ts";
import type { MemberRole } from "../../src/platform/enums.ts";
import { expectProblem } from "../helpers/problem.ts";

type Row = { id: string; name: string; version: number; [member: string]: unknown };

let api: TestApp;
const tokens = new Map<MemberRole, string>();

beforeAll(async () => {
  api = await startTestApp();
  for (const role of ["owner", "manager", "clerk", "agent", "operator", "customer", "admin"] as const)
    tokens.set(role, await api.token(api.alpha.people[role]));
});
afterAll(() => api.stop());

type Sent = { by?: MemberRole; body?: unknown; if_match?: string | null };
function send(
  method: string,
  path: string,
  { by = "manager", body, if_match = "*" }: Sent = {},
): Promise<Response> {
  const headers: Record<string, string> =
    method === "GET" || if_match === null ? {} : { "if-match": if_match };
  return api.send(method, `/api/v1${path}`, {
    token: tokens.get(by) ?? "",
    headers,
    ...(body === undefined ? {} : { body }),
  });
}
async function sent<T = Row>(method: string, path: string, options: Sent = {}, status = 200): Promise<T> {
  const response = await send(method, path, options);
  expect(`${method} ${path} ${response.status}`).toEndWith(` ${status}`);
  return (status === 204 ? null : await response.json()) as T;
}
const listed = async <T = Row>(path: string, by: MemberRole = "manager") =>
  (await sent<Page<T>>("GET", path, { by })).data;

/** Refusals that every row with a version has. */
async function expectVersioned(path: string, patch: object): Promise<void> {
  for (const method of ["PATCH", "DELETE"]) {
    const body = method === "PATCH" ? { body: patch } : {};
    await expectProblem(send(method, path, { ...body, if_match: null }), "precondition_required");
    await expectProblem(send(method, path, { ...body, if_match: '"999"' }), "precondition_failed");
    await expectProblem(send(method, path.replace(/[^/]+$/, crypto.randomUUID()), body), "not_found");
  }
}

describe("a budget", () => {
  test("begins with its groups, their targets and the month it is; the first is the default", async () => {
    const by = "clerk";
    const response = await send("POST", "/budgets", { by, body: { name: "Home" } });
    const made = (await response.json()) as Row;
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/api/v1/budgets/${made.id}`);
    const { currency, timezone } = api.alpha;
    expect(made).toMatchObject({
      name: "Home",
      mode: "envelope",
      currency,
      timezone,
      is_default: true,
      version: 1,
    });
    expect(made["first_month"]).toMatch(/^\d{4}-\d{2}$/);
    expect(await sent("GET", `/budgets/${made.id}`, { by })).toEqual(made);
    const groups = await listed(`/budgets/${made.id}/category-groups`, by);
    expect(groups.map(({ name, target_bps, is_income }) => [name, target_bps, is_income])).toEqual([
      ["income", 0, true],
      ["freedom", 1000, false],
      ["health", 1000, false],
      ["spending", 5000, false],
      ["learning", 1000, false],
      ["entertainment", 500, false],
      ["contribution", 500, false],
    ]);
    expect(await sent<object>("GET", "/allocations", { by })).toMatchObject({
      target_bps_total: 9000,
      unassigned_bps: 1000,
    });
    const categories = await listed(`/budgets/${made.id}/categories?limit=200`, by);
    expect(categories.map(({ name, rollover }) => [name, rollover])).toEqual(
      groups.map(({ name }) => [name, "carry_surplus"]),
    );
    expect(await listed("/budgets", "agent")).toEqual([]);
  });

  test("is one of several, one of which is the default: it moves with a new one, and with the default's end", async () => {
    const ids: string[] = [];
    for (const [name, is_default] of [
      ["One", false],
      ["Two", false],
      ["Three", true],
    ] as const) {
      const { id } = await sent(
        "POST",
        "/budgets",
        { body: { name, is_default, first_month: "2026-01" } },
        201,
      );
      ids.push(id);
    }
    const [one = "", two = "", three = ""] = ids;
    const defaults = async () =>
      (await listed("/budgets")).filter((budget) => budget["is_default"]).map(({ id }) => id);
    expect(await defaults()).toEqual([three]);
    const first = await sent<Page<Row>>("GET", "/budgets?limit=2");
    expect(first.data.map(({ id }) => id)).toEqual([one, two]);
    expect((await listed(`/budgets?limit=2&cursor=${first.meta.next_cursor}`)).map(({ id }) => id)).toEqual([
      three,
    ]);
    await sent("PATCH", `/budgets/${two}`, { body: { is_default: true, name: "Second" } });
    expect(await defaults()).toEqual([two]);
    await expectProblem(send("PATCH", `/budgets/${two}`, { body: { is_default: false } }), "validation");
    await expectVersioned(`/budgets/${three}`, { name: "x" });
    await sent("DELETE", `/budgets/${two}`, {}, 204);
    expect(await defaults()).toEqual([one]);
    await expectProblem(send("GET", `/budgets/${two}/months/2026-01`), "not_found");
    await sent("DELETE", `/budgets/${three}`, {}, 204);
    await sent("DELETE", `/budgets/${one}`, {}, 204);
    expect(await listed("/budgets")).toEqual([]);
  });

  test("of which a person has two at once for the first time has one default", async () => {
    const made = await Promise.all(
      [1, 2, 3, 4].map((n) => send("POST", "/budgets", { by: "operator", body: { name: `B${n}` } })),
    );
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect((await listed("/budgets", "operator")).filter((budget) => budget["is_default"])).toHaveLength(1);
  });

  test("keeps its currency and first month once something is in it, and takes only what there is", async () => {
    const { id, categories } = await makeBudget(api.sql, api.alpha, api.alpha.people.manager, {
      first_month: "2026-03",
    });
    const patch = (body: object) => send("PATCH", `/budgets/${id}`, { body });
    const pointed = async (body: object, code: "validation" | "in_use", pointer: string) =>
      expect((await expectProblem(patch(body), code)).errors).toMatchObject([{ pointer }]);
    await sent("PATCH", `/budgets/${id}`, { body: { currency: "USD", first_month: "2026-04" } });
    await sent("PUT", `/budgets/${id}/months/2026-05/categories/${categories["health"]}`, {
      body: { planned: 5 },
    });
    await pointed({ currency: "NGN" }, "in_use", "/currency");
    await pointed({ first_month: "2026-06" }, "in_use", "/first_month");
    expect(await sent("PATCH", `/budgets/${id}`, { body: { first_month: "2026-05" } })).toMatchObject({
      first_month: "2026-05",
    });
    await pointed({ currency: "ZZZ" }, "in_use", "/currency");
    await pointed({ timezone: "Mars/Olympus" }, "validation", "/timezone");
    await pointed({ first_month: "1969-12" }, "validation", "/first_month");
    for (const body of [
      {},
      { name: "" },
      { mode: "fast" },
      { owner_id: crypto.randomUUID() },
      { first_month: "2026-1" },
    ])
      await expectProblem(patch(body), "validation");
    await expectProblem(send("POST", "/budgets", { body: { name: "x", currency: "ZZZ" } }), "validation");
    await expectProblem(send("POST", "/budgets", { body: { name: "x", timezone: "x" } }), "validation");
    await sent("DELETE", `/budgets/${id}`, {}, 204);
  });

  test("is one of a hundred at most", async () => {
    const { user_id } = api.alpha.people.admin;
    await api.sql`insert into budget.budgets (business_id, owner_id, name, currency, timezone, first_month)
      select ${api.alpha.id}, ${user_id}, 'B' || g, 'NGN', 'UTC', '2026-01-01' from generate_series(1, 100) g`;
    await expectProblem(send("POST", "/budgets", { by: "admin", body: { name: "x" } }), "validation");
  });

  test("that was deleted goes with all of its rows, a part at a time", async () => {
    const { id, categories } = await makeBudget(api.sql, api.alpha, api.alpha.people.manager);
    await api.sql`insert into budget.transactions (business_id, budget_id, category_id, amount, occurred_on)
      select ${api.alpha.id}, ${id}, ${categories["health"] ?? ""}, g, '2026-01-01' from generate_series(1, 2500) g`;
    await sent("PUT", `/budgets/${id}/months/2026-05/categories/${categories["health"]}`, {
      body: { planned: 5 },
    });
    await sent("DELETE", `/budgets/${id}`, {}, 204);
    const rows = async () =>
      (await api.sql`select count(*)::int as n from budget.transactions where budget_id = ${id}`)[0].n;
    for (let i = 0; i < 20 && (await rows()) > 0; i += 1) await purgeDeleted(api.deps);
    await purgeDeleted(api.deps);
    const [left] =
      await api.sql`select (select count(*)::int from budget.budgets where id = ${id}) as budgets,
      (select count(*)::int from budget.categories where budget_id = ${id}) as categories,
      (select count(*)::int from budget.category_months where budget_id = ${id}) as months`;
    expect({ ...left }).toEqual({ budgets: 0, categories: 0, months: 0 });
  });
});

describe("groups and categories", () => {
  test("are made, changed and removed; a name is there once", async () => {
    const { id } = await makeBudget(api.sql, api.alpha, api.alpha.people.manager);
    const groups = `/budgets/${id}/category-groups`;
    const group = await sent(
      "POST",
      groups,
      { body: { name: "travel", target_bps: 200, label: "Travel", sort: 9 } },
      201,
    );
    expect(group).toMatchObject({
      budget_id: id,
      target_bps: 200,
      is_income: false,
      hidden: false,
      icon: null,
      version: 1,
    });
    expect(
      await sent("PATCH", `${groups}/${group.id}`, { body: { label: null, hidden: true }, if_match: '"1"' }),
    ).toMatchObject({ label: null, hidden: true, version: 2 });
    expect(await sent("GET", `${groups}/${group.id}`)).toMatchObject({ label: null, version: 2 });
    await expectProblem(send("POST", groups, { body: { name: "travel" } }), "already_exists");
    await expectProblem(
      send("POST", groups, { body: { name: "more", is_income: true, target_bps: 5 } }),
      "validation",
    );
    await expectProblem(send("POST", groups, { body: { name: "more", target_bps: 10_001 } }), "validation");
    await expectProblem(send("PATCH", `${groups}/${group.id}`, { body: { is_income: true } }), "validation");
    const paths = `/budgets/${id}/categories`;
    const body = { group_id: group.id, name: "Trains", rollover: "carry_floor" };
    const trains = await sent("POST", paths, { body }, 201);
    expect(trains).toMatchObject({ ...body, budget_id: id, hidden: false, version: 1 });
    expect(
      await sent("PATCH", `${paths}/${trains.id}`, { body: { rollover: "reset" }, if_match: '"1"' }),
    ).toMatchObject({ rollover: "reset", version: 2 });
    expect((await listed(`${paths}?group_id=${group.id}`)).map(({ name }) => name)).toEqual(["Trains"]);
    await expectProblem(send("POST", paths, { body }), "already_exists");
    await expectProblem(
      send("POST", paths, { body: { ...body, group_id: crypto.randomUUID() } }),
      "reference_not_found",
    );
    const [income] = await listed(groups);
    await expectProblem(
      send("PATCH", `${paths}/${trains.id}`, { body: { group_id: income?.id } }),
      "validation",
    );
    await expectVersioned(`${groups}/${group.id}`, { name: "x" });
    await expectVersioned(`${paths}/${trains.id}`, { name: "x" });
    await sent("PUT", `/budgets/${id}/months/2026-01/categories/${trains.id}`, { body: { planned: 1 } });
    await expectProblem(send("DELETE", `${groups}/${group.id}`), "category_in_use");
    await sent("PUT", `/budgets/${id}/months/2026-01/categories/${trains.id}`, { body: { planned: 0 } });
    await sent("DELETE", `${groups}/${group.id}`, {}, 204);
    await expectProblem(send("GET", `${paths}/${trains.id}`), "not_found");
    await api.sql`insert into budget.category_groups (business_id, budget_id, name)
      select ${api.alpha.id}, ${id}, 'G' || g from generate_series(1, 93) g`;
    await expectProblem(send("POST", groups, { body: { name: "one more" } }), "validation");
    await api.sql`insert into budget.categories (business_id, budget_id, group_id, name)
      select ${api.alpha.id}, ${id}, ${income?.id ?? ""}, 'C' || g from generate_series(1, 493) g`;
    await expectProblem(
      send("POST", paths, { body: { group_id: income?.id, name: "one more" } }),
      "validation",
    );
  });

  test("a category with anything in it goes only into another one, with plans, transactions and those deleted", async () => {
    const { id, categories } = await makeBudget(api.sql, api.alpha, api.alpha.people.manager);
    const { health = "", spending = "", learning = "", freedom = "", income = "" } = categories;
    const paths = `/budgets/${id}/categories`;
    const month = async () => {
      const found = await sent<{ planned: number; activity: number; balance: number; proof: object }>(
        "GET",
        `/budgets/${id}/months/2026-02`,
      );
      return { planned: found.planned, activity: found.activity, proof: found.proof };
    };
    for (const [category_id, planned] of [
      [health, 10],
      [spending, 200],
      [learning, 7],
    ] as const)
      await sent("PUT", `/budgets/${id}/months/2026-02/categories/${category_id}`, { body: { planned } });
    const pay = (category_id: string, amount: number) =>
      sent(
        "POST",
        `/budgets/${id}/transactions`,
        { body: { category_id, amount, occurred_on: "2026-02-03" } },
        201,
      );
    await pay(health, -4);
    const undone = await pay(health, -5);
    await sent("DELETE", `/budgets/${id}/transactions/${undone.id}`, {}, 204);
    await pay(spending, -40);
    const before = await month();
    await expectProblem(send("DELETE", `${paths}/${health}`), "category_in_use");
    for (const [into, code] of [
      [crypto.randomUUID(), "unknown_category"],
      [health, "validation"],
      [income, "validation"],
    ] as const) {
      await expectProblem(send("DELETE", `${paths}/${health}?into=${into}`), code);
      await expectProblem(send("POST", `${paths}/${health}/merge`, { body: { into } }), code);
    }
    await expectProblem(
      send("POST", `${paths}/${health}/merge`, { body: { into: spending }, if_match: '"9"' }),
      "precondition_failed",
    );
    expect((await sent("POST", `${paths}/${health}/merge`, { body: { into: spending } })).id).toBe(spending);
    await sent("DELETE", `${paths}/${learning}?into=${spending}`, {}, 204);
    await sent("DELETE", `${paths}/${freedom}`, {}, 204);
    expect(await month()).toEqual(before);
    const [row] =
      await api.sql`select (select planned::int from budget.allocations where category_id = ${spending}) as planned,
      (select count(*)::int from budget.transactions where category_id = ${spending}) as transactions,
      (select activity::int from budget.category_months where category_id = ${spending}) as activity`;
    expect({ ...row }).toEqual({ planned: 217, transactions: 3, activity: -44 });
    expect(await driftOf(api.sql, api.alpha.id)).toBe(0);
    await expectProblem(send("GET", `${paths}/${health}`), "not_found");
  });
});

test("another member's budget is not there, whatever is asked of it, nor is it in the trail that others read", async () => {
  const { id, categories } = await makeBudget(api.sql, api.alpha, api.alpha.people.agent);
  const { spending = "", health = "" } = categories;
  const asked: [string, string, unknown?][] = [
    ["GET", ""],
    ["PATCH", "", { name: "Mine" }],
    ["DELETE", ""],
    ["GET", "/months"],
    ["GET", "/months/2026-01"],
    ["PATCH", "/months/2026-01", { items: [{ category_id: spending, planned: 1 }] }],
    ["PUT", `/months/2026-01/categories/${spending}`, { planned: 1 }],
    ["POST", "/months/2026-01/move", { from: spending, to: health, amount: 1 }],
    ["POST", "/months/2026-01/copy-last-month"],
    ["POST", "/months/2026-02/auto-assign", { by: "last" }],
    ["PUT", "/months/2026-01/hold", { held: 1 }],
    ["GET", "/category-groups"],
    ["POST", "/category-groups", { name: "Mine" }],
    ["GET", "/categories"],
    ["GET", `/categories/${spending}`],
    ["PATCH", `/categories/${spending}`, { name: "Mine" }],
    ["DELETE", `/categories/${spending}`],
    ["POST", `/categories/${spending}/merge`, { into: health }],
  ];
  for (const [method, path, body] of asked)
    await expectProblem(
      send(method, `/budgets/${id}${path}`, { by: "owner", ...(body === undefined ? {} : { body }) }),
      "not_found",
    );
  const trail = await (await send("GET", "/audit-logs?limit=200", { by: "owner" })).text();
  expect(trail).not.toContain('"entity_type" : "budget');
});
