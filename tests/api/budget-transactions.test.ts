import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseCsv } from "../../src/http/csv.ts";
import { startTestApp, type Send, type TestApp } from "../helpers/app.ts";
import { deposit, makeCustomer, openAccount } from "../helpers/bank.ts";
import { driftOf, makeBudget, type TestBudget } from "../helpers/budget.ts";
import type { Person } from "../helpers/fixtures.ts";
import { expectProblem } from "../helpers/problem.ts";

type Transaction = Record<string, unknown> & { id: string; amount: number; version: number };
type Page = { data: Transaction[]; meta: { next_cursor: string | null } };
type Batch = { created: number; duplicates: number; refused: number } & {
  data: { status: number; transaction?: Transaction; problem?: Record<string, unknown> }[];
};

let api: TestApp;
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
  ({ spending: food = "", health = "" } = budget.categories);
});
afterAll(() => api.stop());

const send = (method: string, path = "", options: Send & { of?: string } = {}) =>
  api.send(method, `/api/v1/budgets/${options.of ?? budget.id}${path}`, { token, ...options });
async function sent<T = Transaction>(method: string, path: string, options: Send & { of?: string } = {}) {
  const response = await send(method, path, options);
  expect(response.status).toBeLessThan(300);
  return (response.status === 204 ? null : await response.json()) as T;
}
const add = (body: object, of = budget.id) => sent("POST", "/transactions", { body, of });
const line = (amount: number, occurred_on: string, more: object = {}) => ({ amount, occurred_on, ...more });
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

test("lists have every filter, both orders, pages, and a file", async () => {
  const { id, categories } = await makeBudget(api.sql, api.alpha, owner, { name: "List" });
  const { spending, learning } = categories;
  const items = Array.from({ length: 12 }, (_, at) =>
    line((at % 3 === 0 ? 1 : -1) * (at + 1) * 100, `2026-0${1 + (at % 4)}-${10 + at}`, {
      category_id: [spending, learning, null][at % 3],
      payee: at % 2 === 0 ? "Café 100%" : "=Market",
      memo: `Line ${at}`,
    }),
  );
  await sent("POST", "/transactions/batch", { body: { items }, of: id });
  const list = async (query: string) => (await sent<Page>("GET", `/transactions?${query}`, { of: id })).data;
  const all = await list("");
  const days = all.map((row) => row["occurred_on"] as string);
  expect(days).toEqual(
    items
      .map((item) => item.occurred_on)
      .toSorted()
      .toReversed(),
  );
  expect(await list("sort=occurred_on")).toEqual(all.toReversed());
  type Row = (typeof all)[number];
  const cases: [string, (row: Row) => boolean][] = [
    ["month=2026-02", (row) => row["month"] === "2026-02"],
    [
      "from=2026-02-14&to=2026-03-12",
      (row) => String(row["occurred_on"]) >= "2026-02-14" && String(row["occurred_on"]) <= "2026-03-12",
    ],
    [`category_id=${spending?.toUpperCase()}`, (row) => row["category_id"] === spending],
    [`category_id=${learning},${spending}`, (row) => row["category_id"] !== null],
    ["uncategorized=true", (row) => row["category_id"] === null],
    ["min=-500&max=400", (row) => row.amount >= -500 && row.amount <= 400],
    ["q=100%25", (row) => row["payee"] === "Café 100%"],
    ["q=line%201", (row) => String(row["memo"]).startsWith("Line 1")],
    ["month=2026-12", () => false],
  ];
  for (const [query, keeps] of cases) expect([query, await list(query)]).toEqual([query, all.filter(keeps)]);

  for (const sort of ["-occurred_on", "occurred_on"]) {
    const seen: Transaction[] = [];
    let cursor = "";
    for (let pages = 1; ; pages += 1) {
      const page = await sent<Page>("GET", `/transactions?sort=${sort}&limit=5${cursor}`, { of: id });
      seen.push(...page.data);
      if (page.meta.next_cursor === null) {
        expect(pages).toBe(3);
        break;
      }
      cursor = `&cursor=${page.meta.next_cursor}`;
    }
    expect(seen).toEqual(sort === "occurred_on" ? all.toReversed() : all);
    await expectProblem(
      send("GET", `/transactions?sort=${sort}&month=2026-02${cursor}`, { of: id }),
      "invalid_cursor",
    );
  }
  const file = await send("GET", "/transactions?uncategorized=true", {
    of: id,
    headers: { accept: "text/csv" },
  });
  const { columns, records } = parseCsv(await file.text(), 100);
  expect(columns).toEqual(
    "id,occurred_on,amount,category_id,payee,memo,import_id,ledger_entry_id".split(","),
  );
  const uncategorized = all.filter((row) => row["category_id"] === null);
  expect(records.map(({ fields }) => [fields[0], fields[2], fields[4]])).toEqual(
    uncategorized.map((row) => [
      row.id,
      String(row.amount),
      row["payee"] === "=Market" ? "'=Market" : "Café 100%",
    ]),
  );
  for (const wrong of [
    "month=2026-13",
    "from=2026-02-30",
    "category_id=x",
    "min=a",
    "sort=amount",
    "year=2026",
  ])
    await expectProblem(send("GET", `/transactions?${wrong}`, { of: id }), "validation");
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
