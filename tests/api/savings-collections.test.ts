import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { allows } from "../../src/http/policy.ts";
import {
  type CollectionStatus,
  collectionStatuses,
  type MemberRole,
  memberRoles,
} from "../../src/platform/enums.ts";
import { type CollectionMove, collectionMoves } from "../../src/savings/collection-moves.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import { expectProblem } from "../helpers/problem.ts";
import { cashOf, rowOf } from "../helpers/savings-cash.ts";
import { type Collection, type Desk, openDesk } from "../helpers/savings-collecting.ts";

let api: TestApp;
let desk: Desk;

beforeAll(async () => {
  api = await startTestApp({
    env: {
      WEBHOOK_SECRETS: `testpay=${"s".repeat(32)}`,
      CHECKOUT_URLS: "card:testpay=https://pay.example/{reference}",
    },
  });
  desk = await openDesk(api);
});
afterAll(() => api.stop());
afterEach(async () => {
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});

const moves: readonly CollectionMove[] = collectionMoves;

/** A collection of the agent's that is in a status. */
async function makeIn(status: CollectionStatus): Promise<Collection> {
  const made = await desk.mark((await desk.open()).id, status === "recorded" ? { method: "card" } : {});
  return status === "reversed" ? desk.reverse(made.id) : made;
}

const tryReverse = (id: string, by: MemberRole, headers: Record<string, string> = {}) =>
  desk.tryReverse(id, by, headers);

describe("reversing", () => {
  test("every role may what the table says from every status, and nothing else moves", async () => {
    const wrong: string[] = [];
    for (const from of collectionStatuses) {
      const resting = await makeIn(from);
      for (const by of memberRoles) {
        const move = moves.find((one) => one.action === "reverse" && one.from === from);
        const expected = !allows("collections.reverse", by)
          ? "403 forbidden"
          : by === "sub_agent"
            ? "404 not_found"
            : move === undefined
              ? "409 illegal_transition"
              : move.roles.includes(by)
                ? `200 ${move.to}`
                : "403 forbidden";
        const { id } = expected.startsWith("200") ? await makeIn(from) : resting;
        const response = await tryReverse(id, by);
        const body = (await response.json()) as { code?: string; status: string };
        const answered = `${response.status} ${body.code ?? body.status}`;
        if (answered !== expected) wrong.push(`${from} by ${by}: ${answered}, not ${expected}`);
      }
      const [{ status }] = await api.sql`select status from savings.collections where id = ${resting.id}`;
      if (status !== from) wrong.push(`${from} has become ${status}`);
    }
    expect(wrong).toEqual([]);
    expect(
      await expectProblem(tryReverse((await makeIn("reversed")).id, "owner"), "illegal_transition"),
    ).toMatchObject({
      from: "reversed",
      to: "reversed",
      allowed: [],
    });
  }, 30_000);

  test("frees the slots, opens a completed account again, and tells the agent and the customer", async () => {
    const { id } = await desk.open({ cycle_markings: 2 }, { customer_id: desk.customer_id });
    const agent = api.alpha.people.agent;
    const held = (await cashOf(api, agent.member_id)).cash;
    const made = await desk.mark(id, { count: 2 });
    expect(await desk.account(id)).toMatchObject({ status: "completed" });
    const undone = await desk.reverse(made.id, "manager");
    expect(undone).toMatchObject({
      status: "reversed",
      reversed_by: api.alpha.people.manager.member_id,
      reversal_reason: "Wrong card",
      positions: [1, 2],
      version: 2,
    });
    expect(await desk.account(id)).toMatchObject({ status: "active", markings_paid: 0, collected: 0 });
    expect((await cashOf(api, agent.member_id)).cash).toBe(held);
    const told = await api.sql`select user_id from core.notifications where ref_id = ${made.id}`;
    const people = [agent.user_id, api.alpha.people.customer.user_id];
    expect(told.map((row: { user_id: string }) => row.user_id).toSorted()).toEqual(people.toSorted());
  });

  test("an agent does it on the business date and while the remittance is open; staff later, against what the agent owes", async () => {
    const { id } = await desk.open({ backdate_days: 3 }, { agent_id: api.alpha.people.sub_agent.member_id });
    const yesterday = new Date(Date.now() - 86_400_000).toISOString();
    const late = await desk.mark(id, { collected_at: yesterday }, "sub_agent");
    await expectProblem(tryReverse(late.id, "sub_agent"), "remittance_closed");
    const made = await desk.mark(id, {}, "sub_agent");
    await desk.handOver(made.remittance_id ?? "");
    await expectProblem(tryReverse(made.id, "sub_agent"), "remittance_closed");
    await expectProblem(tryReverse(made.id, "agent"), "remittance_closed");
    const before = await cashOf(api, api.alpha.people.sub_agent.member_id);
    await desk.reverse(made.id, "manager");
    const after = await cashOf(api, api.alpha.people.sub_agent.member_id);
    expect([after.cash, after.owes]).toEqual([before.cash, before.owes - 100]);
    await desk.reverse(late.id, "manager");
    expect((await cashOf(api, api.alpha.people.sub_agent.member_id)).cash).toBe(before.cash - 100);
  });

  test("is refused while the account is paid out, with a stale version, and where another run is active", async () => {
    const { id } = await desk.open({ cycle_markings: 2 });
    const made = await desk.mark(id, { count: 2 });
    await expectProblem(tryReverse(made.id, "owner", { "if-match": '"7"' }), "precondition_failed");
    const request = crypto.randomUUID();
    await api.sql`insert into savings.payment_requests (business_id, id, savings_account_id, customer_id, agent_id, requested_by,
        method, gross, commission, fees, net, currency, agent_amount, parent_amount, reference)
      select business_id, ${request}, id, customer_id, agent_id, ${api.alpha.people.agent.user_id}, 'cash', 200, 100, 0, 100, 'NGN',
        0, 0, 'PR-TEST' from savings.accounts where id = ${id}`;
    await expectProblem(tryReverse(made.id, "owner"), "payment_request_exists");
    await api.sql`delete from savings.payment_requests where id = ${request}`;
    const [{ customer_id, product_id }] =
      await api.sql`select customer_id, product_id from savings.accounts where id = ${id}`;
    await api.sql`update savings.accounts set run_no = 2 where id = ${id}`;
    const next = await desk.open({}, { customer_id, product_id });
    await expectProblem(tryReverse(made.id, "owner"), "active_account_exists");
    await api.sql`update savings.accounts set status = 'cancelled' where id = ${next.id}`;
    expect((await desk.reverse(made.id, "owner")).status).toBe("reversed");
  });

  test("cash that was spent is not given back twice", async () => {
    const { id } = await desk.open({}, { agent_id: api.alpha.people.admin.member_id });
    const made = await desk.mark(id, {}, "admin");
    await desk.spend("admin", 60);
    await expectProblem(tryReverse(made.id, "owner"), "insufficient_funds");
    expect(await desk.account(id)).toMatchObject({ markings_paid: 1, collected: 100 });
  });

  test("an account that was closed early gives its slot back as well", async () => {
    const { id } = await desk.open();
    const made = await desk.mark(id, { count: 2 });
    await api.sql`update savings.accounts set status = 'closed_early' where id = ${id}`;
    await desk.reverse(made.id);
    expect(await desk.account(id)).toMatchObject({ status: "closed_early", markings_paid: 0, collected: 0 });
  });

  test("two at once undo it once", async () => {
    const made = await makeIn("confirmed");
    const answers = await Promise.all([tryReverse(made.id, "owner"), tryReverse(made.id, "admin")]);
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(["200", "409"]);
  });
});

type Listed = {
  data: Collection[];
  meta: { totals: { business_date: string; amount: number; cash: number }[]; next_cursor: string | null };
};

describe("the list", () => {
  test("goes by business date, in pages, and says what its days came to, confirmed ones only", async () => {
    const { id } = await desk.open({ backdate_days: 5 });
    const at = (days: number) => new Date(Date.now() - days * 86_400_000 - 1_000).toISOString();
    const made = [
      await desk.mark(id, { collected_at: at(2) }),
      await desk.mark(id, { collected_at: at(0), count: 2 }),
      await desk.mark(id, { collected_at: at(2), count: 3 }),
      await desk.mark(id, { collected_at: at(0), method: "card" }),
    ];
    await desk.reverse((await desk.mark(id)).id);
    const path = `/collections?savings_account_id=${id.toUpperCase()}`;
    const all = await desk.read<Listed>(path);
    const [, , , recorded] = made;
    expect(all.data).toHaveLength(5);
    expect(all.data.map(({ business_date }) => business_date)).toEqual(
      all.data
        .map(({ business_date }) => business_date)
        .toSorted()
        .toReversed(),
    );
    expect(all.meta.totals.map(({ amount, cash }) => [amount, cash])).toEqual([
      [200, 200],
      [400, 400],
    ]);
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: Listed = await desk.read(`${path}&limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...page.data.map((row) => row.id));
      cursor = page.meta.next_cursor;
    }
    expect(seen).toEqual(all.data.map((row) => row.id));
    const day = made[0]?.business_date ?? "";
    const filters = [
      [`&business_date=${day}`, [made[2], made[0]]],
      [`&to=${day}`, [made[2], made[0]]],
      [`&status=recorded`, [recorded]],
      [`&method=card`, [recorded]],
      [`&agent_id=${api.alpha.people.owner.member_id}`, []],
      [`&unit_id=${crypto.randomUUID()}`, []],
    ] as const;
    for (const [filter, expected] of filters) {
      const { data } = await desk.read<Listed>(`${path}${filter}`);
      expect([filter, data.map((row) => row.id)]).toEqual([filter, expected.map((row) => row?.id ?? "")]);
    }
    const both = await api.send("GET", `/api/v1${path}&business_date=${day}&from=${day}`, {
      token: await api.token(api.alpha.people.owner),
    });
    await expectProblem(both, "validation");
  });

  test("shows agents theirs and their sub-agents', customers those of their accounts, and staff all", async () => {
    const { people } = api.alpha;
    const theirs = await desk.mark((await desk.open({}, { customer_id: desk.customer_id })).id, {}, "owner");
    const subs = await desk.mark(
      (await desk.open({}, { agent_id: people.sub_agent.member_id })).id,
      {},
      "sub_agent",
    );
    const own = await desk.mark((await desk.open()).id);
    const made = { theirs, subs, own };
    const shown: Partial<Record<MemberRole, readonly (keyof typeof made)[]>> = {
      owner: ["theirs", "subs", "own"],
      agent: ["subs", "own"],
      sub_agent: ["subs"],
      customer: ["theirs"],
    };
    for (const [role, names] of Object.entries(shown) as [MemberRole, (keyof typeof made)[]][]) {
      const { data } = await desk.read<Listed>("/collections?limit=200", role);
      const ids = new Set(data.map(({ id }) => id));
      const found = (Object.keys(made) as (keyof typeof made)[]).filter((name) => ids.has(made[name].id));
      expect([role, found]).toEqual([role, names]);
      for (const name of Object.keys(made) as (keyof typeof made)[]) {
        const one = await api.send("GET", `/api/v1/collections/${made[name].id}`, {
          token: await api.token(people[role]),
        });
        expect([role, name, one.status]).toEqual([role, name, names.includes(name) ? 200 : 404]);
      }
    }
  });

  test("comes as CSV", async () => {
    const made = await desk.mark((await desk.open()).id);
    const token = await api.token(api.alpha.people.owner);
    const path = `/api/v1/collections?savings_account_id=${made.savings_account_id}`;
    const text = await (await api.send("GET", path, { token, headers: { accept: "text/csv" } })).text();
    const [head, row, ...more] = text.trimEnd().split("\r\n");
    expect(head).toStartWith("id,receipt_no,business_date,");
    expect(row).toStartWith(`${made.id},${made.receipt_no},${made.business_date},`);
    expect(more).toEqual([]);
  });
});

describe("the sheet", () => {
  test("is the agent's round with what is due, missed and done; staff get all rounds or the one they name", async () => {
    const agent_id = api.alpha.people.sub_agent.member_id;
    const day = (offset: number) =>
      new Date(Date.now() + 3_600_000 + offset * 86_400_000).toISOString().slice(0, 10);
    const { id, tracking_number } = await desk.open({ cycle_markings: 10 }, { agent_id, starts_on: day(-4) });
    const made = await desk.mark(id, { count: 2 }, "sub_agent");
    await desk.mark(id, {}, "sub_agent");
    await desk.reverse(made.id, "agent");
    const sheet = async (by: MemberRole, query = "") => {
      const rows = await desk.read<Record<string, unknown>[]>(
        `/savings/collection-sheet?date=${day(0)}${query}`,
        by,
      );
      return rows.find((row) => row["savings_account_id"] === id);
    };
    expect(await sheet("sub_agent")).toEqual({
      savings_account_id: id,
      tracking_number,
      customer: expect.any(String),
      phone: null,
      marking_amount: 100,
      currency: "NGN",
      markings_paid: 1,
      markings_total: 10,
      next_position: 1,
      elapsed: 5,
      behind: 4,
      marked_today: true,
      ends_on: day(5),
    });
    expect(await sheet("agent")).toBeUndefined();
    expect(await sheet("agent", `&agent_id=${agent_id}`)).toBeDefined();
    expect(await sheet("sub_agent", `&agent_id=${api.alpha.people.agent.member_id}`)).toBeUndefined();
    expect(await sheet("manager")).toBeDefined();
    expect(await sheet("manager", `&agent_id=${agent_id}`)).toBeDefined();
    expect(
      await rowOf(
        api.send("GET", `/api/v1/savings/collection-sheet?date=${day(0)}`, {
          token: await api.token(api.bravo.people.owner, api.bravo),
        }),
      ),
    ).toEqual([]);
  });
});
