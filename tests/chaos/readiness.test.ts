import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { createTokens } from "../../src/http/tokens.ts";
import { migrate } from "../../src/platform/migrations.ts";
import { testSecret } from "../helpers/app.ts";
import { connect } from "../helpers/database.ts";
import { type Program, startProgram, waitForAnswer } from "../helpers/program.ts";
import { until } from "../helpers/replicas.ts";
import { freePort, makeTestFolder, type Service, startTestPostgres } from "../helpers/services.ts";

/** One server process, from before its database is there to its end: each test finds it as the one before left it. */
let program: Program;
let url: string;
let port: string;
let database_url: string;
let postgres: Service | null = null;
const folder = makeTestFolder();

const startDatabase = () => startTestPostgres(folder, { settings: { port } });

beforeAll(async () => {
  // The first start makes the data directory, so that the later ones are quick.
  port = String(await freePort());
  postgres = await startDatabase();
  database_url = postgres.url;
  await postgres.stop();
  postgres = null;
  const api_port = await freePort();
  url = `http://127.0.0.1:${api_port}`;
  program = startProgram([process.execPath, "src/main.ts", "serve"], {
    DATABASE_URL: database_url,
    JWT_SECRET: testSecret,
    HOST: "127.0.0.1",
    PORT: String(api_port),
    ADMIN_PORT: "0",
    REPLICA: "lifelong",
  });
  await waitForAnswer(program, `${url}/livez`);
});
afterAll(async () => {
  program.signal("SIGKILL");
  await program.exited;
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function readiness(): Promise<string> {
  const response = await fetch(`${url}/readyz`);
  const { status, reason } = (await response.json()) as { status: string; reason: string | null };
  return `${response.status} ${status} ${reason}`;
}

const becomes = (expected: string) =>
  until(`/readyz says ${expected}`, async () => (await readiness()) === expected, 20_000);

/** What a request that needs the database is answered: its status and whether it says when to come back. */
async function request(): Promise<string> {
  const now = () => Date.now();
  const tokens = createTokens({ secret: testSecret, ttl_s: 900, now });
  const [sub, sid, bid] = [Bun.randomUUIDv7(), Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  const authorization = `Bearer ${await tokens.issue({ sub, sid, bid })}`;
  const response = await fetch(`${url}/api/v1/customers`, { headers: { authorization } });
  const { code } = (await response.json()) as { code: string };
  const retry = Number(response.headers.get("retry-after")) > 0 ? " with Retry-After" : "";
  return `${response.status} ${code}${retry}`;
}

const isAlive = async () => (await fetch(`${url}/livez`)).status === 200;

test("started without its database it is alive, not ready, and tells everybody when to come back", async () => {
  await becomes("503 not_ready database is unavailable");
  expect(await isAlive()).toBe(true);
  expect((await fetch(`${url}/health`)).status).toBe(503);
  expect(await request()).toBe("503 database_unavailable with Retry-After");
});

test("with a database that was never migrated it is not ready, and is once that is done", async () => {
  postgres = await startDatabase();
  await becomes("503 not_ready schema is behind");
  expect(await request()).toBe("503 database_unavailable with Retry-After");
  expect(await isAlive()).toBe(true);
  await migrate(database_url);
  await becomes("200 ready null");
  expect(await request()).toBe("401 session_revoked");
});

test("with a migration missing it is not ready until that is mended; one of a newer release does not matter", async () => {
  const sql = connect(database_url);
  try {
    const [newest] = await sql`select name, sha256 from public.schema_migrations order by name desc limit 1`;
    await sql`delete from public.schema_migrations where name = ${newest.name}`;
    await becomes("503 not_ready schema is behind");
    await sql`insert into public.schema_migrations (name, sha256, duration_ms) values (${newest.name}, ${newest.sha256}, 1)`;
    await becomes("200 ready null");
    await sql`insert into public.schema_migrations (name, sha256, duration_ms) values ('9999_newer', ${newest.sha256}, 1)`;
    // Longer than an answer of the database is believed.
    await Bun.sleep(1_500);
    expect(await readiness()).toBe("200 ready null");
    await sql`delete from public.schema_migrations where name = ${newest.name}`;
    await becomes("503 not_ready schema is ahead");
    await sql`insert into public.schema_migrations (name, sha256, duration_ms) values (${newest.name}, ${newest.sha256}, 1)`;
    await sql`delete from public.schema_migrations where name = '9999_newer'`;
    await becomes("200 ready null");
  } finally {
    await sql.close();
  }
});

test("while the database is away it is alive and not ready, and ready again without a restart", async () => {
  await postgres?.stop();
  postgres = null;
  await becomes("503 not_ready database is unavailable");
  expect(await isAlive()).toBe(true);
  expect(await request()).toBe("503 database_unavailable with Retry-After");
  postgres = await startDatabase();
  await becomes("200 ready null");
  expect(await request()).toBe("401 session_revoked");
});

test("asked to stop it is not ready any more, and every line it wrote in its life names it", async () => {
  program.signal("SIGTERM");
  await becomes("503 not_ready draining");
  expect(await program.exited).toBe(0);
  const lines = program.output().trimEnd().split("\n");
  const told = lines.map((line) => JSON.parse(line) as { replica: string; message: string });
  expect(told.filter(({ replica }) => replica !== "lifelong")).toEqual([]);
  const messages = told.map(({ message }) => message);
  // Started once, whatever happened to its database.
  expect(messages.filter((message) => message === "ready")).toHaveLength(1);
  expect(messages).toEqual(expect.arrayContaining(["request", "draining", "stopped"]));
});
