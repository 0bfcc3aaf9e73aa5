import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { version } from "../../src/platform/version.ts";
import { startTestApp, type TestApp, testSecret } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { type Program, startProgram, waitForAnswer } from "../helpers/program.ts";
import { type Replicas, startReplicas, until } from "../helpers/replicas.ts";
import { freePort } from "../helpers/services.ts";

type Replica = { replica: string; state: string; reason: string | null; database: string | null } & Record<
  string,
  unknown
>;
type Health = { status: string; redis: string; database: string; partial: boolean; replicas: Replica[] };
type Lane = { name: string; max: number; size: number; queries: number };
type Pools = {
  pool_stats: { max_connections: number; total: number; lanes: Record<string, Lane> };
  replicas: (Replica & { lanes: Record<string, Lane> | null })[];
  status: string;
  warnings: string[];
};
type Times = {
  status: string;
  lanes: Record<string, { query_ms: number }>;
  replicas: { replica: string; lanes: Record<string, { query_ms: number } | null> }[];
};

const healthPath = "/api/v1/health";
/** Where replicas are entered, and their reports, by the ids of their processes. */
const [roll, reports] = ["{rate-limit}:fleet:roll", "{rate-limit}:fleet:reports"];
let fleet: Replicas;
let token: string;

beforeAll(async () => {
  fleet = await startReplicas({ REPLICAS: "2" });
  token = await fleet.one.token(fleet.one.alpha.people.owner);
  await until("both are entered", async () => (await statesNow()).length === 2);
});
afterAll(() => fleet.stop());

async function read<T>(path: string, app: TestApp = fleet.one, as = token): Promise<T> {
  const response = await app.send("GET", path, { token: as });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

const states = ({ replicas }: { replicas: readonly { replica: string; state: string }[] }) =>
  replicas.map(({ replica, state }) => `${replica} ${state}`);

const statesNow = async (app?: TestApp): Promise<string[]> => states(await read<Health>(healthPath, app));

/** Another replica of the fleet in a process of its own, which can be frozen and killed. */
async function startThird(): Promise<Program> {
  const port = await freePort();
  const program = startProgram([process.execPath, "src/main.ts", "serve"], {
    DATABASE_URL: fleet.one.database_url,
    REDIS_URL: fleet.redis.url,
    JWT_SECRET: testSecret,
    HOST: "127.0.0.1",
    PORT: String(port),
    ADMIN_PORT: "0",
    REPLICA: "three",
    REPLICAS: "3",
  });
  await waitForAnswer(program, `http://127.0.0.1:${port}/readyz`);
  return program;
}

describe("the answer for the fleet", () => {
  test("names every replica with version, state and age, whichever is asked", async () => {
    for (const app of [fleet.one, fleet.two]) {
      const health = await read<Health>(healthPath, app);
      expect(health).toMatchObject({
        status: "healthy",
        redis: "connected",
        database: "healthy",
        version,
        replica: app.deps.config.replica,
        partial: false,
      });
      expect(states(health)).toEqual(["one ready", "two ready"]);
      for (const replica of health.replicas) {
        expect(replica).toMatchObject({ version, reason: null, redis: "connected", database: "healthy" });
        const uptime_ms = Date.now() - Date.parse(String(replica["started_at"]));
        expect(Math.abs(Number(replica["uptime_s"]) * 1_000 - uptime_ms)).toBeLessThan(5_000);
      }
    }
  });

  test("adds up the pools, and shows those of each replica", async () => {
    await fleet.two.send("GET", "/api/v1/customers", { token });
    const { pool_stats, replicas, warnings } = await read<Pools>(`${healthPath}/db`);
    expect(pool_stats.max_connections).toBe(10);
    expect(states({ replicas })).toEqual(["one ready", "two ready"]);
    for (const figure of ["max", "size", "queries"] as const) {
      for (const [name, lane] of Object.entries(pool_stats.lanes)) {
        const each = replicas.map(({ lanes }) => lanes?.[name]?.[figure] ?? Number.NaN);
        expect(lane[figure]).toBe(each.reduce((sum, value) => sum + value, 0));
      }
    }
    const two = replicas.find(({ replica }) => replica === "two")?.lanes?.["report"];
    expect(two?.queries).toBe(fleet.two.deps.db.stats().report.queries);
    expect(warnings).toEqual([]);
  });

  test("times a query on every lane of every replica, and tells the slowest", async () => {
    const { status, lanes, replicas } = await read<Times>(`${healthPath}/db/test`);
    expect(status).toBe("ok");
    expect(replicas.map(({ replica }) => replica)).toEqual(["one", "two"]);
    for (const lane of ["fast", "write", "report"]) {
      const each = replicas.map((one) => one.lanes[lane]?.query_ms ?? Number.NaN);
      expect(Math.min(...each)).toBeGreaterThan(0);
      expect(lanes[lane]?.query_ms).toBe(Math.max(...each));
    }
  });

  test("tells who drains, and who is not ready and why: only the latter is trouble", async () => {
    const { lifecycle } = fleet.two;
    const { schemaProblem } = lifecycle;
    try {
      lifecycle.state = "draining";
      const draining = await read<Health>(healthPath);
      expect([draining.status, ...states(draining)]).toEqual(["healthy", "one ready", "two draining"]);
      lifecycle.state = "ready";
      lifecycle.schemaProblem = () => Promise.resolve("schema is behind");
      const behind = await read<Health>(healthPath);
      expect([behind.status, ...states(behind)]).toEqual(["degraded", "one ready", "two not_ready"]);
      expect(behind.replicas[1]?.reason).toBe("schema is behind");
    } finally {
      Object.assign(lifecycle, { state: "ready", schemaProblem });
    }
    expect((await read<Health>(healthPath)).status).toBe("healthy");
  });

  test("is unhealthy while one replica has no database, which the tests of queries name", async () => {
    const cut = await startTestApp({
      env: { REDIS_URL: fleet.redis.url, REPLICA: "cut" },
      database_url: `postgres://nobody@127.0.0.1:${await freePort()}/none`,
      businesses: [fleet.one.alpha, fleet.one.bravo],
    });
    try {
      await until("it is there", async () => (await statesNow()).includes("cut ready"));
      const health = await read<Health>(healthPath);
      expect([health.status, health.database]).toEqual(["unhealthy", "unhealthy"]);
      expect(health.replicas.map(({ database }) => database)).toEqual(["unhealthy", "healthy", "healthy"]);
      const { status, lanes, replicas } = await read<Times>(`${healthPath}/db/test`);
      expect(status).toBe("failed");
      expect(replicas[0]?.lanes).toEqual({ fast: null, write: null, report: null });
      expect(Object.keys(lanes)).toHaveLength(3);
      const pools = await read<Pools>(`${healthPath}/db`);
      expect(pools.status).toBe("unhealthy");
      expect(pools.warnings).toContain("3 replicas run, and REPLICAS says 2");
    } finally {
      cut.lifecycle.state = "draining";
      await until("its end was announced", async () => !(await statesNow()).includes("cut ready"));
      await cut.stop();
    }
  });

  test("is that of one process without Redis, which says so", async () => {
    const lone = await startTestApp({
      database_url: fleet.one.database_url,
      businesses: [fleet.one.alpha, fleet.one.bravo],
    });
    try {
      const health = await read<Health>(healthPath, lone);
      expect(health).toMatchObject({ status: "healthy", redis: "disabled", partial: true });
      expect(states(health)).toEqual(["test ready"]);
      expect(states(await read(`${healthPath}/db`, lone))).toEqual(["test ready"]);
      expect(states(await read(`${healthPath}/cache`, lone))).toEqual(["test ready"]);
    } finally {
      await lone.stop();
    }
  });

  test("is that of the replica that was asked while Redis is away, and whole again after", async () => {
    fleet.redis.freeze();
    try {
      await until("it is told", async () => (await read<Health>(healthPath)).redis === "disconnected");
      const health = await read<Health>(healthPath);
      expect(health).toMatchObject({ status: "degraded", database: "healthy", partial: true });
      expect(states(health)).toEqual(["one ready"]);
      expect((await read<Times>(`${healthPath}/db/test`)).status).toBe("ok");
    } finally {
      fleet.redis.thaw();
    }
    await until("all answer", async () => (await read<Health>(healthPath)).status === "healthy");
    expect(await statesNow()).toEqual(["one ready", "two ready"]);
  });

  test("survives rubbish in Redis, and a replica whose release says other things", async () => {
    const about = JSON.stringify({ replica: "other", version: "9.0.0", started_at: 1, leaving: false });
    await fleet.redis.command("HSET", roll, "rubbish", "no number at all");
    await fleet.redis.command("HSET", roll, "other", `${Date.now()} 9000000000000000 ${about}`);
    await fleet.redis.command("HSET", reports, "other", '{"mood":"fine"}');
    const health = await read<Health>(healthPath);
    expect(states(health)).toEqual(["one ready", "other ready", "two ready"]);
    expect(health.replicas[1]).toMatchObject({ version: "9.0.0", redis: null, database: null });
    expect((await read<Pools>(`${healthPath}/db`)).pool_stats.max_connections).toBe(10);
    for (const rubbish of ['{"replica":', "{}", "null", "7", '{"replica":"x","started_at":1e300}']) {
      await fleet.redis.command("HSET", roll, "other", `${Date.now()} 0 ${rubbish}`);
      expect(await statesNow()).toEqual(["one ready", "two ready"]);
    }
    await fleet.redis.command("HSET", roll, "other", `${Date.now()} 9000000000000000 ${about}`);
    await fleet.redis.command("HSET", reports, "other", "no JSON");
    expect(await statesNow()).toEqual(["one ready", "other ready", "two ready"]);
    await fleet.redis.command("HDEL", roll, "other");
    expect(await statesNow()).toEqual(["one ready", "two ready"]);
  });

  test("is whole again after Redis has lost its data", async () => {
    await read<Health>(healthPath);
    await fleet.redis.command("FLUSHALL");
    await until("all are back", async () => (await statesNow()).length === 2);
    expect(await statesNow()).toEqual(["one ready", "two ready"]);
  });
});

describe("a replica that does not answer", () => {
  test("is named while it is frozen, after kill -9 until it is back, and not after it left in order", async () => {
    const frozen = await startThird();
    let again: Program | null = null;
    try {
      await until("it is there", async () => (await statesNow()).includes("three ready"));
      frozen.signal("SIGSTOP");
      const [health, pools, times, cleared] = await Promise.all([
        read<Health>(healthPath),
        read<Pools>(`${healthPath}/db`),
        read<Times>(`${healthPath}/db/test`),
        fleet.two.send("POST", `${healthPath}/cache/clear`, { token }),
      ]);
      const named = ["one ready", "three missing", "two ready"];
      expect([health.status, ...states(health)]).toEqual(["degraded", ...named]);
      expect(health.replicas[1]).toMatchObject({ version, uptime_s: null, redis: null, database: null });
      expect(pools.warnings).toContain("replica three does not answer");
      expect(times.status).toBe("failed");
      expect(states((await cleared.json()) as Health)).toEqual(named);
      frozen.signal("SIGCONT");
      await until("it answers again", async () => (await statesNow()).includes("three ready"));

      frozen.signal("SIGKILL");
      await frozen.exited;
      expect(await statesNow(fleet.two)).toContain("three missing");
      again = await startThird();
      await until("it is back", async () => (await statesNow()).includes("three ready"));
      expect(await statesNow()).toEqual(["one ready", "three ready", "two ready"]);

      again.signal("SIGTERM");
      expect(await again.exited).toBe(0);
      expect(await statesNow()).toEqual(["one ready", "two ready"]);
      expect((await read<Health>(healthPath)).status).toBe("healthy");
    } finally {
      frozen.signal("SIGKILL");
      again?.signal("SIGKILL");
      await Promise.all([frozen.exited, again?.exited]);
    }
  });

  test("delays the answer by less than a second, and not at all once it is known to be away", async () => {
    const about = JSON.stringify({ replica: "ghost", version, started_at: Date.now(), leaving: false });
    // The quickest of some tries: a busy machine adds to each.
    const quickest = async (silent_ms: number): Promise<number> => {
      const took: number[] = [];
      for (let round = 0; round < 2; round += 1) {
        const seen = Date.now() - silent_ms;
        await fleet.redis.command("HSET", roll, "ghost", `${seen} 0 ${about}`);
        const began = performance.now();
        const { replicas } = await read<Health>(healthPath);
        took.push(performance.now() - began);
        expect(states({ replicas })).toEqual(["ghost missing", "one ready", "two ready"]);
        const seen_ms = Date.parse(String(replicas[0]?.["last_seen_at"]));
        expect(Math.abs(seen_ms - seen)).toBeLessThan(5_000);
      }
      return Math.min(...took);
    };
    const waited_ms = await quickest(0);
    expect(waited_ms).toBeLessThan(1_500);
    expect(await quickest(10_000)).toBeLessThan(waited_ms);
    await fleet.redis.command("HDEL", roll, "ghost");
  });
});

describe("who may ask", () => {
  const paths = ["", "/db", "/db/test", "/cache"].map((path) => `${healthPath}${path}`);

  test("nobody without a token, and nobody but owners and admins", async () => {
    const { people } = fleet.one.alpha;
    const manager = await fleet.one.token(people.manager);
    const admin = await fleet.one.token(people.admin);
    const checks = paths.map(async (path) => {
      await expectProblem(fleet.one.send("GET", path), "unauthenticated");
      await expectProblem(fleet.one.send("GET", path, { token: manager }), "forbidden");
      expect((await fleet.one.send("GET", path, { token: admin })).status).toBe(200);
    });
    await Promise.all(checks);
  });

  test("an owner of another business sees the same replicas, and nothing of this business", async () => {
    const { alpha, bravo } = fleet.one;
    await fleet.one.send("GET", "/api/v1/customers?q=alpha", { token });
    const foreign = await fleet.one.token(bravo.people.owner);
    const checks = paths.map(async (path) => {
      const text = await (await fleet.one.send("GET", path, { token: foreign })).text();
      const { replicas } = JSON.parse(text) as Health;
      expect(replicas.map(({ replica }) => replica)).toEqual(["one", "two"]);
      const own = [alpha.id, alpha.code, ...Object.values(alpha.people).map(({ user_id }) => user_id)];
      expect(own.filter((word) => text.includes(word))).toEqual([]);
    });
    await Promise.all(checks);
    const clear = await fleet.one.send("POST", `${healthPath}/cache/clear`, { token: foreign });
    expect(await clear.text()).not.toContain(alpha.id);
  });

  test("more often than the limit allows nobody", async () => {
    const limited = await startTestApp({
      env: { RATE_LIMIT_ENABLED: "true", RATE_LIMIT_PER_MINUTE: "4" },
      database_url: fleet.one.database_url,
      businesses: [fleet.one.alpha, fleet.one.bravo],
    });
    try {
      for (const path of paths) await read(path, limited);
      for (const path of paths) {
        const response = await limited.send("GET", path, { token });
        expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
        await expectProblem(response, "rate_limited");
      }
    } finally {
      await limited.stop();
    }
  });
});
