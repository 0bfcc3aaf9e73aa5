import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeThings, type Things } from "../helpers/things.ts";

type Listed = {
  data: { id: string; job_number: string; status: string; title: string }[];
  meta: { next_cursor: string | null; has_more: boolean };
};

let api: TestApp;
let things: Things;
let owner: string;

beforeAll(async () => {
  api = await startTestApp();
  things = await makeThings(api.sql, api.alpha);
  owner = await api.token(api.alpha.people.owner);
  // Old numbers far below many newer ones; ties in created_at on purpose.
  await api.sql.begin(async (transaction) => {
    // An import brings its own instants; otherwise the database would stamp them.
    await transaction`select set_config('app.import', 'on', true)`;
    await transaction`insert into shop.jobs (business_id, id, job_number, title, status, due_on, created_at)
      select ${api.alpha.id}::uuid, gen_random_uuid(), 'JOB-' || y || '-' || lpad(n::text, 5, '0'),
             case when n % 7 = 0 then 'Gear 100% steel' else 'Bracket ' || n end, 'draft',
             case when n % 3 = 0 then null else date '2026-01-01' + n end,
             make_date(y, 6, 1) + (n / 5) * interval '1 hour'
      from generate_series(2024, 2026) y, generate_series(1, 120) n`;
  });
});
afterAll(() => api.stop());

async function read(path: string, token = owner): Promise<Listed> {
  const response = await api.send("GET", path, { token });
  expect(`${path} ${response.status}`).toBe(`${path} 200`);
  return (await response.json()) as Listed;
}

/** Every row of a list, page by page, by the links that the answers give. */
async function walk(path: string): Promise<Listed["data"]> {
  const rows: Listed["data"] = [];
  let next: string | null = path;
  while (next !== null) {
    const response: Response = await api.send("GET", next, { token: owner });
    const page = (await response.json()) as Listed;
    rows.push(...page.data);
    const link: string | undefined = /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
    expect(link === undefined).toBe(page.meta.next_cursor === null);
    next = link ?? null;
  }
  return rows;
}

describe("jobs", () => {
  test("every sort walks through every job once", async () => {
    for (const sort of ["-created_at", "created_at", "-due_on", "due_on", "-job_number", "job_number"]) {
      const rows = await walk(`/api/v1/jobs?limit=50&sort=${sort}`);
      expect(rows).toHaveLength(361);
      expect(new Set(rows.map(({ id }) => id)).size).toBe(361);
    }
  });

  test("a search by number finds the numbers that begin so, highest first, as typed or in capitals", async () => {
    for (const q of ["JOB-2024-", "job-2024-"]) {
      const rows = await walk(`/api/v1/jobs?limit=50&q=${q}`);
      expect(rows).toHaveLength(120);
      const numbers = rows.map(({ job_number }) => job_number);
      expect(numbers).toEqual(numbers.toSorted().toReversed());
    }
    expect((await read("/api/v1/jobs?q=JOB-2025-00042")).data.map(({ job_number }) => job_number)).toEqual([
      "JOB-2025-00042",
    ]);
  });

  test("a search by title takes what stands in it literally", async () => {
    const rows = await walk("/api/v1/jobs?limit=200&q=100%25%20steel");
    expect(rows).toHaveLength(51);
    expect((await read("/api/v1/jobs?q=100_%20steel")).data).toEqual([]);
    expect((await read("/api/v1/jobs?q=nothing%20like%20it")).data).toEqual([]);
  });

  test("filters narrow, together", async () => {
    const active = await read("/api/v1/jobs?status=active,in_progress");
    expect(active.data.map(({ status }) => status)).toEqual(["active"]);
    const { operator } = api.alpha.people;
    const assigned = await read(
      `/api/v1/jobs?assigned_to=${operator.member_id}&machine_id=${things.machine_id}&customer_id=${things.customer_id}`,
    );
    expect(assigned.data).toHaveLength(1);
    expect(
      (
        await read(
          "/api/v1/jobs?due_from=2026-01-02&due_to=2026-01-02&created_from=2025-01-01&created_to=2025-12-31",
        )
      ).data,
    ).toHaveLength(1);
  });

  test("a cursor is bound to its list: another filter, sort, tenant or a changed byte is refused", async () => {
    const first = await read("/api/v1/jobs?limit=2&sort=job_number");
    const cursor = first.meta.next_cursor ?? "";
    const foreign = await api.token(api.bravo.people.owner);
    const flipped = `${cursor.startsWith("A") ? "B" : "A"}${cursor.slice(1)}`;
    const attempts: [string, string][] = [
      [`/api/v1/jobs?sort=-job_number&cursor=${cursor}`, owner],
      [`/api/v1/jobs?sort=job_number&status=draft&cursor=${cursor}`, owner],
      [`/api/v1/machines?cursor=${cursor}`, owner],
      [`/api/v1/jobs?sort=job_number&cursor=${cursor}`, foreign],
      [`/api/v1/jobs?sort=job_number&cursor=${flipped}`, owner],
      ["/api/v1/jobs?sort=job_number&cursor=x", owner],
    ];
    for (const [path, token] of attempts) {
      const response = await api.send("GET", path, { token });
      expect([path, response.status, ((await response.json()) as { code: string }).code]).toEqual([
        path,
        400,
        "invalid_cursor",
      ]);
    }
    expect((await read(`/api/v1/jobs?sort=job_number&limit=3&cursor=${cursor}`)).data).toHaveLength(3);
  });

  test("one job shows its steps, and what they need", async () => {
    const listed = await read("/api/v1/jobs?q=JOB-CANARY");
    const response = await api.send("GET", `/api/v1/jobs/${listed.data[0]?.id}`, { token: owner });
    expect(response.headers.get("etag")).toMatch(/^W\/"1\./);
    expect(await response.json()).toMatchObject({
      job_number: "JOB-CANARY",
      status: "active",
      steps: [
        { position: 1, status: "ready", process: { code: "P1" }, machine: { code: "M1" }, depends_on: [] },
      ],
    });
  });
});

describe("machines and processes", () => {
  test("machines are listed whatever their state, unless one is asked for", async () => {
    await api.sql`insert into shop.machines (business_id, id, code, name, status)
      values (${api.alpha.id}, gen_random_uuid(), 'M2', 'Broken lathe', 'maintenance')`;
    await api.forget();
    const codes = async (query: string) =>
      ((await read(`/api/v1/machines${query}`)) as unknown as { data: { code: string }[] }).data.map(
        ({ code }) => code,
      );
    expect(await codes("")).toEqual(["M1", "M2"]);
    expect(await codes("?status=maintenance")).toEqual(["M2"]);
    expect(await codes("?limit=1")).toEqual(["M1"]);
  });

  test("one machine, and the processes", async () => {
    const response = await api.send("GET", `/api/v1/machines/${things.machine_id}`, { token: owner });
    expect(await response.json()).toMatchObject({ code: "M1", status: "active", is_active: true });
    expect((await read("/api/v1/processes")).data).toHaveLength(1);
  });
});

describe("dashboards", () => {
  test("the six statuses add up to the total, and the chart says the same", async () => {
    const stats = (await (await api.send("GET", "/api/v1/dashboard/stats", { token: owner })).json()) as {
      jobs: Record<string, number>;
      my_tasks: object | null;
    };
    const { draft, active, in_progress, on_hold, completed, cancelled, total } = stats.jobs;
    const sum = [draft, active, in_progress, on_hold, completed, cancelled].reduce<number>(
      (a, b) => a + (b ?? 0),
      0,
    );
    expect([sum, total]).toEqual([361, 361]);
    const chart = (await read("/api/v1/dashboard/chart/jobs-by-status")) as unknown as {
      data: { status: string; count: number }[];
    };
    expect(Object.fromEntries(chart.data.map(({ status, count }) => [status, count]))).toEqual({
      draft: 360,
      active: 1,
      in_progress: 0,
      on_hold: 0,
      completed: 0,
      cancelled: 0,
    });
  });

  test("`my_tasks` are the caller's own", async () => {
    const operator = await api.token(api.alpha.people.operator);
    const stats = (await (await api.send("GET", "/api/v1/dashboard/stats", { token: operator })).json()) as {
      my_tasks: object;
    };
    expect(stats.my_tasks).toEqual({ ready: 1, in_progress: 0, stopped: 0, overdue: 0 });
  });

  test("recent jobs and months take their bounds", async () => {
    expect((await read("/api/v1/dashboard/recent-jobs?limit=3")).data).toHaveLength(3);
    expect((await read("/api/v1/dashboard/recent-jobs")).data).toHaveLength(10);
    expect((await read("/api/v1/dashboard/chart/jobs-by-month?months=60")).data).toHaveLength(60);
    for (const path of ["recent-jobs?limit=0", "recent-jobs?limit=101", "chart/jobs-by-month?months=61"]) {
      expect((await api.send("GET", `/api/v1/dashboard/${path}`, { token: owner })).status).toBe(422);
    }
  });

  test("activity tells of the shop and its customers alone, newest first, to everybody in the shop", async () => {
    const [job] = (await read("/api/v1/jobs?q=JOB-CANARY")).data;
    await api.sql`update shop.jobs set title = 'Told of' where id = ${job?.id ?? ""}`;
    await api.send("PATCH", "/api/v1/business", {
      token: owner,
      body: { name: "Untold" },
      headers: { "if-match": "*" },
    });
    await api.forget();
    for (const person of [api.alpha.people.owner, api.alpha.people.operator, api.alpha.people.clerk]) {
      const { data } = (await read(
        "/api/v1/dashboard/activity?limit=100",
        await api.token(person),
      )) as unknown as {
        data: { entity_type: string; entity_id: string; action: string; at: string }[];
      };
      expect(data[0]).toMatchObject({ action: "job.updated", entity_type: "job", entity_id: job?.id ?? "" });
      const types = new Set(data.map(({ entity_type }) => entity_type));
      for (const told of ["customer", "machine", "process", "job_step"]) expect(types).toContain(told);
      for (const type of [
        "business",
        "setting",
        "member",
        "user",
        "account",
        "savings_account",
        "unit",
        "file",
      ])
        expect(types).not.toContain(type);
      const instants = data.map(({ at }) => at);
      expect(instants).toEqual(instants.toSorted().toReversed());
    }
    expect((await read("/api/v1/dashboard/activity?limit=2")).data).toHaveLength(2);
    expect((await read("/api/v1/dashboard/activity")).data.length).toBeLessThanOrEqual(20);
    const foreign = await read("/api/v1/dashboard/activity", await api.token(api.bravo.people.owner));
    expect(foreign.data).toEqual([]);
    expect((await api.send("GET", "/api/v1/dashboard/activity?limit=101", { token: owner })).status).toBe(
      422,
    );
  });

  test("a module that is switched off answers for nothing", async () => {
    const without = await startTestApp({
      env: { MODULES: "bank" },
      database_url: api.database_url,
      businesses: [api.alpha, api.bravo],
    });
    expect((await without.send("GET", "/api/v1/dashboard/stats", { token: owner })).status).toBe(404);
    expect((await without.send("GET", "/api/v1/customers", { token: owner })).status).toBe(200);
    await without.stop();
  });
});
