import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { Parameter } from "../../src/platform/db/statement.ts";
import { getMachineBoard, getMachineOee, listMachineQueue, listMyQueue } from "../../src/shop/statements.ts";
import { correctOpenSteps } from "../../src/shop/verify.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { makeMachine, makeProcess } from "../helpers/shop.ts";
import { explain } from "./explain.ts";
import naiveBoard from "./naive/get_machine_board.sql" with { type: "text" };
import naiveMachineQueue from "./naive/list_machine_queue.sql" with { type: "text" };
import naiveMyQueue from "./naive/list_my_queue.sql" with { type: "text" };
import { readStatementFiles } from "./statement-files.ts";

const files = readStatementFiles(join(import.meta.dir, "../../sql"), []);
let database: TestDatabase;
let sql: SQL;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
});
afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

type Shop = Readonly<{ business: Business; processes: string[]; machines: string[]; members: string[] }>;

/** Three machines, three members and two processes, one of which operators may not view. */
async function makeShop(code: string): Promise<Shop> {
  const business = await makeBusiness(sql, { code, timezone: "Africa/Lagos", currency: "NGN" });
  const processes = [await makeProcess(sql, business), await makeProcess(sql, business)];
  await sql`insert into shop.role_process_permissions (business_id, process_id, role, can_view)
    values (${business.id}, ${processes[1] ?? ""}, 'manager', true)`;
  const machines: string[] = [];
  for (let n = 1; n <= 3; n += 1)
    machines.push(await makeMachine(sql, business, processes, { code: `M-${n}`, capacity: n }));
  const { owner, manager, operator } = business.people;
  return { business, processes, machines, members: [owner, manager, operator].map((p) => p.member_id) };
}

const insertJobs = ({ business }: Shop, count: number) => sql`
  insert into shop.jobs (business_id, job_number, title, status, priority, completed_at, hold_reason, status_before_hold)
  select ${business.id}, gen_random_uuid()::text, 'Made', r.status, (enum_range(null::shop.job_priority))[r.priority],
    case when r.status = 'completed' then now() end, case when r.status = 'on_hold' then 'Made so' end,
    case when r.status = 'on_hold' then 'active'::shop.job_status end
  from generate_series(1, ${count}::int) g cross join lateral (
    select (enum_range(null::shop.job_status))[1 + (random() * 5 + g * 0)::int] as status, 1 + (random() * 3)::int as priority) r`;

let steps_made = 1_000;

/** Of any job, each with a position that no other has; some with a machine, some with a member, some due: long ago, within the hour, or later. */
const insertSteps = ({ business, processes, machines, members }: Shop, count: number) => {
  const before = steps_made;
  steps_made += count;
  return sql`
  insert into shop.job_steps (business_id, job_id, process_id, position, status, completed_at, block_reason,
    status_before_block, machine_id, assigned_to, due_at, est_minutes)
  select ${business.id}, j.id, (${`{${processes.join(",")}}`}::uuid[])[1 + (random())::int], ${before}::int + g, r.status,
    case when r.status = 'completed' then now() end, case when r.status = 'blocked' then 'Made so' end,
    case when r.status = 'blocked' then 'ready'::shop.step_status end,
    (${`{${machines.join(",")}}`}::uuid[])[(random() * 3)::int], (${`{${members.join(",")}}`}::uuid[])[(random() * 3)::int],
    case when random() > 0.2 then now() + (random() ^ 3 * sign(random() - 0.5)) * interval '5 days' end,
    case when random() > 0.3 then (random() * 100)::int end
  from generate_series(1, ${count}::int) g
  cross join lateral (select id from shop.jobs where business_id = ${business.id} order by random() + g * 0 limit 1) j
  cross join lateral (
    select (enum_range(null::shop.step_status))[1 + (random() * 7 + g * 0)::int] as status) r`;
};

const changeJobs = ({ business }: Shop, count: number) => sql`
  update shop.jobs j set status = r.status, priority = (enum_range(null::shop.job_priority))[r.priority],
    completed_at = case when r.status = 'completed' then coalesce(j.completed_at, now()) end,
    hold_reason = case when r.status = 'on_hold' then 'Made so' end,
    status_before_hold = case when r.status = 'on_hold' then 'active'::shop.job_status end
  from (select id, (enum_range(null::shop.job_status))[1 + (random() * 5)::int] as status, 1 + (random() * 3)::int as priority
    from shop.jobs where business_id = ${business.id} order by random() limit ${count}::int) r
  where j.id = r.id`;

const changeSteps = ({ business, machines, members }: Shop, count: number) => sql`
  update shop.job_steps s set status = r.status, completed_at = case when r.status = 'completed' then now() end,
    block_reason = null, status_before_block = null, machine_id = r.machine, assigned_to = r.member,
    due_at = case when random() > 0.5 then s.due_at + interval '1 day' else s.due_at end,
    est_minutes = case when random() > 0.5 then 7 else s.est_minutes end
  from (select id, (array['pending', 'ready', 'in_progress', 'paused', 'completed', 'skipped']::shop.step_status[])
      [1 + (random() * 5)::int] as status, (${`{${machines.join(",")}}`}::uuid[])[(random() * 3)::int] as machine,
      (${`{${members.join(",")}}`}::uuid[])[(random() * 3)::int] as member
    from shop.job_steps where business_id = ${business.id} order by random() limit ${count}::int) r where s.id = r.id`;

const remove = ({ business }: Shop, count: number) => sql`
  with gone as (delete from shop.job_steps where id in
    (select id from shop.job_steps where business_id = ${business.id} order by random() limit ${count}::int))
  delete from shop.jobs where id in (select id from shop.jobs where business_id = ${business.id} order by random() limit 1)`;

type Machine = { id: string; busy: boolean; queue: object; load_hours: number; load_pct: number };

/** Answers are those of statements that read every step, queues have what waits, and counters are a recount. */
async function expectExact({ business, machines, members }: Shop): Promise<void> {
  const { id } = business;
  // At one instant: what is late goes by the clock.
  await sql.unsafe("begin").simple();
  expect([...(await sql`select shop.broken_queue(${id}) as broken`)]).toEqual([{ broken: null }]);
  expect([...(await sql`select * from core.counter_drift(${id})`)]).toEqual([]);
  const answer = async (text: string, values: readonly unknown[]): Promise<string> =>
    (await sql.unsafe(text, [...values] as never[]))[0].body as string;
  for (const role of [null, "operator"]) {
    for (const machine of machines)
      expect(await answer(listMachineQueue.text, [id, machine, role])).toBe(
        await answer(naiveMachineQueue, [id, machine, role]),
      );
    for (const member of members)
      expect(await answer(listMyQueue.text, [id, member, role])).toBe(
        await answer(naiveMyQueue, [id, member, role]),
      );
  }
  const [{ data }] = await sql.unsafe(getMachineBoard.text, [id, 7, null, 10] as never[]);
  const counted = JSON.parse(await answer(naiveBoard, [id])) as Machine[];
  const board = (JSON.parse(data) as Machine[]).map(
    ({ id: machine_id, busy, queue, load_hours, load_pct }) => ({
      id: machine_id,
      busy,
      queue,
      load_hours,
      load_pct,
    }),
  );
  expect(board).toEqual(counted);
  for (const { id: machine, load_hours, load_pct } of counted) {
    const oee = await answer(getMachineOee.text, [id, "UTC", machine, "2026-01-01", "2026-01-01"]);
    expect(JSON.parse(oee)).toMatchObject({ load_hours, load_pct });
  }
  await sql.unsafe("commit").simple();
}

test("queues and the board are what a count of every step says, whatever happens to jobs and steps", async () => {
  await sql`select setseed(${Math.random()})`;
  const [one, two] = [await makeShop("FIRST"), await makeShop("OTHER")];
  await sql`set app.import = 'on'`;
  for (let turn = 0; turn < 8; turn += 1) {
    for (const shop of [one, two]) {
      await insertJobs(shop, 15);
      await insertSteps(shop, 60);
      await changeJobs(shop, 12);
      await changeSteps(shop, 40);
      await remove(shop, 6);
    }
    if (turn % 3 > 0) await sql`select core.fold_counters((random() * 200)::int)`;
    if (turn % 2 > 0) await expectExact(turn % 4 > 1 ? one : two);
  }
  // Somebody who owns the server changes rows behind the back of the triggers.
  await sql.unsafe("set session_replication_role = replica").simple();
  await changeSteps(one, 40);
  await changeJobs(one, 10);
  await sql`delete from shop.job_steps where business_id = ${two.business.id} and status = 'ready'`;
  await sql.unsafe("reset session_replication_role").simple();
  const [{ broken }] = await sql`select shop.broken_queue(${two.business.id}) as broken`;
  expect(broken).toContain("is not in its queues as it is");
  expect(await correctOpenSteps(database.url)).toBeGreaterThan(10);
  expect(await correctOpenSteps(database.url)).toBe(0);
  await sql`select core.rebuild_counters()`;
  await expectExact(one);
  await expectExact(two);
  await sql`reset app.import`;
});

test("what changes none of it writes nothing, and a transition one row and two deltas", async () => {
  const shop = await makeShop("QUIET");
  const [{ job }] = await sql`insert into shop.jobs (business_id, job_number, title, status)
    values (${shop.business.id}, 'J-1', 'Gate', 'active') returning id as job`;
  const [{ step }] =
    await sql`insert into shop.job_steps (business_id, job_id, process_id, position, status, machine_id)
    values (${shop.business.id}, ${job}, ${shop.processes[0] ?? ""}, 1, 'ready', ${shop.machines[0] ?? ""})
    returning id as step`;
  const row = async () => {
    const [{ place }] =
      await sql`select xmin::text || ctid::text as place from shop.open_steps where step_id = ${step}`;
    return place as string;
  };
  const before = await row();
  await sql`update shop.job_steps set qty_good = 1, instructions = 'Mind the edge' where id = ${step}`;
  await sql`update shop.jobs set status = 'in_progress', title = 'Other gate' where id = ${job}`;
  expect(await row()).toBe(before);
  for (let folded = 1; folded > 0;) [{ folded }] = await sql`select core.fold_counters(10000) as folded`;
  await sql`update shop.job_steps set status = 'in_progress' where id = ${step}`;
  const deltas = await sql`select dimension[2] || ' ' || count as delta from core.counter_deltas
    where business_id = ${shop.business.id} and name = 'shop.machine_steps' order by 1`;
  expect([...deltas].map(({ delta }) => delta)).toEqual(["in_progress 1", "ready -1"]);
});

test("a backlog ten times as long costs queues and the board hardly more blocks", async () => {
  const shop = await makeShop("BACKLOG");
  const [machine_id = "", member_id = ""] = [shop.machines[0], shop.members[2]];
  const values: Record<string, Parameter> = {
    business_id: shop.business.id,
    machine_id,
    member_id,
    role: "operator",
    days: 7,
    after: null,
    limit_rows: 10,
  };
  const pile = async (steps: number): Promise<Record<string, number>> => {
    // At once, as a seed does.
    await sql.unsafe("set session_replication_role = replica").simple();
    await sql`with made as (insert into shop.jobs (business_id, job_number, title, status, priority)
        select ${shop.business.id}, gen_random_uuid()::text, 'Made', 'active', (enum_range(null::shop.job_priority))[1 + n % 4]
        from generate_series(1, ${steps}::int) n returning business_id, id)
      insert into shop.job_steps (business_id, job_id, process_id, position, status, machine_id, assigned_to, due_at)
      select business_id, id, ${shop.processes[0] ?? ""}, 1, 'ready', ${machine_id}, ${member_id},
        now() - (1 + (row_number() over ()) % 10) * interval '1 day' from made`;
    await sql.unsafe("reset session_replication_role").simple();
    await correctOpenSteps(database.url);
    await sql`select core.rebuild_counters()`;
    for (let folded = 1; folded > 0;) [{ folded }] = await sql`select core.fold_counters(10000) as folded`;
    await sql
      .unsafe("vacuum analyze shop.open_steps, shop.job_steps, shop.jobs, core.counters, core.counter_deltas")
      .simple();
    const blocks: Record<string, number> = {};
    for (const name of ["get_machine_board", "list_machine_queue", "list_my_queue"]) {
      const file = files.find((one) => one.name === `shop/${name}`);
      if (file === undefined) throw new Error(`there is no statement ${name}`);
      const { buffers } = await explain(sql, file, values);
      blocks[name] = buffers ?? Infinity;
    }
    return blocks;
  };
  const short = await pile(500);
  const long = await pile(4_500);
  for (const [name, blocks] of Object.entries(long)) {
    // An index of ten times as many rows may be a block deeper; what reads all of them reads ten times as much.
    const ratio = blocks / (short[name] ?? 0);
    expect({ name, ratio, fits: ratio < 2.5 }).toMatchObject({ name, fits: true });
  }
});
