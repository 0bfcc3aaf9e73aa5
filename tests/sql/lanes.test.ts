import type { SQL } from "bun";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { connectionBudget } from "../../src/platform/db/connection-budget.ts";
import { createDatabase } from "../../src/platform/db/database.ts";
import { DatabaseError } from "../../src/platform/db/errors.ts";
import type { WriteLane } from "../../src/platform/db/lane.ts";
import type { LaneName } from "../../src/platform/db/settings.ts";
import { until } from "../helpers/cache-order.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { failureOf } from "../helpers/failure.ts";
import { echo, keepLog, reasonOf, sleep, statement, testLane, timed } from "../helpers/lanes.ts";

let database: TestDatabase;
let sql: SQL;
const lanes: WriteLane[] = [];

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [] });
  sql = connect(database.url);
  await sql.unsafe(
    "create table counters (id int primary key, n int not null constraint n_small check (n < 1000))",
  );
  await sql.unsafe("insert into counters select g, 0 from generate_series(1, 10) g");
  await sql.unsafe(`create function bump(first int, second int) returns int language plpgsql as $$
    begin
      update counters set n = n + 1 where id = first;
      perform pg_sleep(0.002);
      update counters set n = n + 1 where id = second;
      return first;
    end $$`);
});
afterEach(async () => {
  await Promise.all(lanes.splice(0).map((lane) => lane.close({ timeout_s: 0 })));
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

const open = (name: LaneName, options: Omit<Parameters<typeof testLane>[1], "url"> = {}): WriteLane => {
  const lane = testLane(name, { url: database.url, ...options });
  lanes.push(lane);
  return lane;
};

const setting = statement<{ name: string }, { value: string }>("select current_setting($1) as value", "name");
const bump = statement<{ first: number; second: number }, { n: number }>(
  "select bump($1::int, $2::int) as n",
  "first",
  "second",
);

describe("every connection has its parameters", () => {
  const common = {
    TimeZone: "UTC",
    lock_timeout: "2s",
    idle_in_transaction_session_timeout: "5s",
    random_page_cost: "1.1",
    effective_cache_size: "4GB",
    jit: "off",
  };
  test.each([
    ["fast", { statement_timeout: "1s", default_transaction_read_only: "on" }],
    ["write", { statement_timeout: "5s", default_transaction_read_only: "off" }],
    [
      "report",
      {
        statement_timeout: "10s",
        default_transaction_read_only: "on",
        work_mem: "16MB",
        max_parallel_workers_per_gather: "2",
        plan_cache_mode: "force_custom_plan",
      },
    ],
  ] as const)("on %s", async (name, own) => {
    const lane = open(name);
    const expected = { ...common, application_name: `countinghouse/test/${name}`, ...own };
    const seen: Record<string, string> = {};
    for (const key of Object.keys(expected)) {
      const [row] = await lane.query(setting, { name: key });
      seen[key] = row?.value ?? "";
    }
    expect(seen).toEqual(expected);
  });
});

describe("parameters", () => {
  test("travel as text, whatever their type: one file is one prepared statement", async () => {
    const lane = open("fast", { settings: { max: 1 } });
    const values = {
      i: 7,
      b: "9007199254740993",
      yes: false,
      texts: ['a"b', "c\\d", "{e,f}", ""],
      ints: [1, 2],
      bytes: new Uint8Array([0, 255]),
      instant: "2026-11-20T08:15:00.123456Z",
    };
    type Values = { [Name in keyof typeof values]: (typeof values)[Name] | null };
    const all = statement<Values, object>(
      `select $1::int as i, $2::bigint::text as b, $3::bool as yes, $4::text[]::text as texts, $5::int[]::text as ints,
        $6::bytea as bytes, $7::timestamptz::text as instant`,
      ...(["i", "b", "yes", "texts", "ints", "bytes", "instant"] as const),
    );
    const [row] = await lane.query(all, values);
    expect(row).toEqual({
      i: 7,
      b: "9007199254740993",
      yes: false,
      texts: '{"a\\"b","c\\\\d","{e,f}",""}',
      ints: "{1,2}",
      bytes: Buffer.from([0, 255]),
      instant: "2026-11-20 08:15:00.123456+00",
    });
    const none = { i: null, b: null, yes: null, texts: null, ints: null, bytes: null, instant: null };
    await lane.query(all, none);
    const [prepared] = await lane.query(
      statement<{ text: string }, { count: number }>(
        "select count(*)::int as count from pg_prepared_statements where statement = $1",
        "text",
      ),
      { text: all.text },
    );
    expect(prepared?.count).toBe(1);
  });

  test.each([[undefined], [Number.NaN], [Number.POSITIVE_INFINITY], [[null]], [{}]])(
    "of the value %p are refused, naming statement and parameter",
    async (id) => {
      const error = await failureOf(open("fast").query(echo, { id: id as never }));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toStartWith("test/select: parameter id ");
    },
  );
});

describe("refusals of the server", () => {
  test("are a DatabaseError with SQLSTATE and constraint, and name the statement", async () => {
    const lane = open("write");
    const update = statement<{ id: number }, never>("update counters set n = 5000 where id = $1::int", "id");
    const error = await failureOf(lane.query(update, { id: 1 }));
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ sqlstate: "23514", constraint: "n_small", statement: "test/update" });
    expect(lane.stats()).toMatchObject({ errors: 1, queries: 0, lost: 0 });
  });

  test("a statement that takes too long is a deadline", async () => {
    const lane = open("fast", { settings: { connection: { statement_timeout: "50" } } });
    expect(await reasonOf(lane.query(sleep, { seconds: 1 }))).toBe("deadline");
    expect(await lane.query(echo, { id: 1 })).toEqual([{ id: 1 }]);
    expect(lane.stats().timeouts).toBe(1);
  });

  test("writing on a lane that reads is refused by the database", async () => {
    const error = await failureOf(open("fast").query(bump, { first: 1, second: 2 }));
    expect(error).toMatchObject({ name: "DatabaseError", sqlstate: "25006" });
  });

  test("deadlocks are not seen: an undone statement is sent again", async () => {
    await sql.unsafe("update counters set n = 0");
    const lane = open("write", { settings: { connection: { deadlock_timeout: "10ms" } } });
    const pairs = Array.from({ length: 60 }, (_, turn) => (turn % 2 === 0 ? [3, 4] : [4, 3]));
    const bumps = pairs.map(([first = 0, second = 0]) => lane.query(bump, { first, second }));
    const outcomes = await Promise.all(bumps.map(failureOf));
    expect(outcomes.filter((error) => error !== null)).toEqual([]);
    expect(await sql`select n from counters where id in (3, 4)`).toEqual([{ n: 60 }, { n: 60 }]);
    expect(lane.stats().retries).toBeGreaterThan(0);
  });
});

describe("gates", () => {
  test("write and report have one query in flight on a connection, and the queue is first come, first served", async () => {
    const lane = open("report");
    await Promise.all([0.1, 0.1].map((seconds) => lane.query(sleep, { seconds })));
    const order: number[] = [];
    const asked = [0.2, 0.2, 0.02, 0.02].map((seconds, index) =>
      lane.query(sleep, { seconds }).then(() => order.push(index)),
    );
    await Bun.sleep(60);
    expect(lane.stats()).toMatchObject({ max: 2, size: 2, in_use: 2, in_flight: 2, waiting: 2, idle: 0 });
    await Promise.all(asked);
    expect(new Set(order.slice(0, 2))).toEqual(new Set([0, 1]));
    expect(lane.stats().wait_ms.max).toBeGreaterThan(50);
  });

  test("fast pipelines, and gives every caller its own rows", async () => {
    const lane = open("fast", { settings: { queue_max: 5_000 } });
    const ids = Array.from({ length: 5_000 }, (_, id) => id);
    const rows = await Promise.all(ids.map((id) => lane.query(echo, { id })));
    expect(rows.map(([row]) => row?.id)).toEqual(ids);
  });

  test("beyond the queue calls are refused at once", async () => {
    const lane = open("report", { settings: { queue_max: 3 } });
    // Long enough for the second connection to be open before the first is free again.
    await Promise.all([0.1, 0.1].map((seconds) => lane.query(sleep, { seconds })));
    const calls = Array.from({ length: 5 }, () => lane.query(sleep, { seconds: 0.2 }));
    const { took_ms, result } = await timed(() => reasonOf(lane.query(echo, { id: 1 })));
    expect(result).toBe("overloaded");
    // Sooner than any of those before it can end.
    expect(took_ms).toBeLessThan(200);
    await Promise.all(calls);
    expect(lane.stats()).toMatchObject({ rejected: 1, waiting: 0 });
  });

  test("a deadline covers waiting and running", async () => {
    const lane = open("write", { settings: { max: 1, deadline_ms: 150, cancels_on_deadline: false } });
    const running = timed(() => reasonOf(lane.query(sleep, { seconds: 1 })));
    const waiting = timed(() => reasonOf(lane.query(echo, { id: 1 })));
    for (const { result, took_ms } of await Promise.all([running, waiting])) {
      expect(result).toBe("deadline");
      expect(took_ms).toBeWithin(149, 1_000);
    }
    expect(lane.stats()).toMatchObject({ timeouts: 2, in_flight: 1, waiting: 0 });
  });

  test("a report that nobody waits for any more is cancelled, and its connection used again", async () => {
    const lane = open("report", { settings: { max: 1, deadline_ms: 150 } });
    expect(await reasonOf(lane.query(sleep, { seconds: 5 }))).toBe("deadline");
    expect(await lane.query(echo, { id: 2 })).toEqual([{ id: 2 }]);
    expect(lane.stats()).toMatchObject({ opened: 1, in_flight: 0 });
  });

  test("a caller that goes away leaves the queue, and its report is cancelled", async () => {
    const lane = open("report", { settings: { max: 1 } });
    await lane.query(echo, { id: 0 });
    const [gone_running, gone_waiting] = [new AbortController(), new AbortController()];
    const running = failureOf(lane.query(sleep, { seconds: 5 }, { signal: gone_running.signal }));
    const waiting = failureOf(lane.query(echo, { id: 1 }, { signal: gone_waiting.signal }));
    gone_waiting.abort(new Error("waiting caller left"));
    expect(await waiting).toMatchObject({ message: "waiting caller left" });
    gone_running.abort(new Error("running caller left"));
    expect(await running).toMatchObject({ message: "running caller left" });
    expect(await lane.query(echo, { id: 2 })).toEqual([{ id: 2 }]);
    expect(lane.stats()).toMatchObject({ aborted: 2, opened: 1 });
  });

  test("a write that was sent is not stopped by its caller's leaving", async () => {
    const lane = open("write");
    // Connected, so that the next one is sent at once.
    await lane.query(sleep, { seconds: 0 });
    const gone = new AbortController();
    const write = lane.query(sleep, { seconds: 0.1 }, { signal: gone.signal });
    await Bun.sleep(30);
    gone.abort();
    expect(await write).toHaveLength(1);
  });

  test("time in the database is added to the request's timings", async () => {
    const timings = { db_ms: 0 };
    await open("report").query(sleep, { seconds: 0.05 }, { timings });
    expect(timings.db_ms).toBeGreaterThan(49);
  });
});

describe("sequences", () => {
  const count = statement<{ least: number }, { rows: number }>(
    "select count(*)::int as rows from counters where n >= $1::int",
    "least",
  );

  test("have a connection to themselves, and each of their statements sees what was committed before it", async () => {
    const lane = open("report", { settings: { max: 1 } });
    await sql.unsafe("update counters set n = 0");
    let waited = false;
    const rows = await lane.sequence("test/sequence", async (on) => {
      const [before] = await on.query(count, { least: 1 });
      void lane.query(echo, { id: 1 }).then(() => (waited = true));
      await sql.unsafe("update counters set n = 1 where id = 1");
      const [after] = await on.query(count, { least: 1 });
      expect(waited).toBeFalse();
      return [before?.rows, after?.rows];
    });
    expect(rows).toEqual([0, 1]);
    expect(await lane.query(echo, { id: 2 })).toEqual([{ id: 2 }]);
    expect(lane.stats()).toMatchObject({ opened: 1, in_flight: 0 });
  });

  test("are ended with all that waits when the lane is abandoned, and the next call makes a connection", async () => {
    const lane = open("report", { settings: { max: 1 } });
    const running = lane.sequence("test/sequence", (on) => on.query(sleep, { seconds: 20 }));
    const waiting = lane.query(echo, { id: 1 });
    await Bun.sleep(200);
    lane.abandon();
    expect(await Promise.all([running, waiting].map(reasonOf))).toEqual(["connection", "connection"]);
    expect(await lane.query(echo, { id: 2 })).toEqual([{ id: 2 }]);
    expect(lane.stats()).toMatchObject({ opened: 2, in_flight: 0 });
  });
});

describe("transactions", () => {
  const set = statement<{ id: number; n: number }, { n: number }>(
    "update counters set n = $2::int where id = $1::int returning n",
    "id",
    "n",
  );
  const get = async (id: number): Promise<number> =>
    (await sql`select n from counters where id = ${id}`)[0].n;

  test("commit together or not at all", async () => {
    const lane = open("write");
    const result = await lane.begin(async (transaction) => {
      await transaction.query(set, { id: 5, n: 51 });
      const [row] = await transaction.query(set, { id: 6, n: 61 });
      return row?.n;
    });
    expect([result, await get(5), await get(6)]).toEqual([61, 51, 61]);
    const error = await failureOf(
      lane.begin(async (transaction) => {
        await transaction.query(set, { id: 5, n: 52 });
        throw new RangeError("changed my mind");
      }),
    );
    expect(error).toBeInstanceOf(RangeError);
    const refused = lane.begin(async (transaction) => {
      await transaction.query(set, { id: 5, n: 53 });
      await transaction.query(set, { id: 6, n: 5_000 });
    });
    expect(await failureOf(refused)).toMatchObject({ constraint: "n_small" });
    expect(await get(5)).toBe(51);
    expect(lane.stats()).toMatchObject({ opened: 1, in_flight: 0 });
  });

  test("end at the deadline of the lane, rolled back, and give their connection back", async () => {
    const lane = open("write", { settings: { max: 1, deadline_ms: 100 } });
    const late = lane.begin(async (transaction) => {
      await transaction.query(set, { id: 7, n: 71 });
      await Bun.sleep(200);
      await transaction.query(set, { id: 7, n: 72 });
    });
    expect(await reasonOf(late)).toBe("deadline");
    await Bun.sleep(150);
    expect(await get(7)).toBe(0);
    // Not at the first try where the machine is busy: the deadline is short.
    let rows: unknown = null;
    await until("it answers", async () => {
      rows = await lane.query(echo, { id: 1 }).catch(() => null);
      return rows !== null;
    });
    expect(rows).toEqual([{ id: 1 }]);
  });
});

describe("what is told", () => {
  test("slow queries are logged by name, never with parameters", async () => {
    const log = keepLog();
    const lane = open("write", { log, slow_query_ms: 40 });
    await lane.query(sleep, { seconds: 0.0512345 });
    expect(log.lines).toMatchObject([
      { message: "slow query", lane: "write", statement: "test/select", outcome: "ok" },
    ]);
    expect(JSON.stringify(log.lines)).not.toContain("0512345");
    expect(lane.stats().slow).toBe(1);
  });

  test("an observer hears of every call once", async () => {
    const heard: unknown[][] = [];
    const lane = open("fast", { observer: (...call) => heard.push(call) });
    await lane.query(echo, { id: 1 });
    await failureOf(lane.query(statement<{ id: number }, never>("select 1 / $1::int", "id"), { id: 0 }));
    expect(heard.map((call) => call.slice(0, 3))).toEqual([
      ["fast", "test/select", "ok"],
      ["fast", "test/select", "error"],
    ]);
  });

  test("the connection budget is spelt out", async () => {
    const options = {
      url: database.url,
      fast_max: 10,
      write_max: 8,
      report_max: 4,
      queue_max: 10,
      slow_query_ms: 1_000,
    };
    const db = createDatabase({ ...options, replica: "test", log: keepLog() });
    const { result: pings } = await timed(() => db.ping());
    expect(Object.keys(pings)).toEqual(["fast", "write", "report"]);
    const enough = await connectionBudget(db, { replicas: 1 });
    expect(enough).toMatchObject({ needed: 27, sufficient: true });
    expect(enough.arithmetic).toStartWith("1 replica × (10 fast + 8 write + 4 report) + 5 in reserve = 27; ");
    const few = await connectionBudget(db, { replicas: 100 });
    expect(few.sufficient).toBeFalse();
    expect(few.arithmetic).toStartWith(
      "100 replicas × (10 fast + 8 write + 4 report) + 5 in reserve = 2205; max_connections",
    );
    expect(few.arithmetic).toContain("too few");
    await db.close();
    expect(await reasonOf(db.fast.query(echo, { id: 1 }))).toBe("closed");
  });
});
