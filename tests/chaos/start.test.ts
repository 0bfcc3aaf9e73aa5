import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { isAlive, readPostmaster, waitUntil } from "../../src/platform/db/embedded-process.ts";
import { type Program, startProgram, waitForAnswer } from "../helpers/program.ts";
import { copyData, freePort, makeTestFolder } from "../helpers/services.ts";

const bun = process.execPath;
let folder = "";
let port = 0;
let programs: Program[] = [];

/** What the first start did, on an empty data directory; the other tests begin with a copy of what it left there. */
type FirstStart = Readonly<{
  address: string;
  took_ms: number;
  health: unknown;
  output: string;
  code: number;
  left_behind: boolean;
  still_answers: boolean;
}>;
const made = makeTestFolder();
let first: FirstStart;

beforeAll(async () => {
  port = await freePort();
  const began = performance.now();
  const program = startProgram([bun, "start"], environmentOf(made));
  try {
    const answer = await waitForAnswer(program, url("/health"));
    const took_ms = performance.now() - began;
    const health: unknown = await answer.json();
    const postgres = readPostmaster(join(made, "data/postgres"))?.pid ?? 0;
    program.signalGroup("SIGINT");
    const code = await program.exited;
    const still_answers = await fetch(url("/health")).then(
      () => true,
      () => false,
    );
    const output = program.output();
    first = {
      address: `http://localhost:${port}/docs`,
      took_ms,
      health,
      output,
      code,
      left_behind: isAlive(postgres),
      still_answers,
    };
  } finally {
    if (isAlive(program.pid)) program.signalGroup("SIGKILL");
  }
}, 60_000);
afterAll(() => rmSync(made, { recursive: true, force: true }));

beforeEach(async () => {
  folder = makeTestFolder();
  copyData(join(made, "data"), join(folder, "data"));
  port = await freePort();
  programs = [];
});
afterEach(async () => {
  for (const program of programs) {
    if (isAlive(program.pid)) program.signal("SIGKILL");
    await program.exited;
  }
  const postmaster = postgresPid();
  if (postmaster !== null && isAlive(postmaster)) process.kill(postmaster, "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const postgresPid = (): number | null => readPostmaster(join(folder, "data/postgres"))?.pid ?? null;
const environmentOf = (of: string): Record<string, string> => ({
  DATA_DIR: join(of, "data"),
  PORT: String(port),
  ADMIN_PORT: "0",
});
const url = (path: string): string => `http://127.0.0.1:${port}${path}`;

function start(command: readonly string[] = [bun, "start"], env: Record<string, string> = {}): Program {
  const program = startProgram(command, { ...environmentOf(folder), ...env });
  programs.push(program);
  return program;
}

describe("bun start", () => {
  test("answers health with a new data directory, says where everything is, and Ctrl-C leaves no process", () => {
    expect(first.health).toMatchObject({ status: "healthy", redis: "disabled", database: "healthy" });
    const words = [first.address, "owner@demo.test", "demo-countinghouse", "Redis", "single process"];
    for (const word of words) expect(first.output).toContain(word);
    expect(first).toMatchObject({ code: 0, left_behind: false, still_answers: false });
  });

  test("answers sooner the second time, also after kill -9 of everything", async () => {
    const later_ms: number[] = [];
    for (const signal of ["SIGTERM", "SIGKILL", "SIGKILL"] as const) {
      const began = performance.now();
      const again = start();
      await waitForAnswer(again, url("/health"));
      later_ms.push(performance.now() - began);
      again.signalGroup(signal);
      expect((await again.exited) === 0).toBe(signal === "SIGTERM");
    }
    // The first one made the data directory, the schema and the demo business.
    expect(Math.min(...later_ms)).toBeLessThan(first.took_ms);
  });

  test("kill -9 of what was started takes the server with it, so that the port is free again", async () => {
    const first = start();
    await waitForAnswer(first, url("/health"));
    first.signal("SIGKILL");
    await first.exited;
    const second = start();
    await waitForAnswer(second, url("/health"));
    expect(second.output()).not.toContain("taken");
  });
});

describe("serve", () => {
  const serve = [bun, "src/main.ts"];

  test("SIGTERM does not wait for idle connections, stops the database, and exits 0", async () => {
    const program = start(serve);
    await waitForAnswer(program, url("/readyz"));
    const idle = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    const began = performance.now();
    program.signal("SIGTERM");
    expect(await program.exited).toBe(0);
    // An idle connection is not a request in flight (https://github.com/oven-sh/bun/pull/37074).
    expect(performance.now() - began).toBeLessThan(5000);
    idle.end();
    expect(program.output()).toContain('"stopped"');
    expect(postgresPid()).toBeNull();
  });

  test("a taken port is named, nothing stays behind, and the exit code is 69", async () => {
    const squatter = createServer().listen(port, "127.0.0.1");
    const program = start(serve);
    expect(await program.exited).toBe(69);
    expect(program.output()).toContain(`127.0.0.1:${port} is taken by another process. Set PORT`);
    expect(postgresPid()).toBeNull();
    squatter.close();
  });

  test("a taken admin port stops the API listener and the database again", async () => {
    const admin = await freePort();
    const squatter = createServer().listen(admin, "127.0.0.1");
    const program = start(serve, { ADMIN_PORT: String(admin) });
    expect(await program.exited).toBe(69);
    expect(program.output()).toContain("ADMIN_PORT");
    expect(postgresPid()).toBeNull();
    squatter.close();
  });

  test("a configuration with three mistakes prints all three and exits 78", async () => {
    const DATA_DIR = join(folder, "never made");
    const mistakes = { PORT: "many", MODULES: "casino", DATABASE_URL: "postgres://db/x" };
    const program = start(serve, { DATA_DIR, ...mistakes });
    expect(await program.exited).toBe(78);
    for (const name of ["PORT: ", "MODULES: ", "JWT_SECRET: "]) expect(program.output()).toContain(name);
    expect(existsSync(DATA_DIR)).toBe(false);
  });

  test("listens on a unix socket in place of a stale one, answers healthcheck there, and removes it", async () => {
    const socket = join(folder, "api.sock");
    const env = { UNIX_SOCKET: socket };
    const first = start(serve, env);
    expect(await answersOn(socket)).toBe(true);
    first.signal("SIGKILL");
    await first.exited;
    expect(existsSync(socket)).toBe(true);
    const second = start(serve, env);
    expect(await answersOn(socket)).toBe(true);
    expect(await start([...serve, "healthcheck"], env).exited).toBe(0);
    second.signal("SIGTERM");
    expect(await second.exited).toBe(0);
    expect(existsSync(socket)).toBe(false);
    expect(await start([...serve, "healthcheck"], env).exited).toBe(1);
  });

  test("never takes a file for a socket", async () => {
    const socket = join(folder, "precious");
    writeFileSync(socket, "do not touch");
    const program = start(serve, { UNIX_SOCKET: socket });
    expect(await program.exited).toBe(69);
    expect(await Bun.file(socket).text()).toBe("do not touch");
  });

  test("ends with an error when its database ends by itself", async () => {
    const program = start(serve);
    await waitForAnswer(program, url("/health"));
    const postgres = postgresPid() ?? 0;
    process.kill(postgres, "SIGQUIT");
    expect(await program.exited).toBe(70);
    expect(program.output()).toContain("ended by itself");
    expect(await waitUntil(() => !isAlive(postgres), 5000)).toBe(true);
  });

  test("one-shot commands work on the database of a running server", async () => {
    const program = start(serve);
    await waitForAnswer(program, url("/health"));
    const job = start([...serve, "migrate"]);
    expect(await job.exited).toBe(0);
    expect(job.output()).toContain("the schema is current");
    expect((await fetch(url("/health"))).status).toBe(200);
  });

  test("a command without its database says so in one line and exits 69", async () => {
    const env = {
      DATABASE_URL: `postgres://nobody@127.0.0.1:${await freePort()}/none`,
      JWT_SECRET: "a-secret-for-tests-of-at-least-32-bytes",
    };
    for (const command of ["migrate", "verify"]) {
      const program = start([...serve, command], env);
      expect(await program.exited).toBe(69);
      expect(program.output().trim().split("\n")).toEqual([
        expect.stringContaining("The database cannot be used"),
      ]);
    }
  });

  test("an unknown command says which there are and exits 64", async () => {
    const program = start([...serve, "dance"]);
    expect(await program.exited).toBe(64);
    expect(program.output()).toContain("healthcheck");
  });
});

async function answersOn(unix: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2_500; attempt += 1) {
    const response = await fetch("http://localhost/livez", { unix }).catch(() => null);
    if (response?.ok === true) return true;
    await Bun.sleep(20);
  }
  return false;
}
