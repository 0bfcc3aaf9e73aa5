import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { MemberRole } from "../../src/platform/enums.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import { expectProblem } from "../helpers/problem.ts";
import {
  cashOf,
  collectCash,
  type Desk,
  type Expense,
  expectedOf,
  houseOf,
  openCashDesk,
  read,
  rowOf,
  send,
  uploadReceipt,
  whileCashIsHeld,
} from "../helpers/savings-cash.ts";
import { plainExpense, spending } from "../helpers/savings-expenses.ts";

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
/** Cash in the hands of an agent. Returns the remittance that it belongs to. */
const collect = async (by: MemberRole, amount: number, days_ago = 0): Promise<string> =>
  (await collectCash(api.sql, api.alpha, { agent_id: memberOf(by), amount, days_ago })).remittance_id;
describe("a receipt", () => {
  test("is a file of the caller, goes with one expense, and is free again when it is replaced", async () => {
    const [one, two, theirs] = [
      await uploadReceipt(desk, "agent"),
      await uploadReceipt(desk, "agent"),
      await uploadReceipt(desk, "manager"),
    ];
    const expense = await at.record("agent", { ...plainExpense, file_id: one });
    expect(expense.file_id).toBe(one);
    await expectProblem(at.post("agent", { ...plainExpense, file_id: theirs }), "reference_not_found");
    await api.sql`update core.files set ref_type = 'job', ref_id = ${two} where id = ${two}`;
    await expectProblem(at.post("agent", { ...plainExpense, file_id: two }), "reference_not_found");
    await api.sql`update core.files set ref_type = null, ref_id = null where id = ${two}`;
    await expectProblem(at.post("agent", { ...plainExpense, file_id: one }), "reference_not_found");
    const token = desk.token.agent;
    await expectProblem(api.send("DELETE", `/api/v1/files/${one}`, { token }), "in_use");
    // The same again is no change, and those who decide read it.
    await rowOf(at.change(expense.id, "agent", { file_id: one }));
    expect(
      (await api.send("GET", `/api/v1/files/${one}/content`, { token: desk.token.manager })).status,
    ).toBe(200);
    await expectProblem(
      api.send("GET", `/api/v1/files/${one}/content`, { token: desk.token.clerk }),
      "not_found",
    );
    await rowOf(at.change(expense.id, "agent", { file_id: two }));
    expect((await api.send("DELETE", `/api/v1/files/${one}`, { token })).status).toBe(204);
    await expectProblem(at.post("agent", { ...plainExpense, file_id: one }), "reference_not_found");
    const none = await rowOf<Expense>(at.change(expense.id, "agent", { file_id: null }));
    expect(none.file_id).toBeNull();
    expect((await api.send("DELETE", `/api/v1/files/${two}`, { token })).status).toBe(204);
  });

  test("is taken by one of several expenses that are recorded with it at once", async () => {
    const file_id = await uploadReceipt(desk, "agent");
    const tries = await Promise.all(
      Array.from({ length: 6 }, () => at.post("agent", { ...plainExpense, file_id })),
    );
    expect(tries.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(tries.filter(({ status }) => status === 422)).toHaveLength(5);
  });
});

describe("an approval", () => {
  test("from the vault books what was spent, and tells who spent it", async () => {
    const [spent, vault] = [await houseOf(api, "expense:airtime"), await houseOf(api, "cash:vault")];
    const { id } = await at.record("agent", { category: "airtime", amount: 700 });
    expect(await houseOf(api, "expense:airtime")).toBe(spent);
    const approved = await rowOf<Expense>(at.approve(id, "manager"));
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
    const { id } = await at.record("agent", { ...plainExpense, paid_from: "agent_cash" });
    const expected = await expectedOf(api, remittance_id);
    const approved = await rowOf<Expense>(at.approve(id));
    expect(approved.remittance_id).toBe(remittance_id);
    expect(await expectedOf(api, remittance_id)).toBe(expected - plainExpense.amount);
    expect(await cashOf(api, memberOf("agent"))).toEqual({
      ...before,
      cash: before.cash - plainExpense.amount,
    });
    const path = `/api/v1/remittances/${remittance_id}`;
    expect(
      await rowOf<{ expected: number }>(api.send("GET", path, { token: desk.token.agent })),
    ).toMatchObject({ expected: expected - plainExpense.amount });
  });

  test("takes an open remittance that has enough, else the newest that is not confirmed, else is refused", async () => {
    const spend = async (amount: number): Promise<Response> =>
      at.approve((await at.record("admin", { category: "rent", amount, paid_from: "agent_cash" })).id);
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
    const { id } = await at.record("manager", { ...plainExpense, paid_from: "agent_cash" });
    await expectProblem(at.approve(id), "insufficient_funds");
    expect(await read<Expense>(desk, `/expenses/${id}`)).toMatchObject({ status: "recorded" });
  });

  test("of several at once happens once", async () => {
    const remittance_id = await collect("agent", 10 * plainExpense.amount);
    const expected = await expectedOf(api, remittance_id);
    const { id, amount } = await at.record("agent", { ...plainExpense, paid_from: "agent_cash" });
    const tries = await whileCashIsHeld(api, memberOf("agent"), () =>
      Promise.all(
        (["owner", "admin", "manager", "owner", "admin"] as const).map((by, n) =>
          n === 3 ? at.reject(id, by) : at.approve(id, by),
        ),
      ),
    );
    expect(tries.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(tries.filter(({ status }) => status === 409)).toHaveLength(4);
    const { status } = await read<Expense>(desk, `/expenses/${id}`);
    const spent = status === "approved" ? amount : 0;
    expect(await expectedOf(api, remittance_id)).toBe(expected - spent);
  });

  test("of more than there is, each at once, takes no more than there is", async () => {
    const remittance_id = await collect("sub_agent", 5_000);
    const expected = await expectedOf(api, remittance_id);
    const amount = Math.floor(expected / 3);
    const made = await Promise.all(
      Array.from({ length: 6 }, () =>
        at.record("sub_agent", { ...plainExpense, amount, paid_from: "agent_cash" }),
      ),
    );
    const tries = await Promise.all([
      ...made.map(({ id }) => at.approve(id)),
      send(desk, `/remittances/${remittance_id}/submit`, { by: "sub_agent", body: { declared: 0 } }),
    ]);
    expect(tries.filter(({ status }) => status === 200)).toHaveLength(4);
    expect(tries.filter(({ status }) => status === 422)).toHaveLength(3);
    expect(await expectedOf(api, remittance_id)).toBe(expected - 3 * amount);
  });

  test("races a confirmation of the remittance: either the expense comes first, or there is nothing to take it from", async () => {
    for (let n = 0; n < 4; n += 1) {
      const remittance_id = await collect("sub_agent", 2_000, 10 + n);
      await rowOf(
        send(desk, `/remittances/${remittance_id}/submit`, { by: "sub_agent", body: { declared: 2_000 } }),
      );
      const { id } = await at.record("sub_agent", {
        ...plainExpense,
        amount: 2_000,
        paid_from: "agent_cash",
      });
      const { owes } = await cashOf(api, memberOf("sub_agent"));
      const [spent, counted] = await Promise.all([
        at.approve(id),
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
    const { id } = await at.record("agent");
    await expectProblem(send(desk, `/expenses/${id}/reject`, { by: "owner", body: {} }), "validation");
    const rejected = await rowOf<Expense>(at.move(id, "reject", "owner"));
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
