import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Database } from "../../src/platform/db/database.ts";
import { rebuildChangedMonths } from "../../src/shop/months.ts";
import { countJobsByMonth, countJobsByStatus, getDashboardStats } from "../../src/shop/statements.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { makeProcess } from "../helpers/shop.ts";
import { insertBusiness } from "./fixtures.ts";
import { openLanes, readNaive, rebuildMonths } from "./shop-truth.ts";

let database: TestDatabase;
let sql: SQL;
let other: SQL;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  [sql, other, db] = [connect(database.url), connect(database.url), openLanes(database.url)];
});
afterAll(async () => {
  await Promise.all([sql?.close(), other?.close(), db?.close()]);
  await database?.drop();
});

async function makeShop(timezone: string): Promise<{ id: string; process_id: string }> {
  const { business_id: id } = await insertBusiness(sql);
  await sql`update core.businesses set timezone = ${timezone} where id = ${id}`;
  await rebuildMonths(sql);
  return { id, process_id: await makeProcess(sql, { id }) };
}

/** Jobs of every status, priority and due date, created and completed in the hours around the ends of months. */
const insertJobs = (business: string, count: number) => sql`
  insert into shop.jobs (business_id, job_number, title, status, priority, due_on, created_at, completed_at, hold_reason,
    status_before_hold)
  select ${business}, gen_random_uuid()::text, 'Made', r.status, (enum_range(null::shop.job_priority))[r.priority],
    case when r.due > 0.2 then (r.at + (r.due - 0.6) * interval '20 days')::date end, r.at - interval '2 days' * r.due,
    case when r.status = 'completed' then r.at end, case when r.status = 'on_hold' then 'Made so' end,
    case when r.status = 'on_hold' then 'active'::shop.job_status end
  from generate_series(1, ${count}::int) g cross join lateral (
    select (enum_range(null::shop.job_status))[1 + (random() * 5 + g * 0)::int] as status, 1 + (random() * 3)::int as priority,
      random() as due, date_trunc('month', now()) - (random() * 12)::int * interval '1 month'
        + (random() - 0.5) * interval '40 hours' as at) r`;

const insertSteps = (business: string, process_id: string, count: number) => sql`
  insert into shop.job_steps (business_id, job_id, process_id, position, status, completed_at, block_reason,
    status_before_block)
  select ${business}, j.id, ${process_id}, coalesce((select max(position) from shop.job_steps where job_id = j.id), 0) + 1,
    r.status, case when r.status = 'completed' then now() end, case when r.status = 'blocked' then 'Made so' end,
    case when r.status = 'blocked' then 'ready'::shop.step_status end
  from (select * from shop.jobs where business_id = ${business} order by random() limit ${count}::int) j
  cross join lateral (
    select (enum_range(null::shop.step_status))[1 + (random() * 7 + length(j.title) * 0)::int] as status) r`;

const change = (business: string, count: number) => sql`
  update shop.jobs j set status = r.status, priority = 'urgent', due_on = j.due_on + 1,
    completed_at = case when r.status = 'completed' then coalesce(j.completed_at, now()) end,
    hold_reason = case when r.status = 'on_hold' then 'Made so' end,
    status_before_hold = case when r.status = 'on_hold' then 'active'::shop.job_status end
  from (select id, (enum_range(null::shop.job_status))[1 + (random() * 5)::int] as status from shop.jobs
    where business_id = ${business} order by random() limit ${count}::int) r
  where j.id = r.id`;

const moveSteps = (business: string, count: number) => sql`
  update shop.job_steps s set status = r.status, completed_at = case when r.status = 'completed' then now() end,
    block_reason = null, status_before_block = null
  from (select id, (array['ready', 'in_progress', 'paused', 'completed', 'skipped']::shop.step_status[])
      [1 + (random() * 4)::int] as status
    from shop.job_steps where business_id = ${business} order by random() limit ${count}::int) r where s.id = r.id`;

const remove = (business: string, count: number) => sql`
  delete from shop.jobs where id in
    (select id from shop.jobs where business_id = ${business} order by random() limit ${count}::int)`;

/** Counters are the recount, the total is the sum of the statuses, and answers are those of the naive statements. */
async function expectExact(business_id: string, timezone: string): Promise<void> {
  const drift = await sql`select * from core.counter_drift(${business_id})`;
  expect([...drift]).toEqual([]);
  const of = { business_id, timezone };
  const naive = await readNaive(sql, { ...of, member_id: null, months: 14 });
  const [stats] = await db.fast.query(getDashboardStats, { ...of, member_id: null });
  const [byStatus] = await db.fast.query(countJobsByStatus, { business_id });
  const [byMonth] = await db.fast.query(countJobsByMonth, { ...of, months: 14 });
  const withoutInstant = (body = "") => body.replace(/"as_of" : "[^"]+"/, "");
  expect(withoutInstant(stats?.body)).toBe(withoutInstant(naive.stats));
  expect(byStatus?.body).toBe(naive.by_status);
  expect(byMonth?.body).toBe(naive.by_month);
  const { jobs } = JSON.parse(stats?.body ?? "") as { jobs: Record<string, number> };
  const statuses = ["draft", "active", "in_progress", "on_hold", "completed", "cancelled"];
  expect(statuses.reduce((sum, status) => sum + (jobs[status] ?? 0), 0)).toBe(jobs["total"] ?? -1);
}

test("after random inserts, updates, deletes and folds the counters are a recount, and the figures the naive ones", async () => {
  const seed = Math.random();
  await sql`select setseed(${seed})`;
  const [zone, neighbour] = ["America/New_York", "Pacific/Kiritimati"];
  const [one, two] = [await makeShop(zone), await makeShop(neighbour)];
  await sql`set app.import = 'on'`;
  for (let turn = 0; turn < 12; turn += 1) {
    for (const { id, process_id } of [one, two]) {
      await insertJobs(id, 40);
      await insertSteps(id, process_id, 20);
      await change(id, 15);
      await moveSteps(id, 15);
      await remove(id, 8);
    }
    if (turn % 3 > 0) await sql`select core.fold_counters((random() * 200)::int)`;
    if (turn % 4 === 3) {
      await expectExact(one.id, zone);
      await expectExact(two.id, neighbour);
    }
  }
  await sql`reset app.import`;
});

test("a change that concerns no figure writes no delta, and a transition writes one for each side", async () => {
  const { id } = await makeShop("Africa/Lagos");
  await sql`insert into shop.jobs (business_id, job_number, title, status) values (${id}, 'J-1', 'Gate', 'active')`;
  for (let folded = 1; folded > 0;) [{ folded }] = await sql`select core.fold_counters(10000) as folded`;
  await sql`update shop.jobs set title = 'Other gate' where business_id = ${id}`;
  const deltas =
    () => sql`select name || ' ' || dimension[1] || ' ' || count as delta from core.counter_deltas
    where business_id = ${id} order by 1`;
  expect([...(await deltas())]).toEqual([]);
  await sql`update shop.jobs set status = 'in_progress' where business_id = ${id}`;
  expect([...(await deltas())].map(({ delta }) => delta)).toEqual([
    "shop.jobs active -1",
    "shop.jobs in_progress 1",
  ]);
});

test("months follow the business's zone, also for who was writing when it changed", async () => {
  const { id } = await makeShop("Pacific/Pago_Pago");
  await sql`set app.import = 'on'`;
  await insertJobs(id, 60);
  await sql`reset app.import`;
  const zone = "Pacific/Kiritimati";
  const writer = await other.reserve();
  await writer`begin`;
  await writer`set local app.import = 'on'`;
  await writer`insert into shop.jobs (business_id, job_number, title, created_at)
    values (${id}, 'LATE', 'Written in the old zone', date_trunc('month', now()) - interval '1 hour')`;
  await sql`delete from core.cache_outbox`;
  await sql`update core.businesses set timezone = ${zone} where id = ${id}`;
  // It saw the old zone, and nobody else sees what it wrote: what is counted again now would be wrong when it commits.
  expect(await rebuildChangedMonths({ db })).toBe(false);
  expect([...(await sql`select business_id from shop.month_rebuilds`)]).toHaveLength(1);
  await writer`commit`;
  await writer.release();
  await rebuildMonths(sql);
  await expectExact(id, zone);
  const told = await sql`select id from core.cache_outbox where tags @> array[${`b:${id}|shop_jobs`}]`;
  expect([...told]).toHaveLength(1);
  await change(id, 30);
  await expectExact(id, zone);
});

test("a zone that changes back while months are counted is counted once more", async () => {
  const { id } = await makeShop("Africa/Lagos");
  await sql`set app.import = 'on'`;
  await insertJobs(id, 30);
  await sql`reset app.import`;
  await sql`update core.businesses set timezone = 'Pacific/Kiritimati' where id = ${id}`;
  await sql.begin(async (counting) => {
    await counting`select shop.rebuild_months()`;
    await counting`select shop.rebuild_months()`;
  });
  await sql`update core.businesses set timezone = 'Pacific/Pago_Pago' where id = ${id}`;
  await rebuildMonths(sql);
  await expectExact(id, "Pacific/Pago_Pago");
});
