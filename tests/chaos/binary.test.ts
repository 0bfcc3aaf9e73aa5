import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { startProgram, waitForAnswer } from "../helpers/program.ts";
import { freePort } from "../helpers/services.ts";

const server_url = process.env["TEST_DATABASE_URL"] ?? "";
const name = `binary_${process.pid}`;
const folder = mkdtempSync(join(tmpdir(), "countinghouse-binary-"));
const binary = join(folder, "countinghouse");

async function onServer(statement: string): Promise<void> {
  const sql = new SQL(server_url, { max: 1 });
  await sql.unsafe(statement).finally(() => sql.close());
}

beforeAll(() => onServer(`create database ${name}`));
afterAll(async () => {
  await onServer(`drop database if exists ${name} with (force)`);
  rmSync(folder, { recursive: true });
});

test("the compiled binary migrates, serves, answers healthcheck, and needs nothing beside it", async () => {
  const build = startProgram([process.execPath, "run", "build", "--outfile", binary], {});
  expect(await build.exited, build.output()).toBe(0);

  const url = new URL(server_url);
  url.pathname = `/${name}`;
  const port = await freePort();
  const env = {
    DATABASE_URL: url.href,
    JWT_SECRET: "a-secret-for-tests-of-at-least-32-bytes",
    PORT: String(port),
    ADMIN_PORT: "0",
    DATA_DIR: join(folder, "data"),
  };
  const migrate = startProgram([binary, "migrate"], env);
  expect(await migrate.exited, migrate.output()).toBe(0);
  expect(migrate.output()).toContain("0001_core");

  const server = startProgram([binary], env);
  await waitForAnswer(server, `http://127.0.0.1:${port}/readyz`);
  const health = await waitForAnswer(server, `http://127.0.0.1:${port}/health`);
  expect(await health.json()).toMatchObject({ status: "healthy" });
  expect(await startProgram([binary, "healthcheck"], env).exited).toBe(0);
  for (const path of ["/openapi.json", "/docs"]) {
    expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(200);
  }
  server.signal("SIGTERM");
  expect(await server.exited, server.output()).toBe(0);
  expect(await startProgram([binary, "healthcheck"], env).exited).toBe(1);
}, 120_000);

test("without a database the binary says what to set", async () => {
  const program = startProgram([binary], { DATA_DIR: join(folder, "alone"), PORT: "0", ADMIN_PORT: "0" });
  expect(await program.exited).toBe(69);
  expect(program.output()).toContain("Set DATABASE_URL");
});
