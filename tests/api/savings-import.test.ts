import { afterAll, beforeAll, expect, test } from "bun:test";
import { isTrackingNumber } from "../../src/savings/tracking-number.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { makeProduct, openSavings, trackingNumber } from "../helpers/savings.ts";

let api: TestApp;
let manager: string;
let taken: { product_id: string; customer_id: string; tracking_number: string };
const customers: Record<string, string> = {};

beforeAll(async () => {
  api = await startTestApp();
  manager = await api.token(api.alpha.people.manager);
  const { sql, alpha, bravo } = api;
  for (const [code, phone, is_active] of [
    ["C-1", "+2348012345601", true],
    ["C-2", "+2348012345602", true],
    ["C-3", "+2348012345602", true],
    ["C-4", null, false],
  ] as const) {
    const id = Bun.randomUUIDv7();
    customers[code] = id;
    await sql`insert into core.customers (business_id, id, name, code, phone, is_active)
      values (${alpha.id}, ${id}, ${`Customer ${code}`}, ${code}, ${phone}, ${is_active})`;
  }
  await sql`insert into core.customers (business_id, name, code) values (${bravo.id}, 'Theirs', 'C-9')`;
  await sql`insert into core.units (business_id, name) values (${alpha.id}, 'Ikeja')`;
  await makeProduct(sql, alpha, { name: "Daily 31", min_marking_amount: 100, max_marking_amount: 10_000 });
  const closed = await makeProduct(sql, alpha, { name: "Withdrawn" });
  await sql`update savings.products set is_active = false where id = ${closed}`;
  taken = await openSavings(sql, alpha, { customer_id: customers["C-2"] ?? "" });
  await sql`update savings.products set name = 'Taken' where id = ${taken.product_id}`;
});
afterAll(() => api.stop());

type Report = { created: number; valid: number; errors: { line: number; column: string }[] };

const send = (csv: string, query = "", headers: Record<string, string> = {}, token = manager) =>
  api.send("POST", `/api/v1/savings/import${query}`, {
    token,
    body: csv,
    headers: { "content-type": "text/csv", ...headers },
  });

const count = async (): Promise<number> => {
  const [row] =
    await api.sql`select count(*)::int as n from savings.accounts where business_id = ${api.alpha.id}`;
  return row.n;
};

const soon = () => new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);

test("every account of a file is opened with the terms of its product, or none after a dry run", async () => {
  const printed = trackingNumber();
  const file = [
    "customer_code,customer_phone,product,marking_amount,cycles,starts_on,agent,unit,tracking_number",
    `C-1,,Daily 31,5000,2,${soon()},${api.alpha.people.sub_agent.username},Ikeja,${printed}`,
    `,+234 801 234 5601,Taken,700,,${soon()},,,`,
  ].join("\r\n");
  const before = await count();
  const looked = await send(file, "?dry_run=true");
  expect(looked.status).toBe(200);
  expect(await looked.json()).toMatchObject({ dry_run: true, rows: 2, valid: 2, created: 0, errors: [] });
  expect(await count()).toBe(before);
  const key = { "idempotency-key": crypto.randomUUID() };
  const done = await send(file, "", key);
  expect(done.status).toBe(201);
  expect(await done.json()).toMatchObject({ dry_run: false, rows: 2, valid: 2, created: 2 });
  const again = await send(file, "", key);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect(await count()).toBe(before + 2);
  const rows = await api.sql`select a.tracking_number, a.agent_id, a.cycles, a.markings_total,
      a.marking_amount::int as amount, u.name as unit, b.id is not null as has_balance
    from savings.accounts a left join core.units u on u.business_id = a.business_id and u.id = a.unit_id
    left join ledger.account_balances b on b.business_id = a.business_id and b.id = a.id
    where a.business_id = ${api.alpha.id} and a.customer_id = ${customers["C-1"]} order by a.cycles desc`;
  const { sub_agent, owner } = api.alpha.people;
  expect(rows[0]).toEqual({
    tracking_number: printed,
    agent_id: sub_agent.member_id,
    cycles: 2,
    markings_total: 62,
    amount: 5_000,
    unit: "Ikeja",
    has_balance: true,
  });
  // The one that was opened first in a statement is no older than the other: of two agents either may be the last one.
  expect([sub_agent.member_id, owner.member_id]).toContain(rows[1].agent_id);
  expect(isTrackingNumber(rows[1].tracking_number)).toBe(true);
});

test("one report says everything that is wrong, by line and column, and nothing is opened", async () => {
  const wrong = `${"1".repeat(9)}${trackingNumber("1".repeat(9)).endsWith("0") ? "1" : "0"}`;
  const lines: [row: string, ...faults: string[]][] = [
    [`C-404,,Daily 31,5000,1,${soon()},,,`, "customer_code"],
    [`C-9,,Daily 31,5000,1,${soon()},,,`, "customer_code"],
    [`,+2348012345602,Daily 31,5000,1,${soon()},,,`, "customer_phone"],
    [`C-4,,Daily 31,5000,1,${soon()},,,`, "customer_code"],
    [`,,Daily 31,5000,1,${soon()},,,`, "customer_code"],
    [`C-2,,Nothing,5000,1,${soon()},,,`, "product"],
    [`C-2,,Withdrawn,5000,1,${soon()},,,`, "product"],
    [`C-2,,Taken,5000,1,${soon()},,,`, "product"],
    [`C-2,,Daily 31,99,1,${soon()},,,`, "marking_amount"],
    [`C-3,,Daily 31,10001,61,2026-02-30,,,`, "cycles", "starts_on"],
    [`C-3,,Daily 31,ten,0,2020-01-01,,,`, "cycles", "marking_amount"],
    [`C-3,,Daily 31,200,1,2020-01-01,nobody,Nowhere,`, "agent", "starts_on", "unit"],
    [`C-1,,Taken,200,1,${soon()},,,${taken.tracking_number}`, "product", "tracking_number"],
    [`C-2,,Daily 31,200,1,${soon()},,,${wrong}`, "tracking_number"],
  ];
  const header =
    "customer_code,customer_phone,product,marking_amount,cycles,starts_on,agent,unit,tracking_number";
  const file = [header, ...lines.map(([row]) => row)].join("\n");
  const expected = lines.flatMap(([, ...faults], at) => faults.map((column) => ({ line: at + 2, column })));
  const before = await count();
  const looked = (await (await send(file, "?dry_run=true")).json()) as Report;
  expect(looked.errors.map(({ line, column }) => ({ line, column }))).toEqual(expected);
  expect(looked).toMatchObject({ valid: 0, created: 0 });
  await expectProblem(await send(file), "import_refused");
  expect(await count()).toBe(before);
});

test("two lines for one customer and product are refused, however they name the customer", async () => {
  const header = "customer_code,customer_phone,product,marking_amount,starts_on";
  const refused = await send(
    `${header}\nC-3,,Daily 31,200,${soon()}\nC-3,,Daily 31,300,${soon()}\n`,
    "?dry_run=true",
  );
  expect(((await refused.json()) as Report).errors.map(({ line }) => line)).toEqual([2, 3]);
});

test("only staff import, and a file must name its columns", async () => {
  for (const role of ["agent", "sub_agent", "customer", "clerk"] as const) {
    await expectProblem(
      await send("product\n", "", {}, await api.token(api.alpha.people[role])),
      "forbidden",
    );
  }
  await expectProblem(await send("product,colour\nDaily 31,red\n"), "validation");
});
