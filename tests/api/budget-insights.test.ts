import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseCsv } from "../../src/http/csv.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import {
  budgetDesk,
  line,
  makeBudget,
  type TestBudget,
  type Transaction,
  type TransactionPage,
} from "../helpers/budget.ts";
import { expectProblem } from "../helpers/problem.ts";

type Row = { spent: number; transactions: number } & Record<string, unknown>;
type Spending = { data: Row[]; meta: { totals: Record<string, unknown>; next_cursor: string | null } };
type Written = { occurred_on: string; amount: number; category_id: string | null; payee: string | null };

let api: TestApp;
let token: string;
let budget: TestBudget;
const written: Written[] = [];

beforeAll(async () => {
  api = await startTestApp();
  const owner = api.alpha.people.customer;
  token = await api.token(owner);
  budget = await makeBudget(api.sql, api.alpha, owner);
  const { income = "", spending = "", health = "", learning = "", freedom = "" } = budget.categories;
  await api.sql`update budget.categories set hidden = true where id = ${freedom}`;
  // Every day of five months, money back among them, with amounts that no two sums share by chance.
  for (let at = 0; at < 150; at += 1) {
    written.push({
      occurred_on: new Date(Date.UTC(2026, 0, 1 + at)).toISOString().slice(0, 10),
      amount: (at % 11 === 0 ? 1 : -1) * (at * at + 7),
      category_id: [spending, health, income, null, learning, freedom][at % 6] ?? null,
      payee: [null, "Market", "MARKET", "Clinic 50%"][at % 4] ?? null,
    });
  }
  const body = { items: written };
  const response = await api.send("POST", `/api/v1/budgets/${budget.id}/transactions/batch`, { token, body });
  expect(await response.json()).toMatchObject({ created: 150, refused: 0 });
});
afterAll(() => api.stop());

const ask = (query: string) =>
  api.send("GET", `/api/v1/budgets/${budget.id}/insights/spending?${query}`, { token });
const read = async (query: string) => (await (await ask(query)).json()) as Spending;

/** The same in TypeScript, from what was written. */
function sums(by: (row: Written) => unknown, from: string, to: string, hidden: readonly string[] = []) {
  const found = new Map<unknown, [spent: number, transactions: number]>();
  for (const row of written) {
    if (row.occurred_on < from || row.occurred_on > to) continue;
    if (row.category_id === null || row.category_id === budget.categories["income"]) continue;
    if (hidden.includes(row.category_id)) continue;
    const [spent, count] = found.get(by(row)) ?? [0, 0];
    found.set(by(row), [spent - row.amount, count + 1]);
  }
  return found;
}

const groups = {
  category: (row: Written) => row.category_id,
  payee: (row: Written) => row.payee,
  month: (row: Written) => row.occurred_on.slice(0, 7),
};
const keyOf = { category: "category_id", payee: "payee", month: "month" } as const;

describe("spending", () => {
  const spans = [
    ["2026-01-01", "2026-05-31", "whole months"],
    ["2026-01-15", "2026-04-10", "parts at both ends"],
    ["2026-02-01", "2026-04-10", "a part at the end"],
    ["2026-01-31", "2026-03-31", "a day at the beginning"],
    ["2026-02-03", "2026-02-20", "days of a month"],
    ["2026-02-20", "2026-03-05", "days of two months"],
    ["2026-03-07", "2026-03-07", "one day"],
    ["2027-01-01", "2027-12-31", "a year with nothing"],
  ] as const;

  test.each(spans)("from %s to %s (%s) is exact by category, payee and month", async (from, to) => {
    const uncategorized = written
      .filter((row) => row.category_id === null && row.occurred_on >= from && row.occurred_on <= to)
      .reduce((sum, row) => sum + row.amount, 0);
    for (const group of ["category", "payee", "month"] as const) {
      const right = sums(groups[group], from, to);
      const { data, meta } = await read(`from=${from}&to=${to}&group_by=${group}`);
      const got = new Map<unknown, [number, number]>(
        data.map((row) => [row[keyOf[group]], [row.spent, row.transactions]]),
      );
      expect(got).toEqual(right);
      const order = data.map((row) =>
        group === "month" ? Number(String(row["month"]).replace("-", "")) : -row.spent,
      );
      expect(order).toEqual(order.toSorted((a, b) => a - b));
      const all = [...right.values()];
      expect(meta.totals).toEqual({
        currency: "NGN",
        spent: all.reduce((sum, [spent]) => sum + spent, 0),
        transactions: all.reduce((sum, [, count]) => sum + count, 0),
        uncategorized,
      });
    }
  });

  test("is by category over all there is unless asked otherwise, named, in pages", async () => {
    const { data, meta } = await read("");
    expect(data).toEqual((await read("from=2026-01-01&to=2026-05-30&group_by=category")).data);
    const { health = "" } = budget.categories;
    expect(data.find((row) => row["category_id"] === health)).toMatchObject({
      name: "health",
      group_name: "health",
    });
    const paged: Row[] = [];
    for (let cursor = ""; ;) {
      const page = await read(`limit=1${cursor}`);
      paged.push(...page.data);
      expect(page.meta.totals).toEqual(meta.totals);
      if (page.meta.next_cursor === null) break;
      cursor = `&cursor=${page.meta.next_cursor}`;
    }
    expect(paged).toEqual(data);
  });

  test("is told in tracking mode without what is hidden", async () => {
    const { freedom = "" } = budget.categories;
    await api.sql`update budget.budgets set mode = 'tracking' where id = ${budget.id}`;
    await api.forget();
    for (const query of ["from=2026-01-01&to=2026-05-31", "from=2026-01-02&to=2026-01-30"]) {
      const { data } = await read(query);
      const [, from = "", to = ""] = /from=(.*)&to=(.*)/.exec(query) ?? [];
      expect(new Map(data.map((row) => [row["category_id"], row.spent]))).toEqual(
        new Map([...sums(groups.category, from, to, [freedom])].map(([key, [spent]]) => [key, spent])),
      );
    }
    await api.sql`update budget.budgets set mode = 'envelope' where id = ${budget.id}`;
    await api.forget();
  });

  test("is answered from memory until the budget changes", async () => {
    const path = "from=2026-01-01&to=2026-05-31&group_by=payee";
    await ask(path);
    const hit = await ask(path);
    expect(hit.headers.get("x-cache")).toBe("HIT");
    const etag = hit.headers.get("etag") ?? "";
    const same = await api.send("GET", `/api/v1/budgets/${budget.id}/insights/spending?${path}`, {
      token,
      headers: { "if-none-match": etag },
    });
    expect(same.status).toBe(304);
    const body = {
      amount: -5,
      occurred_on: "2026-05-31",
      payee: "New",
      category_id: budget.categories["health"],
    };
    await api.send("POST", `/api/v1/budgets/${budget.id}/transactions`, { token, body });
    const { data } = await read(path);
    expect(data.find((row) => row["payee"] === "New")).toMatchObject({ spent: 5, transactions: 1 });
  });

  test("is refused for what is no question", async () => {
    for (const query of ["from=2026-02-30", "from=2026-02-02&to=2026-02-01", "group_by=day", "year=2026"])
      await expectProblem(ask(query), "validation");
    const path = `/api/v1/budgets/${crypto.randomUUID()}/insights/spending`;
    await expectProblem(api.send("GET", path, { token }), "not_found");
  });
});

test("lists have every filter, both orders, pages, and a file", async () => {
  const { customer } = api.alpha.people;
  const { id, categories } = await makeBudget(api.sql, api.alpha, customer, { name: "List" });
  const { send, sent } = budgetDesk(api, { token, budget_id: id });
  const { spending, learning } = categories;
  const items = Array.from({ length: 12 }, (_, at) =>
    line((at % 3 === 0 ? 1 : -1) * (at + 1) * 100, `2026-0${1 + (at % 4)}-${10 + at}`, {
      category_id: [spending, learning, null][at % 3],
      payee: at % 2 === 0 ? "Café 100%" : "=Market",
      memo: `Line ${at}`,
    }),
  );
  await sent("POST", "/transactions/batch", { body: { items } });
  const list = async (query: string) => (await sent<TransactionPage>("GET", `/transactions?${query}`)).data;
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
      const page = await sent<TransactionPage>("GET", `/transactions?sort=${sort}&limit=5${cursor}`);
      seen.push(...page.data);
      if (page.meta.next_cursor === null) {
        expect(pages).toBe(3);
        break;
      }
      cursor = `&cursor=${page.meta.next_cursor}`;
    }
    expect(seen).toEqual(sort === "occurred_on" ? all.toReversed() : all);
    await expectProblem(send("GET", `/transactions?sort=${sort}&month=2026-02${cursor}`), "invalid_cursor");
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
    await expectProblem(send("GET", `/transactions?${wrong}`), "validation");
});
