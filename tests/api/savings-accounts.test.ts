import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isTrackingNumber } from "../../src/savings/tracking-number.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer } from "../helpers/bank.ts";
import { brokenBooks } from "../helpers/ledger.ts";
import { expectProblem } from "../helpers/problem.ts";
import { makeProduct, openSavings } from "../helpers/savings.ts";

let api: TestApp;
let manager: string;
let agent: string;
let subAgent: string;
let customer: string;
let stranger: string;
let product_id: string;
/** Of the member with the role customer. */
let own_customer_id: string;
let today: string;

beforeAll(async () => {
  api = await startTestApp();
  const { people } = api.alpha;
  manager = await api.token(people.manager);
  agent = await api.token(people.agent);
  subAgent = await api.token(people.sub_agent);
  customer = await api.token(people.customer);
  stranger = await api.token(api.bravo.people.owner);
  product_id = await makeProduct(api.sql, api.alpha, { min_marking_amount: 100, max_marking_amount: 90_000 });
  const { user_id } = people.customer;
  own_customer_id = await makeCustomer(api.sql, api.alpha, { name: "Their Own", user_id });
  [{ today }] = await api.sql`select core.business_today(${api.alpha.id})::text as today`;
});
afterAll(() => api.stop());

type Account = { id: string; tracking_number: string; agent_id: string; version: number } & Record<
  string,
  unknown
>;

const dayFromToday = (days: number): string =>
  new Date(Date.parse(today) + days * 86_400_000).toISOString().slice(0, 10);
const send = async (body: Record<string, unknown>, token = manager) =>
  api.send("POST", "/api/v1/savings", {
    token,
    body: { product_id, marking_amount: 50_000, starts_on: today, ...body },
  });
async function open(body: Record<string, unknown> = {}, token = manager): Promise<Account> {
  const customer_id = body["customer_id"] ?? (await makeCustomer(api.sql, api.alpha));
  const response = await send({ customer_id, ...body }, token);
  expect(response.status).toBe(201);
  return (await response.json()) as Account;
}
const get = (id: string, token = manager) => api.send("GET", `/api/v1/savings/${id}`, { token });
const patch = (id: string, body: unknown, { token = manager, match = "*" } = {}) =>
  api.send("PATCH", `/api/v1/savings/${id}`, { token, body, headers: { "if-match": match } });
const idsOf = async (query: string, token = manager): Promise<string[]> => {
  const response = await api.send("GET", `/api/v1/savings?limit=200&${query}`, { token });
  expect(response.status).toBe(200);
  return ((await response.json()) as { data: Account[] }).data.map(({ id }) => id);
};
const member = (role: keyof TestApp["alpha"]["people"]) => api.alpha.people[role].member_id;
const noticesOf = async (role: keyof TestApp["alpha"]["people"], ref_id: string): Promise<string[]> =>
  (
    await api.sql`select type from core.notifications
      where user_id = ${api.alpha.people[role].user_id} and ref_id = ${ref_id} order by created_at`
  ).map(({ type }: { type: string }) => type);

describe("opening", () => {
  test("takes the product's terms and a ledger account with it, under a number that is told nobody else", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha, { name: "Bisi Alade" });
    const response = await send({ customer_id, cycles: 2 });
    const account = (await response.json()) as Account;
    expect(account).toMatchObject({
      customer_id,
      customer_name: "Bisi Alade",
      status: "active",
      run_no: 1,
      cycles: 2,
      markings_total: 62,
      markings_paid: 0,
      collected: 0,
      ends_on: dayFromToday(61),
      terms: {
        cycle_markings: 31,
        min_marking_amount: 100,
        max_marking_amount: 90_000,
        agent_share_bps: 10_000,
      },
    });
    expect(isTrackingNumber(account.tracking_number)).toBe(true);
    expect(response.headers.get("location")).toBe(`/api/v1/savings/${account.id}`);
    expect(await (await get(account.id)).json()).toEqual(account);
    const [ledger] = await api.sql`select a.code, a.kind, a.currency, a.owner_type, b.overdraft_limit::int
      from ledger.accounts a join ledger.balances b on b.account_id = a.id where a.id = ${account.id}`;
    expect(ledger).toMatchObject({
      code: `savings:account:${account.id}`,
      kind: "liability",
      overdraft_limit: 0,
    });
    expect(await brokenBooks(api.sql, api.alpha.id)).toEqual([]);
  });

  test("numbers are random, each another, and runs of a customer and product are counted", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const numbers = new Set<string>();
    for (let run_no = 1; run_no <= 8; run_no += 1) {
      const account = await open({ customer_id });
      expect(account["run_no"]).toBe(run_no);
      numbers.add(account.tracking_number);
      await api.sql`update savings.accounts set status = 'cancelled' where id = ${account.id}`;
    }
    expect(numbers.size).toBe(8);
    expect(Math.max(...[...numbers].map(Number)) - Math.min(...[...numbers].map(Number))).toBeGreaterThan(
      1_000,
    );
  });

  test("a second active account of one product is refused, however many ask at once", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const statuses = (await Promise.all(Array.from({ length: 5 }, () => send({ customer_id })))).map(
      ({ status }) => status,
    );
    expect(statuses.toSorted((one, other) => one - other)).toEqual([201, 409, 409, 409, 409]);
    await expectProblem(send({ customer_id }), "active_account_exists");
    const other = await makeProduct(api.sql, api.alpha);
    expect((await send({ customer_id, product_id: other })).status).toBe(201);
  });

  test("a request that is repeated with its key opens one account", async () => {
    const body = {
      customer_id: await makeCustomer(api.sql, api.alpha),
      product_id,
      marking_amount: 100,
      starts_on: today,
    };
    const headers = { "idempotency-key": "savings-open-once" };
    const twice = [1, 2].map(() => api.send("POST", "/api/v1/savings", { token: agent, body, headers }));
    const [one, two] = await Promise.all(twice.map(async (answer) => (await answer).text()));
    expect(two).toBe(one ?? "");
  });

  test.each([
    ["an amount below the range", { marking_amount: 99 }, "/marking_amount"],
    ["an amount above the range", { marking_amount: 90_001 }, "/marking_amount"],
    ["61 cycles", { cycles: 61 }, "/cycles"],
    ["no amount", { marking_amount: 0 }, "/marking_amount"],
    ["a member that nobody knows", { status: "completed" }, "/status"],
  ])("refuses %s", async (_, body, pointer) => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const { errors } = await expectProblem(send({ customer_id, ...body }), "validation");
    expect(errors).toMatchObject([{ pointer }]);
  });

  test("refuses more slots than an account has, and more money than it may hold", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const long = await makeProduct(api.sql, api.alpha, { cycle_markings: 366 });
    const many = await expectProblem(send({ customer_id, product_id: long, cycles: 11 }), "validation");
    expect(many.errors).toMatchObject([{ pointer: "/cycles" }]);
    const dear = await expectProblem(
      send({ customer_id, product_id: long, marking_amount: Number.MAX_SAFE_INTEGER }),
      "validation",
    );
    expect(dear.errors).toMatchObject([{ pointer: "/marking_amount" }]);
  });

  test("refuses what is not there, not offered, archived, of another business or of another kind of member", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const hidden = await makeProduct(api.sql, api.alpha);
    await api.sql`update savings.products set is_active = false where id = ${hidden}`;
    const foreignCustomer = await makeCustomer(api.sql, api.bravo);
    const archived = await makeCustomer(api.sql, api.alpha);
    await api.sql`update core.customers set is_active = false where id = ${archived}`;
    const wrong = [
      [{ customer_id: foreignCustomer }, "/customer_id"],
      [{ customer_id: archived }, "/customer_id"],
      [{ product_id: hidden }, "/product_id"],
      [{ product_id: await makeProduct(api.sql, api.bravo) }, "/product_id"],
      [{ agent_id: member("clerk") }, "/agent_id"],
      [{ agent_id: api.bravo.people.agent.member_id }, "/agent_id"],
      [{ unit_id: crypto.randomUUID() }, "/unit_id"],
    ] as const;
    for (const [body, pointer] of wrong) {
      const { errors } = await expectProblem(send({ customer_id, ...body }), "reference_not_found");
      expect(errors).toMatchObject([{ pointer }]);
    }
    expect(await idsOf(`customer_id=${customer_id}`)).toEqual([]);
  });

  test("staff register a card of up to a year ago; others go back as far as a visit may lie", async () => {
    await open({ starts_on: dayFromToday(-366) });
    await open({ starts_on: dayFromToday(366) });
    await open({ starts_on: dayFromToday(-3) }, agent);
    for (const [days, token] of [
      [-367, manager],
      [367, manager],
      [-4, agent],
      [-4, customer],
    ] as const) {
      const customer_id = token === customer ? own_customer_id : await makeCustomer(api.sql, api.alpha);
      const { errors } = await expectProblem(
        send({ customer_id, starts_on: dayFromToday(days) }, token),
        "validation",
      );
      expect(errors).toMatchObject([{ pointer: "/starts_on" }]);
    }
  });
});

describe("whose round it is", () => {
  test("agents get their own accounts, or give one to a sub-agent, but to nobody else", async () => {
    expect((await open({}, agent)).agent_id).toBe(member("agent"));
    expect((await open({ agent_id: member("sub_agent") }, agent)).agent_id).toBe(member("sub_agent"));
    expect((await open({}, subAgent)).agent_id).toBe(member("sub_agent"));
    const customer_id = await makeCustomer(api.sql, api.alpha);
    await expectProblem(send({ customer_id, agent_id: member("manager") }, agent), "reference_not_found");
    await expectProblem(send({ customer_id, agent_id: member("agent") }, subAgent), "reference_not_found");
  });

  test("customers open for themselves only, and choose neither agent nor unit", async () => {
    const account = await open({ customer_id: own_customer_id }, customer);
    expect(account.agent_id).toBe(member("owner"));
    expect(await noticesOf("owner", account.id)).toEqual(["savings.account_opened"]);
    expect(await noticesOf("customer", account.id)).toEqual([]);
    const other = await makeCustomer(api.sql, api.alpha);
    await expectProblem(send({ customer_id: other }, customer), "reference_not_found");
    await expectProblem(
      send({ customer_id: own_customer_id, agent_id: member("agent") }, customer),
      "forbidden",
    );
    await expectProblem(send({ customer_id: own_customer_id, unit_id: null }, customer), "forbidden");
  });

  test("nobody named: who looked after the customer last, the agent above, the unit's manager, the owner", async () => {
    const unit_id = Bun.randomUUIDv7();
    await api.sql`insert into core.units (business_id, id, name) values (${api.alpha.id}, ${unit_id}, 'Mushin')`;
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const opened = async (body: Record<string, unknown> = {}): Promise<string> => {
      const { id, agent_id } = await open({ customer_id, ...body });
      await api.sql`update savings.accounts set status = 'cancelled' where id = ${id}`;
      return agent_id;
    };
    expect(await opened()).toBe(member("owner"));
    await opened({ agent_id: member("sub_agent") });
    expect(await opened()).toBe(member("sub_agent"));
    await opened({ agent_id: member("sub_agent") });
    const suspend = (role: "agent" | "sub_agent", status: string) =>
      api.sql`update core.memberships set status = ${status}::core.member_status where id = ${member(role)}`;
    await suspend("sub_agent", "suspended");
    expect(await opened()).toBe(member("agent"));
    await api.sql`update savings.accounts set agent_id = ${member("sub_agent")} where customer_id = ${customer_id}`;
    await suspend("agent", "suspended");
    await api.sql`update core.memberships set unit_id = ${unit_id} where id = ${member("manager")}`;
    await api.sql`update core.customers set unit_id = ${unit_id} where id = ${customer_id}`;
    expect(await opened()).toBe(member("manager"));
    await suspend("agent", "active");
    await suspend("sub_agent", "active");
  });

  test.each(["operator", "clerk", "compliance"] as const)("a %s opens, sees and lists none", async (role) => {
    const token = await api.token(api.alpha.people[role]);
    await expectProblem(send({ customer_id: own_customer_id }, token), "forbidden");
    await expectProblem(get(own_customer_id, token), "forbidden");
    await expectProblem(api.send("GET", "/api/v1/savings", { token }), "forbidden");
  });

  test("everybody sees what is theirs, in the list, one by one and by number; the rest is not there", async () => {
    const of = async (role: "agent" | "sub_agent" | "manager", customer_id?: string) =>
      openSavings(api.sql, api.alpha, {
        agent_id: member(role),
        ...(customer_id === undefined ? {} : { customer_id }),
      });
    const accounts = {
      agent: await of("agent"),
      sub_agent: await of("sub_agent"),
      manager: await of("manager"),
      customer: await of("manager", own_customer_id),
    };
    const sees = {
      [manager]: ["agent", "sub_agent", "manager", "customer"],
      [agent]: ["agent", "sub_agent"],
      [subAgent]: ["sub_agent"],
      [customer]: ["customer"],
      [stranger]: [],
    } as const;
    for (const [token, theirs] of Object.entries(sees)) {
      const listed = await idsOf("", token);
      for (const [name, { savings_account_id: id, tracking_number }] of Object.entries(accounts)) {
        const isTheirs = (theirs as readonly string[]).includes(name);
        expect([name, listed.includes(id)]).toEqual([name, isTheirs]);
        for (const named of [id, id.toUpperCase(), tracking_number])
          expect([name, (await get(named, token)).status]).toEqual([name, isTheirs ? 200 : 404]);
      }
    }
  });
});

describe("numbers", () => {
  test("one that is wrong, that nobody has, or that is another's is one and the same answer", async () => {
    const { tracking_number } = await openSavings(api.sql, api.alpha, { agent_id: member("manager") });
    const wrongDigit = tracking_number.slice(0, 9) + String((Number(tracking_number[9]) + 1) % 10);
    const answers = [];
    for (const number of [wrongDigit, "0000000000", tracking_number]) {
      const { instance, request_id, ...rest } = await expectProblem(get(number, agent), "not_found");
      expect([instance, typeof request_id]).toEqual([`/api/v1/savings/${number}`, "string"]);
      answers.push(rest);
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    for (const number of ["123456789", "12345678901", "ABCDEFGHIJ", "12345-6789"]) {
      await expectProblem(get(number, agent), "validation");
    }
  });

  test("those who try them out are told to wait", async () => {
    const { declaration } =
      api.app.routes.routes.find(
        ({ method, template }) => method === "GET" && template === "/api/v1/savings/{id}",
      ) ?? {};
    expect(declaration?.limit).toBe("search");
    const strict = await startTestApp({
      env: { RATE_LIMIT_ENABLED: "true", SEARCH_RATE_LIMIT_PER_MINUTE: "3" },
      database_url: api.database_url,
      businesses: [api.alpha, api.bravo],
    });
    try {
      const statuses: number[] = [];
      for (let number = 0; number < 5; number += 1) {
        const path = `/api/v1/savings/000000000${number}`;
        statuses.push((await strict.send("GET", path, { token: agent })).status);
      }
      expect(statuses).toEqual([404, 404, 404, 429, 429]);
    } finally {
      await strict.stop();
    }
  });

  test("a number that is given later is found at once, and an account keeps it", async () => {
    const number = "1234567897";
    expect(isTrackingNumber(number)).toBe(true);
    await expectProblem(get(number), "not_found");
    const { savings_account_id } = await openSavings(api.sql, api.alpha);
    await api.sql`update savings.accounts set tracking_number = ${number} where id = ${savings_account_id}`;
    expect(await (await get(number)).json()).toMatchObject({
      id: savings_account_id,
      tracking_number: number,
    });
  });
});

describe("changing", () => {
  test("another agent is told, and so is the customer; the former one sees it no more", async () => {
    const { id, version } = await open({
      customer_id: own_customer_id,
      product_id: await makeProduct(api.sql, api.alpha),
    });
    expect((await get(id, agent)).status).toBe(404);
    const changed = await patch(id, { agent_id: member("agent") }, { match: `"${version}"` });
    expect(await changed.json()).toMatchObject({ agent_id: member("agent"), version: version + 1 });
    expect((await get(id, agent)).status).toBe(200);
    expect(await noticesOf("agent", id)).toEqual(["savings.account_assigned"]);
    expect(await noticesOf("customer", id)).toEqual(["savings.account_opened", "savings.account_assigned"]);
    await expectProblem(patch(id, { unit_id: null }, { match: `"${version}"` }), "precondition_failed");
  });

  test("is for staff, needs the version, and refuses who does not collect and what is not there", async () => {
    const { id } = await open({}, agent);
    for (const token of [agent, subAgent, customer])
      await expectProblem(patch(id, { unit_id: null }, { token }), "forbidden");
    await expectProblem(
      api.send("PATCH", `/api/v1/savings/${id}`, { token: manager, body: { unit_id: null } }),
      "precondition_required",
    );
    await expectProblem(patch(id, { unit_id: null }, { token: stranger }), "not_found");
    for (const body of [
      { agent_id: member("clerk") },
      { agent_id: crypto.randomUUID() },
      { unit_id: crypto.randomUUID() },
    ])
      await expectProblem(patch(id, body), "reference_not_found");
    for (const body of [{}, { agent_id: null }, { marking_amount: 7 }])
      await expectProblem(patch(id, body), "validation");
  });
});
