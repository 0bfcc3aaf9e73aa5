import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { SQL } from "bun";
import type { Database } from "../../src/platform/db/database.ts";
import { seedScale } from "../../src/seed/scale.ts";
import {
  countJobsByMonth,
  countJobsByStatus,
  getDashboardStats,
  listRecentJobs,
} from "../../src/shop/statements.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import {
  addDays,
  dayIn,
  isOverdue,
  openLanes,
  readBusinesses,
  readJobs,
  readNaive,
  rebuildMonths,
  type Seeded,
} from "./shop-truth.ts";

type Stats = {
  as_of: string;
  today: string;
  jobs: Record<string, number>;
  steps: Record<string, number>;
  my_tasks: Record<string, number> | null;
  machines: Record<string, number>;
  users: Record<string, number>;
};

let database: TestDatabase;
let sql: SQL;
let db: Database;
let businesses: Seeded[];
/** Zones far from UTC, on both sides of the date line, with and without summer time. */
const zones = [
  "Africa/Lagos",
  "America/New_York",
  "Asia/Kolkata",
  "Pacific/Kiritimati",
  "Pacific/Pago_Pago",
  "Australia/Lord_Howe",
];
const statuses = ["draft", "active", "in_progress", "on_hold", "completed", "cancelled"];
const empty = crypto.randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  db = openLanes(database.url);
  await seedScale(database.url, { scale: "10k", seed: 7, jobs: 1_200, output: { write() {} } });
  for (const [index, zone] of zones.entries()) {
    await sql`update core.businesses set timezone = ${zone} where code = ${`SCALE${index + 1}`}`;
  }
  await sql`insert into core.businesses (id, code, name, currency, timezone)
    values (${empty}, 'EMPTY', 'Nothing yet', 'EUR', 'Europe/Berlin')`;
  businesses = await readBusinesses(sql);
  for (const business of businesses) await insertEdges(business);
  await rebuildMonths(sql);
}, 30_000);

afterAll(async () => {
  await db.close();
  await sql.close();
  await database.drop();
});

/** Jobs created and completed in the last millisecond of each month and in the first of the next, and due around today. */
async function insertEdges({ id, timezone }: Seeded): Promise<void> {
  await sql.unsafe("set app.import = 'on'");
  await sql`
    insert into shop.jobs (business_id, id, job_number, title, status, due_on, created_at, completed_at)
    select ${id}, gen_random_uuid(), 'EDGE-' || back || '-' || side || '-' || late, 'edge', 'completed',
      (edge at time zone ${timezone})::date - late, edge, edge
    from generate_series(0, 14) back, generate_series(0, 1) side, generate_series(-1, 1) late,
      lateral (select ((date_trunc('month', now() at time zone ${timezone}) - make_interval(months => back))
        at time zone ${timezone}) - side * interval '1 millisecond' as edge) e`;
  await sql`
    insert into shop.jobs (business_id, id, job_number, title, status, priority, due_on)
    select ${id}, gen_random_uuid(), 'DUE-' || days || '-' || status, 'due', status, 'urgent',
      (now() at time zone ${timezone})::date + days
    from generate_series(-2, 5) days, unnest('{draft,active,in_progress,cancelled}'::shop.job_status[]) status`;
  await sql.unsafe("reset app.import");
}

const readStats = async (
  business: Pick<Seeded, "id" | "timezone">,
  member_id: string | null,
): Promise<Stats> => {
  const parameters = { business_id: business.id, timezone: business.timezone, member_id };
  const [row] = await db.report.query(getDashboardStats, parameters);
  return JSON.parse(row?.body ?? "null") as Stats;
};

async function operatorOf(business_id: string): Promise<string> {
  const [row] = await sql`select assigned_to as id from shop.job_steps
    where business_id = ${business_id} and assigned_to is not null limit 1`;
  return row.id as string;
}

describe("the figures on the wall", () => {
  test("equal a recount of every job in TypeScript, in every zone", async () => {
    for (const business of businesses) {
      const stats = await readStats(business, null);
      const jobs = await readJobs(sql, business.id);
      const { today } = stats;
      expect(today).toBe(dayIn(business.timezone, Date.parse(stats.as_of)));
      const open = jobs.filter((job) => ["active", "in_progress", "on_hold"].includes(job.status));
      const byStatus = Object.fromEntries(
        statuses.map((status) => [status, jobs.filter((job) => job.status === status).length]),
      );
      expect(stats.jobs).toEqual({
        ...byStatus,
        total: jobs.length,
        overdue: jobs.filter((job) => isOverdue(job, today)).length,
        due_soon: open.filter(
          ({ due_on }) => due_on !== null && due_on >= today && due_on <= addDays(today, 3),
        ).length,
        urgent: open.filter((job) => job.priority === "urgent").length,
      });
      const steps = jobs.flatMap((job) => job.steps);
      expect(stats.steps).toEqual(
        Object.fromEntries(
          ["ready", "in_progress", "paused", "blocked"].map((status) => [
            status,
            steps.filter((step) => step.status === status).length,
          ]),
        ),
      );
    }
  });

  test("businesses at the date line do not share a today", async () => {
    const [kiritimati, pagoPago] = await Promise.all(
      ["Pacific/Kiritimati", "Pacific/Pago_Pago"].map((timezone) => readStats({ id: empty, timezone }, null)),
    );
    expect(kiritimati?.today).not.toBe(pagoPago?.today);
  });

  test("count the member's own tasks, and say null without a member", async () => {
    const business = businesses[0];
    if (business === undefined) throw new Error("no business");
    const jobs = await readJobs(sql, business.id);
    const members: { id: string }[] = await sql`select id from core.memberships
      where business_id = ${business.id} and role in ('operator', 'owner')`;
    expect((await readStats(business, null)).my_tasks).toBeNull();
    let counted = 0;
    for (const { id } of members) {
      const stats = await readStats(business, id);
      const mine = jobs.flatMap((job) => job.steps).filter((step) => step.assigned_to === id);
      const count = (...wanted: string[]) => mine.filter((step) => wanted.includes(step.status)).length;
      const late = mine.filter(
        (step) =>
          step.due_ms !== null &&
          step.due_ms < Date.parse(stats.as_of) &&
          ["ready", "in_progress", "paused", "blocked"].includes(step.status),
      );
      expect(stats.my_tasks).toEqual({
        ready: count("ready"),
        in_progress: count("in_progress"),
        stopped: count("paused", "blocked"),
        overdue: late.length,
      });
      counted += count("ready", "in_progress", "paused", "blocked");
    }
    expect(counted).toBeGreaterThan(0);
  });

  test("count machines in use once each, and people by role", async () => {
    for (const business of businesses) {
      const stats = await readStats(business, null);
      const machines: { id: string; status: string }[] = await sql`select id, status::text from shop.machines
        where business_id = ${business.id} and is_active`;
      const steps = (await readJobs(sql, business.id)).flatMap((job) => job.steps);
      const running = new Set(
        steps.filter(({ status }) => status === "in_progress").map((step) => step.machine_id),
      );
      const active = machines.filter((machine) => machine.status === "active");
      const busy = active.filter((machine) => running.has(machine.id)).length;
      expect(stats.machines).toEqual({
        total: machines.length,
        active: active.length,
        maintenance: machines.filter((machine) => machine.status === "maintenance").length,
        inactive: machines.filter((machine) => machine.status === "inactive").length,
        busy,
        available: active.length - busy,
      });
      const roles: { role: string }[] = await sql`select role::text from core.memberships
        where business_id = ${business.id} and status = 'active'`;
      const count = (...wanted: string[]) => roles.filter(({ role }) => wanted.includes(role)).length;
      expect(stats.users).toEqual({
        total: roles.length - count("customer"),
        operators: count("operator"),
        managers: count("owner", "admin", "manager"),
      });
    }
  });
});

describe("charts and recent jobs", () => {
  test("jobs by status name every status in its order, and add up to the total", async () => {
    for (const business of businesses) {
      const [row] = await db.report.query(countJobsByStatus, { business_id: business.id });
      const { data, meta } = JSON.parse(row?.body ?? "null") as {
        data: { status: string; count: number }[];
        meta: object;
      };
      const jobs = await readJobs(sql, business.id);
      expect(meta).toEqual({ next_cursor: null, has_more: false });
      expect(data).toEqual(
        statuses.map((status) => ({ status, count: jobs.filter((job) => job.status === status).length })),
      );
    }
  });

  test("jobs by month equal a recount in the business's calendar, month boundaries to the millisecond", async () => {
    for (const business of businesses) {
      for (const months of [1, 12, 36]) {
        const [row] = await db.report.query(countJobsByMonth, {
          business_id: business.id,
          timezone: business.timezone,
          months,
        });
        const { data } = JSON.parse(row?.body ?? "null") as { data: object[] };
        const { today } = await readStats(business, null);
        expect(data).toEqual(monthsOf(await readJobs(sql, business.id), business.timezone, today, months));
      }
    }
  });

  test("recent jobs are the newest, equal instants by id", async () => {
    for (const business of businesses) {
      const [row] = await db.report.query(listRecentJobs, {
        business_id: business.id,
        timezone: business.timezone,
        limit_rows: 25,
      });
      const { data } = JSON.parse(row?.body ?? "null") as { data: { id: string; overdue: boolean }[] };
      const { today } = await readStats(business, null);
      const newest = (await readJobs(sql, business.id)).sort((left, right) =>
        `${left.created_at}${left.id}` < `${right.created_at}${right.id}` ? 1 : -1,
      );
      expect(data.map(({ id, overdue }) => ({ id, overdue }))).toEqual(
        newest.slice(0, 25).map((job) => ({ id: job.id, overdue: isOverdue(job, today) })),
      );
      expect(Object.keys(data[0] ?? {})).toEqual(
        "id job_number title status priority due_on overdue customer_id customer_name steps_done steps_total created_at".split(
          " ",
        ),
      );
    }
  });

  test("are to the last digit what the statements say that count every row", async () => {
    for (const { id: business_id, timezone } of businesses) {
      const of = { business_id, timezone };
      const member_id = await operatorOf(business_id);
      const [stats] = await db.fast.query(getDashboardStats, { ...of, member_id });
      const [byStatus] = await db.fast.query(countJobsByStatus, { business_id });
      const [byMonth] = await db.fast.query(countJobsByMonth, { ...of, months: 36 });
      const naive = await readNaive(sql, { ...of, member_id, months: 36 });
      const withoutInstant = (body = "") => body.replace(/"as_of" : "[^"]+"/, "");
      expect(withoutInstant(stats?.body)).toBe(withoutInstant(naive.stats));
      expect(byStatus?.body).toBe(naive.by_status);
      expect(byMonth?.body).toBe(naive.by_month);
    }
  });

  test("a business without rows has zeros, every status and every month", async () => {
    const stats = await readStats({ id: empty, timezone: "Europe/Berlin" }, null);
    for (const part of [stats.jobs, stats.steps, stats.machines, stats.users]) {
      expect(Object.values(part).every((value) => value === 0)).toBe(true);
    }
    const [byStatus] = await db.report.query(countJobsByStatus, { business_id: empty });
    expect(JSON.parse(byStatus?.body ?? "").data).toEqual(statuses.map((status) => ({ status, count: 0 })));
    const parameters = { business_id: empty, timezone: "Europe/Berlin" };
    const [byMonth] = await db.report.query(countJobsByMonth, { ...parameters, months: 3 });
    expect(JSON.parse(byMonth?.body ?? "").data).toEqual(monthsOf([], "Europe/Berlin", stats.today, 3));
    const [recent] = await db.report.query(listRecentJobs, { ...parameters, limit_rows: 10 });
    expect(JSON.parse(recent?.body ?? "").data).toEqual([]);
  });
});

/** The chart, counted one job at a time by what the clocks of the zone show. */
function monthsOf(
  jobs: readonly { created_ms: number; completed_ms: number | null; due_on: string | null }[],
  timezone: string,
  today: string,
  months: number,
): object[] {
  const [year = 0, month = 0] = today.split("-").map(Number);
  const names = Array.from({ length: months }, (_, index) =>
    new Date(Date.UTC(year, month - months + index, 1)).toISOString().slice(0, 7),
  );
  const counted = new Map(names.map((name) => [name, { month: name, created: 0, completed: 0, on_time: 0 }]));
  for (const job of jobs) {
    const created = counted.get(dayIn(timezone, job.created_ms).slice(0, 7));
    if (created !== undefined) created.created++;
    if (job.completed_ms === null) continue;
    const completedOn = dayIn(timezone, job.completed_ms);
    const completed = counted.get(completedOn.slice(0, 7));
    if (completed === undefined) continue;
    completed.completed++;
    if (job.due_on === null || completedOn <= job.due_on) completed.on_time++;
  }
  return names.map((name) => {
    const row = counted.get(name) ?? { month: name, created: 0, completed: 0, on_time: 0 };
    // half up, as numeric rounds; the product is exact, so a half is a half
    const pct =
      row.completed === 0
        ? null
        : Math.floor((2000 * row.on_time + row.completed) / (2 * row.completed)) / 10;
    return { ...row, on_time_pct: pct };
  });
}
