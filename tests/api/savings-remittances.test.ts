import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { permissions } from "../../src/http/policy.ts";
import { remittancesTag } from "../../src/savings/tags.ts";
import { remittanceMoves } from "../../src/savings/remittance-moves.ts";
import { type MemberRole, type RemittanceStatus, remittanceStatuses } from "../../src/platform/enums.ts";
import type { Page } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import { expectProblem } from "../helpers/problem.ts";
import {
  cashOf,
  collectCash,
  type Desk,
  houseOf,
  openCashDesk,
  read,
  type Remittance,
  rowOf,
  seenBy,
  send,
  whileCashIsHeld,
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
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});

const memberOf = (role: MemberRole): string => api.alpha.people[role].member_id;

/** Collects cash, for which the remittance that it belongs to is returned. */
const collect = async (by: MemberRole, amount = 100_000, days_ago = 0): Promise<Remittance> => {
  const { remittance_id } = await collectCash(api.sql, api.alpha, {
    agent_id: memberOf(by),
    amount,
    days_ago,
  });
  return told(remittance_id);
};

/** A remittance that the database has changed behind the server's back. */
const told = async (id: string): Promise<Remittance> => {
  await api.deps.cache.invalidate([remittancesTag(api.alpha.id)], { outbox_ids: [] });
  return read(desk, `/remittances/${id}`);
};

const move = (id: string, action: string, by: MemberRole, body: object): Promise<Response> =>
  send(desk, `/remittances/${id}/${action}`, { by, body });

const bodies: Readonly<Record<string, object>> = {
  submit: { declared: 100_000 },
  confirm: { counted: 100_000 },
  dispute: { counted: 90_000, note: "One bundle is short" },
};

/** Staff who are not this member. */
const others = (maker: MemberRole): MemberRole => (maker === "owner" ? "admin" : "owner");

let days = 1;

/** Each of a day of its own, for of a day only one is open. */
async function makeIn(maker: MemberRole, status: RemittanceStatus): Promise<string> {
  const { id } = await collect(maker, 100_000, days++);
  const path = { open: [], submitted: ["submit"], disputed: ["submit", "dispute"] } as const;
  for (const action of status === "confirmed" ? ["submit", "confirm"] : path[status])
    await rowOf(move(id, action, action === "submit" ? maker : others(maker), bodies[action] ?? {}));
  return id;
}

/** Hands over what an agent has collected. */
const submitted = async (by: MemberRole, amount: number, declared = amount): Promise<Remittance> =>
  rowOf(move((await collect(by, amount)).id, "submit", by, { declared }));

describe("every move of the table", () => {
  test("succeeds for who may make it, and is refused to everybody else and from every other status", async () => {
    const wrong = await triedMoves(
      {
        moves: remittanceMoves,
        statuses: remittanceStatuses,
        permissionOf: (action) => (action === "submit" ? "remittances.submit" : "remittances.decide"),
        roles: permissions["remittances.read"],
        make: makeIn,
        statusOf: async (id) =>
          (await api.sql`select status from savings.remittances where id = ${id}`)[0].status,
        send: (id, action, by) => move(id, action, by, bodies[action] ?? {}),
      },
      ["sub_agent", "manager"],
    );
    expect(wrong).toEqual([]);
  }, 20_000);

  test("needs If-Match: without it 428, with a stale one 412", async () => {
    const { id, version } = await submitted("agent", 1_000);
    const path = `/api/v1/remittances/${id}/confirm`;
    const sent = { token: desk.token.manager, body: { counted: 1_000 } };
    await expectProblem(api.send("POST", path, sent), "precondition_required");
    const stale = { ...sent, headers: { "if-match": `"${version - 1}"` } };
    await expectProblem(api.send("POST", path, stale), "precondition_failed");
    const seen = await api.send("GET", `/api/v1/remittances/${id}`, { token: desk.token.manager });
    const headers = { "if-match": seen.headers.get("etag") ?? "" };
    expect((await api.send("POST", path, { ...sent, headers })).status).toBe(200);
  });

  test("of a remittance of another business is 404", async () => {
    const { id } = await submitted("agent", 1_000);
    const token = await api.token(api.bravo.people.owner);
    for (const action of ["submit", "confirm", "dispute"]) {
      const sent = { token, body: bodies[action], headers: { "if-match": "*" } };
      await expectProblem(api.send("POST", `/api/v1/remittances/${id}/${action}`, sent), "not_found");
    }
    await expectProblem(api.send("GET", `/api/v1/remittances/${id}`, { token }), "not_found");
    const list = await api.send("GET", `/api/v1/remittances?agent_id=${memberOf("agent")}`, { token });
    expect(((await list.json()) as Page<Remittance>).data).toEqual([]);
  });

  test.each([
    ["submit", { declared: -1 }],
    ["submit", { declared: 0.5 }],
    ["submit", { declared: 2 ** 53 }],
    ["submit", { declared: null }],
    ["submit", { declared: 1, expected: 0 }],
    ["confirm", {}],
    ["confirm", { counted: -1 }],
    ["dispute", { counted: 1 }],
    ["dispute", { counted: 1, note: "  " }],
  ])("%s refuses %j", async (action, body) => {
    const { id } = await collect("agent", 1);
    await expectProblem(move(id, action, action === "submit" ? "agent" : "owner", body), "validation");
  });
});

describe("what was counted", () => {
  test.each([
    ["exactly what was expected", 70_000, 70_000, 0],
    ["less: the agent owes the shortage", 70_000, 69_000, 1_000],
    ["nothing: the agent owes all of it", 70_000, 0, 70_000],
    ["more: the agent is owed the surplus", 70_000, 70_500, -500],
  ])("is %s", async (_, expected, counted, owed) => {
    await clear("agent");
    const before = await cashOf(api, memberOf("agent"));
    const vault = await houseOf(api, "cash:vault");
    const { id } = await submitted("agent", expected);
    const confirmed = await rowOf<Remittance>(move(id, "confirm", "manager", { counted }));
    expect(confirmed).toMatchObject({
      status: "confirmed",
      expected,
      declared: expected,
      counted,
      variance: counted - expected,
      confirmed_by: memberOf("manager"),
    });
    expect(await cashOf(api, memberOf("agent"))).toMatchObject({ cash: 0, owes: before.owes + owed });
    expect(await houseOf(api, "cash:vault")).toBe(vault + counted);
    const [booked] = await api.sql`select kind, source_type, source_id from ledger.transactions
      where business_id = ${api.alpha.id} and id = ${confirmed.ledger_transaction_id}`;
    expect(booked).toEqual({ kind: "savings.remittance", source_type: "savings.remittance", source_id: id });
    expect(await read<Remittance>(desk, `/remittances/${id}`, "agent")).toEqual(confirmed);
  });

  test("is told to the agent, and a dispute with its note; another count may confirm it", async () => {
    const { id } = await submitted("sub_agent", 5_000);
    const disputed = await rowOf<Remittance>(
      move(id, "dispute", "manager", { counted: 4_000, note: "Short" }),
    );
    expect(disputed).toMatchObject({
      status: "disputed",
      counted: 4_000,
      variance: -1_000,
      ledger_transaction_id: null,
    });
    expect((await cashOf(api, memberOf("sub_agent"))).cash).toBeGreaterThanOrEqual(5_000);
    const confirmed = await rowOf<Remittance>(move(id, "confirm", "admin", { counted: 5_000 }));
    expect(confirmed).toMatchObject({ status: "confirmed", counted: 5_000, variance: 0, note: "Short" });
    const told =
      await api.sql`select user_id, type, body from core.notifications where ref_id = ${id} order by created_at`;
    const { user_id } = api.alpha.people.sub_agent;
    expect([...told]).toEqual([
      { user_id, type: "remittance.disputed", body: "Short" },
      { user_id, type: "remittance.confirmed", body: "Short" },
    ]);
  });

  test("is nothing of nothing: the day is closed, and nothing is booked", async () => {
    const { id } = await emptied("agent");
    await rowOf(move(id, "submit", "agent", { declared: 0 }));
    const closed = await rowOf<Remittance>(move(id, "confirm", "owner", { counted: 0 }));
    expect(closed).toMatchObject({ status: "confirmed", variance: 0, ledger_transaction_id: null });
    // A visit of that day, sent later, belongs to another one.
    const next = await collect("agent", 10);
    expect(next.id).not.toBe(id);
  });

  test("is something where nothing was expected: the agent is owed it", async () => {
    const { id } = await emptied("agent");
    const { owes } = await cashOf(api, memberOf("agent"));
    await rowOf(move(id, "submit", "agent", { declared: 300 }));
    await rowOf(move(id, "confirm", "owner", { counted: 300 }));
    expect((await cashOf(api, memberOf("agent"))).owes).toBe(owes - 300);
  });

  test("is booked once for a key, and answered with the same bytes again", async () => {
    const { id } = await submitted("agent", 1_000);
    const vault = await houseOf(api, "cash:vault");
    const asked = { by: "owner", body: { counted: 1_000 }, key: crypto.randomUUID() } as const;
    const [first, second] = [
      await send(desk, `/remittances/${id}/confirm`, asked),
      await send(desk, `/remittances/${id}/confirm`, asked),
    ];
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await second.text()).toBe(await first.text());
    expect(await houseOf(api, "cash:vault")).toBe(vault + 1_000);
    const other = { ...asked, body: { counted: 999 } };
    await expectProblem(send(desk, `/remittances/${id}/confirm`, other), "idempotency_mismatch");
  });

  test("lowers what an agent holds above a ceiling that came later, and lets them collect again", async () => {
    await clear("agent");
    const agent_id = memberOf("agent");
    const { id } = await submitted("agent", 8_000);
    const { collection_id } = await collectCash(api.sql, api.alpha, { agent_id, amount: 1_000 });
    await api.sql`insert into core.settings (business_id, key, value)
      values (${api.alpha.id}, 'savings.agent_cash_ceiling', '5000')`;
    expect(await cashOf(api, agent_id)).toMatchObject({ cash: 9_000, ceiling: 9_000 });
    expect(collectCash(api.sql, api.alpha, { agent_id, amount: 1 })).rejects.toThrow("balance_ceiling");
    const asked = { by: "manager", body: { reason: "Wrong card" }, key: crypto.randomUUID() } as const;
    await rowOf(send(desk, `/collections/${collection_id}/reverse`, asked));
    expect(await cashOf(api, agent_id)).toMatchObject({ cash: 8_000, ceiling: 8_000 });
    await rowOf(move(id, "confirm", "owner", { counted: 8_000 }));
    expect(await cashOf(api, agent_id)).toMatchObject({ cash: 0, ceiling: 5_000 });
    await collect("agent", 5_000);
    expect(collectCash(api.sql, api.alpha, { agent_id, amount: 1 })).rejects.toThrow("balance_ceiling");
    await api.sql`delete from core.settings where business_id = ${api.alpha.id} and key = 'savings.agent_cash_ceiling'`;
  });
});

/** Hands over and confirms all that an agent holds. */
async function clear(by: MemberRole): Promise<void> {
  const left = await api.sql`select id, status, expected::float8 as expected from savings.remittances
    where business_id = ${api.alpha.id} and agent_id = ${memberOf(by)} and status <> 'confirmed'`;
  for (const { id, status, expected } of left as Remittance[]) {
    if (status === "open") await rowOf(move(id, "submit", by, { declared: expected }));
    await rowOf(move(id, "confirm", others(by), { counted: expected }));
  }
}

/** An open remittance of today of which nothing is expected. */
async function emptied(by: MemberRole): Promise<Remittance> {
  await clear(by);
  const [{ id }] = await api.sql`select r.id from savings.lock_agent(${api.alpha.id}, ${memberOf(by)}) g,
    savings.remittance_for(${api.alpha.id}, g.id, core.business_today(${api.alpha.id})) r (id)`;
  const row = await told(id);
  expect(row).toMatchObject({ status: "open", expected: 0 });
  return row;
}

describe("at once", () => {
  test("of many who confirm, with other counts, one does", async () => {
    const { id } = await submitted("agent", 50_000);
    const vault = await houseOf(api, "cash:vault");
    const counts = [50_000, 49_000, 51_000, 50_000, 0, 50_000];
    const tries = await whileCashIsHeld(api, memberOf("agent"), () =>
      Promise.all(
        counts.map((counted, n) =>
          move(id, "confirm", (["owner", "admin", "manager"] as const)[n % 3] ?? "owner", { counted }),
        ),
      ),
    );
    const [won, ...more] = tries.filter(({ status }) => status === 200);
    expect(more).toEqual([]);
    expect(tries.filter(({ status }) => status === 409)).toHaveLength(counts.length - 1);
    const { counted } = await rowOf<Remittance>(won ?? Response.error());
    expect(await houseOf(api, "cash:vault")).toBe(vault + (counted ?? 0));
  });

  test("a visit is undone while its cash is confirmed: whichever is first, all that was counted is the agent's", async () => {
    await clear("sub_agent");
    const agent_id = memberOf("sub_agent");
    for (const counted of [4_000, 0, 4_000, 2_500]) {
      const { owes } = await cashOf(api, agent_id);
      const vault = await houseOf(api, "cash:vault");
      const { collection_id, remittance_id } = await collectCash(api.sql, api.alpha, {
        agent_id,
        amount: 4_000,
      });
      await rowOf(move(remittance_id, "submit", "sub_agent", { declared: counted }));
      const key = crypto.randomUUID();
      const both = await Promise.all([
        move(remittance_id, "confirm", "owner", { counted }),
        send(desk, `/collections/${collection_id}/reverse`, {
          by: "manager",
          body: { reason: "Wrong card" },
          key,
        }),
      ]);
      expect(both.map(({ status }) => status)).toEqual([200, 200]);
      expect(await cashOf(api, agent_id)).toMatchObject({ cash: 0, owes: owes - counted });
      expect(await houseOf(api, "cash:vault")).toBe(vault + counted);
    }
  });

  test("an agent hands over while they collect: each visit is in a remittance that is open, and none is lost", async () => {
    await clear("agent");
    const agent_id = memberOf("agent");
    const today = await collect("agent", 1);
    const visits = Array.from({ length: 12 }, (_, n) =>
      collectCash(api.sql, api.alpha, { agent_id, amount: 10 + n }),
    );
    await rowOf(move(today.id, "submit", "agent", { declared: 1 }));
    const confirming = move(today.id, "confirm", "owner", { counted: 1 });
    const belong = await Promise.all(visits);
    const { expected, variance } = await rowOf<Remittance>(confirming);
    expect(variance).toBe(1 - expected);
    const [{ later }] = await api.sql`select coalesce(sum(expected), 0)::int as later from savings.remittances
      where agent_id = ${agent_id} and status = 'open'`;
    expect(expected + later).toBe(1 + 12 * 10 + 66);
    expect(belong).toHaveLength(12);
    expect((await cashOf(api, agent_id)).cash).toBe(later);
  });
});

describe("who sees what", () => {
  test("an agent sees their own and their sub-agents', a sub-agent their own, staff all", async () => {
    const rows = {
      agent: await collect("agent", 10),
      sub_agent: await collect("sub_agent", 10),
      manager: await collect("manager", 10),
    };
    expect(await seenBy(desk, "/remittances", { rows, by: "manager" })).toEqual([
      "agent",
      "sub_agent",
      "manager",
    ]);
    expect(await seenBy(desk, "/remittances", { rows, by: "agent" })).toEqual(["agent", "sub_agent"]);
    expect(await seenBy(desk, "/remittances", { rows, by: "sub_agent" })).toEqual(["sub_agent"]);
    const one = (role: MemberRole) =>
      api.send("GET", `/api/v1/remittances/${rows.agent.id}`, { token: desk.token[role] });
    expect((await one("agent")).status).toBe(200);
    await expectProblem(one("sub_agent"), "not_found");
    for (const role of ["customer", "clerk", "compliance", "operator"] as const)
      await expectProblem(one(role), "forbidden");
  });

  test("a list is by day, either way, page by page, and filtered by agent, status and day", async () => {
    await clear("admin");
    const days: string[] = [];
    for (const ago of [9, 8, 7, 6]) days.push((await collect("admin", 10, ago)).business_date);
    const list = async (query: string) => {
      const path = `/remittances?agent_id=${memberOf("admin")}&status=open&${query}`;
      const { data, meta } = await read<Page<Remittance>>(desk, path);
      return { days: data.map(({ business_date }) => business_date), next: meta.next_cursor };
    };
    expect((await list("")).days).toEqual(days.toReversed());
    expect((await list("sort=business_date")).days).toEqual(days);
    expect((await list(`from=${days[1]}&to=${days[2]}`)).days).toEqual([days[2] ?? "", days[1] ?? ""]);
    const csv = await api.send(
      "GET",
      `/api/v1/remittances?agent_id=${memberOf("admin")}&status=open&limit=1`,
      {
        token: desk.token.owner,
        headers: { accept: "text/csv" },
      },
    );
    const [header, ...lines] = (await csv.text()).trimEnd().split("\r\n");
    expect(header).toStartWith("id,agent_id,business_date,no,status,expected,declared,counted,variance");
    expect(lines.map((line) => line.split(",")[2] ?? "")).toEqual(days.toReversed());
    for (const [sort, expected] of [
      ["-business_date", days.toReversed()],
      ["business_date", days],
    ] as const) {
      const first = await list(`sort=${sort}&limit=3`);
      const second = await list(`sort=${sort}&limit=3&cursor=${first.next}`);
      expect([...first.days, ...second.days]).toEqual(expected);
      expect(second.next).toBeNull();
    }
  });
});
