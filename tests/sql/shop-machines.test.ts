import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { makeJob, makeMachine, makeProcess } from "../helpers/shop.ts";
import { explain } from "./explain.ts";
import { readStatementFiles } from "./statement-files.ts";

type Log = { kind: string; start_ms: number; end_ms: number | null };
const hour_ms = 3_600_000;
const kinds = ["setup", "productive", "performance_loss", "quality_loss", "availability_loss"] as const;
const files = readStatementFiles(join(import.meta.dir, "../../sql"), []);
const statement = (name: string) => {
  const file = files.find((one) => one.name === `shop/${name}`);
  if (file === undefined) throw new Error(`there is no statement ${name}`);
  return file;
};

let database: TestDatabase;
let sql: SQL;
let business: Business;
let process_id: string;
/** Of the database. */
let now_ms: number;
/** Machines with their logs, two steps at the same time on one of them. */
const machines = new Map<string, Log[]>();

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  // Where a day had 23 hours on 8 March 2026, and 25 on 2 November 2025.
  business = await makeBusiness(sql, { code: "FIGURES", timezone: "America/New_York", currency: "USD" });
  process_id = await makeProcess(sql, business);
  const [row] = await sql`select (extract(epoch from now()) * 1000)::float8 as now_ms`;
  now_ms = row.now_ms as number;
  for (const weekly_minutes of [2_400, 0]) {
    const id = await makeMachine(sql, business, [process_id], { capacity: 2, weekly_minutes });
    machines.set(id, await writeLogs(id));
  }
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

/** Random logs around now and around both changes of the clock, one of them open. */
async function writeLogs(machine_id: string): Promise<Log[]> {
  const logs: Log[] = [];
  for (const around of [now_ms, Date.parse("2026-03-08T07:00Z"), Date.parse("2025-11-02T06:00Z")]) {
    for (let n = 0; n < 60; n += 1) {
      const start_ms = Math.floor(around + (Math.random() * 10 - 9) * 24 * hour_ms);
      const end_ms = Math.min(start_ms + Math.ceil(Math.random() * 24 * hour_ms), now_ms);
      if (start_ms >= end_ms) continue;
      logs.push({ kind: kinds[n % kinds.length] ?? "setup", start_ms, end_ms });
    }
  }
  logs.push({ kind: "productive", start_ms: now_ms - hour_ms, end_ms: null });
  for (const { kind, start_ms, end_ms } of logs) {
    await sql`insert into shop.time_logs (business_id, machine_id, kind, started_at, ended_at, exclusive_machine, step_id)
      values (${business.id}, ${machine_id}, ${kind}, ${new Date(start_ms)}, ${end_ms === null ? null : new Date(end_ms)},
        false, null)`;
  }
  return logs;
}

/** Hours of these kinds in [from, to), as one would count them by hand. */
function hoursOf(logs: readonly Log[], of: readonly string[], from_ms: number, to_ms: number): number {
  const spans = logs
    .filter(({ kind }) => of.includes(kind))
    .map(({ start_ms, end_ms }) => Math.min(end_ms ?? now_ms, to_ms) - Math.max(start_ms, from_ms));
  return spans.reduce((sum, span) => sum + Math.max(span, 0), 0) / hour_ms;
}

async function read(name: string, values: readonly unknown[]): Promise<Record<string, unknown>> {
  const [row] = (await sql.unsafe(statement(name).text, [...values])) as Record<string, string>[];
  return JSON.parse(row?.["body"] ?? row?.["data"] ?? "null") as Record<string, unknown>;
}

const losses = kinds.slice(2);

test.each([1, 7, 90])("the board of the last %d days is a recount of the logs", async (days) => {
  const board = (await read("get_machine_board", [business.id, days, null, 50])) as unknown as {
    id: string;
    productive_hours: number;
    blocked_hours: number;
    oee: number;
    load_pct: number | null;
  }[];
  expect(board.map(({ id }) => id).toSorted()).toEqual([...machines.keys()].toSorted());
  for (const { id, productive_hours, blocked_hours, oee } of board) {
    const logs = machines.get(id) ?? [];
    const from_ms = now_ms - days * 24 * hour_ms;
    const ran = hoursOf(logs, ["setup", "productive"], from_ms, now_ms);
    const lost = hoursOf(logs, losses, from_ms, now_ms);
    // The clock went on while the rows were written.
    expect(Math.abs(productive_hours - ran)).toBeLessThan(0.1);
    expect(Math.abs(blocked_hours - lost)).toBeLessThan(0.1);
    expect(Math.abs(oee - (100 * ran) / (ran + lost))).toBeLessThan(0.5);
  }
  expect(new Set(board.map(({ load_pct }) => load_pct))).toEqual(new Set([0, null]));
});

test.each([
  ["2026-03-08", "2026-03-08", "2026-03-08T05:00Z", "2026-03-09T04:00Z"],
  ["2025-11-02", "2025-11-02", "2025-11-02T04:00Z", "2025-11-03T05:00Z"],
  ["2025-10-28", "2026-03-10", "2025-10-28T04:00Z", "2026-03-11T04:00Z"],
])(
  "the days from %s to %s are those of the business, long and short ones too",
  async (from, to, begins, ends) => {
    for (const [id, logs] of machines) {
      const oee = await read("get_machine_oee", [business.id, business.timezone, id, from, to]);
      const [from_ms, to_ms] = [Date.parse(begins), Date.parse(ends)];
      const parts = {
        productive: ["setup", "productive"],
        ...Object.fromEntries(losses.map((kind) => [kind, [kind]])),
      };
      for (const [name, of] of Object.entries(parts)) {
        // Rounded to a hundredth.
        expect(Math.abs(Number(oee[`${name}_hours`]) - hoursOf(logs, of, from_ms, to_ms))).toBeLessThan(
          0.006,
        );
      }
    }
  },
);

test("performance is of what was completed on these days: estimated against worked; load of what waits", async () => {
  const machine_id = await makeMachine(sql, business, [process_id], { weekly_minutes: 600 });
  const step = { process_id, machine_id, est_minutes: 60, depends_on: [] };
  const { steps } = await makeJob(sql, business, [step, { ...step, due_at: "2026-01-01T00:00:00Z" }]);
  await makeJob(sql, business, [step], { status: "draft" });
  await sql`insert into shop.time_logs (business_id, step_id, machine_id, started_at, ended_at)
    values (${business.id}, ${steps[0] ?? ""}, ${machine_id}, '2026-02-03T12:00Z', '2026-02-03T12:30Z')`;
  await sql`update shop.job_steps set status = 'completed', completed_at = '2026-02-03T12:30Z' where id = ${steps[0] ?? ""}`;
  const of = (from: string) =>
    read("get_machine_oee", [business.id, business.timezone, machine_id, from, from]);
  expect(await of("2026-02-03")).toMatchObject({
    steps_completed: 1,
    estimated_hours: 1,
    worked_hours: 0.5,
    performance_pct: 200,
    load_hours: 1,
    load_pct: 10,
  });
  expect(await of("2026-02-04")).toMatchObject({ steps_completed: 0, performance_pct: null });
  const board = (await read("get_machine_board", [business.id, 7, null, 50])) as unknown as {
    id: string;
    queue: object;
  }[];
  expect(board.find(({ id }) => id === machine_id)?.queue).toEqual({
    running: 0,
    ready: 1,
    pending: 0,
    late: 1,
  });
});

test("the board reads as much whatever was done before", async () => {
  const values = { business_id: business.id, days: 7, after: null, limit_rows: 50 };
  const cost = async () => {
    await sql`vacuum analyze shop.job_steps, shop.time_logs, shop.jobs`.simple();
    return (await explain(sql, statement("get_machine_board"), values)).buffers ?? 0;
  };
  const before = await cost();
  await sql.unsafe("set app.import = 'on'");
  const [machine_id = ""] = machines.keys();
  await sql`with j as (
      insert into shop.jobs (business_id, id, job_number, title, status, completed_at)
      select ${business.id}::uuid, gen_random_uuid(), 'OLD-' || g, 'Old', 'completed', now() from generate_series(1, 5000) g
      returning id),
    s as (
      insert into shop.job_steps (business_id, job_id, process_id, position, status, machine_id, completed_at)
      select ${business.id}::uuid, j.id, ${process_id}::uuid, 1, 'completed', ${machine_id}::uuid, now() from j returning id)
    insert into shop.time_logs (business_id, machine_id, started_at, ended_at, exclusive_machine, kind)
    select ${business.id}::uuid, ${machine_id}::uuid, now() - interval '400 days' - n * interval '1 hour',
      now() - interval '400 days' - n * interval '1 hour' + interval '30 minutes', false, 'productive'
    from (select row_number() over () as n from s) numbered`;
  await sql.unsafe("reset app.import");
  expect(before).toBeGreaterThan(0);
  expect(await cost()).toBeLessThan(2 * before + 50);
}, 20_000);
