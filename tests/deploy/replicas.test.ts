import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askSupervisor, type FleetStatus } from "../../src/fleet/control.ts";
import { runFolder } from "../../src/fleet/folder.ts";
import { listens } from "../../src/fleet/programs.ts";
import { isAlive, readPostmaster } from "../../src/platform/db/embedded-process.ts";
import { demo_password } from "../../src/platform/demo.ts";
import { type Program, startProgram, waitForAnswer } from "../helpers/program.ts";
import { startRedisCluster } from "../helpers/redis-cluster.ts";
import { until } from "../helpers/replicas.ts";
import { freePort, makeTestFolder } from "../helpers/services.ts";

/** `bun run replicas` as somebody types it who has nothing running. */
const folder = makeTestFolder();
const data_dir = join(folder, "data");
let env: Record<string, string>;
let port: number;
let admin_port: number;
let fleet: Program;

const words = (...more: string[]) => [process.execPath, "--no-orphans", "src/main.ts", "replicas", ...more];
const url = (path: string): string => `http://127.0.0.1:${port}${path}`;

async function status(): Promise<FleetStatus> {
  const answer = await askSupervisor(runFolder(data_dir), "GET /");
  if (answer === null) throw new Error(`no supervisor:\n${fleet.output()}`);
  return answer;
}

const pidsOf = ({ pid, nginx_pid, redis_pid, replicas }: FleetStatus): number[] =>
  [pid, nginx_pid, redis_pid, ...replicas.map((replica) => replica.pid)].filter((each) => each !== null);

async function answering(): Promise<Set<string>> {
  const names = new Set<string>();
  for (let at = 0; at < 24; at += 1) {
    const response = await fetch(url("/health"), { keepalive: false });
    if (response.status === 200) names.add(response.headers.get("x-replica") ?? "");
  }
  return names;
}

async function start(count: string, more: Record<string, string> = {}): Promise<Program> {
  const program = startProgram(words("--count", count), { ...env, ...more });
  await waitForAnswer(program, url("/readyz"), 60_000);
  await until("it says where it is", () => program.output().includes("is ready on"));
  return program;
}

/** One word of the command line, run to its end. */
async function run(...more: string[]): Promise<{ code: number; output: string }> {
  const program = startProgram(words(...more), env);
  return { code: await program.exited, output: program.output() };
}

beforeAll(async () => {
  port = await freePort();
  admin_port = await freePort();
  env = {
    DATA_DIR: data_dir,
    PORT: String(port),
    ADMIN_PORT: String(admin_port),
    LOG_FORMAT: "pretty",
    DB_FAST_MAX: "4",
    DB_WRITE_MAX: "4",
    DB_REPORT_MAX: "2",
  };
  fleet = await start("2");
}, 90_000);
afterAll(async () => {
  if (isAlive(fleet.pid)) fleet.signal("SIGKILL");
  await fleet.exited;
  rmSync(folder, { recursive: true, force: true });
});

describe("bun run replicas", () => {
  test("answers on one address through both replicas, with PostgreSQL and Redis of its own", async () => {
    expect(await answering()).toEqual(new Set(["api-1", "api-2"]));
    const health = (await (await fetch(url("/health"))).json()) as Record<string, unknown>;
    expect(health).toMatchObject({ status: "healthy", redis: "connected", database: "healthy" });
    const login = await fetch(url("/api/v1/auth/login"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: "owner@demo.test", password: demo_password }),
    });
    expect(login.status).toBe(200);
  });

  test("writes one log in which every line says who wrote it", async () => {
    await until(
      "both have logged",
      () => /^api-1 .* ready/m.test(fleet.output()) && /^api-2 .* ready/m.test(fleet.output()),
    );
    expect(fleet.output()).toContain(`Countinghouse is ready on http://localhost:${port}`);
  });

  test("has the metrics of both on its admin port, and hides them from the public one", async () => {
    const text = await (await fetch(`http://127.0.0.1:${admin_port}/metrics`)).text();
    for (const replica of ["api-1", "api-2"]) expect(text).toContain(`replica="${replica}"`);
    expect(text.match(/^# TYPE process_cpu_seconds_total /gm)).toHaveLength(1);
    expect((await fetch(url("/metrics"))).status).toBe(404);
  });

  test("starts again what is killed: a replica, Redis, nginx", async () => {
    const before = await status();
    for (const pid of [before.replicas[0]?.pid, before.redis_pid, before.nginx_pid])
      process.kill(pid ?? 0, "SIGKILL");
    await until(
      "all run again",
      async () => {
        const now = await status();
        const changed = pidsOf(now).filter((pid) => !pidsOf(before).includes(pid));
        return changed.length === 3 && pidsOf(now).length === 5;
      },
      30_000,
    );
    await until("both answer", async () => (await answering().catch(() => new Set())).size === 2, 20_000);
    expect((await status()).replicas.map(({ restarts }) => restarts)).toEqual([1, 0]);
  });

  test("replaces a replica that is alive and answers nothing", async () => {
    const frozen = (await status()).replicas[1]?.pid ?? 0;
    process.kill(frozen, "SIGSTOP");
    await until(
      "another one is in its place",
      async () => {
        const now = (await status()).replicas[1]?.pid;
        return now !== null && now !== frozen;
      },
      20_000,
    );
    expect(isAlive(frozen)).toBe(false);
  });

  test("is told to have more replicas and to renew them, by the same command and by a hangup", async () => {
    const before = await status();
    const scaled = await run("--count", "3");
    expect(scaled).toMatchObject({ code: 0 });
    expect(scaled.output).toContain("api-3 (pid");
    expect(await answering()).toEqual(new Set(["api-1", "api-2", "api-3"]));
    const after = await status();
    // The first two were renewed, because they counted with two.
    expect(pidsOf(after).filter((pid) => pidsOf(before).includes(pid))).toEqual(
      [after.pid, after.nginx_pid, after.redis_pid].filter((pid) => pid !== null),
    );
    expect(await run("--rolling-restart")).toMatchObject({ code: 0 });
    const renewed = await status();
    expect(renewed.replicas.some(({ pid }) => after.replicas.some((former) => former.pid === pid))).toBe(
      false,
    );
    fleet.signal("SIGHUP");
    await until(
      "each is new again",
      async () => {
        const { replicas } = await status();
        return !replicas.some(({ pid }) => renewed.replicas.some((former) => former.pid === pid));
      },
      40_000,
    );
    expect(await run("--count", "1")).toMatchObject({ code: 0 });
    expect(await answering()).toEqual(new Set(["api-1"]));
  }, 90_000);

  test("refuses words that it does not know", async () => {
    for (const wrong of [["--count", "0"], ["--count", "many"], ["--fast"]])
      expect((await run(...wrong)).code).toBe(64);
  });

  test("leaves nothing running when it is told to stop", async () => {
    const before = await status();
    const postgres = readPostmaster(join(data_dir, "postgres"))?.pid ?? 0;
    fleet.signal("SIGTERM");
    expect(await fleet.exited).toBe(0);
    expect(pidsOf(before).filter(isAlive)).toEqual([]);
    expect(isAlive(postgres)).toBe(false);
    expect(await listens({ port })).toBe(false);
  });

  test("killed with all that is its, it leaves nothing running, and starts again", async () => {
    fleet = await start("1");
    const before = await status();
    fleet.signal("SIGKILL");
    await fleet.exited;
    await until("all are gone", () => pidsOf(before).filter(isAlive).length === 0);
    await until("nobody listens", async () => !(await listens({ port })));
    fleet = await start("1");
    fleet.signal("SIGTERM");
    expect(await fleet.exited).toBe(0);
  }, 90_000);

  test("with a Redis Cluster of one's own it starts no Redis, and its secret may come from a file", async () => {
    const cluster = await startRedisCluster();
    const secret = join(folder, "secret");
    writeFileSync(secret, "a-secret-of-a-file-of-at-least-32-bytes");
    const given = { REDIS_CLUSTER_URLS: cluster.urls.join(","), JWT_SECRET_FILE: secret };
    try {
      fleet = await start("1", given);
      await until("it has found the Cluster", async () => {
        const { redis } = (await (await fetch(url("/health"))).json()) as { redis: string };
        return redis === "connected";
      });
      expect((await status()).redis_pid).toBeNull();
      fleet.signal("SIGTERM");
      expect(await fleet.exited).toBe(0);
    } finally {
      await cluster.stop();
    }
  }, 90_000);

  test("says what is missing for it, and who holds its port", async () => {
    const server = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response("mine") });
    const { code, output } = await run("--count", "1");
    await server.stop(true);
    expect(code).toBe(69);
    expect(output).toContain(`${port} is taken by another process`);
    expect(await run("--rolling-restart")).toMatchObject({ code: 64 });
  }, 60_000);
});
