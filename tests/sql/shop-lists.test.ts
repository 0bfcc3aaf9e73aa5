import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { SQL } from "bun";
import type { Database } from "../../src/platform/db/database.ts";
import { seedScale } from "../../src/seed/scale.ts";
import {
  type ListJobsParameters,
  type ListMachinesParameters,
  type ListProcessesParameters,
  getJob,
  getMachine,
  listJobs,
  listMachines,
  listProcesses,
} from "../../src/shop/statements.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import {
  addDays,
  dayIn,
  isOverdue,
  openLanes,
  readBusinesses,
  readJobs,
  type Seeded,
  type StoredJob,
} from "./shop-truth.ts";

type Filters = Partial<Omit<ListJobsParameters, "business_id" | "timezone">>;
type ListedJob = { id: string; overdue: boolean };

const sorts = ["-created_at", "created_at", "due_on", "-due_on", "job_number", "-job_number"];
const titles = [
  "100% cotton",
  "10 percent",
  "part_no 7",
  "part no 7",
  "back\\slash",
  "A-b plate",
  "Ab plate",
  "éclair sign",
];

let database: TestDatabase;
let sql: SQL;
let db: Database;
let own: Seeded;
let other: Seeded;
let jobs: StoredJob[];
let today: string;
/** A member with more steps than the list fetches one by one, in one job. */
let busy_member: string;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  db = openLanes(database.url);
  await seedScale(database.url, { scale: "10k", seed: 11, jobs: 1_200, output: { write() {} } });
  const [first, second] = await readBusinesses(sql);
  if (first === undefined || second === undefined) throw new Error("no businesses");
  [own, other] = [second, first];
  await insertEdges();
  jobs = await readJobs(sql, own.id);
  today = dayIn(own.timezone, Date.now());
}, 30_000);
afterAll(async () => {
  await db.close();
  await sql.close();
  await database.drop();
});

/** Ties to the microsecond, due dates left out, titles with the signs of LIKE, and a job of very many steps. */
async function insertEdges(): Promise<void> {
  await sql.unsafe("set app.import = 'on'");
  await sql`
    insert into shop.jobs (business_id, job_number, title, status, due_on, created_at)
    select ${own.id}, 'TIE-' || n, 'tie ' || n, 'active',
      case when n % 3 > 0 then (now() at time zone ${own.timezone})::date + n % 4 - 2 end,
      date_trunc('day', now()) - interval '3 days' + (n / 10) * interval '1 microsecond'
    from generate_series(1, 40) n`;
  for (const [index, title] of titles.entries()) {
    await sql`insert into shop.jobs (business_id, job_number, title)
      values (${own.id}, ${`odd_${index}`}, ${title})`;
  }
  const [member] =
    await sql`select id from core.memberships where business_id = ${own.id} and role = 'manager'`;
  busy_member = member.id;
  await sql`
    insert into shop.job_steps (business_id, job_id, process_id, position, assigned_to)
    select ${own.id}, j.id, p.id, n, ${busy_member}
    from generate_series(1, 3100) n,
      (select id from shop.jobs where business_id = ${own.id} and job_number = 'TIE-7') j,
      (select id from shop.processes where business_id = ${own.id} limit 1) p`;
  await sql.unsafe("reset app.import");
}

async function readPage(filters: Filters, business: Seeded = own) {
  const parameters: ListJobsParameters = {
    business_id: business.id,
    timezone: business.timezone,
    statuses: null,
    priorities: null,
    customer_id: null,
    assigned_to: null,
    machine_id: null,
    overdue: null,
    due_from: null,
    due_to: null,
    created_from: null,
    created_to: null,
    q: null,
    sort: "-created_at",
    after: null,
    limit_rows: 50,
    numbers_only: false,
    ...filters,
  };
  const [row] = await db.report.query(listJobs, parameters);
  if (row === undefined) throw new Error("no row");
  return { ...row, data: JSON.parse(row.data) as ListedJob[] };
}

/** Every page, one after the other. */
async function walk(filters: Filters, limit_rows = 37): Promise<ListedJob[]> {
  const all: ListedJob[] = [];
  let after: string | null = null;
  for (let pages = 0; pages < 200; pages++) {
    const page = await readPage({ ...filters, limit_rows, after });
    expect(page.data.length).toBeLessThanOrEqual(limit_rows);
    all.push(...page.data);
    if (!page.has_more) return all;
    expect(page.data.length).toBe(limit_rows);
    after = page.last_key;
  }
  throw new Error("the list does not end");
}

const ids = (listed: readonly { id: string }[]): string[] => listed.map((job) => job.id);

/** The ids of the jobs that pass, in the order asked for: the list as a child would make it. */
function expected(passes: (job: StoredJob) => boolean, sort = "-created_at"): string[] {
  const key = (job: StoredJob): string => {
    if (sort.endsWith("created_at")) return `${job.created_at} ${job.id}`;
    if (sort.endsWith("due_on")) return `${job.due_on ?? "9999"} ${job.id}`;
    return job.job_number;
  };
  const direction = sort.startsWith("-") ? -1 : 1;
  return ids(jobs.filter(passes).sort((left, right) => (key(left) < key(right) ? -direction : direction)));
}

describe("the list of jobs", () => {
  test.each(sorts)("sorted by %s, page by page, is every job once and in order", async (sort) => {
    expect(ids(await walk({ sort }))).toEqual(expected(() => true, sort));
  });

  test("one row a page walks through equal instants and missing due dates", async () => {
    for (const sort of sorts) {
      expect(ids(await walk({ sort, q: "TIE-" }, 1))).toEqual(
        expected((job) => job.job_number.startsWith("TIE-"), sort),
      );
    }
  });

  test("each filter equals a naive one, in every order", async () => {
    const customer_id = jobs.find((job) => job.customer_id !== null)?.customer_id ?? null;
    const steps = jobs.flatMap((job) => job.steps);
    const assigned_to = steps.find((step) => step.assigned_to !== null)?.assigned_to ?? null;
    const machine_id = steps.find((step) => step.machine_id !== null)?.machine_id ?? null;
    const created = (job: StoredJob) => dayIn(own.timezone, job.created_ms);
    const from = addDays(today, -400);
    const to = addDays(today, -200);
    const cases: [Filters, (job: StoredJob) => boolean][] = [
      [{ statuses: ["active"] }, (job) => job.status === "active"],
      [{ statuses: [] }, () => true],
      [{ statuses: ["draft", "completed"] }, (job) => ["draft", "completed"].includes(job.status)],
      [{ priorities: ["urgent", "low"] }, (job) => ["urgent", "low"].includes(job.priority)],
      [{ customer_id }, (job) => job.customer_id === customer_id],
      [{ assigned_to }, (job) => job.steps.some((step) => step.assigned_to === assigned_to)],
      [{ machine_id }, (job) => job.steps.some((step) => step.machine_id === machine_id)],
      [{ assigned_to: busy_member }, (job) => job.job_number === "TIE-7"],
      [
        { assigned_to, machine_id },
        (job) =>
          job.steps.some((step) => step.assigned_to === assigned_to) &&
          job.steps.some((step) => step.machine_id === machine_id),
      ],
      [{ overdue: true }, (job) => isOverdue(job, today)],
      [{ overdue: false }, (job) => !isOverdue(job, today)],
      [{ due_from: from }, (job) => job.due_on !== null && job.due_on >= from],
      [{ due_to: to }, (job) => job.due_on !== null && job.due_on <= to],
      [
        { due_from: from, due_to: to },
        (job) => job.due_on !== null && job.due_on >= from && job.due_on <= to,
      ],
      [{ created_from: from }, (job) => created(job) >= from],
      [{ created_to: to }, (job) => created(job) <= to],
      [{ created_from: today, created_to: today }, (job) => created(job) === today],
      [
        { statuses: ["in_progress"], assigned_to, overdue: true },
        (job) =>
          job.status === "in_progress" &&
          isOverdue(job, today) &&
          job.steps.some((step) => step.assigned_to === assigned_to),
      ],
    ];
    for (const [filters, passes] of cases) {
      for (const sort of sorts) {
        expect({ filters, ids: ids(await walk({ ...filters, sort }, 200)) }).toEqual({
          filters,
          ids: expected(passes, sort),
        });
      }
    }
  });

  test("overdue is what the business's calendar says", async () => {
    for (const job of await walk({}, 200)) {
      const stored = jobs.find((candidate) => candidate.id === job.id);
      expect(job.overdue).toBe(stored !== undefined && isOverdue(stored, today));
    }
  });

  test("the days of created_from and created_to begin and end at midnight of the zone", async () => {
    const [row] = await sql`select ((now() at time zone ${own.timezone})::date - 500)::text as day`;
    const day: string = row.day;
    await sql.unsafe("set app.import = 'on'");
    await sql`
      insert into shop.jobs (business_id, job_number, title, created_at)
      select ${other.id}, 'EDGE-' || n, 'edge of a day', ${day}::date::timestamp at time zone ${own.timezone}
        + (n / 2) * interval '1 day' - (n % 2) * interval '1 microsecond'
      from generate_series(0, 3) n`;
    await sql.unsafe("reset app.import");
    const zoned = { ...other, timezone: own.timezone };
    const page = await readPage(
      { q: "EDGE-", created_from: day, created_to: day, sort: "job_number" },
      zoned,
    );
    expect(page.data.map((job) => (job as ListedJob & { job_number: string }).job_number)).toEqual([
      "EDGE-0",
      "EDGE-3",
    ]);
  });
});

describe("the search", () => {
  test("finds the beginning of a number in either case, and any part of a title", async () => {
    const number = jobs.find((job) => job.job_number.startsWith("JOB-"))?.job_number ?? "";
    const searches = [
      number,
      number.toLowerCase(),
      number.slice(0, 8),
      "bracket",
      "RACKE",
      "4 colour",
      "zzzqqq",
    ];
    for (const q of searches) {
      const passes = (job: StoredJob) =>
        job.job_number.startsWith(q) ||
        job.job_number.startsWith(q.toUpperCase()) ||
        job.title.toLowerCase().includes(q.toLowerCase());
      for (const sort of sorts)
        expect({ q, ids: ids(await walk({ q, sort }, 200)) }).toEqual({ q, ids: expected(passes, sort) });
    }
  });

  test("with one or two letters finds words that begin with them", async () => {
    for (const q of ["s", "st", "4", "é"]) {
      const passes = (job: StoredJob) =>
        job.job_number.startsWith(q) ||
        job.job_number.startsWith(q.toUpperCase()) ||
        job.title
          .toLowerCase()
          .split(" ")
          .some((word) => word.startsWith(q));
      expect({ q, ids: ids(await walk({ q }, 200)) }).toEqual({ q, ids: expected(passes) });
    }
  });

  test("takes percent, underscore and backslash for what they are", async () => {
    const found = async (q: string) => {
      const page = await readPage({ q, sort: "job_number" });
      return page.data.map((job) => jobs.find((stored) => stored.id === job.id)?.title);
    };
    expect(await found("100%")).toEqual(["100% cotton"]);
    expect(await found("part_no")).toEqual(["part_no 7"]);
    expect(await found("back\\slash")).toEqual(["back\\slash"]);
    expect(await found("%")).toEqual([]);
    expect(await found("odd_1")).toEqual(["10 percent"]);
    expect(await found("oddx1")).toEqual([]);
    expect(await found("a-b")).toEqual(["A-b plate"]);
  });
});

describe("tenancy", () => {
  test("another business's ids, numbers and cursors give nothing of it", async () => {
    const theirs = await readJobs(sql, other.id);
    const step = theirs
      .flatMap((job) => job.steps)
      .find(({ assigned_to, machine_id }) => assigned_to && machine_id);
    const customer_id = theirs.find((job) => job.customer_id !== null)?.customer_id ?? null;
    const filters: Filters[] = [
      { customer_id },
      { assigned_to: step?.assigned_to ?? null },
      { machine_id: step?.machine_id ?? null },
    ];
    for (const filter of filters) expect((await readPage(filter)).data).toEqual([]);
    const cursor = (await readPage({}, other)).last_key;
    const mine = new Set(ids(jobs));
    for (const job of (await readPage({ after: cursor, limit_rows: 200 })).data)
      expect(mine.has(job.id)).toBe(true);
    const business_id = own.id;
    const job_id = theirs[0]?.id ?? "";
    expect(await db.fast.query(getJob, { business_id, role: null, job_id })).toEqual([]);
    const machine_id = step?.machine_id ?? "";
    expect(await db.fast.query(getMachine, { business_id, machine_id })).toEqual([]);
  });
});

describe("single jobs, machines and processes", () => {
  test("a job tells its steps in order, what they wait for and how long they took", async () => {
    const [job] = await sql`select id, steps_total, version from shop.jobs
      where business_id = ${own.id} and status = 'completed' and steps_total > 2 order by id desc limit 1`;
    const [row] = await db.fast.query(getJob, {
      business_id: own.id,
      role: null,
      job_id: job.id,
    });
    const body = JSON.parse(row?.body ?? "null");
    expect(row?.version).toBe(job.version);
    expect(body.steps.map((step: { position: number }) => step.position)).toEqual(
      Array.from({ length: job.steps_total }, (_, index) => index + 1),
    );
    const stepIds = body.steps.map((step: { id: string }) => step.id);
    expect(body.steps[0].depends_on).toEqual([]);
    expect(body.steps[1].depends_on).toEqual([stepIds[0]]);
    const [{ minutes }] =
      await sql`select coalesce(round(sum(extract(epoch from ended_at - started_at)) / 60), 0)::int
      as minutes from shop.time_logs where step_id = ${stepIds[0]} and kind in ('setup', 'productive')`;
    expect(body.steps[0].worked_minutes).toBe(minutes);
  });

  test("machines come page by page, by state and by process, each once", async () => {
    const stored: { id: string; code: string; status: string }[] = await sql`select id, code, status::text
      from shop.machines where business_id = ${own.id} and is_active order by code`;
    const [process] =
      await sql`select id from shop.processes where business_id = ${own.id} and code = 'TURN'`;
    const able: { machine_id: string }[] =
      await sql`select machine_id from shop.machine_processes where process_id = ${process.id}`;
    const read = async (filters: { status?: "active"; process_id?: string }) => {
      const listed: { id: string; busy: boolean; running: number; processes: { id: string }[] }[] = [];
      for (let after: string | null = null; ;) {
        const parameters: ListMachinesParameters = {
          business_id: own.id,
          is_active: true,
          status: null,
          process_id: null,
          ...filters,
          after,
          limit_rows: 3,
        };
        const [row] = await db.report.query(listMachines, parameters);
        listed.push(...JSON.parse(row?.data ?? "[]"));
        if (row?.has_more !== true) return listed;
        after = row.last_key;
      }
    };
    expect(ids(await read({}))).toEqual(ids(stored));
    expect(ids(await read({ status: "active" }))).toEqual(
      ids(stored.filter(({ status }) => status === "active")),
    );
    const turning = await read({ process_id: process.id });
    expect(ids(turning).sort()).toEqual(able.map((row) => row.machine_id).sort());
    for (const machine of turning) expect(ids(machine.processes)).toContain(process.id);
    for (const machine of await read({})) {
      const [{ running }] = await sql`select count(*)::int as running from shop.job_steps
        where business_id = ${own.id} and machine_id = ${machine.id} and status = 'in_progress'`;
      expect({ busy: machine.busy, running: machine.running }).toEqual({ busy: running > 0, running });
      const [row] = await db.fast.query(getMachine, { business_id: own.id, machine_id: machine.id });
      expect(JSON.parse(row?.body ?? "null")).toMatchObject({ id: machine.id, busy: machine.busy, running });
    }
  });

  test("processes come in their own order, page by page", async () => {
    const stored: { code: string }[] = await sql`select code from shop.processes
      where business_id = ${own.id} order by sort, code`;
    const codes: string[] = [];
    for (let after: string | null = null; ;) {
      const parameters: ListProcessesParameters = {
        business_id: own.id,
        is_active: null,
        after,
        limit_rows: 5,
      };
      const [row] = await db.report.query(listProcesses, parameters);
      codes.push(...JSON.parse(row?.data ?? "[]").map((process: { code: string }) => process.code));
      if (row?.has_more !== true) break;
      after = row.last_key;
    }
    expect(codes).toEqual(stored.map((process) => process.code));
  });
});
