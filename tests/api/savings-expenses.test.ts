import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { permissions } from "../../src/http/policy.ts";
import { expenseMoves } from "../../src/savings/expense-moves.ts";
import { type ExpenseStatus, expenseStatuses, type MemberRole } from "../../src/platform/enums.ts";
import type { Page } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import { expectProblem } from "../helpers/problem.ts";
import {
  type Desk,
  type Expense,
  houseOf,
  openCashDesk,
  read,
  rowOf,
  seenBy,
  send,
} from "../helpers/savings-cash.ts";
import { plainExpense, spending } from "../helpers/savings-expenses.ts";
import { triedMoves } from "../helpers/savings-moves.ts";

let api: TestApp;
let desk: Desk;
let at: ReturnType<typeof spending>;

beforeAll(async () => {
  api = await startTestApp();
  desk = await openCashDesk(api);
  at = spending(desk);
});
afterAll(() => api.stop());
afterEach(async () => {
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});

const memberOf = (role: MemberRole): string => api.alpha.people[role].member_id;
describe("every move of the table", () => {
  test("succeeds for who may make it, and is refused to everybody else and from every other status", async () => {
    const wrong = await triedMoves(
      {
        moves: expenseMoves,
        statuses: expenseStatuses,
        permissionOf: (action) => (action === "change" ? "expenses.write" : "expenses.decide"),
        roles: permissions["expenses.read"],
        make: async (maker: MemberRole, status: ExpenseStatus) => {
          const { id } = await at.record(maker);
          const action = { recorded: null, approved: "approve", rejected: "reject" }[status];
          if (action !== null) await rowOf(at.move(id, action, "owner"));
          return id;
        },
        statusOf: async (id) =>
          (await api.sql`select status from savings.expenses where id = ${id}`)[0].status,
        send: at.move,
      },
      ["sub_agent", "manager"],
    );
    expect(wrong).toEqual([]);
  }, 20_000);

  test("needs If-Match: without it 428, with a stale one 412", async () => {
    const { id } = await at.record("agent");
    await rowOf(at.change(id, "agent", { amount: 2 }));
    for (const [method, action, by, body] of [
      ["PATCH", "", "agent", { amount: 3 }],
      ["POST", "/approve", "owner", undefined],
      ["POST", "/reject", "owner", { reason: "No" }],
    ] as const) {
      const path = `/api/v1/expenses/${id}${action}`;
      const sent = { token: desk.token[by], body };
      await expectProblem(api.send(method, path, sent), "precondition_required");
      await expectProblem(
        api.send(method, path, { ...sent, headers: { "if-match": '"1"' } }),
        "precondition_failed",
      );
    }
    const headers = { "if-match": '"2"' };
    const path = `/api/v1/expenses/${id}/approve`;
    expect((await api.send("POST", path, { token: desk.token.owner, headers })).status).toBe(200);
  });

  test("of an expense of another business is 404", async () => {
    const { id } = await at.record("agent");
    const token = await api.token(api.bravo.people.owner);
    for (const [method, action, body] of [
      ["GET", "", undefined],
      ["PATCH", "", { amount: 1 }],
      ["POST", "/approve", undefined],
      ["POST", "/reject", { reason: "No" }],
    ] as const) {
      const sent = { token, headers: { "if-match": "*" }, body };
      await expectProblem(api.send(method, `/api/v1/expenses/${id}${action}`, sent), "not_found");
    }
    const list = await api.send("GET", `/api/v1/expenses?member_id=${memberOf("agent")}`, { token });
    expect(((await list.json()) as Page<Expense>).data).toEqual([]);
  });
});

describe("an expense is recorded", () => {
  test("of the caller, today, from the vault and of their unit where nothing else is said", async () => {
    const [{ id: unit_id }] =
      await api.sql`insert into core.units (business_id, name) values (${api.alpha.id}, 'Ikeja') returning id`;
    await api.sql`update core.memberships set unit_id = ${unit_id} where id = ${memberOf("agent")}`;
    const [{ today }] = await api.sql`select core.business_today(${api.alpha.id})::text as today`;
    const response = await at.post("agent");
    const expense = await rowOf<Expense>(response.clone() as Response, 201);
    expect(expense).toMatchObject({
      ...plainExpense,
      member_id: memberOf("agent"),
      unit_id,
      currency: "NGN",
      paid_from: "vault",
      spent_on: today,
      status: "recorded",
      version: 1,
    });
    expect(response.headers.get("location")).toBe(`/api/v1/expenses/${expense.id}`);
    expect(await read<Expense>(desk, `/expenses/${expense.id}`, "agent")).toEqual(expense);
    expect(await at.record("agent", { ...plainExpense, unit_id: null })).toMatchObject({ unit_id: null });
    await api.sql`update core.memberships set unit_id = null where id = ${memberOf("agent")}`;
  });

  test("and changed by whoever made it: what is absent stays, null clears", async () => {
    const made = await at.record("agent", { ...plainExpense, description: "Fuel", spent_on: "2026-01-02" });
    const changed = await rowOf<Expense>(
      at.change(made.id, "agent", { amount: 2_000, description: null, paid_from: "agent_cash" }),
    );
    expect(changed).toMatchObject({
      ...made,
      amount: 2_000,
      description: null,
      paid_from: "agent_cash",
      version: 2,
      updated_at: expect.any(String),
    });
    expect(await read<Expense>(desk, `/expenses/${made.id}`)).toEqual(changed);
  });

  test("once for a key", async () => {
    const asked = { by: "agent", body: plainExpense, key: crypto.randomUUID() } as const;
    const [first, second] = [await send(desk, "/expenses", asked), await send(desk, "/expenses", asked)];
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await second.text()).toBe(await first.text());
  });

  test.each([
    ["a category that nobody named", { category: "yachts" }, "validation", "/category"],
    ["a day that is to come", { spent_on: "2999-01-01" }, "validation", "/spent_on"],
    ["a unit that is not there", { unit_id: crypto.randomUUID() }, "reference_not_found", "/unit_id"],
    ["a file that is not there", { file_id: crypto.randomUUID() }, "reference_not_found", "/file_id"],
    ["nothing", { amount: 0 }, "validation", "/amount"],
    ["less than nothing", { amount: -5 }, "validation", "/amount"],
    ["half a unit", { amount: 1.5 }, "validation", "/amount"],
    ["more than JSON carries", { amount: 2 ** 53 }, "validation", "/amount"],
    ["another's money", { paid_from: "bank" }, "validation", "/paid_from"],
    ["another member", { member_id: crypto.randomUUID() }, "validation", "/member_id"],
    ["a state", { status: "approved" }, "validation", "/status"],
  ] as const)("never with %s, made or changed", async (_, body, code, pointer) => {
    const made = await expectProblem(at.post("agent", { ...plainExpense, ...body }), code);
    expect(made.errors?.[0]?.pointer).toBe(pointer);
    const { id } = await at.record("agent");
    const changed = await expectProblem(at.change(id, "agent", body), code);
    expect(changed.errors?.[0]?.pointer).toBe(pointer);
  });

  test("in the categories of the business; one that is taken away later is approved all the same", async () => {
    await api.sql`insert into core.settings (business_id, key, value)
      values (${api.alpha.id}, 'savings.expense_categories', '["yachts", "fuel"]')`;
    const { id } = await at.record("agent", { ...plainExpense, category: "yachts" });
    await expectProblem(at.post("agent"), "validation");
    await api.sql`delete from core.settings where business_id = ${api.alpha.id} and key = 'savings.expense_categories'`;
    await expectProblem(at.change(id, "agent", { amount: 1 }), "validation");
    await rowOf(at.approve(id));
    expect(await houseOf(api, "expense:yachts")).toBe(plainExpense.amount);
  });
});

describe("who sees what", () => {
  test("an agent sees their own and their sub-agents', a sub-agent their own, staff all", async () => {
    const rows = {
      agent: await at.record("agent"),
      sub_agent: await at.record("sub_agent"),
      manager: await at.record("manager"),
    };
    expect(await seenBy(desk, "/expenses", { rows, by: "manager" })).toEqual([
      "agent",
      "sub_agent",
      "manager",
    ]);
    expect(await seenBy(desk, "/expenses", { rows, by: "agent" })).toEqual(["agent", "sub_agent"]);
    expect(await seenBy(desk, "/expenses", { rows, by: "sub_agent" })).toEqual(["sub_agent"]);
    const path = `/api/v1/expenses/${rows.agent.id}`;
    await expectProblem(api.send("GET", path, { token: desk.token.sub_agent }), "not_found");
    await expectProblem(api.send("GET", path, { token: desk.token.customer }), "forbidden");
  });

  test("a list is by day, either way, page by page, and filtered", async () => {
    const [{ id: unit_id }] =
      await api.sql`insert into core.units (business_id, name) values (${api.alpha.id}, 'Yaba') returning id`;
    const days = ["2025-01-01", "2025-01-02", "2025-01-02", "2025-01-03"];
    for (const spent_on of days) await at.record("owner", { category: "rent", amount: 1, spent_on, unit_id });
    const list = async (query: string) => {
      const { data, meta } = await read<Page<Expense>>(desk, `/expenses?unit_id=${unit_id}&${query}`);
      return { days: data.map(({ spent_on }) => spent_on), next: meta.next_cursor };
    };
    expect((await list("")).days).toEqual(days.toReversed());
    expect((await list("from=2025-01-02&to=2025-01-02")).days).toEqual(["2025-01-02", "2025-01-02"]);
    expect((await list("category=other")).days).toEqual([]);
    expect((await list("category=rent&status=recorded")).days).toHaveLength(4);
    expect((await list("status=approved,rejected")).days).toEqual([]);
    expect((await list(`member_id=${memberOf("agent")}`)).days).toEqual([]);
    const csv = await api.send("GET", `/api/v1/expenses?unit_id=${unit_id}&limit=1`, {
      token: desk.token.owner,
      headers: { accept: "text/csv" },
    });
    const [header, ...lines] = (await csv.text()).trimEnd().split("\r\n");
    expect(header).toStartWith("id,spent_on,member_id,unit_id,category,amount,currency,paid_from,status");
    expect(lines.map((line) => line.split(",")[1] ?? "")).toEqual(days.toReversed());
    for (const [sort, expected] of [
      ["-spent_on", days.toReversed()],
      ["spent_on", days],
    ] as const) {
      const first = await list(`sort=${sort}&limit=2`);
      const second = await list(`sort=${sort}&limit=2&cursor=${first.next}`);
      expect([...first.days, ...second.days]).toEqual(expected);
      expect(second.next).toBeNull();
    }
  });
});
