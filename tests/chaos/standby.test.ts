import type { SQL } from "bun";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { connectionBudget } from "../../src/platform/db/connection-budget.ts";
import { createDatabase } from "../../src/platform/db/database.ts";
import type { StandbyStats } from "../../src/platform/db/standby-lane.ts";
import { listUnits } from "../../src/core/statements.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { echo, keepLog, sleep, statement, timed } from "../helpers/lanes.ts";
import { login } from "../helpers/login.ts";
import { startRedis } from "../helpers/redis.ts";
import { isLive, until } from "../helpers/replicas.ts";
import { makeTestFolder, type Service, startTestPostgres } from "../helpers/services.ts";
import { startTestStandby, type TestStandby } from "../helpers/standby.ts";
import { startTcpProxy } from "../helpers/tcp-proxy.ts";

const folder = makeTestFolder();
const shared = process.env["TEST_DATABASE_URL"] ?? "";
const ends: (() => unknown)[] = [];
const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);

let postgres: Service;
let standby: TestStandby;
/** Two replicas of the server. */
let one: TestApp;
let two: TestApp;
let primary_sql: SQL;
let token: string;

beforeAll(async () => {
  process.on("unhandledRejection", note);
  // Commits are written when they are answered, as in production; nothing needs to outlive the machine.
  postgres = await startTestPostgres(folder, {
    another_system: true,
    settings: { synchronous_commit: "on" },
  });
  ends.push(() => postgres.stop());
  process.env["TEST_DATABASE_URL"] = postgres.url;
  const database_url = (await createTestDatabase()).url;
  process.env["TEST_DATABASE_URL"] = shared;
  primary_sql = connect(database_url);
  ends.push(() => primary_sql.close());
  await primary_sql.unsafe("create extension if not exists pg_stat_statements");
  // A query in the way of the replay is cancelled soon.
  const settings = { max_standby_streaming_delay: "200ms" };
  standby = await startTestStandby({ folder, url: database_url }, settings);
  ends.push(() => standby.stop());
  const redis = await startRedis();
  ends.push(() => redis.stop());
  const env = { REDIS_URL: redis.url, DATABASE_REPLICA_URL: standby.url, DB_REPORT_MAX: "4" };
  one = await startTestApp({ database_url, env: { ...env, REPLICA: "one" } });
  ends.push(() => one.stop());
  const businesses = [one.alpha, one.bravo] as const;
  two = await startTestApp({ database_url, businesses, env: { ...env, REPLICA: "two" } });
  ends.push(() => two.stop());
  token = await one.token(one.alpha.people.owner);
  await until("both replicas are live", () => isLive(one) && isLive(two));
  await inUse();
}, 60_000);
afterEach(() => expect(unhandled).toEqual([]));
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
  rmSync(folder, { recursive: true, force: true });
  process.off("unhandledRejection", note);
});

const statsOf = (app: TestApp): StandbyStats => {
  const stats = app.deps.db.standby?.();
  if (stats === undefined) throw new Error("no standby is configured");
  return stats;
};
const inUse = () =>
  until(
    "both replicas use the standby",
    () => [one, two].every((app) => statsOf(app).trouble === null),
    20_000,
  );
const fallbacksOf = (app: TestApp): number =>
  Object.values(statsOf(app).fallbacks).reduce((sum, count) => sum + count, 0);

/** Runs on the standby, over a connection of its own. */
async function onStandby<T>(use: (sql: SQL) => Promise<T>): Promise<T> {
  const sql = connect(standby.url);
  try {
    return await use(sql);
  } finally {
    await sql.close();
  }
}

/** How often a server ran a statement that contains a text. */
async function callsOf(sql: SQL, part: string): Promise<number> {
  const [row] = await sql`select coalesce(sum(calls), 0)::int as calls from pg_stat_statements
    where strpos(query, ${part}) > 0`;
  return Number(row.calls);
}

/** The second line after the header as far as it is kept as it is: parameters get new numbers. No other one has it. */
const markOf = (text: string): string => /^(?:--.*\n)+.*\n([^$\n]*)/.exec(text)?.[1] ?? "";

let named = 0;
async function createUnit(app: TestApp): Promise<string> {
  const name = `Unit ${(named += 1)}`;
  const response = await app.send("POST", "/api/v1/units", { token, body: { name } });
  expect(response.status).toBe(201);
  return name;
}

async function unitsOf(app: TestApp): Promise<string> {
  const response = await app.send("GET", "/api/v1/units?limit=200", { token });
  expect(response.status).toBe(200);
  return response.text();
}

/** Writes on the first replica. The list there has it at once, that of the other one within a second. */
async function expectFresh(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const name = `"${await createUnit(one)}"`;
    expect(await unitsOf(one)).toContain(name);
    const written = performance.now();
    // What counts is when a stale answer was asked for, however long a busy machine took to give it.
    for (let asked_ms = 0; !(await unitsOf(two)).includes(name); asked_ms = performance.now() - written) {
      expect(asked_ms).toBeLessThan(1_000);
    }
  }
}

/** Asks both replicas for what they must load, until told to stop. */
function load() {
  const seen = { wrong: [] as string[], count: 0, slowest_ms: 0 };
  let running = true;
  const clients = [one, two, one, two].map(async (app, client) => {
    for (let at = client; running; at += 4) {
      const path = `/api/v1/jobs?limit=${1 + (at % 200)}`;
      const began = performance.now();
      const response = await app.send("GET", at % 8 < 4 ? path : "/api/v1/me/sessions", { token });
      await response.arrayBuffer();
      seen.count += 1;
      seen.slowest_ms = Math.max(seen.slowest_ms, performance.now() - began);
      if (response.status !== 200) seen.wrong.push(`${response.status} ${path}`);
    }
  });
  return {
    seen,
    async stop() {
      running = false;
      await Promise.all(clients);
    },
  };
}

describe("a standby that keeps up", () => {
  test("answers figures and lists; signing in, point reads and writes are the primary's", async () => {
    const { access_token } = await login(one, one.alpha.people.manager);
    const get = (path: string) => one.send("GET", path, { token: access_token });
    expect((await get("/api/v1/me")).status).toBe(200);
    // Words that stand in one statement alone, without a constant.
    const marks = ["nullif(m.weekly_minutes * m.capacity", markOf(listUnits.text)];
    // On a busy machine it may be behind for a moment: then the primary answers.
    await until("the standby was asked for both", async () => {
      await createUnit(one);
      expect((await get("/api/v1/machines/board")).status).toBe(200);
      expect((await get("/api/v1/units?limit=3")).status).toBe(200);
      await one.forget();
      return (await Promise.all(marks.map((mark) => onStandby((sql) => callsOf(sql, mark))))).every(Boolean);
    });
    for (const mark of marks) {
      expect(mark.length).toBeGreaterThan(30);
      expect(await callsOf(primary_sql, mark)).toBeLessThanOrEqual(fallbacksOf(one));
    }
    for (const part of ["core.begin_act", "password_hash", "cache_relay", "from core.sessions"]) {
      expect(await callsOf(primary_sql, part)).toBeGreaterThan(0);
      expect(await onStandby((sql) => callsOf(sql, part))).toBe(0);
    }
  });

  test("shows every write to its writer at once, and to the other replica within a second", async () => {
    const before = statsOf(one).answered;
    await until("enough of it was read on the standby", async () => {
      await expectFresh(10);
      return statsOf(one).answered > before + 20;
    });
  });

  test("is in the metrics and in the arithmetic of connections", async () => {
    const render = async () => (await one.deps.metrics.render()).split("\n");
    await until("it is told to be in use", async () => {
      const lines = await render();
      return lines.includes("db_standby_in_use 1") && lines.includes("db_standby_lag_seconds 0");
    });
    expect(await render()).toContain('db_lane_connections{lane="standby",state="max"} 4');
    const { arithmetic } = await connectionBudget(one.deps.db, { replicas: 2 });
    expect(arithmetic).toEndWith("; on the standby 2 × (4 standby + 1 watch) = 10");
  });
});

test("a standby that lags is left out, says how far it is behind, and no list is stale meanwhile", async () => {
  await inUse();
  await onStandby((sql) => sql`select pg_wal_replay_pause()`);
  await expectFresh(10);
  await until("it is known to lag", () => statsOf(one).trouble === "lagging");
  const behind_ms = statsOf(one).lag_ms ?? 0;
  await expectFresh(10);
  expect(statsOf(one).lag_ms).toBeGreaterThan(behind_ms);
  expect(statsOf(one).fallbacks.lagging + statsOf(two).fallbacks.lagging).toBeGreaterThan(0);
  // What is replayed then may cancel the very statement that let it go on.
  await onStandby((sql) => sql`select pg_wal_replay_resume()`).catch(() => {});
  await inUse();
  await expectFresh(5);
}, 30_000);

test("a report that is in the way of the replay is cancelled there and answered by the primary", async () => {
  await primary_sql.unsafe("create table conflicts as select g as id from generate_series(1, 1000) g");
  const slow = statement<{ seconds: number }, { rows: number }>(
    "select (select count(*)::int from conflicts) as rows, pg_sleep($1::float8)::text as slept",
    "seconds",
  );
  const runs = async (sql: SQL) =>
    (
      await sql`select 1 from pg_stat_activity where query like '%from conflicts%' and state = 'active'
        and application_name like '%/standby'`
    ).length > 0;
  const ask = async () => {
    await inUse();
    return one.deps.db.report.query(slow, { seconds: 1.5 });
  };
  const answer = ask();
  await onStandby((sql) => until("it runs on the standby", () => runs(sql)));
  await primary_sql.unsafe("delete from conflicts where id > 500");
  await primary_sql.unsafe("vacuum conflicts");
  expect((await answer)[0]?.rows).toBe(500);
  expect(statsOf(one).fallbacks.conflict).toBe(1);
}, 30_000);

test("with the standby killed and started again under load no request fails, and it comes back into use", async () => {
  await inUse();
  const loaded = load();
  await until("the load runs", () => loaded.seen.count > 50);
  const answered = statsOf(one).answered;
  await standby.kill();
  await until("both know", () => [one, two].every((app) => statsOf(app).trouble === "away"));
  const count = loaded.seen.count;
  await until("requests go on", () => loaded.seen.count > count + 100);
  await standby.start();
  await inUse();
  await until("it answers again", () => statsOf(one).answered > answered + 20);
  await loaded.stop();
  expect(loaded.seen.wrong).toEqual([]);
}, 60_000);

test("a standby that does not answer any more holds nobody up for long, and new connections are tried at once", async () => {
  await inUse();
  const proxy = await startTcpProxy(standby.url);
  const db = openDatabase(proxy.url);
  try {
    await until("it is in use", () => db.standby?.().trouble === null);
    // Longer than the watch needs to notice.
    const slow = db.report.query(sleep, { seconds: 3 });
    await until("it runs there", () => db.standby?.().lane.in_use === 1);
    proxy.blackHole();
    const asked = Array.from({ length: 6 }, () => timed(() => db.report.query(echo, { id: 1 })));
    for (const { took_ms, result } of await Promise.all(asked)) {
      expect(result).toEqual([{ id: 1 }]);
      // Two rounds of the watch, where the lane would have waited for 11 s.
      expect(took_ms).toBeLessThan(6_000);
    }
    await until("it is in use again", () => db.standby?.().trouble === null);
    const { answered } = db.standby?.() ?? { answered: 0 };
    await until("it answers again", async () => {
      await db.report.query(echo, { id: 1 });
      return (db.standby?.().answered ?? 0) > answered;
    });
    expect(await slow).toHaveLength(1);
    expect(db.standby?.().fallbacks.away).toBeGreaterThan(0);
  } finally {
    await db.close();
    proxy.stop();
  }
}, 60_000);

/** The lanes of one replica more, with this server as its standby. */
const openDatabase = (replica_url: string) =>
  createDatabase({
    url: one.database_url,
    replica_url,
    fast_max: 2,
    write_max: 1,
    report_max: 4,
    queue_max: 10,
    slow_query_ms: 60_000,
    replica: "test",
    log: keepLog(),
  });

describe("what is no standby of the primary is never asked", () => {
  async function troubleWith(replica_url: string): Promise<string | null> {
    const db = openDatabase(replica_url);
    await until("it was looked at", () => db.standby?.().trouble !== "starting");
    expect(await db.report.query(echo, { id: 7 })).toEqual([{ id: 7 }]);
    const { trouble, answered } = db.standby?.() ?? {};
    expect(answered).toBe(0);
    await db.close();
    return trouble ?? null;
  }

  test("another system, and the primary itself", async () => {
    expect(await troubleWith(shared)).toBe("another_system");
    expect(await troubleWith(one.database_url)).toBe("not_a_standby");
  });

  test("a standby that was promoted", async () => {
    await inUse();
    await onStandby((sql) => sql`select pg_promote()`);
    await expectFresh(10);
    await until("it is known", () => statsOf(one).trouble === "not_a_standby");
    await expectFresh(5);
  }, 30_000);
});
