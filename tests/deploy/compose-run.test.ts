import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { readCompose, root, serviceOf } from "../helpers/compose.ts";
import { connect } from "../helpers/database.ts";
import { startTestNginx, type TestNginx } from "../helpers/nginx.ts";
import { type Program, startProgram, waitForAnswer } from "../helpers/program.ts";
import { freePort, makeTestFolder } from "../helpers/services.ts";

/**
 * The services of `compose.yaml` started by hand: their commands, environments and secrets as the file has them, with
 * the program from source, and names and paths of containers replaced by those of this machine. That the image runs is
 * held by the suite `image`.
 */
const { compose } = readCompose();
const folder = makeTestFolder();
const secrets = join(folder, "secrets");
const role = `countinghouse_${process.pid}`;
const running: Program[] = [];
let nginx: TestNginx | null = null;

function start(words: readonly string[], env: Readonly<Record<string, string>>): Program {
  const program = startProgram(words, env);
  running.push(program);
  return program;
}

const secretOf = (name: string): string => readFileSync(join(secrets, name), "utf8").trimEnd();
const onServer = async (statement: string, database = "postgres"): Promise<void> => {
  const url = new URL(process.env["TEST_DATABASE_URL"] ?? "");
  url.pathname = `/${database}`;
  const sql = connect(url.href);
  await sql.unsafe(statement).finally(() => sql.close());
};

/** What `10-roles.sh` gives to psql, for a role and a database of this test alone. */
async function makeDatabase(): Promise<void> {
  const script = readFileSync(join(root, "deploy/postgres/10-roles.sh"), "utf8");
  const [, statements = ""] = /<<'SQL'\n([\s\S]+)\nSQL/.exec(script) ?? [];
  const ours = statements
    .replace(/^\\set .*$/gm, "")
    .replaceAll(/:'(\w+)'/g, (_, name: string) => `'${secretOf(name)}'`)
    .replaceAll(/\bcountinghouse\b/g, role)
    .replaceAll(/\bmonitor\b/g, `${role}_monitor`);
  await onServer(`create database ${role}`);
  await onServer(ours, role);
}

/** Redis with the command of its service; resolved when the user of the health check gets its pong, and nothing else. */
async function startRedis(): Promise<number> {
  const [, ...flags] = serviceOf(compose, "redis").command ?? [];
  const port = await freePort();
  const here = flags.map((flag) => flag.replace("/run/secrets", secrets));
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
  const server = start([process.env["REDIS_SERVER_PATH"] ?? "redis-server", ...here, ...place], {});
  const deadline = performance.now() + 10_000;
  const lines = "AUTH health none\r\nPING\r\nGET x\r\nQUIT\r\n";
  while (!(await ask(port, lines)).startsWith("+OK\r\n+PONG\r\n-NOPERM")) {
    if (performance.now() > deadline) throw new Error(`redis-server does not start:\n${server.output()}`);
    await Bun.sleep(20);
  }
  return port;
}

/** Sends lines to a port; what comes back, or nothing where nobody listens. */
function ask(port: number, lines: string): Promise<string> {
  return new Promise((resolve) => {
    let reply = "";
    const socket = connectTcp(port, "127.0.0.1", () => socket.write(lines));
    socket.on("data", (chunk) => (reply += chunk.toString()));
    socket.on("close", () => resolve(reply)).on("error", () => resolve(""));
  });
}

/** The environment of a service, on this machine. */
function environmentOf(name: string, own: Readonly<Record<string, string>>): Record<string, string> {
  const { environment = {} } = serviceOf(compose, name);
  const here = Object.entries(environment).map(([key, value]) => [
    key,
    value.replace("/run/secrets", secrets),
  ]);
  return { ...(Object.fromEntries(here) as Record<string, string>), DATA_DIR: join(folder, "data"), ...own };
}

type Replica = Readonly<{ program: Program; port: number; admin_port: number; env: Record<string, string> }>;

async function startReplica(name: string): Promise<Replica> {
  const port = await freePort();
  const admin_port = await freePort();
  const env = environmentOf("api", {
    HOST: "127.0.0.1",
    PORT: String(port),
    ADMIN_PORT: String(admin_port),
    REPLICA: name,
    // nginx is on this machine, not on the network of the file.
    TRUSTED_PROXIES: "127.0.0.1/32",
  });
  return { program: start([process.execPath, "src/main.ts"], env), port, admin_port, env };
}

const json = (response: Response): Promise<Record<string, unknown>> =>
  response.json() as Promise<Record<string, unknown>>;
const readyz = (replica: Replica): Promise<Response> => fetch(`http://127.0.0.1:${replica.port}/readyz`);
const healthcheck = ({ env }: Replica): Promise<number> =>
  start([process.execPath, "src/main.ts", "healthcheck"], env).exited;

let first: Replica;
let second: Replica;

beforeAll(async () => {
  cpSync(join(root, "deploy/secrets/make.sh"), join(secrets, "make.sh"));
  const made = startProgram(["sh", join(secrets, "make.sh")], {});
  expect(await made.exited, made.output()).toBe(0);
  const [redis_port] = await Promise.all([startRedis(), makeDatabase()]);
  // As an operator whose stores are elsewhere: the files name other servers.
  const server = new URL(process.env["TEST_DATABASE_URL"] ?? "");
  const at = (name: string, host: string, place: string): Promise<number> =>
    Bun.write(join(secrets, name), secretOf(name).replace(`@${host}`, `@${place}`));
  await at("redis_url", "redis:6379", `127.0.0.1:${redis_port}`);
  await at("database_url", "postgres:5432/countinghouse", `${server.host}/${role}`);
  await Bun.write(
    join(secrets, "database_url"),
    secretOf("database_url").replace("//countinghouse", `//${role}`),
  );
});

afterAll(async () => {
  await nginx?.stop();
  for (const program of running) program.signal("SIGKILL");
  await Promise.all(running.map(({ exited }) => exited));
  await onServer(`drop database if exists ${role} with (force)`);
  await onServer(`drop role if exists ${role}, ${role}_monitor`);
  rmSync(folder, { recursive: true, force: true });
});

test("before `migrate` a replica is alive and healthy, and says why it is not ready", async () => {
  first = await startReplica("one");
  await waitForAnswer(first.program, `http://127.0.0.1:${first.port}/livez`);
  const response = await readyz(first);
  expect([response.status, (await json(response))["reason"]]).toEqual([
    503,
    expect.stringContaining("schema"),
  ]);
  expect(await healthcheck(first)).toBe(0);
});

test("`migrate` makes the schema as the owner of the database, who is no superuser, and ends; the replica is ready", async () => {
  const { command = [] } = serviceOf(compose, "migrate");
  const migrate = start([process.execPath, "src/main.ts", ...command], environmentOf("migrate", {}));
  expect(await migrate.exited, migrate.output()).toBe(0);
  expect(migrate.output()).toContain("0001_core");
  await waitForAnswer(first.program, `http://127.0.0.1:${first.port}/readyz`);
  second = await startReplica("two");
  await waitForAnswer(second.program, `http://127.0.0.1:${second.port}/readyz`);
  const sql = connect(secretOf("database_url"));
  try {
    expect(await sql`select rolsuper from pg_roles where rolname = current_user`).toEqual([
      { rolsuper: false },
    ]);
  } finally {
    await sql.close();
  }
}, 30_000);

test("both have the stores, say who they are, and show figures on the admin port", async () => {
  for (const [replica, name] of [
    [first, "one"],
    [second, "two"],
  ] as const) {
    const health = await fetch(`http://127.0.0.1:${replica.port}/health`);
    expect(await json(health)).toMatchObject({
      status: "healthy",
      redis: "connected",
      database: "healthy",
      replica: name,
    });
    const metrics = await fetch(`http://127.0.0.1:${replica.admin_port}/metrics`);
    expect(await metrics.text()).toContain("redis_up 1");
  }
});

test("behind nginx a stranger's login is refused as anywhere, and the figures are not there", async () => {
  const upstreams = [first, second].map(({ port }) => `127.0.0.1:${port}`);
  nginx = await startTestNginx(folder, { upstreams });
  const login = await fetch(`${nginx.url}/api/v1/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "nobody", password: "a-password-of-nobody" }),
  });
  expect([login.status, login.headers.get("content-type")]).toEqual([401, "application/problem+json"]);
  expect(await json(login)).toMatchObject({ status: 401, code: "invalid_credentials" });
  expect((await fetch(`${nginx.url}/metrics`)).status).toBe(404);
  expect((await fetch(`${nginx.url}/api/v1/me`)).status).toBe(401);
});

test("the log is one JSON object a line, and has no password and no key in it", () => {
  const lines = first.program.output().trim().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { replica: string }).replica)).toEqual(
    lines.map(() => "one"),
  );
  const text = `${first.program.output()}${second.program.output()}`;
  for (const name of ["jwt_secret", "database_password", "redis_password"])
    expect(text).not.toContain(secretOf(name));
});

test("asked to end, a replica ends well within the grace that the file gives it, and is not healthy any more", async () => {
  const { stop_grace_period = "0s" } = serviceOf(compose, "api");
  for (const replica of [first, second]) {
    const began_ms = performance.now();
    replica.program.signal("SIGTERM");
    expect(await replica.program.exited, replica.program.output()).toBe(0);
    expect(performance.now() - began_ms).toBeLessThan(Number.parseInt(stop_grace_period, 10) * 1000);
  }
  expect(await healthcheck(first)).toBe(1);
}, 70_000);
