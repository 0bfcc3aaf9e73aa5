import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import { expectProblem } from "../helpers/problem.ts";
import { type Collection, type Desk, openDesk, visitOf } from "../helpers/savings-collecting.ts";
import { cashOf, rowOf } from "../helpers/savings-cash.ts";

let api: TestApp;
let desk: Desk;

beforeAll(async () => {
  api = await startTestApp({
    env: {
      WEBHOOK_SECRETS: `testpay=${"s".repeat(32)}`,
      CHECKOUT_URLS: "card:testpay=https://pay.example/{reference}?amount={amount}&currency={currency}",
    },
  });
  desk = await openDesk(api);
});
afterAll(() => api.stop());
afterEach(async () => {
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});

const positionsOf = (marked: Collection[]): number[][] => marked.map(({ positions }) => positions);

describe("rule 1: slots", () => {
  test("a visit fills the lowest free slots across cycles, each paid for its own date, and answers with its receipt", async () => {
    const { id } = await desk.open({ cycle_markings: 3 }, { cycles: 2, starts_on: "2026-01-30" });
    const first = await desk.mark(id, { count: 2 });
    const response = await desk.collect(id, visitOf({ count: 3 }));
    expect(response.status).toBe(201);
    const second = (await response.json()) as Collection;
    expect(response.headers.get("location")).toBe(`/api/v1/collections/${second.id}`);
    expect(positionsOf([first, second])).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(second).toMatchObject({
      status: "confirmed",
      amount: 300,
      markings: 3,
      method: "cash",
      amounts: null,
    });
    const dates =
      await api.sql`select for_date::text as on from savings.markings where savings_account_id = ${id} order by position`;
    expect(dates.map(({ on }: { on: string }) => on)).toEqual([
      "2026-01-30",
      "2026-01-31",
      "2026-02-01",
      "2026-02-02",
      "2026-02-03",
    ]);
  });

  test("what a reversal frees the next collection fills first, and then goes on behind what is paid", async () => {
    const { id } = await desk.open({ cycle_markings: 6 });
    const made = [await desk.mark(id), await desk.mark(id, { count: 2 }), await desk.mark(id)];
    await desk.reverse(made[1]?.id ?? "");
    const [next, after] = [await desk.mark(id), await desk.mark(id, { count: 3 })];
    expect(positionsOf([next, after])).toEqual([[2], [3, 5, 6]]);
    expect(await desk.account(id)).toMatchObject({ status: "completed", markings_paid: 6, collected: 600 });
  });
});

describe("rule 2: a full plan", () => {
  test("more markings than free slots are refused, and the answer says how many remain", async () => {
    const { id } = await desk.open({ cycle_markings: 3 });
    await desk.mark(id, { count: 2 });
    expect(await expectProblem(desk.collect(id, visitOf({ count: 2 })), "account_full")).toMatchObject({
      remaining: 1,
    });
    await desk.mark(id);
    expect(await desk.account(id)).toMatchObject({ status: "completed", markings_paid: 3 });
    expect(await expectProblem(desk.collect(id, visitOf()), "account_full")).toMatchObject({ remaining: 0 });
  });

  test("one that renews itself grows by a cycle when it is full, by as many as a visit needs, and to 60 at most", async () => {
    const { id } = await desk.open({ cycle_markings: 2, auto_renew: true }, { starts_on: "2026-01-01" });
    await desk.mark(id, { count: 2 });
    expect(await desk.account(id)).toMatchObject({
      status: "active",
      cycles: 2,
      markings_total: 4,
      ends_on: "2026-01-04",
    });
    await desk.mark(id, { count: 5 });
    expect(await desk.account(id)).toMatchObject({ cycles: 4, markings_total: 8, markings_paid: 7 });
    expect(await expectProblem(desk.collect(id, visitOf({ count: 114 })), "account_full")).toMatchObject({
      remaining: 113,
    });
    await desk.mark(id, { count: 113 });
    expect(await desk.account(id)).toMatchObject({ status: "completed", cycles: 60, markings_paid: 120 });
  });

  test("a month's cycle has the slots of its month", async () => {
    const { id } = await desk.open({ calendar_month: true, auto_renew: true }, { starts_on: "2028-01-31" });
    const total = 29;
    expect(await desk.account(id)).toMatchObject({ markings_total: total });
    await desk.mark(id, { count: total });
    expect(await desk.account(id)).toMatchObject({
      cycles: 2,
      markings_total: total + 31,
      ends_on: "2028-03-30",
    });
  });
});

describe("what a visit may be", () => {
  const day_ms = 86_400_000;
  const at = (offset_ms: number): string => new Date(Date.now() + offset_ms).toISOString();

  test.each([
    ["count of nothing", () => visitOf({ count: 0 }), "/count"],
    ["neither count nor amounts", () => ({ ...visitOf(), count: undefined }), "/count"],
    ["both count and amounts", () => visitOf({ count: 1, amounts: [100] }), "/count"],
    ["amounts where the amount is fixed", () => visitOf({ amounts: [100] }), "/amounts"],
    ["an instant ahead", () => visitOf({ collected_at: at(60_000) }), "/collected_at"],
    [
      "a day further back than the terms allow",
      () => visitOf({ collected_at: at(-5 * day_ms) }),
      "/collected_at",
    ],
    ["an instant that is none", () => visitOf({ collected_at: "2026-01-01T00:00:60Z" }), "/collected_at"],
    ["a method that nobody offers", () => visitOf({ method: "transfer" }), "/method"],
    ["an unknown member", () => ({ ...visitOf(), agent_id: crypto.randomUUID() }), "/agent_id"],
  ] as const)("%s is refused", async (_what, visit, pointer) => {
    const { id } = await desk.open();
    const { errors } = await expectProblem(desk.collect(id, visit()), "validation");
    expect(errors?.map((error) => error.pointer)).toContain(pointer);
    expect(await desk.account(id)).toMatchObject({ markings_paid: 0, collected: 0 });
  });

  test("flexible amounts lie in the range that the account has taken with it", async () => {
    const { id } = await desk.open({
      flexible_amount: true,
      min_marking_amount: 50,
      max_marking_amount: 200,
    });
    await api.sql`update savings.products set max_marking_amount = 1000 where id = (select product_id from savings.accounts where id = ${id})`;
    const made = await desk.mark(id, { amounts: [50, 200, 75] });
    expect(made).toMatchObject({ amount: 325, markings: 3, amounts: [50, 200, 75], positions: [1, 2, 3] });
    for (const amounts of [[49], [100, 201]]) {
      const { errors } = await expectProblem(desk.collect(id, visitOf({ amounts })), "validation");
      expect(errors?.[0]?.pointer).toBe("/amounts");
    }
    expect(await desk.mark(id, { count: 2 })).toMatchObject({
      amount: 200,
      amounts: null,
      positions: [4, 5],
    });
  });

  test("what would come to more than JSON can say is refused", async () => {
    const { id } = await desk.open({}, { marking_amount: 2 ** 52 });
    const { errors } = await expectProblem(desk.collect(id, visitOf({ count: 31 })), "validation");
    expect(errors?.[0]?.pointer).toBe("/count");
  });

  test("an account that is closed takes nothing", async () => {
    const { id } = await desk.open();
    await desk.mark(id);
    await api.sql`update savings.accounts set status = 'closed_early' where id = ${id}`;
    await expectProblem(desk.collect(id, visitOf()), "account_not_open");
  });

  test("whoever does not see the account hears that it is not there", async () => {
    const { id } = await desk.open();
    await expectProblem(desk.collect(id, visitOf(), "sub_agent"), "not_found");
    await expectProblem(desk.collect(id, visitOf({ method: "card" }), "customer"), "not_found");
    await expectProblem(desk.collect(crypto.randomUUID(), visitOf()), "not_found");
    const theirs = await desk.open({}, { agent_id: api.alpha.people.sub_agent.member_id });
    expect((await desk.collect(theirs.id, visitOf(), "agent")).status).toBe(201);
    expect((await desk.collect(theirs.id, visitOf(), "manager")).status).toBe(201);
  });
});

describe("S12: what is sent again", () => {
  test("the same visit is answered with the collection that there is, whatever became of the account", async () => {
    const { id } = await desk.open();
    const visit = visitOf();
    const first = await desk.collect(id, visit);
    await api.sql`update savings.accounts set status = 'closed_early' where id = ${id}`;
    const again = await desk.collect(id, { ...visit, client_ref: visit.client_ref.toUpperCase() });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(await again.json()).toEqual(await first.json());
    expect(await desk.account(id)).toMatchObject({ markings_paid: 1 });
  });

  test("another visit under the same client_ref is refused", async () => {
    const { id } = await desk.open();
    const visit = visitOf();
    await rowOf(desk.collect(id, visit), 201);
    const { errors } = await expectProblem(desk.collect(id, { ...visit, count: 2 }), "idempotency_mismatch");
    expect(errors?.[0]?.pointer).toBe("/client_ref");
    await expectProblem(desk.collect((await desk.open()).id, visit), "idempotency_mismatch");
  });

  test("agents do not disturb each other with theirs", async () => {
    const visit = visitOf();
    const { id } = await desk.open();
    expect((await desk.collect(id, visit)).status).toBe(201);
    expect((await desk.collect(id, visit, "owner")).status).toBe(201);
  });
});

describe("rule 10: cash", () => {
  test("what an agent holds never passes the ceiling, and a confirmed remittance brings it down", async () => {
    const agent = api.alpha.people.sub_agent;
    const { id } = await desk.open({}, { agent_id: agent.member_id });
    const held = (await cashOf(api, agent.member_id)).cash;
    await desk.ceiling(held + 250);
    try {
      const made = await rowOf<Collection>(desk.collect(id, visitOf({ count: 2 }), "sub_agent"), 201);
      await expectProblem(desk.collect(id, visitOf(), "sub_agent"), "balance_ceiling");
      expect(await desk.account(id)).toMatchObject({ markings_paid: 2 });
      expect((await cashOf(api, agent.member_id)).cash).toBe(held + 200);
      await desk.handOver(made.remittance_id ?? "");
      expect((await desk.collect(id, visitOf(), "sub_agent")).status).toBe(201);
    } finally {
      await desk.ceiling(null);
    }
  });
});

describe("rule 14: receipts", () => {
  test("count per agent without gaps, refusals and repetitions taken out", async () => {
    await api.sql`insert into core.settings (business_id, key, value) values (${api.alpha.id}, 'savings.receipt_prefix', '"LAG"')`;
    const { id } = await desk.open({ cycle_markings: 3 });
    const visit = visitOf();
    const first = await rowOf<Collection>(desk.collect(id, visit, "manager"), 201);
    await desk.collect(id, visit, "manager");
    await desk.collect(id, visitOf({ count: 9 }), "manager");
    const second = await rowOf<Collection>(desk.collect(id, visitOf(), "manager"), 201);
    const [, agent_no = "", n = ""] = /^LAG(\d+)-(\d{6})$/.exec(first.receipt_no) ?? [];
    expect(second.receipt_no).toBe(`LAG${agent_no}-${String(Number(n) + 1).padStart(6, "0")}`);
    const [{ no }] =
      await api.sql`select agent_no as no from savings.agents where id = ${api.alpha.people.manager.member_id}`;
    expect(Number(agent_no)).toBe(no);
  });
});

describe("online", () => {
  test("a customer's payment is recorded with its checkout and fills nothing, and nobody pays cash that way", async () => {
    const { id } = await desk.open({ cycle_markings: 3 }, { customer_id: desk.customer_id });
    const made = await rowOf<Collection>(
      desk.collect(id, visitOf({ method: "card", count: 2 }), "customer"),
      201,
    );
    expect(made).toMatchObject({
      status: "recorded",
      agent_id: api.alpha.people.agent.member_id,
      positions: [],
      remittance_id: null,
      confirmed_at: null,
      provider: "testpay",
      provider_ref: made.id,
      checkout_url: `https://pay.example/${made.id}?amount=200&currency=NGN`,
    });
    expect(await desk.account(id)).toMatchObject({ markings_paid: 0, collected: 0 });
    await expectProblem(desk.collect(id, visitOf({ method: "card", count: 4 }), "customer"), "account_full");
    const { errors } = await expectProblem(desk.collect(id, visitOf(), "customer"), "validation");
    expect(errors?.[0]?.pointer).toBe("/method");
  });

  test("its confirmation fills the slots that are free then, and says so when there are none", async () => {
    const { id } = await desk.open({ cycle_markings: 4 });
    const online = visitOf({ method: "card", count: 2 });
    const [one, two] = [
      await desk.mark(id, online),
      await desk.mark(id, { ...online, client_ref: crypto.randomUUID() }),
    ];
    await desk.mark(id);
    const fill = async ({ id: collection }: Collection): Promise<string | null> => {
      const [row] = await api.sql`select savings.fill_slots(${api.alpha.id}, ${collection}) as refusal`;
      return (row as { refusal: string | null }).refusal;
    };
    expect([await fill(one), await fill(two)]).toEqual([null, "account_full"]);
    const slots =
      await api.sql`select position from savings.markings where collection_id = ${one.id} order by 1`;
    expect(slots.map(({ position }: { position: number }) => position)).toEqual([2, 3]);
    // The money that a provider's event would have booked.
    await api.sql`select ledger.post(ledger.posting_of(${api.alpha.id}, ${one.id}, 'single', 'savings.collection'),
      jsonb_build_array(jsonb_build_object('account_id', ${id}::uuid, 'side', 'credit', 'amount', 200),
        jsonb_build_object('account_id', ledger.house_account(${api.alpha.id}, 'clearing:testpay', 'asset', 'NGN'),
          'side', 'debit', 'amount', 200)))`;
    await api.forget();
    expect(await desk.read(`/collections/${one.id}`)).toMatchObject({
      status: "confirmed",
      positions: [2, 3],
    });
  });
});
