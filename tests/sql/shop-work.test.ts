import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { makeJob, makeMachine, makeProcess, type TestJob } from "../helpers/shop.ts";

let database: TestDatabase;
let sql: SQL;
let business: Business;
let process_id: string;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  business = await makeBusiness(sql, { code: "WORK", timezone: "Africa/Lagos", currency: "NGN" });
  process_id = await makeProcess(sql, business, { default_minutes: 30 });
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

/** The statuses of the steps of a job, in order, and then what the job says of itself. */
async function look({ job_id }: TestJob): Promise<string> {
  const [row] = await sql`select
      (select string_agg(s.status::text, ' ' order by s.position) from shop.job_steps s where s.job_id = j.id)
      || ': ' || j.status || ' ' || j.steps_done || '/' || j.steps_total as seen
    from shop.jobs j where j.id = ${job_id}`;
  return (row as { seen: string }).seen;
}

/** Puts steps straight into a status, and lets their job follow. */
async function put(job: TestJob, indexes: readonly number[], status: string): Promise<string> {
  for (const index of indexes)
    await sql`update shop.job_steps set status = ${status}, started_at = coalesce(started_at, now()),
      completed_at = case when ${status} = 'completed' then now() end where id = ${job.steps[index - 1] ?? ""}`;
  await sql`select shop.settle_job(${business.id}, ${job.job_id})`;
  return look(job);
}

test("a step waits for the one before it, for those it names, or for none", async () => {
  const job = await makeJob(sql, business, [
    { process_id },
    { process_id },
    { process_id, depends_on: [1] },
    { process_id, depends_on: [2, 3] },
    { process_id, depends_on: [] },
  ]);
  expect(await look(job)).toBe("ready pending pending pending ready: active 0/5");
  expect(await put(job, [1], "in_progress")).toBe(
    "in_progress pending pending pending ready: in_progress 0/5",
  );
  expect(await put(job, [1], "completed")).toBe("completed ready ready pending ready: in_progress 1/5");
  expect(await put(job, [3], "skipped")).toBe("completed ready skipped pending ready: in_progress 2/5");
  expect(await put(job, [2], "cancelled")).toBe("completed cancelled skipped ready ready: in_progress 3/5");
  expect(await put(job, [4, 5], "completed")).toBe(
    "completed cancelled skipped completed completed: completed 5/5",
  );
  expect(await put(job, [1], "ready")).toBe("ready cancelled skipped completed completed: in_progress 4/5");
});

test("a step that waits again is pending again", async () => {
  const job = await makeJob(sql, business, [{ process_id }, { process_id }]);
  expect(await put(job, [1], "completed")).toBe("completed ready: in_progress 1/2");
  expect(await put(job, [1], "ready")).toBe("ready pending: in_progress 0/2");
});

test("the steps of a draft wait until it is activated", async () => {
  const job = await makeJob(sql, business, [{ process_id }], { status: "draft" });
  expect(await look(job)).toBe("pending: draft 0/1");
  await sql`update shop.jobs set status = 'active' where id = ${job.job_id}`;
  await sql`select shop.settle_job(${business.id}, ${job.job_id})`;
  expect(await look(job)).toBe("ready: active 0/1");
});

const circles: readonly (readonly (readonly number[])[])[] = [
  [[2], [1]],
  [[3], [1], [2]],
  [[], [3], [4], [2]],
];
test.each(circles)("dependencies that go round in a circle are refused: %j %j %j", async (...circle) => {
  const made = makeJob(
    sql,
    business,
    circle
      .filter((depends_on) => Array.isArray(depends_on))
      .map((depends_on) => ({ process_id, depends_on })),
  );
  await expect(made).rejects.toThrow("dependency_cycle");
});

test("steps whose process, machine or member cannot be are refused by name", async () => {
  const archived = await makeProcess(sql, business, { is_active: false });
  const machine_id = await makeMachine(sql, business, []);
  const { customer, operator } = business.people;
  const closed = await makeProcess(sql, business);
  await sql`insert into shop.role_process_permissions (business_id, process_id, role, can_work)
    values (${business.id}, ${closed}, 'clerk', true)`;
  const refused = [
    [{ process_id: archived }, "job_steps_process_fk"],
    [{ process_id, machine_id: process_id }, "job_steps_machine_fk"],
    [{ process_id, machine_id }, "machine_process_mismatch"],
    [{ process_id, assigned_to: customer.member_id }, "job_steps_assigned_fk"],
    [{ process_id: closed, assigned_to: operator.member_id }, "job_steps_assigned_role"],
    [{ process_id, depends_on: [1] }, "job_steps_depends_on"],
    [{ process_id, depends_on: [2] }, "job_steps_depends_on"],
  ] as const;
  for (const [step, name] of refused) await expect(makeJob(sql, business, [step])).rejects.toThrow(name);
});

test("numbers follow the form and the year of the business, and pass those that are taken", async () => {
  const next = async () =>
    ((await sql`select shop.next_job_number(${business.id}) as number`) as { number: string }[])[0]?.number;
  const year = new Intl.DateTimeFormat("en", { year: "numeric", timeZone: business.timezone }).format();
  const [row] = (await sql`select next_value::int as n from core.sequences
    where business_id = ${business.id} and name = 'job' and period = ${year}`) as { n: number }[];
  const n = row?.n ?? 0;
  expect(await next()).toBe(`JOB-${year}-${String(n).padStart(6, "0")}`);
  await sql`insert into core.settings (business_id, key, value)
    values (${business.id}, 'shop.job_number', to_jsonb('W{n:2}'::text))`;
  expect(await next()).toBe("W01");
  await sql`insert into shop.jobs (business_id, id, job_number, title) values (${business.id}, ${Bun.randomUUIDv7()}, 'W02', 'x')`;
  expect(await next()).toBe("W03");
  await sql`update core.sequences set next_value = 123 where business_id = ${business.id} and period = ''`;
  expect(await next()).toBe("W123");
});

test("a process without rows is open to the shop, one with rows to the roles named, and staff are never shut out", async () => {
  const named = await makeProcess(sql, business);
  await sql`insert into shop.role_process_permissions (business_id, process_id, role, can_view, can_work, can_assign)
    values (${business.id}, ${named}, 'operator', true, true, false)`;
  const [row] = (await sql`select array_agg(shop.may(${business.id}, r.role, p.id, w.what)
      order by r.n, p.n, w.what) as may
    from (values (1, 'operator'::core.member_role), (2, 'clerk'), (3, 'manager')) r (n, role),
      (values (1, ${process_id}::uuid), (2, ${named}::uuid)) p (n, id),
      (values ('assign'), ('view'), ('work')) w (what)`) as { may: boolean[] }[];
  expect(row?.may.map(Number).join("")).toBe("111011111000111111");
});
