import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { moneyTags, accountsTag, accountTag } from "../../src/bank/tags.ts";
import type { MemberRole } from "../../src/platform/enums.ts";
import { walletTags } from "../../src/savings/tags.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer, openAccount } from "../helpers/bank.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import {
  brokenPayments,
  decidePayment,
  follow,
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
/** The customer behind the login of that role, and another. */
let own_id: string;
let other_id: string;

beforeAll(async () => {
  api = await startTestApp();
  desk = await openPaymentDesk(api);
  own_id = await makeCustomer(api.sql, api.alpha, { user_id: api.alpha.people.customer.user_id });
  other_id = await makeCustomer(api.sql, api.alpha);
});
afterAll(() => api.stop());
afterEach(async () => {
  expect(await brokenPayments(desk)).toEqual([]);
});

const get = async <T>(path: string, by: MemberRole = "owner"): Promise<T> => {
  const response = await api.send("GET", `/api/v1${path}`, { token: desk.token[by] });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
};

describe("destinations", () => {
  type Destination = { id: string; customer_id: string; account_number: string | null; version: number };
  type List = { data: Destination[]; meta: { next_cursor: string | null } };
  const bank = { bank_name: "Guaranty", bank_code: "0a58", account_name: "Adaeze Okafor" };
  const send = (body: object, by: MemberRole = "manager") =>
    api.send("POST", "/api/v1/payment-destinations", { token: desk.token[by], body });
  const remove = (id: string, { by = "manager", version }: { by?: MemberRole; version?: string } = {}) =>
    api.send("DELETE", `/api/v1/payment-destinations/${id}`, {
      token: desk.token[by],
      headers: version === undefined ? {} : { "if-match": version },
    });
  async function add(body: object, by: MemberRole = "manager"): Promise<Destination> {
    const response = await send(body, by);
    expect(response.status).toBe(201);
    return (await response.json()) as Destination;
  }
  const pointerOf = async (response: Promise<Response>, code: Parameters<typeof expectProblem>[1]) =>
    (await expectProblem(response, code)).errors?.map(({ pointer }) => pointer);

  test("are added, listed newest first by customer, and removed, each once", async () => {
    const numbers = ["01 2345-6789", "0123456780", "0123456781"];
    const made = [];
    for (const account_number of numbers)
      made.push(await add({ customer_id: other_id, ...bank, account_number }));
    expect(made[0]).toMatchObject({ method: "bank", bank_code: "0A58", account_number: "0123456789" });
    const path = `/payment-destinations?customer_id=${other_id}&limit=2`;
    const first = await get<List>(path);
    const second = await get<List>(`${path}&cursor=${first.meta.next_cursor}`);
    expect([...first.data, ...second.data]).toEqual(made.toReversed());
    const again = { customer_id: other_id, ...bank, account_number: "0123456789" };
    expect(await pointerOf(send(again), "already_exists")).toEqual(["/account_number"]);
    const [{ id }] = made as [Destination];
    await expectProblem(remove(id, { version: '"7"' }), "precondition_failed");
    expect((await remove(id, { version: '"1"' })).status).toBe(204);
    await expectProblem(remove(id), "not_found");
    await add(again);
    expect((await get<List>(path)).data[0]?.account_number).toBe("0123456789");
  });

  test("are either an account at a bank or a wallet of the customer in the business's currency", async () => {
    const { account_id } = await openAccount(api.sql, api.alpha, { customer_id: other_id });
    await api.sql`insert into core.settings (business_id, key, value)
      values (${api.alpha.id}, 'bank.fx_rates', '{"USD": "1500"}')`;
    const dollars = await openAccount(api.sql, api.alpha, { customer_id: other_id, currency: "USD" });
    const theirs = await openAccount(api.sql, api.alpha, { customer_id: own_id });
    for (const body of [
      {},
      { bank_name: "Half" },
      { ...bank, account_number: "1234", bank_account_id: account_id },
    ])
      await expectProblem(send({ customer_id: other_id, ...body }), "validation");
    const dashes = { customer_id: other_id, ...bank, account_number: "- - - 1" };
    expect(await pointerOf(send(dashes), "validation")).toEqual(["/account_number"]);
    for (const bank_account_id of [dollars.account_id, theirs.account_id, crypto.randomUUID()])
      expect(
        await pointerOf(send({ customer_id: other_id, bank_account_id }), "reference_not_found"),
      ).toEqual(["/bank_account_id"]);
    const wallet = { customer_id: other_id, bank_account_id: account_id };
    expect(await add(wallet)).toMatchObject({
      method: "wallet",
      bank_account_id: account_id,
      bank_name: null,
    });
    expect(await pointerOf(send(wallet), "already_exists")).toEqual(["/bank_account_id"]);
  });

  test("of a customer are their own, and nobody else's to them", async () => {
    const own = await add({ customer_id: own_id, ...bank, account_number: "5550001" }, "customer");
    const theirs = await add({ customer_id: other_id, ...bank, account_number: "5550002" });
    expect((await get<List>("/payment-destinations", "customer")).data).toEqual([own]);
    await expectProblem(remove(theirs.id, { by: "customer" }), "not_found");
    const foreign = { customer_id: other_id, ...bank, account_number: "5550003" };
    expect(await pointerOf(send(foreign, "customer"), "reference_not_found")).toEqual(["/customer_id"]);
    expect((await remove(own.id, { by: "customer" })).status).toBe(204);
    const stranger = await api.token(api.bravo.people.owner);
    const path = `/api/v1/payment-destinations/${theirs.id}`;
    await expectProblem(api.send("DELETE", path, { token: stranger }), "not_found");
  });

  test("stay while a payment to them is under way", async () => {
    const destination = await add({ customer_id: own_id, ...bank, account_number: "5550009" });
    const { savings_account_id } = await openFilled(desk, { customer_id: own_id });
    const asked = { method: "bank", destination_id: destination.id } as const;
    const request = (await (await requestPayment(desk, savings_account_id, asked)).json()) as PaymentRequest;
    await expectProblem(remove(destination.id), "in_use");
    await follow(desk, request, "cancel");
    expect((await remove(destination.id)).status).toBe(204);
  });
});

describe("a wallet", () => {
  type Balance = { posted: number; available: number };
  type Entries = { data: { kind: string; side: string; amount: number; memo: string }[] };

  async function askFor(options: { kyc_level?: number } = {}) {
    const wallet = await openAccount(api.sql, api.alpha, options);
    const [{ id }] =
      await api.sql`insert into savings.payment_destinations (business_id, customer_id, bank_account_id)
      values (${api.alpha.id}, ${wallet.customer_id}, ${wallet.account_id}) returning id`;
    const asked = { customer_id: wallet.customer_id, method: "wallet", destination_id: id } as const;
    const request = await makePaymentRequest(desk, asked);
    await follow(desk, request, "approve");
    return { account_id: wallet.account_id, request };
  }

  test("is paid at once: its balance, its entries and what the bank says of it are those of now", async () => {
    const { account_id, request } = await askFor();
    await api.sql`update bank.accounts set status = 'dormant' where id = ${account_id}`;
    const account = () => get<{ status: string }>(`/accounts/${account_id}`);
    expect(await get<Balance>(`/accounts/${account_id}/balance`)).toMatchObject({ posted: 0 });
    expect((await account()).status).toBe("dormant");
    expect((await get<Entries>(`/accounts/${account_id}/transactions`)).data).toEqual([]);
    await follow(desk, request, "pay");
    expect(await get<Balance>(`/accounts/${account_id}/balance`)).toMatchObject({
      posted: 20_000,
      available: 20_000,
    });
    expect((await account()).status).toBe("active");
    expect((await get<Entries>(`/accounts/${account_id}/transactions`)).data).toMatchObject([
      { kind: "savings.payment", side: "credit", amount: 20_000, memo: request.reference },
    ]);
  });

  test("that is frozen or waits is not paid, and nothing has moved", async () => {
    const waiting = await askFor({ kyc_level: 0 });
    const frozen = await askFor();
    await api.sql`select bank.move_account(${api.alpha.id}, ${frozen.account_id}, '{active}', 'frozen', 'Lost')`;
    for (const { request } of [waiting, frozen]) {
      await expectProblem(decidePayment(desk, request.id, "pay"), "account_not_open");
      const [row] =
        await api.sql`select status, version from savings.payment_requests where id = ${request.id}`;
      expect(row).toEqual({ status: "approved", version: 2 });
    }
  });

  test("that is closed after the approval is told as a failure, and the account asks again", async () => {
    const { request, account_id } = await askFor();
    await api.sql`select bank.move_account(${api.alpha.id}, ${account_id}, '{active}', 'closed', 'Gone')`;
    await expectProblem(decidePayment(desk, request.id, "pay"), "account_not_open");
    expect(await follow(desk, request, "fail", "reject")).toMatchObject({ status: "rejected" });
    const again = await requestPayment(desk, request.savings_account_id);
    expect(again.status).toBe(201);
    const cash = await follow(desk, (await again.json()) as PaymentRequest, "approve");
    await expectProblem(decidePayment(desk, cash.id, "fail"), "illegal_transition");
  });

  test("has the tags that the bank gives its movements", () => {
    const [business_id, account_id] = [crypto.randomUUID(), crypto.randomUUID()];
    const bank = [
      ...moneyTags(business_id, [account_id]),
      accountsTag(business_id),
      accountTag(business_id, account_id),
    ];
    expect(walletTags(business_id, account_id)).toEqual(bank);
  });
});

describe("commissions", () => {
  type Commission = {
    id: string;
    payment_request_id: string;
    agent_amount: number;
    parent_amount: number;
    house_amount: number;
    agent_settlement_id: string | null;
    parent_settlement_id: string | null;
  };
  type List = { data: Commission[]; meta: { next_cursor: string | null } };
  const product = { agent_share_bps: 3_333, parent_share_bps: 2_500 };
  const settle = (agent_id: string, { by = "owner", until = "2999-12-31", key = crypto.randomUUID() } = {}) =>
    api.send("POST", "/api/v1/commissions/settle", {
      token: desk.token[by as MemberRole],
      headers: { "idempotency-key": key },
      body: { agent_id, until },
    });
  const earn = async (agent: "agent" | "sub_agent") => {
    const { member_id } = api.alpha.people[agent];
    const request = await makePaymentRequest(desk, { product, agent_id: member_id, by: "owner" });
    return follow(desk, request, "approve", "pay");
  };

  test("are split among agent, the agent above and the house, parts floored, when they are earned", async () => {
    const of = { sub_agent: await earn("sub_agent"), agent: await earn("agent") };
    const page = await get<List>("/commissions?limit=200");
    const ofRequest = ({ id }: PaymentRequest) => page.data.find((row) => row.payment_request_id === id);
    // 33.33 % of 100.00 are 33.33; of a sub-agent's 33.33 the agent above gets a quarter, 8.3325.
    expect(ofRequest(of.agent)).toMatchObject({ agent_amount: 3_333, parent_amount: 0, house_amount: 6_667 });
    expect(ofRequest(of.sub_agent)).toMatchObject({
      agent_amount: 2_499,
      parent_amount: 833,
      house_amount: 6_668,
    });
  });

  test("are seen by their agents, by the agents above them, and by staff", async () => {
    const { people } = api.alpha;
    const of = {
      sub_agent: await earn("sub_agent"),
      agent: await earn("agent"),
      manager: await payManager(),
    };
    const seen = async (query: string, by: MemberRole) => {
      const { data } = await get<List>(`/commissions?limit=200${query}`, by);
      return Object.entries(of).flatMap(([name, { id }]) =>
        data.some((row) => row.payment_request_id === id) ? [name] : [],
      );
    };
    expect(await seen("", "owner")).toEqual(["sub_agent", "agent", "manager"]);
    expect(await seen("", "agent")).toEqual(["sub_agent", "agent"]);
    expect(await seen("", "sub_agent")).toEqual(["sub_agent"]);
    expect(await seen(`&agent_id=${people.manager.member_id}`, "owner")).toEqual(["manager"]);
    expect(await seen(`&agent_id=${people.agent.member_id}`, "owner")).toEqual(["sub_agent", "agent"]);
    expect(await seen(`&agent_id=${people.manager.member_id}`, "agent")).toEqual([]);
    const [{ today, tomorrow }] = await api.sql`select core.business_today(${api.alpha.id})::text as today,
      (core.business_today(${api.alpha.id}) + 1)::text as tomorrow`;
    expect(await seen(`&from=${today}&to=${today}`, "owner")).toHaveLength(3);
    expect(await seen(`&from=${tomorrow}`, "owner")).toEqual([]);
    const first = await get<List>("/commissions?limit=2");
    const second = await get<List>(`/commissions?limit=2&cursor=${first.meta.next_cursor}`);
    const all = await get<List>("/commissions?limit=4");
    expect([...first.data, ...second.data]).toEqual(all.data);
    const token = desk.token.sub_agent;
    const csv = await api.send("GET", "/api/v1/commissions", { token, headers: { accept: "text/csv" } });
    const own = await get<List>("/commissions?limit=200", "sub_agent");
    const rows = (await csv.text()).trim().split("\r\n").slice(1);
    expect(rows.map((row) => row.slice(0, 36))).toEqual(own.data.map(({ id }) => id));
    const stranger = await api.token(api.bravo.people.owner);
    const theirs = await (await api.send("GET", "/api/v1/commissions", { token: stranger })).json();
    expect((theirs as List).data).toEqual([]);
  });

  /** A manager who collects is paid by the owner; somebody else decides. */
  async function payManager(): Promise<PaymentRequest> {
    const { member_id } = api.alpha.people.manager;
    const request = await makePaymentRequest(desk, { product, agent_id: member_id, by: "manager" });
    await decidePayment(desk, request.id, "approve", { by: "owner" });
    return (await (await decidePayment(desk, request.id, "pay", { by: "admin" })).json()) as PaymentRequest;
  }

  test("are paid out once, the agent's own and those of their sub-agents, and by nobody to themselves", async () => {
    const { agent, sub_agent, manager } = api.alpha.people;
    await earn("sub_agent");
    await payManager();
    const [before] =
      await api.sql`select posted::int from ledger.account_balances where business_id = ${api.alpha.id}
      and code = 'cash:vault'`;
    const due = await api.sql`select sum(parent_amount) filter (where parent_agent_id = ${agent.member_id}
        and parent_settlement_id is null)::int + sum(agent_amount) filter (where agent_id = ${agent.member_id}
        and agent_settlement_id is null)::int as amount from savings.commissions where business_id = ${api.alpha.id}`;
    const key = crypto.randomUUID();
    const response = await settle(agent.member_id, { key });
    expect(response.status).toBe(201);
    const settled = (await response.clone().json()) as { id: string; amount: number };
    expect(settled).toMatchObject({ agent_id: agent.member_id, amount: due[0].amount, currency: "NGN" });
    const replayed = await settle(agent.member_id, { key });
    expect(await replayed.text()).toBe(await response.text());
    const [after] =
      await api.sql`select posted::int from ledger.account_balances where business_id = ${api.alpha.id}
      and code = 'cash:vault'`;
    expect(after.posted).toBe(before.posted - settled.amount);
    const { data } = await get<List>(`/commissions?agent_id=${agent.member_id}&limit=200`);
    expect(
      data.map((row) => (row.parent_amount > 0 ? row.parent_settlement_id : row.agent_settlement_id)),
    ).toEqual(data.map(() => settled.id));
    await expectProblem(settle(agent.member_id), "nothing_to_pay");
    await expectProblem(settle(manager.member_id, { by: "manager" }), "maker_checker");
    expect((await settle(manager.member_id)).status).toBe(201);
    const at_once = await Promise.all([1, 2, 3, 4].map(() => settle(sub_agent.member_id)));
    expect(at_once.map(({ status }) => String(status)).toSorted()).toEqual(["201", "422", "422", "422"]);
  });

  test("are not paid out before their day, nor to who is no member", async () => {
    await earn("sub_agent");
    const { member_id } = api.alpha.people.sub_agent;
    await expectProblem(settle(member_id, { until: "2020-01-01" }), "nothing_to_pay");
    for (const id of [crypto.randomUUID(), api.bravo.people.agent.member_id]) {
      const problem = await expectProblem(settle(id), "reference_not_found");
      expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(["/agent_id"]);
    }
    const body = { agent_id: member_id, until: "2999-12-31" };
    const bare = api.send("POST", "/api/v1/commissions/settle", { token: desk.token.owner, body });
    await expectProblem(bare, "idempotency_key_required");
    await expectProblem(settle(api.alpha.people.clerk.member_id), "nothing_to_pay");
  });
});

test("the books hold after all of it", async () => {
  expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
});
