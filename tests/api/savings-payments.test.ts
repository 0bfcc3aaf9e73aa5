import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { ProblemCode } from "../../src/http/problem.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer } from "../helpers/bank.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import {
  brokenPayments,
  decidePayment,
  follow,
  makeDestination,
  makePaymentRequest,
  openFilled,
  openPaymentDesk,
  type PaymentDesk,
  type PaymentRequest,
  requestPayment,
} from "../helpers/payments.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let desk: PaymentDesk;
/** The customer behind the login of that role. */
let own_customer_id: string;

beforeAll(async () => {
  api = await startTestApp();
  desk = await openPaymentDesk(api);
  const { user_id } = api.alpha.people.customer;
  own_customer_id = await makeCustomer(api.sql, api.alpha, { user_id });
});
afterAll(() => api.stop());
afterEach(async () => {
  expect(await brokenPayments(desk)).toEqual([]);
});

type List = { data: PaymentRequest[]; meta: { next_cursor: string | null } };
const list = async (query: string, token = desk.token.owner): Promise<List> => {
  const response = await api.send("GET", `/api/v1/payment-requests${query}`, { token });
  expect(response.status).toBe(200);
  return (await response.json()) as List;
};
const idsOf = ({ data }: List): string[] => data.map(({ id }) => id);

/** The first of the month so many months before this one. */
const monthsAgo = (months: number): string => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1)).toISOString().slice(0, 10);
};

/** Major units. */
const vectors = [
  ["S1", { cycle_markings: 31 }, { marking_amount: 500, markings: 31 }, [15_500, 500, 0, 15_000]],
  ["S2", { cycle_markings: 30 }, { marking_amount: 100, markings: 30 }, [3_000, 100, 0, 2_900]],
  ["S3", { cycle_markings: 31 }, { marking_amount: 500, markings: 12 }, [6_000, 500, 0, 5_500]],
  ["S5", { cycle_markings: 31, commission_cap: 500 }, { marking_amount: 20, markings: 31 }, [620, 5, 0, 615]],
  [
    "S6",
    { flexible_amount: true, commission_rule: "average_marking" },
    { marking_amount: 10, markings: [1_000, 2_000, 3_000] },
    [60, 20, 0, 40],
  ],
  [
    "S7 at 6 months",
    { commission_rule: "none", early_fee_bps: 300, early_fee_months: 9, min_markings_before_payment: 1 },
    { marking_amount: 10_000, markings: 1, starts_on: monthsAgo(6) },
    [10_000, 0, 300, 9_700],
  ],
  [
    "S7 at 10 months",
    { commission_rule: "none", early_fee_bps: 300, early_fee_months: 9, min_markings_before_payment: 1 },
    { marking_amount: 10_000, markings: 1, starts_on: monthsAgo(10) },
    [10_000, 0, 0, 10_000],
  ],
  [
    "S8 January to December",
    { calendar_month: true },
    { marking_amount: 100, markings: 365, cycles: 12, starts_on: "2025-01-01" },
    [36_500, 1_200, 0, 35_300],
  ],
  [
    "S8 January alone",
    { calendar_month: true },
    { marking_amount: 100, markings: 31, cycles: 12, starts_on: "2025-01-01" },
    [3_100, 100, 0, 3_000],
  ],
] as const;

describe("what a request comes to", () => {
  test.each(vectors)("%s", async (_, product, { marking_amount, ...account }, expected) => {
    const request = await makePaymentRequest(desk, {
      product,
      marking_amount: marking_amount * 100,
      ...account,
    });
    const { gross, commission, fees, net } = request;
    expect([gross, commission, fees, net].map((amount) => amount / 100)).toEqual([...expected]);
    await follow(desk, request, "approve", "pay");
    const [{ count }] = await api.sql`select count(*)::int from savings.commissions
      where payment_request_id = ${request.id} and amount = ${commission}`;
    expect(count).toBe(commission > 0 ? 1 : 0);
  });

  test("S4: one marking is the commission, and there is nothing to pay", async () => {
    const { savings_account_id } = await openFilled(desk, { markings: 1 });
    await expectProblem(requestPayment(desk, savings_account_id), "nothing_to_pay");
    const none = await openFilled(desk, { markings: 0 });
    await expectProblem(requestPayment(desk, none.savings_account_id), "nothing_to_pay");
    const [{ status }] = await api.sql`select status from savings.accounts where id = ${savings_account_id}`;
    expect(status).toBe("active");
  });

  test("fewer markings than the product asks for are too few, while the account can be filled", async () => {
    const { savings_account_id } = await openFilled(desk, { product: { min_markings_before_payment: 4 } });
    const problem = await expectProblem(requestPayment(desk, savings_account_id), "too_few_markings");
    expect(problem).toMatchObject({ required: 4, paid: 3 });
    await api.sql`update savings.accounts set status = 'closed_early', closed_at = now() where id = ${savings_account_id}`;
    expect((await requestPayment(desk, savings_account_id)).status).toBe(201);
  });

  test("an early fee is that of the day on which the account was closed", async () => {
    const product = { commission_rule: "none", early_fee_bps: 1_000, early_fee_months: 9 };
    const { savings_account_id } = await openFilled(desk, { product, starts_on: monthsAgo(10) });
    await api.sql`update savings.accounts set status = 'closed_early', closed_at = now() - interval '3 months'
      where id = ${savings_account_id}`;
    const response = await requestPayment(desk, savings_account_id);
    expect(await response.json()).toMatchObject({ gross: 30_000, fees: 3_000, net: 27_000 });
  });
});

describe("a request", () => {
  test("S10: rejected, asked again and paid leaves one commission, and the account closed all the while", async () => {
    const first = await makePaymentRequest(desk);
    const rejected = await follow(desk, first, "reject");
    expect(rejected).toMatchObject({ status: "rejected", reason: "Because" });
    const { savings_account_id } = first;
    const statusOf = async () =>
      (await api.sql`select status, close_reason from savings.accounts where id = ${savings_account_id}`)[0];
    expect(await statusOf()).toEqual({ status: "closed_early", close_reason: "A payment was requested" });
    const again = (await (await requestPayment(desk, savings_account_id)).json()) as PaymentRequest;
    expect(again.id).not.toBe(first.id);
    expect(again.reference).not.toBe(first.reference);
    const paid = await follow(desk, again, "approve", "pay");
    expect(paid).toMatchObject({ status: "paid", net: 20_000 });
    expect((await statusOf()).status).toBe("paid_out");
    const commissions = await api.sql`select payment_request_id, amount::int from savings.commissions
      where savings_account_id = ${savings_account_id}`;
    expect([...commissions]).toEqual([{ payment_request_id: again.id, amount: 10_000 }]);
    await expectProblem(requestPayment(desk, savings_account_id), "payment_request_exists");
  });

  test("S11: of two at once one is made and one is refused", async () => {
    for (let round = 0; round < 3; round += 1) {
      const { savings_account_id } = await openFilled(desk);
      const asked = (["agent", "owner"] as const).map((by) =>
        requestPayment(desk, savings_account_id, { by }),
      );
      const responses = await Promise.all(asked);
      expect(responses.map(({ status }) => String(status)).toSorted()).toEqual(["201", "409"]);
      const refused = responses.find(({ status }) => status === 409);
      expect(await refused?.json()).toMatchObject({ code: "payment_request_exists" });
    }
  });

  test("is made once for a key, and answered with the same bytes again", async () => {
    const { savings_account_id } = await openFilled(desk);
    const key = crypto.randomUUID();
    const first = await requestPayment(desk, savings_account_id, { key });
    const second = await requestPayment(desk, savings_account_id, { key });
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await second.text()).toBe(await first.text());
    expect(first.headers.get("location")).toMatch(/^\/api\/v1\/payment-requests\//);
    const body = { savings_account_id, method: "cash" };
    const bare = api.send("POST", "/api/v1/payment-requests", { token: desk.token.agent, body });
    await expectProblem(bare, "idempotency_key_required");
  });

  test("says what its provider said, and is tried again after it failed", async () => {
    const request = await makePaymentRequest(desk, { method: "bank" });
    await follow(desk, request, "approve");
    const sent = await decidePayment(desk, request.id, "pay", { body: { provider: "paystack" } });
    expect(await sent.json()).toMatchObject({ status: "paying", provider: "paystack" });
    const body = { failure_code: "closed", reason: "Sent back" };
    const failed = await decidePayment(desk, request.id, "fail", { body });
    expect(await failed.json()).toMatchObject({ status: "failed", ...body });
    await follow(desk, request, "approve", "pay");
    const arrived = await decidePayment(desk, request.id, "pay", { body: { provider_ref: "TRF-7" } });
    expect(await arrived.json()).toMatchObject({
      status: "paid",
      provider: "paystack",
      provider_ref: "TRF-7",
      failure_code: null,
    });
    const [to] =
      await api.sql`select a.code from ledger.entries e join ledger.accounts a on a.id = e.account_id
      join savings.payment_requests r on r.ledger_transaction_id = e.transaction_id
      where r.id = ${request.id} and e.side = 'credit'`;
    expect(to.code).toBe("clearing:paystack");
  });

  test("tells who asked, the customer and the agent, and not who acts", async () => {
    const request = await makePaymentRequest(desk, { by: "owner", customer_id: own_customer_id });
    const { people } = api.alpha;
    const told = async () => {
      const rows =
        await api.sql`select n.type, n.user_id from core.notifications n where n.ref_id = ${request.id}
        and n.read_at is null order by n.user_id`;
      await api.sql`update core.notifications set read_at = now() where ref_id = ${request.id}`;
      return rows.map(({ type, user_id }: { type: string; user_id: string }) => [type, user_id]);
    };
    const expected = (type: string, ...roles: (keyof typeof people)[]) =>
      roles
        .map((role) => people[role].user_id)
        .toSorted()
        .map((user_id) => [type, user_id]);
    expect(await told()).toEqual(expected("payment_request.pending", "agent", "customer"));
    await follow(desk, request, "approve");
    expect(await told()).toEqual(expected("payment_request.approved", "agent", "customer", "owner"));
  });
});

describe("who is responsible", () => {
  test("is the agent if active, else the one above, else the unit's manager, else the owner", async () => {
    const { people, id } = api.alpha;
    const unit_id = Bun.randomUUIDv7();
    await api.sql`insert into core.units (business_id, id, name) values (${id}, ${unit_id}, 'Yaba')`;
    await api.sql`update core.memberships set unit_id = ${unit_id} where id = ${people.manager.member_id}`;
    const accounts = await Promise.all(
      Array.from({ length: 4 }, () => openFilled(desk, { unit_id, agent_id: people.sub_agent.member_id })),
    );
    const elsewhere = await openFilled(desk, { agent_id: people.sub_agent.member_id });
    const ask = async (account = accounts.pop()) => {
      const response = await requestPayment(desk, account?.savings_account_id ?? "", { by: "admin" });
      return ((await response.json()) as PaymentRequest).agent_id;
    };
    const suspend = async (role: "sub_agent" | "agent" | "manager") =>
      api.sql`update core.memberships set status = 'suspended' where id = ${people[role].member_id}`;
    expect(await ask()).toBe(people.sub_agent.member_id);
    await suspend("sub_agent");
    expect(await ask()).toBe(people.agent.member_id);
    await suspend("agent");
    expect(await ask()).toBe(people.manager.member_id);
    expect(await ask(elsewhere)).toBe(people.owner.member_id);
    await suspend("manager");
    expect(await ask()).toBe(people.owner.member_id);
    await api.sql`update core.memberships set status = 'active' where business_id = ${id}`;
  });
});

describe("requests are seen", () => {
  test("by an agent with their sub-agents', by a sub-agent and a customer their own, and by staff", async () => {
    const { people } = api.alpha;
    const of = {
      agent: await makePaymentRequest(desk),
      sub_agent: await makePaymentRequest(desk, { agent_id: people.sub_agent.member_id, by: "sub_agent" }),
      customer: await makePaymentRequest(desk, { customer_id: own_customer_id, by: "customer" }),
      other: await makePaymentRequest(desk, { agent_id: people.admin.member_id, by: "admin" }),
    };
    const ids = Object.values(of).map(({ id }) => id);
    const seenBy = async (role: "agent" | "sub_agent" | "customer" | "owner") => {
      const page = idsOf(await list("?limit=200", desk.token[role]));
      const one = async (id: string) =>
        (await api.send("GET", `/api/v1/payment-requests/${id}`, { token: desk.token[role] })).status === 200;
      const each = await Promise.all(ids.map(one));
      expect(ids.filter((id) => page.includes(id))).toEqual(ids.filter((_, at) => each[at]));
      return Object.entries(of).flatMap(([name, { id }]) => (page.includes(id) ? [name] : []));
    };
    expect(await seenBy("owner")).toEqual(["agent", "sub_agent", "customer", "other"]);
    expect(await seenBy("agent")).toEqual(["agent", "sub_agent", "customer"]);
    expect(await seenBy("sub_agent")).toEqual(["sub_agent"]);
    expect(await seenBy("customer")).toEqual(["customer"]);
    expect(of.customer).toMatchObject({ agent_amount: null, parent_agent_id: null, parent_amount: null });
    expect(of.agent).toMatchObject({ agent_amount: 10_000, parent_amount: 0 });
    const foreign = await openFilled(desk);
    for (const by of ["customer", "sub_agent"] as const) {
      const problem = await expectProblem(
        requestPayment(desk, foreign.savings_account_id, { by }),
        "reference_not_found",
      );
      expect(problem.errors?.[0]?.pointer).toBe("/savings_account_id");
    }
    const stranger = await api.token(api.bravo.people.owner);
    expect(idsOf(await list("", stranger))).toEqual([]);
  });

  test("newest first, page by page, by status and by days of the business", async () => {
    const made: PaymentRequest[] = [];
    for (const action of ["approve", "reject", "cancel"] as const)
      made.push(await follow(desk, await makePaymentRequest(desk), action));
    const of = (query: string) =>
      list(query).then((page) => idsOf(page).filter((id) => made.some((m) => m.id === id)));
    const newest = made.map(({ id }) => id).toReversed();
    expect(await of("?limit=200")).toEqual(newest);
    expect(await of("?status=rejected,cancelled&limit=200")).toEqual(newest.slice(0, 2));
    const first = await list("?limit=2");
    const second = await list(`?limit=2&cursor=${first.meta.next_cursor}`);
    expect([...idsOf(first), ...idsOf(second)].slice(0, 3)).toEqual(newest);
    const [{ today, tomorrow }] = await api.sql`select core.business_today(${api.alpha.id})::text as today,
      (core.business_today(${api.alpha.id}) + 1)::text as tomorrow`;
    expect(await of(`?from=${today}&to=${today}&limit=200`)).toEqual(newest);
    expect(await of(`?from=${tomorrow}&limit=200`)).toEqual([]);
    const csv = await api.send("GET", "/api/v1/payment-requests?status=cancelled&limit=1", {
      token: desk.token.owner,
      headers: { accept: "text/csv" },
    });
    const [head, ...rows] = (await csv.text()).trim().split("\r\n");
    expect(head).toStartWith("id,reference,created_at,status,");
    const cancelled = await list("?status=cancelled&limit=200");
    expect(rows.map((row) => row.slice(0, 36))).toEqual(idsOf(cancelled));
  });
});

describe("a request is refused", () => {
  const pointerOf = async (asked: Parameters<typeof requestPayment>[2], code: ProblemCode = "validation") => {
    const { savings_account_id } = await openFilled(desk, { customer_id: own_customer_id });
    const problem = await expectProblem(requestPayment(desk, savings_account_id, asked), code);
    return problem.errors?.map(({ pointer }) => pointer);
  };

  test("without a destination, or with one that is not the customer's, of another method, or gone", async () => {
    expect(await pointerOf({ method: "bank" })).toEqual(["/destination_id"]);
    expect(await pointerOf({ method: "wallet" })).toEqual(["/destination_id"]);
    const destination_id = await makeDestination(desk, own_customer_id);
    const others = await makeDestination(desk, await makeCustomer(api.sql, api.alpha));
    for (const asked of [
      { method: "bank", destination_id: others },
      { method: "wallet", destination_id },
      { method: "cash", destination_id },
    ] as const)
      expect(await pointerOf(asked, "reference_not_found")).toEqual(["/destination_id"]);
    await api.sql`update savings.payment_destinations set deleted_at = now() where id = ${destination_id}`;
    expect(await pointerOf({ method: "bank", destination_id }, "reference_not_found")).toEqual([
      "/destination_id",
    ]);
  });

  test("a payment in cash that names a provider, or one by the name of another account of the house", async () => {
    const cash = await follow(desk, await makePaymentRequest(desk), "approve");
    const bank = await follow(desk, await makePaymentRequest(desk, { method: "bank" }), "approve");
    for (const [id, provider] of [
      [cash.id, "paystack"],
      [bank.id, "payments"],
    ] as const) {
      const body = { provider, provider_ref: "TRF-1" };
      const problem = await expectProblem(decidePayment(desk, id, "pay", { body }), "validation");
      expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(["/provider"]);
    }
  });
});

test("the books hold after all of it", async () => {
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});
