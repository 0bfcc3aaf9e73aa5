import type { SQL } from "bun";
import { createDatabase, type Database } from "../../src/platform/db/database.ts";
import byMonth from "./naive/count_jobs_by_month.sql" with { type: "text" };
import byStatus from "./naive/count_jobs_by_status.sql" with { type: "text" };
import stats from "./naive/get_dashboard_stats.sql" with { type: "text" };

/** The lanes as the server has them: what a statement does may depend on how a lane plans it. */
export function openLanes(url: string): Database {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  return createDatabase({
    url,
    fast_max: 1,
    write_max: 1,
    report_max: 2,
    queue_max: 50,
    slow_query_ms: 60_000,
    replica: "test",
    log: quiet,
  });
}

export type Seeded = { id: string; code: string; timezone: string };

/** A job as it is stored; instants in milliseconds since 1970 and as text with all digits. */
export type StoredJob = {
  id: string;
  job_number: string;
  title: string;
  status: string;
  priority: string;
  customer_id: string | null;
  due_on: string | null;
  created_ms: number;
  created_at: string;
  completed_ms: number | null;
  steps: StoredStep[];
};

export type StoredStep = {
  status: string;
  assigned_to: string | null;
  machine_id: string | null;
  due_ms: number | null;
};

export const openStatuses: readonly string[] = ["active", "in_progress", "on_hold"];

export async function readBusinesses(sql: SQL): Promise<Seeded[]> {
  return sql`select id, code, timezone from core.businesses where code like 'SCALE%' order by code`;
}

/** Every job of a business with its steps, as plainly as can be: two tables, nothing filtered, nothing counted. */
export async function readJobs(sql: SQL, business_id: string): Promise<StoredJob[]> {
  const jobs: Omit<StoredJob, "steps">[] = await sql`
    select id, job_number, title, status::text, priority::text, customer_id, due_on::text,
      (extract(epoch from created_at) * 1000)::float8 as created_ms,
      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') as created_at,
      (extract(epoch from completed_at) * 1000)::float8 as completed_ms
    from shop.jobs where business_id = ${business_id}`;
  const steps: (StoredStep & { job_id: string })[] = await sql`
    select job_id, status::text, assigned_to, machine_id, (extract(epoch from due_at) * 1000)::float8 as due_ms
    from shop.job_steps where business_id = ${business_id}`;
  const byJob = new Map<string, StoredStep[]>();
  for (const { job_id, ...step } of steps) {
    const own = byJob.get(job_id) ?? [];
    own.push(step);
    byJob.set(job_id, own);
  }
  return jobs.map((job) => ({ ...job, steps: byJob.get(job.id) ?? [] }));
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** `YYYY-MM-DD` of an instant on the clocks of a zone, by the zone data of JavaScript. */
export function dayIn(timezone: string, at_ms: number): string {
  const formatter =
    formatters.get(timezone) ?? new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, dateStyle: "short" });
  formatters.set(timezone, formatter);
  return formatter.format(at_ms);
}

/** `YYYY-MM-DD`, so many days later. */
export const addDays = (day: string, days: number): string =>
  new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);

export const isOverdue = (job: StoredJob, today: string): boolean =>
  job.due_on !== null && job.due_on < today && openStatuses.includes(job.status);

/** The dashboards as statements that count every row: slow, and right by looking at them. */
export const naive = { stats, by_status: byStatus, by_month: byMonth } as const;

/** What the naive statements answer, as text. */
export async function readNaive(
  sql: SQL,
  of: Readonly<{ business_id: string; timezone: string; member_id: string | null; months: number }>,
): Promise<Record<keyof typeof naive, string>> {
  const read = async (text: string, values: readonly unknown[]): Promise<string> => {
    const [row] = await sql.unsafe(text, [...values]);
    return row.body as string;
  };
  return {
    stats: await read(stats, [of.business_id, of.timezone, of.member_id]),
    by_status: await read(byStatus, [of.business_id]),
    by_month: await read(byMonth, [of.business_id, of.timezone, of.months]),
  };
}

/** Counts months again where a zone has changed, as the background job does; it waits for whoever is still writing. */
export async function rebuildMonths(sql: SQL): Promise<void> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    await sql`select shop.rebuild_months()`;
    const waiting = await sql`select business_id from shop.month_rebuilds`;
    if (waiting.length === 0) return;
    await Bun.sleep(5);
  }
  throw new Error("months wait for a transaction that is still running");
}
