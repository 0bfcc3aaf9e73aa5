import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer } from "../helpers/bank.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let staff: string;
let customer: string;
let compliance: string;
/** Of the person behind `customer`, and of somebody else. */
let own_id: string;
let other_id: string;

type Beneficiary = { id: string; name: string; bic: string | null; iban_or_account: string; version: number };
type List = { data: Beneficiary[]; meta: { next_cursor: string | null } };

beforeAll(async () => {
  api = await startTestApp();
  const { alpha, sql } = api;
  staff = await api.token(alpha.people.manager);
  customer = await api.token(alpha.people.customer);
  compliance = await api.token(alpha.people.compliance);
  own_id = await makeCustomer(sql, alpha, { user_id: alpha.people.customer.user_id });
  other_id = await makeCustomer(sql, alpha);
});
afterAll(() => api.stop());

const iban = "DE89 3704 0044 0532 0130 00";
const blau = { name: "Blau Maschinenbau GmbH", bank_name: "Commerzbank", bic: "COBADEFFXXX", country: "DE" };
const send = (body: object, token = staff) => api.send("POST", "/api/v1/beneficiaries", { token, body });

async function create(body: object, token = staff): Promise<Beneficiary> {
  const response = await send({ customer_id: other_id, ...blau, ...body }, token);
  expect(response.status).toBe(201);
  return (await response.json()) as Beneficiary;
}

describe("beneficiaries", () => {
  test("are made, read, changed and removed", async () => {
    const made = await create({ iban_or_account: iban, bic: "cobadeff" });
    expect(made).toMatchObject({ bic: "COBADEFF", iban_or_account: "DE89370400440532013000", version: 1 });
    const path = `/api/v1/beneficiaries/${made.id}`;
    const read = await api.send("GET", path, { token: staff });
    expect(await read.json()).toEqual(made);
    const patched = await api.send("PATCH", path, {
      token: staff,
      headers: { "if-match": read.headers.get("etag") ?? "" },
      body: { bic: null, nickname: "The press" },
    });
    expect(await patched.json()).toMatchObject({ bic: null, nickname: "The press", version: 2 });
    const stale = { token: staff, headers: { "if-match": '"1"' } };
    await expectProblem(
      api.send("PATCH", path, { ...stale, body: { nickname: null } }),
      "precondition_failed",
    );
    await expectProblem(api.send("DELETE", path, stale), "precondition_failed");
    expect((await api.send("DELETE", path, { token: staff })).status).toBe(204);
    await expectProblem(api.send("GET", path, { token: staff }), "not_found");
    await expectProblem(api.send("DELETE", path, { token: staff }), "not_found");
  });

  test("have an account once for a customer and bank, until they are removed", async () => {
    const account = { iban_or_account: "0123456789" };
    const first = await create(account);
    await expectProblem(
      send({ customer_id: other_id, ...blau, iban_or_account: "0123 456 789" }),
      "already_exists",
    );
    await create({ ...account, bic: "DEUTDEFF" });
    await api.send("DELETE", `/api/v1/beneficiaries/${first.id}`, { token: staff });
    const again = await create(account);
    expect(again.id).not.toBe(first.id);
  });

  test.each([
    ["/iban_or_account", { iban_or_account: "DE89 3704 0044 0532 0130 01" }],
    ["/iban_or_account", { iban_or_account: "DE89 3704 0044 0532 0130 0" }],
    ["/iban_or_account", { iban_or_account: "- - - - 1" }],
    ["/bic", { iban_or_account: "1234567", bic: "COBADE" }],
    ["/bic", { iban_or_account: "1234567", bic: "COBADEFFXX" }],
    ["/bic", { iban_or_account: "1234567", bic: "C0BADEFF" }],
    ["/country", { iban_or_account: "1234567", country: "DEU" }],
  ])("are refused at %s: %p", async (pointer, wrong) => {
    const body = { customer_id: other_id, ...blau, ...wrong };
    const problem = await expectProblem(send(body), "validation");
    expect(problem.errors?.map((error) => error.pointer)).toEqual([pointer]);
  });

  test("of a customer are their own, and nobody else's to them", async () => {
    const own = await create({ customer_id: own_id, iban_or_account: "5550001" }, customer);
    const theirs = await create({ iban_or_account: "5550002" });
    const list = (await (await api.send("GET", "/api/v1/beneficiaries", { token: customer })).json()) as List;
    expect(list.data.map(({ id }) => id)).toEqual([own.id]);
    const path = `/api/v1/beneficiaries/${theirs.id}`;
    const headers = { "if-match": "*" };
    await expectProblem(api.send("GET", path, { token: customer }), "not_found");
    await expectProblem(
      api.send("PATCH", path, { token: customer, headers, body: { name: "X" } }),
      "not_found",
    );
    await expectProblem(api.send("DELETE", path, { token: customer }), "not_found");
    const foreign = { customer_id: other_id, ...blau, iban_or_account: "5550003" };
    const problem = await expectProblem(send(foreign, customer), "reference_not_found");
    expect(problem.errors?.[0]?.pointer).toBe("/customer_id");
    await expectProblem(send({ ...foreign, customer_id: crypto.randomUUID() }), "reference_not_found");
  });

  test("are listed newest first, page by page, by customer", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    for (const account of ["7001", "7002", "7003"]) await create({ customer_id, iban_or_account: account });
    const path = `/api/v1/beneficiaries?customer_id=${customer_id}&limit=2`;
    const first = (await (await api.send("GET", path, { token: staff })).json()) as List;
    const next = `${path}&cursor=${first.meta.next_cursor}`;
    const second = (await (await api.send("GET", next, { token: staff })).json()) as List;
    const accounts = [...first.data, ...second.data].map((row) => row.iban_or_account);
    expect(accounts).toEqual(["7003", "7002", "7001"]);
    expect(second.meta.next_cursor).toBeNull();
  });
});

describe("the watchlist", () => {
  const watch = (body: object) => api.send("POST", "/api/v1/watchlist", { token: compliance, body });
  const names = async (token = compliance): Promise<unknown[]> =>
    ((await (await api.send("GET", "/api/v1/watchlist", { token })).json()) as { data: unknown[] }).data;

  test("is kept by compliance, beside the installation's own names", async () => {
    await api.sql`insert into bank.watchlist (id, name, source)
      values (${Bun.randomUUIDv7()}, 'Of the installation', 'UN')`;
    const response = await watch({ name: "Ivan Drago", source: "UN 1267" });
    expect(response.status).toBe(201);
    const { id } = (await response.json()) as { id: string };
    expect(await names()).toMatchObject([
      { name: "Ivan Drago", source: "UN 1267", is_own: true },
      { name: "Of the installation", is_own: false },
    ]);
    await expectProblem(watch({ name: "Ivan Drago", source: "UN 1267" }), "already_exists");
    const remove = (which: string) => api.send("DELETE", `/api/v1/watchlist/${which}`, { token: compliance });
    expect((await remove(id)).status).toBe(204);
    await expectProblem(remove(id), "not_found");
    const [shared] = await api.sql`select id from bank.watchlist where business_id is null`;
    await expectProblem(remove(shared.id), "not_found");
    expect(await names()).toHaveLength(1);
    expect((await watch({ name: "Ivan Drago", source: "UN 1267" })).status).toBe(201);
  });

  test("of a business is nobody else's", async () => {
    const stranger = await api.token(api.bravo.people.compliance);
    expect(await names(stranger)).toMatchObject([{ name: "Of the installation" }]);
  });
});
