import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { memberRoles, type SavingsAccountStatus, savingsAccountStatuses } from "../../src/platform/enums.ts";
import { type AccountAction, accountMoves } from "../../src/savings/accounts-moves.ts";
import type { Move } from "../../src/core/moves.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer } from "../helpers/bank.ts";
import { expectProblem } from "../helpers/problem.ts";
import {
  collect,
  makeProduct,
  openSavings,
  type ProductOptions,
  type SavingsOptions,
} from "../helpers/savings.ts";

let api: TestApp;
const tokens = new Map<string, string>();

beforeAll(async () => {
  api = await startTestApp();
  await Promise.all(
    memberRoles.map(async (role) => tokens.set(role, await api.token(api.alpha.people[role]))),
  );
  tokens.set("stranger", await api.token(api.bravo.people.owner));
});
afterAll(() => api.stop());

type Account = {
  id: string;
  status: SavingsAccountStatus;
  version: number;
  markings_total: number;
  ends_on: string;
} & Record<string, unknown>;

const moves: readonly Move<SavingsAccountStatus, AccountAction>[] = accountMoves;
const actions = [...new Set(moves.map(({ action }) => action))];
const bodies: Readonly<Record<AccountAction, object>> = {
  close: { reason: "Asked for" },
  extend: { cycles: 1 },
  renew: {},
};

/** An account of the sub-agent, whose customer is the member with that role: everybody who may move it sees it. */
async function accountIn(
  status: SavingsAccountStatus,
  {
    markings = status === "cancelled" ? 0 : 1,
    ...options
  }: {
    markings?: number;
    product?: ProductOptions;
  } & SavingsOptions = {},
): Promise<string> {
  const { sub_agent, customer } = api.alpha.people;
  const product_id = await makeProduct(api.sql, api.alpha, { cycle_markings: 2, ...options.product });
  const { savings_account_id: id } = await openSavings(api.sql, api.alpha, {
    product_id,
    customer_id: await makeCustomer(api.sql, api.alpha, { user_id: customer.user_id }),
    agent_id: sub_agent.member_id,
    ...options,
  });
  const count = status === "completed" ? 2 : markings;
  if (count > 0) {
    const [visit] = await collect(api.sql, api.alpha, [{ savings_account_id: id, count }]);
    expect(visit?.refusal ?? null).toBeNull();
  }
  if (status !== "active" && status !== "completed")
    await api.sql`update savings.accounts set status = ${status}, closed_at = now() where id = ${id}`;
  return id;
}

const move = (
  id: string,
  action: AccountAction,
  { by = "manager", body = bodies[action], match }: { by?: string; body?: object; match?: string } = {},
) =>
  api.send("POST", `/api/v1/savings/${id}/${action}`, {
    token: tokens.get(by) ?? "",
    body,
    headers: match === undefined ? {} : { "if-match": match },
  });
const read = async (id: string): Promise<Account> => {
  const response = await api.send("GET", `/api/v1/savings/${id}`, { token: tokens.get("owner") ?? "" });
  return (await response.json()) as Account;
};
const moved = async (...asked: Parameters<typeof move>): Promise<Account> => {
  const response = await move(...asked);
  expect(response.status).toBe(asked[1] === "renew" ? 201 : 200);
  return (await response.json()) as Account;
};

describe("every move of the table", () => {
  test.each(moves.map((row) => [`${row.action}: ${row.from} → ${row.to}`, row] as const))(
    "%s succeeds for every role that may make it",
    async (_, { action, from, to, roles }) => {
      for (const by of roles) {
        const id = await accountIn(from, { markings: to === "cancelled" || from === "cancelled" ? 0 : 1 });
        const before = await read(id);
        const after = await moved(id, action, { by });
        expect([by, after.status]).toEqual([by, to]);
        // A renewal is another account; the one that has ended stays as it is.
        if (action === "renew") expect(await read(id)).toEqual(before);
        else expect(after).toMatchObject({ id, version: before.version + 1 });
      }
    },
  );

  test("is refused to every other role", async () => {
    for (const { action, from, roles } of moves) {
      const id = await accountIn(from);
      const before = await read(id);
      const others = memberRoles.filter((role) => !roles.includes(role));
      for (const by of others) await expectProblem(move(id, action, { by }), "forbidden");
      expect(await read(id)).toEqual(before);
    }
  });

  test("is the only one: from any other state an action is refused, and told what is allowed", async () => {
    for (const from of savingsAccountStatuses) {
      const id = await accountIn(from);
      const before = await read(id);
      const allowed = [...new Set(moves.filter((row) => row.from === from).map(({ to }) => to))];
      const illegal = actions.filter(
        (action) => !moves.some((row) => row.action === action && row.from === from),
      );
      for (const action of illegal) {
        const problem = await expectProblem(move(id, action), "illegal_transition");
        expect(problem["from"]).toBe(from);
        expect((problem["allowed"] as string[]).toSorted()).toEqual(allowed.toSorted());
        expect(moves.filter((row) => row.action === action).map(({ to }) => to)).toContain(
          problem["to"] as SavingsAccountStatus,
        );
      }
      expect(await read(id)).toEqual(before);
    }
  });

  test("of an account that one does not see is refused as if it were not there, and needs the version that is sent", async () => {
    for (const { action, from } of moves) {
      const id = await accountIn(from, { agent_id: api.alpha.people.manager.member_id });
      for (const by of ["stranger", "agent", "sub_agent"])
        await expectProblem(move(id, action, { by }), "not_found");
      await expectProblem(move(crypto.randomUUID(), action), "not_found");
      await expectProblem(move(id, action, { match: '"7000"' }), "precondition_failed");
      const { version } = await read(id);
      await moved(id, action, { match: `"${version}"` });
    }
  });
});

describe("closing", () => {
  test("says why and when, tells agent and customer, and needs a reason", async () => {
    const id = await accountIn("active");
    await expectProblem(move(id, "close", { body: {} }), "validation");
    const account = await moved(id, "close", { by: "agent", body: { reason: "Moves away" } });
    expect(account).toMatchObject({ status: "closed_early", close_reason: "Moves away", markings_paid: 1 });
    expect(Date.parse(String(account["closed_at"]))).toBeGreaterThan(Date.now() - 60_000);
    const told: { username: string }[] = await api.sql`select u.username from core.notifications n
      join core.users u on u.id = n.user_id where n.ref_id = ${id} and n.type = 'savings.account_closed' order by 1`;
    expect(told.map(({ username }) => username)).toEqual(["alpha.customer", "alpha.sub_agent"]);
  });

  test("twice at once is done once", async () => {
    const id = await accountIn("active");
    const answers = await Promise.all([1, 2, 3].map(async () => (await move(id, "close")).status));
    expect(answers.toSorted((one, other) => one - other)).toEqual([200, 409, 409]);
  });

  test("and collecting at once agree: what was paid before closes it early, and nothing is paid after", async () => {
    for (let round = 0; round < 5; round += 1) {
      const id = await accountIn("active", { markings: 0 });
      const [closed, [visit]] = await Promise.all([
        moved(id, "close"),
        collect(api.sql, api.alpha, [{ savings_account_id: id }]),
      ]);
      expect([closed.status, visit?.refusal ?? null]).toEqual(
        visit?.refusal === null ? ["closed_early", null] : ["cancelled", "account_not_open"],
      );
    }
  });
});

describe("extending", () => {
  test("adds slots behind what is there, and keeps what is paid", async () => {
    const id = await accountIn("active", { starts_on: "2026-11-01" });
    expect(await moved(id, "extend", { body: { cycles: 2 } })).toMatchObject({
      cycles: 3,
      markings_total: 6,
      markings_paid: 1,
      starts_on: "2026-11-01",
      ends_on: "2026-11-06",
    });
  });

  test("months have the days that they have, from the 31st and in leap years, too", async () => {
    const product = { calendar_month: true };
    for (const [starts_on, total, ends_on] of [
      ["2026-01-31", 59, "2026-03-30"],
      ["2024-01-31", 60, "2024-03-30"],
      ["2024-02-29", 60, "2024-04-28"],
    ] as const) {
      const id = await accountIn("active", { product, starts_on, markings: 0 });
      expect(await moved(id, "extend")).toMatchObject({ cycles: 2, markings_total: total, ends_on });
    }
  });

  test("goes to 60 cycles, and 3,660 slots", async () => {
    const id = await accountIn("active", { markings: 0 });
    expect(await moved(id, "extend", { body: { cycles: 59 } })).toMatchObject({
      cycles: 60,
      markings_total: 120,
    });
    const long = await accountIn("active", { product: { cycle_markings: 366 }, markings: 0 });
    expect(await moved(long, "extend", { body: { cycles: 9 } })).toMatchObject({ markings_total: 3_660 });
    for (const full of [id, long]) {
      const { errors } = await expectProblem(move(full, "extend"), "validation");
      expect(errors).toMatchObject([{ pointer: "/cycles" }]);
    }
    for (const cycles of [0, 61, 1.5])
      await expectProblem(move(id, "extend", { body: { cycles } }), "validation");
  });
});

describe("renewing", () => {
  test("opens the next run from today with what the product asks for now", async () => {
    const id = await accountIn("completed", { marking_amount: 700, cycles: 1 });
    const { customer_id, product_id } = await read(id);
    await api.sql`update savings.products set cycle_markings = 5, commission_bps = 7 where id = ${String(product_id)}`;
    const response = await move(id, "renew", { body: { cycles: 3 } });
    const next = (await response.json()) as Account;
    const [{ today }] = await api.sql`select core.business_today(${api.alpha.id})::text as today`;
    expect(next).toMatchObject({
      customer_id,
      product_id,
      run_no: 2,
      marking_amount: 700,
      cycles: 3,
      markings_total: 15,
      markings_paid: 0,
      collected: 0,
      starts_on: today,
      terms: { cycle_markings: 5, commission_bps: 7 },
    });
    expect(response.headers.get("location")).toBe(`/api/v1/savings/${next.id}`);
    await expectProblem(move(id, "renew"), "active_account_exists");
    await moved(next.id, "close");
    expect(await moved(id, "renew", { body: { marking_amount: 900 } })).toMatchObject({
      run_no: 3,
      marking_amount: 900,
    });
  });

  test("finds another agent where the last one is gone, and refuses what is not offered or out of range", async () => {
    const id = await accountIn("paid_out", { product: { max_marking_amount: 60_000 } });
    const { product_id } = await read(id);
    const { sub_agent, agent } = api.alpha.people;
    const { errors } = await expectProblem(
      move(id, "renew", { body: { marking_amount: 60_001 } }),
      "validation",
    );
    expect(errors).toMatchObject([{ pointer: "/marking_amount" }]);
    await api.sql`update savings.products set is_active = false where id = ${String(product_id)}`;
    await expectProblem(move(id, "renew"), "reference_not_found");
    await api.sql`update savings.products set is_active = true where id = ${String(product_id)}`;
    await api.sql`update core.memberships set status = 'suspended' where id = ${sub_agent.member_id}`;
    const next = await moved(id, "renew");
    await api.sql`update core.memberships set status = 'active' where id = ${sub_agent.member_id}`;
    expect(next["agent_id"]).toBe(agent.member_id);
  });

  test("with one key is done once", async () => {
    const id = await accountIn("closed_early");
    const send = () =>
      api.send("POST", `/api/v1/savings/${id}/renew`, {
        token: tokens.get("agent") ?? "",
        body: {},
        headers: { "idempotency-key": "renew-once-only" },
      });
    const first = await (await send()).text();
    const second = await send();
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await second.text()).toBe(first);
  });
});
