import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { permissions } from "../../src/http/policy.ts";
import { expenseMoves } from "../../src/savings/expense-moves.ts";
import { type ExpenseStatus, expenseStatuses, type MemberRole } from "../../src/platform/enums.ts";
import type { Page } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import { expectProblem } from "../helpers/problem.ts";
import {
  brokenCash,
  cashOf,
  collectCash,
  type Desk,
  type Expense,
  houseOf,
  openCashDesk,
  read,
  rowOf,
  send,
} from "../helpers/savings-cash.ts";
import { triedMoves } from "../helpers/savings-moves.ts";

let api: TestApp;
let desk: Desk;

beforeAll(async () => {
  api = await startTestApp();
  desk = await openCashDesk(api);
});
afterAll(() => api.stop());
afterEach(async () => {
  expect(await brokenCash(api)).toEqual([]);
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});

const memberOf = (role: MemberRole): string => api.alpha.people[role].member_id;
const plain = { category: "transport", amount: 1_500 };

const post = (by: MemberRole, body: object = plain): Promise<Response> =>
  send(desk, "/expenses", { by, body });
const record = (by: MemberRole, body: object = plain): Promise<Expense> =>
  rowOf<Expense>(post(by, body), 201);
const change = (id: string, by: MemberRole, body: object): Promise<Response> =>
  api.send("PATCH", `/api/v1/expenses/${id}`, {
    token: desk.token[by],
    body,
    headers: { "if-match": "*" },
  });
const approve = (id: string, by: MemberRole = "owner"): Promise<Response> =>
  send(desk, `/expenses/${id}/approve`, { by });
const move = (id: string, action: string, by: MemberRole): Promise<Response> => {
  if (action === "change") return change(id, by, { amount: 1_600 });
  return action === "approve"
    ? approve(id, by)
    : send(desk, `/expenses/${id}/reject`, { by, body: { reason: "No receipt" } });
};

/** Cash in the hands of an agent. Returns the remittance that it belongs to. */
const collect = async (by: MemberRole, amount: number, days_ago = 0): Promise<string> =>
  (await collectCash(api.sql, api.alpha, { agent_id: memberOf(by), amount, days_ago })).remittance_id;
const expectedOf = async (remittance_id: string): Promise<number> =>
  (await api.sql`select expected::float8 as expected from savings.remittances where id = ${remittance_id}`)[0]
    .expected;

async function receipt(by: MemberRole): Promise<string> {
  const body = new FormData();
  body.set("file", new File(["paid"], "receipt.txt", { type: "text/plain" }));
  const stored = api.send("POST", "/api/v1/files", { token: desk.token[by], body });
  return (await rowOf<{ id: string }>(stored, 201)).id;
}

describe("every move of the table", () => {
  test("succeeds for who may make it, and is refused to everybody else and from every other status", async () => {
    const wrong = await triedMoves(
      {
        moves: expenseMoves,
        statuses: expenseStatuses,
        permissionOf: (action) => (action === "change" ? "expenses.write" : "expenses.decide"),
        roles: permissions["expenses.read"],
        make: async (maker: MemberRole, status: ExpenseStatus) => {
          const { id } = await record(maker);
          const action = { recorded: null, approved: "approve", rejected: "reject" }[status];
          if (action !== null) await rowOf(move(id, action, "owner"));
          return id;
        },
        statusOf: async (id) =>
          (await api.sql`select status from savings.expenses where id = ${id}`)[0].status,
        send: move,
      },
      ["sub_agent", "manager"],
    );
    expect(wrong).toEqual([]);
  }, 20_000);

  test("needs If-Match: without it 428, with a stale one 412", async () => {
    const { id } = await record("agent");
    await rowOf(change(id, "agent", { amount: 2 }));
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
    const { id } = await record("agent");
    const token = await api.token(api.bravo.people.owner);
    const headers = { "if-match": "*" };
    const path = `/api/v1/expenses/${id}`;
    await expectProblem(api.send("GET", path, { token }), "not_found");
    await expectProblem(api.send("PATCH", path, { token, headers, body: { amount: 1 } }), "not_found");
    await expectProblem(api.send("POST", `${path}/approve`, { token, headers }), "not_found");
    const reject = { token, headers, body: { reason: "No" } };
    await expectProblem(api.send("POST", `${path}/reject`, reject), "not_found");
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
    const response = await post("agent");
    const expense = await rowOf<Expense>(response.clone() as Response, 201);
    expect(expense).toMatchObject({
      ...plain,
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
    expect(await record("agent", { ...plain, unit_id: null })).toMatchObject({ unit_id: null });
    await api.sql`update core.memberships set unit_id = null where id = ${memberOf("agent")}`;
  });

  test("and changed by whoever made it: what is absent stays, null clears", async () => {
    const made = await record("agent", { ...plain, description: "Fuel", spent_on: "2026-01-02" });
    const changed = await rowOf<Expense>(
      change(made.id, "agent", { amount: 2_000, description: null, paid_from: "agent_cash" }),
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
    const asked = { by: "agent", body: plain, key: crypto.randomUUID() } as const;
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
    const made = await expectProblem(post("agent", { ...plain, ...body }), code);
    expect(made.errors?.[0]?.pointer).toBe(pointer);
    const { id } = await record("agent");
    const changed = await expectProblem(change(id, "agent", body), code);
    expect(changed.errors?.[0]?.pointer).toBe(pointer);
  });

  test("in the categories of the business; one that is taken away later is approved all the same", async () => {
    await api.sql`insert into core.settings (business_id, key, value)
      values (${api.alpha.id}, 'savings.expense_categories', '["yachts", "fuel"]')`;
    const { id } = await record("agent", { ...plain, category: "yachts" });
    await expectProblem(post("agent"), "validation");
    await api.sql`delete from core.settings where business_id = ${api.alpha.id} and key = 'savings.expense_categories'`;
    await expectProblem(change(id, "agent", { amount: 1 }), "validation");
    await rowOf(approve(id));
    expect(await houseOf(api, "expense:yachts")).toBe(plain.amount);
  });
});

describe("a receipt", () => {
  test("is a file of the caller, goes with one expense, and is free again when it is replaced", async () => {
    const [one, two, theirs] = [await receipt("agent"), await receipt("agent"), await receipt("manager")];
    const expense = await record("agent", { ...plain, file_id: one });
    expect(expense.file_id).toBe(one);
    await expectProblem(post("agent", { ...plain, file_id: theirs }), "reference_not_found");
    await expectProblem(post("agent", { ...plain, file_id: one }), "reference_not_found");
    const token = desk.token.agent;
    await expectProblem(api.send("DELETE", `/api/v1/files/${one}`, { token }), "in_use");
    // The same again is no change, and those who decide read it.
    await rowOf(change(expense.id, "agent", { file_id: one }));
    expect(
      (await api.send("GET", `/api/v1/files/${one}/content`, { token: desk.token.manager })).status,
    ).toBe(200);
    await expectProblem(
      api.send("GET", `/api/v1/files/${one}/content`, { token: desk.token.clerk }),
      "not_found",
    );
    await rowOf(change(expense.id, "agent", { file_id: two }));
    expect((await api.send("DELETE", `/api/v1/files/${one}`, { token })).status).toBe(204);
    await expectProblem(post("agent", { ...plain, file_id: one }), "reference_not_found");
    const none = await rowOf<Expense>(change(expense.id, "agent", { file_id: null }));
    expect(none.file_id).toBeNull();
    expect((await api.send("DELETE", `/api/v1/files/${two}`, { token })).status).toBe(204);
  });

  test("is taken by one of several expenses that are recorded with it at once", async () => {
    const file_id = await receipt("agent");
    const tries = await Promise.all(Array.from({ length: 6 }, () => post("agent", { ...plain, file_id })));
    expect(tries.map(({ status }) => status).toSorted()).toEqual([201, 422, 422, 422, 422, 422]);
  });
});

describe("an approval", () => {
  test("from the vault books what was spent, and tells who spent it", async () => {
    const [spent, vault] = [await houseOf(api, "expense:airtime"), await houseOf(api, "cash:vault")];
    const { id } = await record("agent", { category: "airtime", amount: 700 });
    expect(await houseOf(api, "expense:airtime")).toBe(spent);
    const approved = await rowOf<Expense>(approve(id, "manager"));
    expect(approved).toMatchObject({
      status: "approved",
      decided_by: memberOf("manager"),
      remittance_id: null,
    });
    expect(await houseOf(api, "expense:airtime")).toBe(spent + 700);
    expect(await houseOf(api, "cash:vault")).toBe(vault - 700);
    const [booked] = await api.sql`select kind, source_id from ledger.transactions
      where id = ${approved.ledger_transaction_id}`;
    expect(booked).toEqual({ kind: "savings.expense", source_id: id });
    const told = await api.sql`select user_id, type from core.notifications where ref_id = ${id}`;
    expect([...told]).toEqual([{ user_id: api.alpha.people.agent.user_id, type: "expense.approved" }]);
  });

  test("from an agent's cash lessens what their open remittance expects, and the ceiling again", async () => {
    const remittance_id = await collect("agent", 10_000);
    const before = await cashOf(api, memberOf("agent"));
    const { id } = await record("agent", { ...plain, paid_from: "agent_cash" });
    const expected = await expectedOf(remittance_id);
    const approved = await rowOf<Expense>(approve(id));
    expect(approved.remittance_id).toBe(remittance_id);
    expect(await expectedOf(remittance_id)).toBe(expected - plain.amount);
    expect(await cashOf(api, memberOf("agent"))).toEqual({ ...before, cash: before.cash - plain.amount });
    const path = `/api/v1/remittances/${remittance_id}`;
    expect(
      await rowOf<{ expected: number }>(api.send("GET", path, { token: desk.token.agent })),
    ).toMatchObject({ expected: expected - plain.amount });
  });

  test("takes an open remittance that has enough, else the newest that is not confirmed, else is refused", async () => {
    const spend = async (amount: number): Promise<Response> =>
      approve((await record("admin", { category: "rent", amount, paid_from: "agent_cash" })).id);
    const hand = (id: string, action: string, by: MemberRole, body: object) =>
      rowOf(send(desk, `/remittances/${id}/${action}`, { by, body }));
    const older = await collect("admin", 9_000, 3);
    const newer = await collect("admin", 8_000, 2);
    const open = await collect("admin", 1_000, 1);
    await hand(older, "submit", "admin", { declared: 9_000 });
    await hand(newer, "submit", "admin", { declared: 8_000 });
    const taken = async (amount: number) => (await rowOf<Expense>(spend(amount))).remittance_id;
    expect(await taken(1_000)).toBe(open);
    expect(await taken(1)).toBe(newer);
    expect(await taken(8_500)).toBe(older);
    // There is that much in their hands, but in no one of their remittances.
    await expectProblem(spend(8_000), "insufficient_funds");
    await hand(newer, "confirm", "owner", { counted: 7_999 });
    await expectProblem(spend(501), "insufficient_funds");
    expect(await taken(500)).toBe(older);
    expect((await cashOf(api, memberOf("admin"))).cash).toBe(0);
  });

  test("of the cash of somebody who never collected is refused", async () => {
    const { id } = await record("manager", { ...plain, paid_from: "agent_cash" });
    await expectProblem(approve(id), "insufficient_funds");
    expect(await read<Expense>(desk, `/expenses/${id}`)).toMatchObject({ status: "recorded" });
  });

  test("of several at once happens once", async () => {
    const { id, amount } = await record("agent");
    const spent = await houseOf(api, "expense:transport");
    const tries = await Promise.all(
      (["owner", "admin", "manager", "owner", "admin"] as const).map((by, n) =>
        n === 3 ? move(id, "reject", by) : approve(id, by),
      ),
    );
    expect(tries.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(tries.filter(({ status }) => status === 409)).toHaveLength(4);
    const { status } = await read<Expense>(desk, `/expenses/${id}`);
    expect(await houseOf(api, "expense:transport")).toBe(spent + (status === "approved" ? amount : 0));
  });

  test("of more than there is, each at once, takes no more than there is", async () => {
    const remittance_id = await collect("sub_agent", 5_000);
    const expected = await expectedOf(remittance_id);
    const amount = Math.floor(expected / 3);
    const made = await Promise.all(
      Array.from({ length: 6 }, () => record("sub_agent", { ...plain, amount, paid_from: "agent_cash" })),
    );
    const tries = await Promise.all([
      ...made.map(({ id }) => approve(id)),
      send(desk, `/remittances/${remittance_id}/submit`, { by: "sub_agent", body: { declared: 0 } }),
    ]);
    expect(tries.filter(({ status }) => status === 200)).toHaveLength(4);
    expect(tries.filter(({ status }) => status === 422)).toHaveLength(3);
    expect(await expectedOf(remittance_id)).toBe(expected - 3 * amount);
  });

  test("races a confirmation of the remittance: either the expense comes first, or there is nothing to take it from", async () => {
    for (let n = 0; n < 4; n += 1) {
      const remittance_id = await collect("sub_agent", 2_000, 10 + n);
      await rowOf(
        send(desk, `/remittances/${remittance_id}/submit`, { by: "sub_agent", body: { declared: 2_000 } }),
      );
      const { id } = await record("sub_agent", { ...plain, amount: 2_000, paid_from: "agent_cash" });
      const { owes } = await cashOf(api, memberOf("sub_agent"));
      const [spent, counted] = await Promise.all([
        approve(id),
        send(desk, `/remittances/${remittance_id}/confirm`, { by: "admin", body: { counted: 0 } }),
      ]);
      expect(counted?.status).toBe(200);
      const short = (await cashOf(api, memberOf("sub_agent"))).owes - owes;
      expect([spent?.status, short]).toEqual(spent?.status === 200 ? [200, 0] : [422, 2_000]);
    }
  });
});

describe("a rejection", () => {
  test("books nothing, and tells the reason to who spent it", async () => {
    const spent = await houseOf(api, "expense:transport");
    const { id } = await record("agent");
    await expectProblem(send(desk, `/expenses/${id}/reject`, { by: "owner", body: {} }), "validation");
    const rejected = await rowOf<Expense>(move(id, "reject", "owner"));
    expect(rejected).toMatchObject({
      status: "rejected",
      reason: "No receipt",
      ledger_transaction_id: null,
      decided_by: memberOf("owner"),
    });
    expect(await houseOf(api, "expense:transport")).toBe(spent);
    const [told] = await api.sql`select type, body from core.notifications where ref_id = ${id}`;
    expect(told).toEqual({ type: "expense.rejected", body: "No receipt" });
  });
});

describe("who sees what", () => {
  test("an agent sees their own and their sub-agents', a sub-agent their own, staff all", async () => {
    const rows = {
      agent: await record("agent"),
      sub_agent: await record("sub_agent"),
      manager: await record("manager"),
    };
    const seenBy = async (by: MemberRole): Promise<MemberRole[]> => {
      const { data } = await read<Page<Expense>>(desk, "/expenses?limit=200", by);
      const ids = new Set(data.map(({ id }) => id));
      return (["agent", "sub_agent", "manager"] as const).filter((role) => ids.has(rows[role].id));
    };
    expect(await seenBy("manager")).toEqual(["agent", "sub_agent", "manager"]);
    expect(await seenBy("agent")).toEqual(["agent", "sub_agent"]);
    expect(await seenBy("sub_agent")).toEqual(["sub_agent"]);
    const path = `/api/v1/expenses/${rows.agent.id}`;
    await expectProblem(api.send("GET", path, { token: desk.token.sub_agent }), "not_found");
    await expectProblem(api.send("GET", path, { token: desk.token.customer }), "forbidden");
  });

  test("a list is by day, either way, page by page, and filtered", async () => {
    const [{ id: unit_id }] =
      await api.sql`insert into core.units (business_id, name) values (${api.alpha.id}, 'Yaba') returning id`;
    const days = ["2025-01-01", "2025-01-02", "2025-01-02", "2025-01-03"];
    for (const spent_on of days) await record("owner", { category: "rent", amount: 1, spent_on, unit_id });
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
