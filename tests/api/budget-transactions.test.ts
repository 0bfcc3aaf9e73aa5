import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { deposit, makeCustomer, openAccount } from "../helpers/bank.ts";
import {
  type BudgetDesk,
  budgetDesk,
  driftOf,
  line,
  makeBudget,
  type TestBudget,
  type Transaction,
  type TransactionPage as Page,
} from "../helpers/budget.ts";
import type { Person } from "../helpers/fixtures.ts";
import { expectProblem } from "../helpers/problem.ts";

type Batch = { created: number; duplicates: number; refused: number } & {
  data: { status: number; transaction?: Transaction; problem?: Record<string, unknown> }[];
};

let api: TestApp;
let send: BudgetDesk["send"];
let sent: BudgetDesk["sent"];
let owner: Person;
let token: string;
let budget: TestBudget;
let food = "";
let health = "";

beforeAll(async () => {
  api = await startTestApp();
  owner = api.alpha.people.agent;
  token = await api.token(owner);
  budget = await makeBudget(api.sql, api.alpha, owner);
  ({ send, sent } = budgetDesk(api, { token, budget_id: budget.id }));
  ({ spending: food = "", health = "" } = budget.categories);
});
afterAll(() => api.stop());

const add = (body: object, of = budget.id) => sent("POST", "/transactions", { body, of });
const match = (version: number) => ({ headers: { "if-match": `W/"${version}"` } });
const versionOf = async (id = budget.id): Promise<number> =>
  (await api.sql`select version from budget.budgets where id = ${id}`)[0].version;
const eventsOf = async (): Promise<Record<string, unknown>[]> =>
  (await api.sql`select payload from core.outbox where topic = ${`budget:${budget.id}`} order by id`).map(
    ({ payload }: { payload: Record<string, unknown> }) => payload,
  );

describe("a transaction", () => {
  test("is written, read, changed and deleted, each time with a new version of the budget and one event", async () => {
    const before = await versionOf();
    const body = line(-450_000, "2026-02-28", { category_id: food, payee: "Market", memo: "Rice" });
    const response = await send("POST", "/transactions", { body });
    const made = (await response.json()) as Transaction;
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/api/v1/budgets/${budget.id}/transactions/${made.id}`);
    expect(made).toMatchObject({ ...body, month: "2026-02", import_id: null, deleted_at: null, version: 1 });
    const path = `/transactions/${made.id}`;
    expect(await sent("GET", path)).toEqual(made);

    const patch = { occurred_on: "2026-03-01", category_id: null, memo: null };
    const changed = await sent("PATCH", path, { body: patch, ...match(1) });
    expect(changed).toMatchObject({
      ...patch,
      amount: -450_000,
      payee: "Market",
      month: "2026-03",
      version: 2,
    });
    expect(await sent("GET", path)).toEqual(changed);
    await expectProblem(send("PATCH", path, { body: { memo: "x" } }), "precondition_required");
    await expectProblem(send("PATCH", path, { body: { memo: "x" }, ...match(1) }), "precondition_failed");
    await expectProblem(send("DELETE", path), "precondition_required");
    await expectProblem(send("DELETE", path, match(1)), "precondition_failed");
    await sent("DELETE", path, match(2));
    for (const [method, options] of [
      ["GET", {}],
      ["PATCH", { body: { memo: "x" }, headers: { "if-match": "*" } }],
      ["DELETE", { headers: { "if-match": "*" } }],
    ] as const)
      await expectProblem(send(method, path, options), "not_found");

    expect(await versionOf()).toBe(before + 3);
    const told = { budget_id: budget.id, changed: "transactions" };
    expect((await eventsOf()).slice(-3)).toEqual([
      { ...told, version: before + 1, months: ["2026-02"] },
      { ...told, version: before + 2, months: ["2026-02", "2026-03"] },
      { ...told, version: before + 3, months: ["2026-03"] },
    ]);
    expect(await driftOf(api.sql, api.alpha.id)).toBe(0);
  });

  test("that cannot be is refused, and changes nothing", async () => {
    const other = await makeBudget(api.sql, api.alpha, owner, { name: "Other" });
    const kept = await add(line(-1, "2026-04-01"));
    const before = await versionOf();
    const good = line(-1, "2026-04-01");
    const wrong = [
      [{ ...good, amount: 0 }, "validation", "/amount"],
      [{ ...good, amount: 1.5 }, "validation", "/amount"],
      [{ ...good, amount: 2 ** 53 }, "validation", "/amount"],
      [{ ...good, occurred_on: "2026-02-30" }, "validation", "/occurred_on"],
      [{ ...good, occurred_on: "2025-12-31" }, "validation", "/occurred_on"],
      [{ ...good, occurred_on: "2076-01-01" }, "validation", "/occurred_on"],
      [{ ...good, category_id: other.categories["health"] }, "unknown_category", "/category_id"],
      [{ ...good, import_id: "ledger:1" }, "validation", "/import_id"],
      [{ ...good, spent: 1 }, "validation", "/spent"],
    ] as const;
    for (const [body, code, pointer] of wrong) {
      const { errors } = await expectProblem(send("POST", "/transactions", { body }), code);
      expect(errors?.[0]?.pointer).toBe(pointer);
    }
    for (const [body, code, pointer] of wrong.slice(0, 7)) {
      const options = { body, headers: { "if-match": "*" } };
      const { errors } = await expectProblem(send("PATCH", `/transactions/${kept.id}`, options), code);
      expect(errors?.[0]?.pointer).toBe(pointer);
    }
    expect(await versionOf()).toBe(before);
    // A transaction is found below its own budget only.
    const options = { body: { memo: "x" }, headers: { "if-match": "*" }, of: other.id };
    await expectProblem(send("PATCH", `/transactions/${kept.id}`, options), "not_found");
    await expectProblem(send("GET", `/transactions/${kept.id}`, { of: other.id }), "not_found");
    // Nor does a colleague find it, not even the owner of the business.
    const colleague = { token: await api.token(api.alpha.people.owner) };
    await expectProblem(send("GET", `/transactions/${kept.id}`, colleague), "not_found");
    await expectProblem(send("GET", "/transactions", colleague), "not_found");
    await expectProblem(
      send("GET", "/transactions", { ...colleague, headers: { accept: "text/csv" } }),
      "not_found",
    );
    await expectProblem(send("GET", "/insights/spending", colleague), "not_found");
    await expectProblem(send("POST", "/transactions", { body: good, ...colleague }), "not_found");
    await expectProblem(
      send("POST", "/transactions/batch", { body: { items: [good] }, ...colleague }),
      "not_found",
    );
  });
});

describe("imports", () => {
  test("a line of the bank is one transaction, however often it is brought, also changed or deleted", async () => {
    const first = await add(line(-700, "2026-05-02", { import_id: "b-1", payee: "As the bank says" }));
    const changed = await sent("PATCH", `/transactions/${first.id}`, {
      body: { category_id: health, payee: "As I say" },
      ...match(1),
    });
    const before = await versionOf();
    const again = await send("POST", "/transactions", {
      body: line(-700, "2026-05-02", { import_id: "b-1" }),
    });
    expect([again.status, await again.json()]).toEqual([200, changed]);

    const items = [
      line(-700, "2026-05-02", { import_id: "b-1" }),
      line(-800, "2026-05-03", { import_id: "b-2", category_id: crypto.randomUUID() }),
      line(-800, "2026-05-03", { import_id: "b-2", category_id: food }),
      line(-801, "2026-05-03", { import_id: "b-2" }),
      line(-900, "2025-05-03"),
      line(900, "2026-06-03"),
      line(900, "2026-06-03"),
    ];
    const batch = await sent<Batch>("POST", "/transactions/batch", { body: { items } });
    expect(batch).toMatchObject({ created: 3, duplicates: 2, refused: 2 });
    expect(batch.data.map(({ status }) => status)).toEqual([200, 422, 201, 200, 422, 201, 201]);
    const [one, unknown, two, twice, early] = batch.data;
    expect(one?.transaction).toEqual(changed);
    expect(twice?.transaction).toEqual(two?.transaction as Transaction);
    expect([unknown?.problem, early?.problem]).toMatchObject([
      { code: "unknown_category", errors: [{ pointer: "/items/1/category_id" }] },
      { code: "validation", errors: [{ pointer: "/items/4/occurred_on" }] },
    ]);
    expect(await versionOf()).toBe(before + 1);
    expect((await eventsOf()).at(-1)).toMatchObject({ months: ["2026-05", "2026-06"] });

    await sent("DELETE", `/transactions/${first.id}`, match(2));
    const after = await versionOf();
    const thrownAway = await sent<Batch>("POST", "/transactions/batch", {
      body: { items: items.slice(0, 1) },
    });
    expect(thrownAway).toMatchObject({ created: 0, duplicates: 1, data: [{ status: 200 }] });
    expect(thrownAway.data[0]?.transaction?.["deleted_at"]).toBeString();
    expect(await versionOf()).toBe(after);
    expect(await driftOf(api.sql, api.alpha.id)).toBe(0);
  });

  test("the same request twice is one, and documents that are wrong are refused whole", async () => {
    const headers = { "idempotency-key": crypto.randomUUID() };
    const body = { items: [line(-1, "2026-07-01")] };
    const once = await send("POST", "/transactions/batch", { body, headers });
    const twice = await send("POST", "/transactions/batch", { body, headers });
    expect(twice.headers.get("idempotency-replayed")).toBe("true");
    expect(await twice.text()).toBe(await once.text());
    for (const items of [
      [],
      Array(501).fill(line(-1, "2026-07-01")),
      [line(-1, "2026-07-01"), line(0, "2026-07-01")],
    ])
      await expectProblem(send("POST", "/transactions/batch", { body: { items } }), "validation");
  });

  test("eight senders of the same five hundred lines write each of them once", async () => {
    const { id } = await makeBudget(api.sql, api.alpha, owner, { name: "Crowd" });
    const items = Array.from({ length: 500 }, (_, at) =>
      line(-1 - at, "2026-08-01", { import_id: `c-${at}` }),
    );
    const sendAll = () => sent<Batch>("POST", "/transactions/batch", { body: { items }, of: id });
    const answers = await Promise.all(Array.from({ length: 8 }, sendAll));
    expect(answers.map(({ created }) => created).toSorted((a, b) => a - b)).toEqual([
      ...Array(7).fill(0),
      500,
    ]);
    const ids = answers.map(({ data }) => data.map(({ transaction }) => transaction?.id).join());
    expect(new Set(ids).size).toBe(1);
    expect(await versionOf(id)).toBe(2);
    expect(await driftOf(api.sql, api.alpha.id)).toBe(0);
  });

  test("a file of the bank is written whole or not at all, and says of each line what is wrong", async () => {
    const { id } = await makeBudget(api.sql, api.alpha, owner, { name: "File" });
    const upload = (csv: string, query = "", headers = {}) =>
      send("POST", `/transactions/import${query}`, {
        of: id,
        body: csv,
        headers: { "content-type": "text/csv", ...headers },
      });
    const head = "occurred_on,amount,payee,memo,category,import_id\r\n";
    const rows = [
      '2026-02-01,-4500,"Market, Yaba",,spending,f-1',
      "2026-02-02,+900,'=Refund,back,,f-2",
      "2026-02-02,900,,,,",
      "2026-02-03,-4500,again,,health,f-1",
    ];
    const csv = head + rows.join("\r\n");
    const looked = await upload(csv, "?dry_run=true");
    expect([looked.status, await looked.json()]).toMatchObject([
      200,
      { rows: 4, valid: 4, created: 0, duplicates: 1 },
    ]);
    const done = await upload(csv);
    expect([done.status, await done.json()]).toMatchObject([201, { rows: 4, created: 3, duplicates: 1 }]);
    const { data } = await sent<Page>("GET", "/transactions?sort=occurred_on", { of: id });
    expect(data).toHaveLength(3);
    expect(data[0]).toMatchObject({ amount: -4500, payee: "Market, Yaba", memo: null, import_id: "f-1" });
    expect(data.find((row) => row["import_id"] === "f-2")).toMatchObject({
      amount: 900,
      payee: "=Refund",
      category_id: null,
    });
    const before = await versionOf(id);
    expect(await (await upload(head + rows.slice(0, 2).join("\n"))).json()).toMatchObject({
      created: 0,
      duplicates: 2,
    });

    const { categories } = await makeBudget(api.sql, api.alpha, owner, { name: "Elsewhere" });
    await api.sql`update budget.categories set name = 'Only there' where id = ${categories["health"]}`;
    await api.sql`insert into budget.categories (business_id, budget_id, group_id, name)
      select business_id, budget_id, id, 'spending' from budget.category_groups where budget_id = ${id} and name = 'health'`;
    const wrong = [
      ["2025-12-31,-1,,,,", "occurred_on"],
      ["2026-02-30,-1,,,,", "occurred_on"],
      [",-1,,,,", "occurred_on"],
      ["2026-02-01,0,,,,", "amount"],
      ["2026-02-01,1.5,,,,", "amount"],
      ["2026-02-01,9007199254740992,,,,", "amount"],
      ["2026-02-01,-1,,,Only there,", "category"],
      ["2026-02-01,-1,,,spending,", "category"],
      ["2026-02-01,-1,,,,ledger:7", "import_id"],
    ] as const;
    const { errors, valid, created } = await expectProblem(
      upload(`${head}${wrong.map(([row]) => row).join("\n")}\n2026-02-01,-1,,,,`),
      "import_refused",
    );
    expect({ valid, created }).toEqual({ valid: 1, created: 0 });
    expect(errors?.map(({ line: at, column }) => [at, column])).toEqual(
      wrong.map(([, column], at) => [at + 2, column]),
    );
    expect(await versionOf(id)).toBe(before);
    await expectProblem(upload("amount\n1"), "validation");
    const stranger = { token: await api.token(api.alpha.people.owner) };
    const file = { body: csv, headers: { "content-type": "text/csv" }, of: id, ...stranger };
    await expectProblem(send("POST", "/transactions/import", file), "not_found");
  });

  test("own entries of the ledger become transactions once, by the days of the budget, five hundred at a time", async () => {
    const { sql, alpha } = api;
    const { account_id } = await openAccount(sql, alpha, {
      customer_id: await makeCustomer(sql, alpha, { user_id: owner.user_id }),
    });
    const strangers = await openAccount(sql, alpha, { balance: 5 });
    // 23:30 in London is the first of February in Lagos, whose months they are.
    await deposit(sql, alpha, { account_id, amount: 70, effective_at: "2026-01-31T23:30:00Z" });
    await deposit(sql, alpha, { account_id, amount: 80, effective_at: "2026-01-31T22:30:00Z" });
    await deposit(sql, alpha, { account_id, amount: 90, effective_at: "2025-12-31T22:30:00Z" });
    const { id, categories } = await makeBudget(sql, alpha, owner, { name: "Ledger" });
    const take = (body: object) => send("POST", "/transactions/import-ledger", { body, of: id });
    const category_id = categories["income"];
    const february = await take({ account_id, category_id, from: "2026-02-01" });
    expect(await february.json()).toEqual({ created: 1, has_more: false });
    expect(await (await take({ account_id })).json()).toEqual({ created: 1, has_more: false });
    expect(await (await take({ account_id })).json()).toEqual({ created: 0, has_more: false });
    const { data } = await sent<Page>("GET", "/transactions", { of: id });
    expect(data).toMatchObject([
      { amount: 70, occurred_on: "2026-02-01", category_id },
      { amount: 80, occurred_on: "2026-01-31", category_id: null },
    ]);
    for (const row of data) expect(row["import_id"]).toBe(`ledger:${String(row["ledger_entry_id"])}`);

    await expectProblem(take({ account_id: strangers.account_id }), "account_not_found");
    await expectProblem(take({ account_id: crypto.randomUUID() }), "account_not_found");
    await expectProblem(take({ account_id, category_id: food }), "unknown_category");
    const dollars = await makeBudget(sql, alpha, owner, { name: "Dollars", currency: "USD" });
    const wrong = { body: { account_id }, of: dollars.id };
    await expectProblem(send("POST", "/transactions/import-ledger", wrong), "currency_mismatch");
    await sql`update core.businesses set modules = '{budget}' where id = ${alpha.id}`;
    await expectProblem(take({ account_id }), "account_not_found");
    await sql`update core.businesses set modules = default where id = ${alpha.id}`;

    await depositMany(account_id, 501);
    expect(await (await take({ account_id })).json()).toEqual({ created: 500, has_more: true });
    expect(await (await take({ account_id })).json()).toEqual({ created: 1, has_more: false });
    expect(await driftOf(sql, alpha.id)).toBe(0);
  });
});

/** Deposits of one minor unit each, in one statement. */
const depositMany = (account_id: string, times: number) =>
  api.sql.unsafe(
    `select count(ledger.post(ledger.posting_of($1, gen_random_uuid(), 'single', 'bank.deposit', null), l.lines))
    from (select jsonb_build_array(
        jsonb_build_object('account_id', ledger.house_account($1, 'cash:vault', 'asset', 'NGN', 8), 'side', 'debit', 'amount', 1),
        jsonb_build_object('account_id', $2::uuid, 'side', 'credit', 'amount', 1)) as lines) l, generate_series(1, $3) g`,
    [api.alpha.id, account_id, times],
  );
