import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { bankJobs } from "../../src/bank/background-jobs.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { deposit, openAccount, type TestAccount } from "../helpers/bank.ts";
import { expectProblem } from "../helpers/problem.ts";
import { until } from "../helpers/replicas.ts";

let api: TestApp;
let manager: string;
let clerk: string;
let customer: string;
let stranger: string;
let mine: TestAccount;
let theirs: TestAccount;

beforeAll(async () => {
  api = await startTestApp();
  const { alpha, bravo, sql } = api;
  manager = await api.token(alpha.people.manager);
  clerk = await api.token(alpha.people.clerk);
  customer = await api.token(alpha.people.customer);
  stranger = await api.token(bravo.people.owner);
  [mine, theirs] = [await openAccount(sql, alpha), await openAccount(sql, alpha)];
  const login = await api.send("PUT", `/api/v1/customers/${mine.customer_id}/login`, {
    token: manager,
    body: { member_id: alpha.people.customer.member_id },
  });
  expect(login.status).toBe(200);
});
afterAll(() => api.stop());

type Row = { id: number; account_id: string; amount: number; side: string } & Record<string, unknown>;
type List = { data: Row[]; meta: { next_cursor: string | null } };
type Balance = { posted: number; pending: number | null; available: number | null } & Record<string, unknown>;

const get = (path: string, token = manager, headers = {}) =>
  api.send("GET", `/api/v1${path}`, { token, headers });
const list = async (path: string, token = manager): Promise<List> =>
  (await (await get(path, token)).json()) as List;
const transfer = async (body: Record<string, unknown>): Promise<void> => {
  const response = await api.send("POST", "/api/v1/transfers", {
    token: manager,
    body: { currency: "NGN", ...body },
    headers: { "idempotency-key": crypto.randomUUID() },
  });
  expect(response.status).toBe(201);
};

describe("balances", () => {
  test("tell what is in an account, what is held, and what may leave it, and are stored by nobody else", async () => {
    const { account_id } = await openAccount(api.sql, api.alpha, { balance: 1_000, overdraft_limit: 50 });
    await api.sql`select ledger.post(ledger.posting_of(${api.alpha.id}, ${Bun.randomUUIDv7()}, 'pending', 'bank.wire', null),
      jsonb_build_array(jsonb_build_object('account_id', ${account_id}::uuid, 'side', 'debit', 'amount', 300),
        jsonb_build_object('account_id', ledger.house_account(${api.alpha.id}, 'clearing:wires', 'liability', 'NGN', 8),
          'side', 'credit', 'amount', 300)))`;
    const response = await get(`/accounts/${account_id.toUpperCase()}/balance`, clerk);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect((await response.json()) as Balance).toMatchObject({
      account_id,
      currency: "NGN",
      posted: 1_000,
      pending: 700,
      available: 750,
      version: 2,
    });
  });

  test("of an instant tell what had been posted, that instant included", async () => {
    const { account_id } = await openAccount(api.sql, api.alpha);
    for (const [at, amount] of [
      ["2026-01-01T10:00:00.000Z", 100],
      ["2026-01-02T10:00:00.000Z", 20],
    ] as const) {
      await api.sql`select ledger.post(ledger.posting_of(${api.alpha.id}, ${Bun.randomUUIDv7()}, 'single', 'bank.deposit',
        null, p_effective_at => ${at}), jsonb_build_array(
          jsonb_build_object('account_id', ${account_id}::uuid, 'side', 'credit', 'amount', ${amount}::bigint),
          jsonb_build_object('account_id', ledger.house_account(${api.alpha.id}, 'cash:vault', 'asset', 'NGN', 8),
            'side', 'debit', 'amount', ${amount}::bigint)))`;
    }
    const at = async (as_of: string) => {
      const response = await get(`/accounts/${account_id}/balance?as_of=${as_of}`);
      expect(response.headers.get("cache-control")).toBe("no-store");
      return (await response.json()) as Balance;
    };
    expect(await at("2026-01-01T09:59:59.999Z")).toMatchObject({ posted: 0, pending: null, available: null });
    expect(await at("2026-01-01T10:00:00.000Z")).toMatchObject({
      posted: 100,
      as_of: "2026-01-01T10:00:00.000Z",
      version: null,
    });
    expect(await at("2026-01-03T00:00:00.000Z")).toMatchObject({ posted: 120 });
    await expectProblem(get(`/accounts/${account_id}/balance?as_of=yesterday`), "validation");
    const foreign = get(`/accounts/${account_id}/balance?as_of=2026-01-01T10:00:00.000Z`, stranger);
    await expectProblem(foreign, "not_found");
  });
});

describe("whose they are", () => {
  test("a customer sees own accounts and what moved them, and everybody else's are not there", async () => {
    await deposit(api.sql, api.alpha, { account_id: mine.account_id, amount: 500 });
    await deposit(api.sql, api.alpha, { account_id: theirs.account_id, amount: 500 });
    const accounts = await list("/accounts", customer);
    expect(accounts.data.map(({ id }) => String(id))).toEqual([mine.account_id]);
    expect((await list(`/accounts?customer_id=${theirs.customer_id}`, customer)).data).toEqual([]);
    const moved = await list("/transactions", customer);
    expect(moved.data.map(({ account_id }) => account_id)).toEqual([mine.account_id]);
    for (const path of ["", "/balance", "/transactions"]) {
      expect((await get(`/accounts/${mine.account_id}${path}`, customer)).status).toBe(200);
      await expectProblem(get(`/accounts/${theirs.account_id}${path}`, customer), "not_found");
      await expectProblem(get(`/accounts/${theirs.account_id}${path}`, stranger), "not_found");
    }
    const csv = { accept: "text/csv" };
    await expectProblem(get(`/accounts/${theirs.account_id}/transactions`, customer, csv), "not_found");
    expect(await (await get("/transactions", customer, csv)).text()).not.toContain(theirs.account_id);
  });

  test("why an account is frozen is not for its customer", async () => {
    const { account_id } = await openAccount(api.sql, api.alpha, { customer_id: mine.customer_id });
    const freeze = `/api/v1/accounts/${account_id}/freeze`;
    await api.send("POST", freeze, { token: manager, body: { reason: "Suspicion" } });
    expect(await (await get(`/accounts/${account_id}`)).text()).toContain("Suspicion");
    const shown = await (await get(`/accounts/${account_id}`, customer)).text();
    expect(shown).toContain('"frozen"');
    expect(shown).not.toContain("Suspicion");
    expect(await (await get("/accounts", customer)).text()).not.toContain("Suspicion");
  });

  test("a login is an active member with the role customer, and ends at once when it is taken away", async () => {
    const path = `/api/v1/customers/${theirs.customer_id}/login`;
    const put = (member_id: string, headers = {}) =>
      api.send("PUT", path, { token: manager, body: { member_id }, headers });
    const { alpha, bravo } = api;
    for (const person of [alpha.people.clerk, bravo.people.customer]) {
      const { errors } = await expectProblem(put(person.member_id), "reference_not_found");
      expect(errors).toMatchObject([{ pointer: "/member_id" }]);
    }
    const { member_id } = alpha.people.customer;
    await expectProblem(put(member_id, { "if-match": '"9"' }), "precondition_failed");
    await expectProblem(api.send("DELETE", path, { token: manager }), "not_found");
    expect(await (await put(member_id)).json()).toMatchObject({ user_id: alpha.people.customer.user_id });
    expect((await get(`/accounts/${theirs.account_id}/balance`, customer)).status).toBe(200);
    expect((await list(`/accounts?customer_id=${theirs.customer_id}`, customer)).data).toHaveLength(1);
    const removed = await api.send("DELETE", path, { token: manager });
    expect(await removed.json()).toMatchObject({ user_id: null });
    await expectProblem(get(`/accounts/${theirs.account_id}/balance`, customer), "not_found");
    expect((await list(`/accounts?customer_id=${theirs.customer_id}`, customer)).data).toEqual([]);
    await expectProblem(api.send("DELETE", path, { token: stranger }), "not_found");
    await expectProblem(api.send("PUT", path, { token: clerk, body: { member_id } }), "forbidden");
  });
});

describe("what moved an account", () => {
  const at = { from: "", to: "" };

  beforeAll(async () => {
    const { sql, alpha } = api;
    const [from, to] = [await openAccount(sql, alpha, { balance: 10_000 }), await openAccount(sql, alpha)];
    Object.assign(at, { from: from.account_id, to: to.account_id });
    for (let n = 1; n <= 30; n += 1) {
      await transfer({
        from_account_id: at.from,
        to_account_id: at.to,
        amount: n,
        memo: n % 2 === 0 ? "Rent, 100%" : "Food",
      });
    }
  });

  test("comes page by page, newest first, each entry once, with the balance after it", async () => {
    const seen: Row[] = [];
    let path: string | null = `/accounts/${at.from}/transactions?limit=7`;
    while (path !== null) {
      const { data, meta } = await list(path);
      seen.push(...data);
      path = meta.next_cursor === null ? null : `${path.split("&cursor")[0]}&cursor=${meta.next_cursor}`;
    }
    expect(seen.map(({ amount }) => amount)).toEqual([
      ...Array.from({ length: 30 }, (_, n) => 30 - n),
      10_000,
    ]);
    expect(seen[0]).toMatchObject({
      side: "debit",
      kind: "bank.internal",
      memo: "Rent, 100%",
      counterparty_account_id: at.to,
      balance_after: 10_000 - 465,
    });
  });

  test.each([
    ["side=credit", (row: Row) => row.side === "credit"],
    ["min=5&max=7", ({ amount }: Row) => amount >= 5 && amount <= 7],
    ["q=rent", ({ memo }: Row) => memo === "Rent, 100%"],
    ["q=0%25", ({ memo }: Row) => memo === "Rent, 100%"],
    ["from=2000-01-01&to=2000-01-02", () => false],
    ["from=2000-01-01", () => true],
  ])("?%s finds those and no others", async (query, fits) => {
    const all = await list(`/accounts/${at.from}/transactions?limit=200`);
    const { data } = await list(`/accounts/${at.from}/transactions?limit=200&${query}`);
    expect(data).toEqual(all.data.filter(fits));
    const { data: everywhere } = await list(
      `/transactions?limit=200&from=2000-01-01&${query.replace("from=2000-01-01", "side=debit")}`,
    );
    for (const row of data.filter(({ side }) => side === "debit")) expect(everywhere).toContainEqual(row);
  });

  test("is found by the beginning of its reference", async () => {
    const body = { account_id: at.to, amount: 5, currency: "NGN", reference: "TILL-77" };
    const headers = { "idempotency-key": "till-77-once" };
    expect((await api.send("POST", "/api/v1/deposits", { token: clerk, body, headers })).status).toBe(201);
    const { data } = await list(`/accounts/${at.to}/transactions?q=TILL-7`);
    expect(data).toMatchObject([{ reference: "TILL-77", side: "credit", counterparty_account_id: null }]);
    expect((await list(`/accounts/${at.to}/transactions?q=ILL-7`)).data).toEqual([]);
  });

  test("of all accounts comes in pages too, each entry once", async () => {
    const seen: number[] = [];
    let path: string | null = "/transactions?limit=13";
    while (path !== null) {
      const { data, meta } = await list(path);
      seen.push(...data.map(({ id }) => id));
      path = meta.next_cursor === null ? null : `/transactions?limit=13&cursor=${meta.next_cursor}`;
    }
    const [{ entries }] = await api.sql`select count(*)::int as entries from ledger.entries e
      join bank.accounts a on a.business_id = e.business_id and a.id = e.account_id
      where e.business_id = ${api.alpha.id} and e.phase in ('single', 'post')`;
    expect(seen).toHaveLength(entries);
    expect(new Set(seen).size).toBe(entries);
    await expectProblem(get("/transactions?q=rent"), "validation");
    await expectProblem(get("/transactions?max=5", manager, { accept: "text/csv" }), "validation");
    await expectProblem(get("/transactions", clerk), "forbidden");
    await expectProblem(get("/transactions?from=2026-02-30"), "validation");
    await expectProblem(get("/transactions?cursor=x"), "invalid_cursor");
  });
});

test("what nobody has moved for long becomes dormant, and is shown as such", async () => {
  const { sql, alpha } = api;
  const [resting, moving] = [await openAccount(sql, alpha), await openAccount(sql, alpha, { balance: 10 })];
  await transfer({ from_account_id: moving.account_id, to_account_id: mine.account_id, amount: 1 });
  await sql`update bank.accounts set activated_at = now() - interval '400 days'
    where id in (${resting.account_id}, ${moving.account_id})`;
  await get(`/accounts/${resting.account_id}`);
  const job = bankJobs(api.deps).find(({ name }) => name === "make accounts dormant");
  while ((await job?.run()) === true);
  const rows =
    await sql`select id, status from bank.accounts where id in (${resting.account_id}, ${moving.account_id})`;
  expect(new Map(rows.map((row: { id: string; status: string }) => [row.id, row.status]))).toEqual(
    new Map([
      [resting.account_id, "dormant"],
      [moving.account_id, "active"],
    ]),
  );
  const [{ changes }] =
    await sql`select count(*)::int as changes from core.audit_log where entity_id = ${resting.account_id}
    and after ->> 'status' = 'dormant'`;
  expect(changes).toBe(1);
  // The job says it to the cache, which had kept the former state.
  await until("the account is shown as dormant", async () =>
    (await (await get(`/accounts/${resting.account_id}`)).text()).includes('"dormant"'),
  );
  // Money that comes wakes it.
  await transfer({ from_account_id: moving.account_id, to_account_id: resting.account_id, amount: 1 });
  const [{ status }] = await sql`select status from bank.accounts where id = ${resting.account_id}`;
  expect(status).toBe("active");
});
