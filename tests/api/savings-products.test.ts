import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { defaultTerms } from "../../src/savings/products.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { makeProduct, openSavings, type ProductOptions } from "../helpers/savings.ts";

let api: TestApp;
let admin: string;
let agent: string;
let customer: string;
let stranger: string;

beforeAll(async () => {
  api = await startTestApp();
  const { people } = api.alpha;
  admin = await api.token(people.admin);
  agent = await api.token(people.agent);
  customer = await api.token(people.customer);
  stranger = await api.token(api.bravo.people.owner);
});
afterAll(() => api.stop());

type Product = { id: string; name: string; version: number } & Record<string, unknown>;

const path = "/api/v1/savings-products";
const post = (body: unknown, token = admin) => api.send("POST", path, { token, body });
const patch = (id: string, body: unknown, { token = admin, match = "*" } = {}) =>
  api.send("PATCH", `${path}/${id}`, { token, body, headers: { "if-match": match } });
const read = (id: string, token = customer) => api.send("GET", `${path}/${id}`, { token });

let made = 0;
async function make(terms: Record<string, unknown> = {}): Promise<Product> {
  const response = await post({ name: `Product ${(made += 1)}`, ...terms });
  expect(response.status).toBe(201);
  return (await response.json()) as Product;
}

describe("making products", () => {
  test("one of which only the name is said has the terms that the documentation names", async () => {
    const response = await post({ name: "Daily 31" });
    expect(response.status).toBe(201);
    const product = (await response.json()) as Product;
    expect(product).toMatchObject({ name: "Daily 31", currency: "NGN", period_days: 1, ...defaultTerms });
    expect(response.headers.get("location")).toBe(`${path}/${product.id}`);
    expect(await (await read(product.id)).json()).toEqual(product);
  });

  test("a weekly one has a slot every seven days, and becomes a daily one when somebody says so", async () => {
    const weekly = await make({ kind: "weekly", cycle_markings: 52 });
    expect(weekly).toMatchObject({ kind: "weekly", period_days: 7 });
    const changed = await patch(weekly.id, { kind: "daily" }, { match: `"${weekly.version}"` });
    expect(await changed.json()).toMatchObject({
      kind: "daily",
      period_days: 1,
      version: weekly.version + 1,
    });
  });

  test.each([
    ["in another currency than the business's", { currency: "USD" }, "/currency"],
    [
      "whose largest amount is below the least",
      { min_marking_amount: 9, max_marking_amount: 8 },
      "/max_marking_amount",
    ],
    ["of months that are paid weekly", { kind: "weekly", calendar_month: true }, "/calendar_month"],
  ])("refuses one %s, and says what is wrong", async (_, terms, pointer) => {
    const { errors } = await expectProblem(post({ name: "Wrong", ...terms }), "validation");
    expect(errors).toMatchObject([{ pointer }]);
  });

  test.each([
    { cycle_markings: 0 },
    { commission_bps: 10_001 },
    { early_fee_months: 121 },
    { min_marking_amount: 0 },
    { period_days: 7 },
    { is_active: null },
    { name: " " },
  ])("refuses %j", async (terms) => {
    await expectProblem(post({ name: "Wrong", ...terms }), "validation");
  });

  test("refuses a name that is taken, also by a change, and takes it in another business", async () => {
    const { name } = await make();
    const { errors } = await expectProblem(post({ name }), "already_exists");
    expect(errors).toMatchObject([{ pointer: "/name" }]);
    await expectProblem(patch((await make()).id, { name }), "already_exists");
    expect((await post({ name }, stranger)).status).toBe(201);
  });

  test("is for owners and admins; everybody reads", async () => {
    const product = await make();
    for (const token of [agent, customer, await api.token(api.alpha.people.manager)]) {
      await expectProblem(post({ name: "Mine" }, token), "forbidden");
      await expectProblem(patch(product.id, { name: "Mine" }, { token }), "forbidden");
      expect(await (await read(product.id, token)).json()).toEqual(product);
    }
  });
});

describe("changing products", () => {
  test("needs the version that was read", async () => {
    const { id, version } = await make();
    await expectProblem(
      api.send("PATCH", `${path}/${id}`, { token: admin, body: { name: "X" } }),
      "precondition_required",
    );
    expect((await patch(id, { auto_renew: true }, { match: `"${version}"` })).status).toBe(200);
    await expectProblem(patch(id, { auto_renew: false }, { match: `"${version}"` }), "precondition_failed");
  });

  test("clears a limit by null, and refuses the currency", async () => {
    const { id } = await make({ max_marking_amount: 900, commission_cap: 5 });
    const changed = await patch(id, { max_marking_amount: null, commission_cap: null });
    expect(await changed.json()).toMatchObject({ max_marking_amount: null, commission_cap: null });
    await expectProblem(patch(id, { currency: "NGN" }), "validation");
  });

  test("changes no account that is open", async () => {
    const product_id = await makeProduct(api.sql, api.alpha);
    const { savings_account_id } = await openSavings(api.sql, api.alpha, { product_id });
    const account = async () =>
      (await api.sql`select to_jsonb(a) as row from savings.accounts a where id = ${savings_account_id}`)[0]
        .row;
    const before = await account();
    const terms = {
      cycle_markings: 5,
      commission_rule: "none",
      early_fee_bps: 500,
      min_marking_amount: 7,
      auto_renew: true,
    };
    expect((await patch(product_id, terms)).status).toBe(200);
    expect(await account()).toEqual(before);
  });

  test("of another business is refused as if it were not there", async () => {
    const { id, name } = await make();
    await expectProblem(read(id, stranger), "not_found");
    await expectProblem(patch(id, { name: "Theirs" }, { token: stranger }), "not_found");
    await expectProblem(api.send("GET", `${path}/${id}/quote`, { token: stranger }), "not_found");
    expect(await (await read(id)).json()).toMatchObject({ name });
  });
});

test("the list goes by name, in pages, and finds those of a kind and those that are offered", async () => {
  const token = stranger;
  for (const name of ["B", "C", "A"])
    await post({ name: `List ${name}`, kind: name === "B" ? "target" : "daily" }, token);
  const list = async (query: string) =>
    (await (await api.send("GET", `${path}?${query}`, { token })).json()) as {
      data: Product[];
      meta: { next_cursor: string };
    };
  const names = async (query: string) =>
    (await list(query)).data.map(({ name }) => name).filter((name) => name.startsWith("List"));
  expect(await names("limit=200")).toEqual(["List A", "List B", "List C"]);
  expect(await names("kind=target")).toEqual(["List B"]);
  const [hidden] = (await list("kind=target")).data;
  await patch(hidden?.id ?? "", { is_active: false }, { token });
  expect(await names("is_active=true&limit=200")).toEqual(["List A", "List C"]);
  expect(await names("is_active=false")).toEqual(["List B"]);
  const walked: string[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { data, meta }: Awaited<ReturnType<typeof list>> = await list(
      `limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`,
    );
    walked.push(...data.map(({ name }) => name));
    cursor = meta.next_cursor;
  }
  expect(walked.filter((name) => name.startsWith("List"))).toEqual(["List A", "List B", "List C"]);
});

describe("quotes", () => {
  const quote = (product_id: string, query: Record<string, string | number>, token = customer) => {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) search.set(name, String(value));
    return api.send("GET", `${path}/${product_id}/quote?${search.toString()}`, { token });
  };
  const quoted = async (options: ProductOptions, query: Record<string, string | number>) => {
    const response = await quote(await makeProduct(api.sql, api.alpha, options), query);
    expect(response.status).toBe(200);
    return (await response.json()) as Record<string, number>;
  };

  test.each([
    ["S1", {}, { marking_amount: 50_000 }, { gross: 1_550_000, commission: 50_000, net: 1_500_000 }],
    [
      "S2",
      { cycle_markings: 30 },
      { marking_amount: 10_000 },
      { gross: 300_000, commission: 10_000, net: 290_000 },
    ],
    [
      "S5",
      { commission_cap: 500 },
      { marking_amount: 2_000 },
      { gross: 62_000, commission: 500, net: 61_500 },
    ],
    [
      "S7",
      { early_fee_bps: 300, early_fee_months: 9, commission_rule: "none", cycle_markings: 100 },
      { marking_amount: 10_000 },
      { gross: 1_000_000, commission: 0, fees: 30_000, net: 970_000 },
    ],
    [
      "S8",
      { calendar_month: true },
      { marking_amount: 100, cycles: 12, starts_on: "2026-01-01" },
      { markings_total: 365, gross: 36_500, commission: 1_200, net: 35_300, ends_on: "2026-12-31" },
    ],
  ] as const)("%s comes to what a settlement would", async (_, product, query, expected) => {
    expect(await quoted(product, query)).toMatchObject(expected);
  });

  test.each([
    ["2024-01-31", 1, 29, "2024-02-28"],
    ["2026-01-31", 1, 28, "2026-02-27"],
    ["2026-01-31", 2, 59, "2026-03-30"],
    ["2024-02-01", 1, 29, "2024-02-29"],
    ["2026-02-01", 1, 28, "2026-02-28"],
    ["2023-03-01", 12, 366, "2024-02-29"],
  ])("%s for %i months is %i slots until %s", async (starts_on, cycles, markings_total, ends_on) => {
    const plan = await quoted({ calendar_month: true }, { starts_on, cycles });
    expect(plan).toMatchObject({ markings_total, ends_on, cycles, starts_on });
  });

  test("a target finds the least amount that pays out so much", async () => {
    const rules = [
      {},
      { commission_rule: "average_marking" },
      { commission_rule: "percent", commission_bps: 250, early_fee_bps: 100, early_fee_months: 12 },
      { commission_rule: "flat_per_cycle", commission_flat: 333, commission_cap: 300 },
      { commission_rule: "none" },
    ] as const;
    for (const rule of rules) {
      const id = await makeProduct(api.sql, api.alpha, { cycle_markings: 30, ...rule });
      for (const target_amount of [100_000, 1_234_567]) {
        const plan = (await (await quote(id, { target_amount, cycles: 3 })).json()) as Record<string, number>;
        const { marking_amount = 0, net = 0 } = plan;
        expect(net).toBeGreaterThanOrEqual(target_amount);
        const less = (await (await quote(id, { marking_amount: marking_amount - 1, cycles: 3 })).json()) as {
          net: number;
        };
        expect(less.net).toBeLessThan(target_amount);
      }
    }
  });

  test("without an amount it is the least that the product takes, for one cycle from today", async () => {
    const [{ today }] = await api.sql`select core.business_today(${api.alpha.id})::text as today`;
    expect(await quoted({ min_marking_amount: 700 }, {})).toMatchObject({
      marking_amount: 700,
      cycles: 1,
      starts_on: today,
    });
  });

  test.each([
    ["a target that no amount comes to", { max_marking_amount: 100 }, { target_amount: 3_001 }],
    ["a target of which the commission leaves nothing", { cycle_markings: 1 }, { target_amount: 1 }],
    ["an amount outside the range", { max_marking_amount: 100 }, { marking_amount: 101 }],
    ["more than an account can hold", {}, { marking_amount: Number.MAX_SAFE_INTEGER }],
    ["too many slots", { cycle_markings: 366 }, { cycles: 11 }],
    ["a target beside an amount", {}, { target_amount: 5, marking_amount: 5 }],
    ["61 cycles", {}, { cycles: 61 }],
    ["a day that no calendar has", {}, { starts_on: "2026-02-30" }],
  ])("refuses %s", async (_, product, query) => {
    const id = await makeProduct(api.sql, api.alpha, product);
    await expectProblem(quote(id, query), "validation");
  });
});
