import { afterAll, beforeAll, expect, test } from "bun:test";
import { disclosure } from "../../src/budget/chat-assistant.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeBudget, type TestBudget } from "../helpers/budget.ts";
import { chatter, chunksIn } from "../helpers/chat.ts";
import { type ChatProviderServer, startChatProvider } from "../helpers/chat-provider.ts";

let api: TestApp;
let token: string;
let budget: TestBudget;

/** This month in the zone of the budget, and those before it, YYYY-MM. */
const now = new Intl.DateTimeFormat("en-CA", { timeZone: "Africa/Lagos", year: "numeric", month: "2-digit" })
  .format(new Date())
  .slice(0, 7);
const monthsAgo = (months: number): string => {
  const [year = 0, month = 0] = now.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1 - months, 1)).toISOString().slice(0, 7);
};
const [last, before] = [monthsAgo(1), monthsAgo(2)];

beforeAll(async () => {
  api = await startTestApp();
  const { alpha } = api;
  const person = alpha.people.customer;
  token = await api.token(person);
  budget = await makeBudget(api.sql, alpha, person, { first_month: monthsAgo(4) });
  const { spending = "", health = "", income = "", learning = "" } = budget.categories;
  await api.sql`update budget.categories set name = 'Groceries' where id = ${spending}`;
  await api.sql`insert into budget.categories (business_id, id, budget_id, group_id, name, sort)
    select business_id, ${Bun.randomUUIDv7()}, budget_id, group_id, 'Eating out', 9 from budget.categories where id = ${spending}`;
  for (const [month, category, planned] of [
    [now, spending, 12_345_678],
    [last, spending, 9_000_000],
    [now, health, 5_050],
  ] as const) {
    await api.sql`insert into budget.allocations (business_id, budget_id, category_id, month, planned)
      values (${alpha.id}, ${budget.id}, ${category}, ${`${month}-01`}, ${planned})`;
  }
  for (const [month, category, amount, payee] of [
    [now, income, 50_000_000, "Employer"],
    [last, income, 40_000_001, "Employer"],
    [now, spending, -3_210_005, "Market"],
    [now, spending, -1_000, "Shoprite"],
    [now, health, -9_099, "Pharmacy"],
    [now, learning, -77, null],
    [last, spending, -7_654_321, "Market"],
    [before, learning, -12_300, "School"],
  ] as const) {
    await api.sql`insert into budget.transactions (business_id, id, budget_id, category_id, amount, occurred_on, payee)
      values (${alpha.id}, ${Bun.randomUUIDv7()}, ${budget.id}, ${category}, ${amount}, ${`${month}-01`}, ${payee})`;
  }
});
afterAll(() => api.stop());

/** The text of an answer, without what every one begins with. */
async function answerTo(content: string, signedIn = token): Promise<string> {
  const { response } = await chatter(api, signedIn).ask(content, { stream: false });
  const message = (await response.json()) as { content: string; model: string; state: string };
  expect(message).toMatchObject({ model: "figures", state: "complete" });
  expect(message.content).toStartWith(`${disclosure}\n\n`);
  return message.content.slice(disclosure.length + 2);
}

/** Amounts of the text, as integers in minor units. */
const amountsIn = (text: string): number[] =>
  [...text.matchAll(/NGN (-?[\d,]+\.\d{2})/g)].map(([, amount = ""]) =>
    Number(amount.replaceAll(/[,.]/g, "")),
  );

/** What the endpoint answers that the answer names. */
async function endpointOf<T>(text: string): Promise<T> {
  const [, path = ""] = /From GET (\S+)$/.exec(text) ?? [];
  const response = await api.send("GET", path, { token });
  expect(`${path} ${response.status}`).toEndWith(" 200");
  return (await response.json()) as T;
}

type Sums = { income: number; planned: number; spent: number; remaining: number };
type Groups = Sums & { allocations: (Sums & { name: string })[] };
type Spent = { data: { name?: string; payee?: string | null; spent: number }[] };
type Month = {
  groups: {
    categories: { name: string; planned: number; activity: number; carry_in: number; balance: number }[];
  }[];
};

test("what is left, of all, of a group and of a category, is what the endpoint says that is named", async () => {
  const all = await answerTo("What is left this month?");
  const { remaining, planned, spent } = await endpointOf<Sums>(all);
  expect(all).toContain("/api/v1/allocations/summary?");
  expect(amountsIn(all)).toEqual([remaining, planned, spent]);
  expect([planned, spent]).toEqual([12_350_728, 3_220_181]);

  const group = await answerTo("What is left for spending?");
  const found = (await endpointOf<Groups>(group)).allocations.find(({ name }) => name === "spending");
  expect(amountsIn(group)).toEqual([found?.remaining ?? 0, found?.planned ?? 0, found?.spent ?? 0]);

  const category = await answerTo("what's left in groceries");
  const row = (await endpointOf<Month>(category)).groups
    .flatMap(({ categories }) => categories)
    .find(({ name }) => name === "Groceries");
  expect(amountsIn(category)).toEqual([row?.balance, row?.planned, row?.carry_in, row?.activity] as number[]);
  expect(row).toMatchObject({ carry_in: 1_345_679, activity: -3_211_005 });

  const overspent = await answerTo("balance of health");
  expect(overspent).toContain("NGN -40.49");
});

test("what was spent, this month, in a named one, on a category, is what the endpoint says that is named", async () => {
  const all = await answerTo("How much did I spend?");
  expect(amountsIn(all)).toEqual([(await endpointOf<Sums>(all)).spent]);
  const earlier = await answerTo(`How much did I spend in ${before}?`);
  expect(amountsIn(earlier)).toEqual([12_300]);
  expect((await endpointOf<Sums>(earlier)).spent).toBe(12_300);
  const on = await answerTo("What did I spend on groceries last month?");
  const { data } = await endpointOf<Spent>(on);
  expect(amountsIn(on)).toEqual([data.find(({ name }) => name === "Groceries")?.spent ?? 0]);
  expect(amountsIn(on)).toEqual([7_654_321]);
  expect(amountsIn(await answerTo("spent on eating out"))).toEqual([0]);
});

test("the largest categories and payees are the first of the endpoint that is named", async () => {
  const categories = await answerTo("Largest categories?");
  const named = await endpointOf<Spent>(categories);
  expect(amountsIn(categories)).toEqual(named.data.slice(0, 5).map(({ spent }) => spent));
  expect(categories).toMatch(/- Groceries: NGN 32,110\.05\n- health: NGN 90\.99\n- learning: NGN 0\.77\n/);
  const payees = await answerTo("top payees");
  expect(amountsIn(payees)).toEqual(
    (await endpointOf<Spent>(payees)).data.slice(0, 5).map(({ spent }) => spent),
  );
  expect(payees).toMatch(/- Market: .*\n- Pharmacy: .*\n- Shoprite: .*\n- no payee: /);
  expect(await answerTo(`top payees in ${monthsAgo(3)}`)).toStartWith("Nothing was spent");
});

test("income, what is to budget, a change and the history are what the endpoint says that is named", async () => {
  const income = await answerTo("What is my income?");
  expect(amountsIn(income)).toEqual([(await endpointOf<Sums>(income)).income]);
  const toBudget = await answerTo("What is left to budget?");
  const monthly = await endpointOf<{ to_budget: number; held: number }>(toBudget);
  expect(amountsIn(toBudget)).toEqual([monthly.to_budget, monthly.held]);
  const change = await answerTo("Did I spend more than last month?");
  const [former, latter] = (await endpointOf<{ data: Sums[] }>(change)).data.map(({ spent }) => spent);
  expect(amountsIn(change)).toEqual([latter ?? 0, former ?? 0, Math.abs((latter ?? 0) - (former ?? 0))]);
  expect(change).toContain("less");
  const history = await answerTo("history of the last 12 months");
  const rows = (await endpointOf<{ data: Sums[] }>(history)).data;
  expect(rows).toHaveLength(5);
  expect(amountsIn(history)).toEqual(
    rows.flatMap((row) => [row.income, row.planned, row.spent, row.remaining]),
  );
});

test("anything else gets the list of what it can answer; months, categories and budgets that are not there are said", async () => {
  expect(await answerTo("Write me a poem")).toStartWith("I can tell you:\n- what is left");
  expect(await answerTo("What is left for unicorns?")).toContain('no category called "unicorns"');
  expect(await answerTo("spent in 1999-01")).toBe(`Your budget begins in ${monthsAgo(4)}.`);
  const others = await answerTo("What is left?", await api.token(api.alpha.people.owner));
  expect(others).toStartWith("You have no budget here yet.");
  // The same person in another business has other figures: none.
  const [{ user_id }] = [api.alpha.people.customer];
  await api.sql`insert into core.memberships (business_id, id, user_id, role) values (${api.bravo.id}, ${Bun.randomUUIDv7()}, ${user_id}, 'clerk')`;
  const elsewhere = await api.token(api.alpha.people.customer, api.bravo);
  expect(await answerTo("What is left?", elsewhere)).toStartWith("You have no budget here yet.");
});

test("a stream has the same words, with a usage of nothing", async () => {
  const whole = await answerTo("What is left this month?");
  const body = {
    messages: [{ role: "user", content: "What is left this month?" }],
    stream: true,
    stream_options: { include_usage: true },
    store: false,
  };
  const response = await api.send("POST", "/api/v1/chat/completions", { token, body });
  const { chunks, content } = chunksIn(await response.text());
  expect(content).toBe(`${disclosure}\n\n${whole}`);
  expect(chunks.at(-1)).toMatchObject({ model: "figures", usage: { total_tokens: 0 } });
});

test("a model is told the figures of the caller's month, as their endpoint shows them, and nobody else's", async () => {
  const provider: ChatProviderServer = startChatProvider();
  const { database_url, alpha, bravo } = api;
  const env = { CHAT_BASE_URL: provider.base_url, CHAT_MODEL: "gpt-test" };
  const other = await startTestApp({ env, database_url, businesses: [alpha, bravo] });
  try {
    const canary = `canary-${crypto.randomUUID()}`;
    const owned = await makeBudget(api.sql, alpha, alpha.people.owner, { name: canary });
    await api.sql`update budget.categories set name = ${canary} where budget_id = ${owned.id} and name = 'spending'`;
    await chatter(other, token).ask("good?", { stream: false });
    const prompt = provider.calls[0]?.body.messages[0]?.content ?? "";
    const month = await api.send("GET", `/api/v1/budgets/${budget.id}/months/${now}`, { token });
    expect(JSON.parse(prompt.slice(prompt.indexOf("{")))).toEqual(await month.json());
    expect(JSON.stringify(provider.calls)).not.toContain(canary);
    await chatter(other, await other.token(alpha.people.manager)).ask("good?", { stream: false });
    expect(provider.calls[1]?.body.messages[0]?.content).toEndWith("This person has no budget yet.");
  } finally {
    await other.stop();
    await provider.stop();
  }
});
