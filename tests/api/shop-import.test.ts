import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseCsv } from "../../src/http/csv.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { makeMachine, makeProcess } from "../helpers/shop.ts";

let api: TestApp;
let clerk: string;
const customers: Record<string, string> = {};
const processes: Record<string, string> = {};

beforeAll(async () => {
  api = await startTestApp();
  const { sql, alpha, bravo } = api;
  clerk = await api.token(alpha.people.clerk);
  for (const [code, phone, is_active] of [
    ["C-1", "+2348012345601", true],
    ["C-2", "+2348012345602", true],
    ["C-3", "+2348012345602", true],
    ["C-4", null, false],
  ] as const) {
    customers[code] = Bun.randomUUIDv7();
    await sql`insert into core.customers (business_id, id, name, code, phone, is_active)
      values (${alpha.id}, ${customers[code]}, ${`Customer ${code}`}, ${code}, ${phone}, ${is_active})`;
  }
  await sql`insert into core.customers (business_id, name, code) values (${bravo.id}, 'Theirs', 'C-9')`;
  for (const [code, is_active] of [
    ["CUT", true],
    ["PRINT", true],
    ["OLD", false],
  ] as const)
    processes[code] = await makeProcess(sql, alpha, { code, default_minutes: 25, is_active });
  const press = await makeMachine(sql, alpha, [processes["PRINT"] ?? ""]);
  const saw = await makeMachine(sql, alpha, [processes["CUT"] ?? ""]);
  await makeRouting("Printed matter", [
    { position: 2, process_id: processes["CUT"], machine_id: saw },
    { position: 5, process_id: processes["PRINT"], machine_id: press, est_minutes: 40, depends_on: "{2}" },
    { position: 7, process_id: processes["CUT"], depends_on: "{2}" },
    { position: 9, process_id: processes["CUT"], depends_on: "{5,7}" },
  ]);
  await makeRouting("As it was done once", [{ position: 1, process_id: processes["OLD"] }]);
  await makeRouting("On the wrong machine", [
    { position: 1, process_id: processes["CUT"], machine_id: press },
  ]);
  await makeRouting("Archived", [{ position: 1, process_id: processes["CUT"] }]);
  await sql`update shop.routings set is_active = false where name = 'Archived'`;
});
afterAll(() => api.stop());

async function makeRouting(name: string, steps: readonly Record<string, unknown>[]): Promise<void> {
  const { sql, alpha } = api;
  const id = Bun.randomUUIDv7();
  await sql`insert into shop.routings (business_id, id, name) values (${alpha.id}, ${id}, ${name})`;
  for (const step of steps)
    await sql`insert into shop.routing_steps ${sql({ business_id: alpha.id, routing_id: id, ...step })}`;
}

type Report = { valid: number; created: number; errors: { line: number; column: string }[] };

const send = (csv: string, query = "", headers: Record<string, string> = {}, token = clerk) =>
  api.send("POST", `/api/v1/jobs/import${query}`, {
    token,
    body: csv,
    headers: { "content-type": "text/csv", ...headers },
  });

const count = async (): Promise<number> => {
  const [row] = await api.sql`select count(*)::int as n from shop.jobs where business_id = ${api.alpha.id}`;
  return row.n;
};

describe("an import of jobs", () => {
  const file = [
    "title,customer_code,customer_phone,description,priority,due_on,quantity,unit,price,routing",
    '"Wall calendar, 4 colour",C-1,,"As last time,',
    'see the sample",urgent,2026-12-01,500.125,pcs,1250000,Printed matter',
    "Banner,,+234 801 234 5601,,,,,,,",
    "Flyers,,,,low,,,,0,",
  ].join("\r\n");

  test("makes drafts numbered in the order of the lines, with the steps of their routings, or none in a dry run", async () => {
    const looked = await send(file, "?dry_run=true");
    expect(looked.status).toBe(200);
    expect(await looked.json()).toMatchObject({ dry_run: true, rows: 3, valid: 3, created: 0, errors: [] });
    expect(await count()).toBe(0);
    const key = { "idempotency-key": crypto.randomUUID() };
    const done = await send(file, "", key);
    expect(done.status).toBe(201);
    expect(await done.json()).toMatchObject({ dry_run: false, rows: 3, valid: 3, created: 3 });
    expect((await send(file, "", key)).headers.get("idempotency-replayed")).toBe("true");
    const rows =
      await api.sql`select title, description, status::text, priority::text, due_on::text, quantity::text, unit,
        price::int, currency, customer_id, right(job_number, 6)::int as number, steps_total, version, created_by
      from shop.jobs where business_id = ${api.alpha.id} order by job_number`;
    const alike = { status: "draft", version: 1, created_by: api.alpha.people.clerk.user_id };
    expect([...rows]).toMatchObject([
      {
        ...alike,
        number: 1,
        title: "Wall calendar, 4 colour",
        description: "As last time,\r\nsee the sample",
        priority: "urgent",
        due_on: "2026-12-01",
        quantity: "500.125",
        unit: "pcs",
        price: 1_250_000,
        currency: "NGN",
        customer_id: customers["C-1"],
        steps_total: 4,
      },
      {
        ...alike,
        number: 2,
        title: "Banner",
        priority: "normal",
        customer_id: customers["C-1"],
        price: null,
      },
      { ...alike, number: 3, title: "Flyers", priority: "low", customer_id: null, price: 0, steps_total: 0 },
    ]);
  });

  test("gives steps the machine, the time and the dependencies of the routing", async () => {
    const steps =
      await api.sql`select s.position, s.status::text, s.machine_id is not null as has_machine, s.est_minutes,
        s.qty_target::text as target, array(select n.position from shop.step_dependencies d
          join shop.job_steps n on n.business_id = d.business_id and n.id = d.depends_on
          where d.business_id = s.business_id and d.step_id = s.id order by 1) as needs
      from shop.job_steps s where s.business_id = ${api.alpha.id} order by s.position`;
    const alike = { status: "pending", target: "500.125" };
    expect(steps.map((step: { needs: Int16Array }) => ({ ...step, needs: [...step.needs] }))).toMatchObject([
      { ...alike, position: 1, has_machine: true, est_minutes: 25, needs: [] },
      { ...alike, position: 2, has_machine: true, est_minutes: 40, needs: [1] },
      { ...alike, position: 3, has_machine: false, est_minutes: 25, needs: [1] },
      { ...alike, position: 4, has_machine: false, est_minutes: 25, needs: [2, 3] },
    ]);
  });

  test("says in one report everything that is wrong, by line and column, and makes nothing", async () => {
    const lines: [row: string, ...faults: string[]][] = [
      [",C-1,,,,,,,", "title"],
      [`${"x".repeat(201)},,,,,,,,`, "title"],
      ["A,C-404,,,,,,,", "customer_code"],
      ["A,C-9,,,,,,,", "customer_code"],
      ["A,C-4,,,,,,,", "customer_code"],
      ["A,,+2348012345602,,,,,,", "customer_phone"],
      ["A,,0801,,,,,,", "customer_phone"],
      ["A,C-1,+2348012345601,,,,,,", "customer_phone"],
      ["A,,,soon,2026-02-30,,,,", "due_on", "priority"],
      ["A,,,,,0,,,", "quantity"],
      ["A,,,,,1.2345,,-1,", "price", "quantity"],
      ["A,,,,,999999999999,,1.5,", "price", "quantity"],
      ["A,,,,,,,9007199254740992,Nothing", "price"],
      ["A,,,,,,,,Nothing", "routing"],
      ["A,,,,,,,,Archived", "routing"],
      ["A,,,,,,,,As it was done once", "routing"],
      ["A,,,,,,,,On the wrong machine", "routing"],
    ];
    const header = "title,customer_code,customer_phone,priority,due_on,quantity,unit,price,routing";
    const wrong = [header, ...lines.map(([row]) => row)].join("\n");
    const expected = lines.flatMap(([, ...faults], at) => faults.map((column) => ({ line: at + 2, column })));
    const before = await count();
    const looked = (await (await send(wrong, "?dry_run=true")).json()) as Report;
    expect(looked.errors.map(({ line, column }) => ({ line, column }))).toEqual(expected);
    expect(looked).toMatchObject({ valid: 0, created: 0 });
    await expectProblem(await send(wrong), "import_refused");
    await expectProblem(await send(`${header}\nGood,,,,,,,,\nA,C-404,,,,,,,`), "import_refused");
    expect(await count()).toBe(before);
  });

  test("is refused from the line on at which its routings have more steps than one call may make", async () => {
    const cut = processes["CUT"] ?? "";
    const steps = (count: number) =>
      Array.from({ length: count }, (_, at) => ({ position: at + 1, process_id: cut }));
    await makeRouting("Long", steps(150));
    await makeRouting("Too long", steps(201));
    const file = ["title,routing", ...Array.from({ length: 134 }, () => "A,Long"), "B,Too long", "C,"].join(
      "\n",
    );
    const { errors } = (await (await send(file, "?dry_run=true")).json()) as Report;
    expect(errors.map(({ line }) => line)).toEqual([135, 136, 136]);
  });

  test("leaves no gap and no number twice where two come at once and one is refused", async () => {
    const many = (name: string) =>
      ["title", ...Array.from({ length: 40 }, (_, at) => `${name} ${at}`)].join("\n");
    const answers = await Promise.all([send(many("left")), send(`${many("none")}\n,`), send(many("right"))]);
    expect(answers.map(({ status }) => status)).toEqual([201, 422, 201]);
    const rows: { title: string; number: number }[] =
      await api.sql`select title, right(job_number, 6)::int as number
      from shop.jobs where business_id = ${api.alpha.id} order by number`;
    expect(rows.map(({ number }) => number)).toEqual(rows.map((_, at) => at + 1));
    for (const side of ["left", "right"])
      expect(rows.map(({ title }) => title).filter((title) => title.startsWith(side))).toEqual(
        Array.from({ length: 40 }, (_, at) => `${side} ${at}`),
      );
  });

  test("is for those who enter jobs, and a file must name its columns", async () => {
    for (const role of ["operator", "agent", "customer", "compliance"] as const)
      await expectProblem(
        await send("title\nA", "", {}, await api.token(api.alpha.people[role])),
        "forbidden",
      );
    await expectProblem(await send("title,colour\nA,red\n"), "validation");
    await expectProblem(await send("quantity\n5\n"), "validation");
  });
});

describe("an export of jobs", () => {
  test("holds all that match, whatever a page holds, and nothing of another business", async () => {
    const read = async (token: string, query = "") => {
      const response = await api.send("GET", `/api/v1/jobs${query}`, {
        token,
        headers: { accept: "text/csv" },
      });
      expect(response.status).toBe(200);
      expect(response.headers.get("content-disposition")).toContain("jobs.csv");
      return parseCsv(await response.text(), 1_000);
    };
    const { columns, records } = await read(clerk, "?sort=job_number&limit=1");
    expect(records).toHaveLength(await count());
    const first = Object.fromEntries(columns.map((column, at) => [column, records[0]?.fields[at]]));
    expect(first).toMatchObject({
      title: "Wall calendar, 4 colour",
      status: "draft",
      due_on: "2026-12-01",
      overdue: "false",
      customer_name: "Customer C-1",
      quantity: "500.125",
      price: "1250000",
      currency: "NGN",
      steps_total: "4",
    });
    expect((await read(clerk, "?q=Banner")).records).toHaveLength(1);
    expect((await read(await api.token(api.bravo.people.owner))).records).toHaveLength(0);
  });
});
