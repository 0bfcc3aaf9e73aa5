import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { EmbeddedPostgresError, startEmbeddedPostgres } from "../../src/platform/db/embedded.ts";
import { isAlive, readPostmaster, waitUntil } from "../../src/platform/db/embedded-process.ts";
import { layPreparedData, makeTestFolder } from "../helpers/services.ts";

const silent = { info: () => {}, warn: () => {} };
const is_root = process.getuid?.() === 0;

let folder = "";
let data_dir = "";
beforeEach(() => {
  folder = makeTestFolder();
  data_dir = join(folder, "data");
});
afterEach(async () => {
  const left = readPostmaster(join(data_dir, "postgres"));
  if (left !== null) await (await startEmbeddedPostgres({ data_dir, log: silent }).catch(() => null))?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const start = () => startEmbeddedPostgres({ data_dir, log: silent });

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const sql = new SQL(url, { max: 1 });
  try {
    return await sql.unsafe<Record<string, unknown>[]>(text);
  } finally {
    await sql.close();
  }
}

/** A process like our server, which can be killed: prints the URL and stays. */
async function startElsewhere(): Promise<{ process: Bun.Subprocess; url: string }> {
  const program = `
    import { startEmbeddedPostgres } from ${JSON.stringify(join(import.meta.dir, "../../src/platform/db/embedded.ts"))};
    const log = { info() {}, warn() {} };
    const server = await startEmbeddedPostgres({ data_dir: ${JSON.stringify(data_dir)}, log });
    console.log(server.url);
    setInterval(() => {}, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
  for await (const chunk of child.stdout)
    return { process: child, url: new TextDecoder().decode(chunk).trim() };
  throw new Error("the other process ended");
}

test("the first start makes a checksummed UTF-8 cluster, the second is ready within 2 s, and stop leaves no process", async () => {
  const first = await start();
  await query(first.url, "create table kept (id int primary key)");
  const [settings] = await query(
    first.url,
    `select current_setting('server_version_num')::int / 10000 as major, current_setting('data_checksums') as checksums,
            current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
            current_setting('timezone') as timezone, current_setting('server_encoding') as encoding`,
  );
  expect(settings).toEqual({
    major: 18,
    checksums: "on",
    fsync: "on",
    synchronous_commit: "on",
    timezone: "UTC",
    encoding: "UTF8",
  });
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);

  const second = await start();
  expect(await query(second.url, "select count(*)::int as rows from kept")).toEqual([{ rows: 0 }]);
  await second.stop();
  expect(isAlive(second.pid)).toBe(false);
});

test("names with accents are letters to pg_trgm", async () => {
  layPreparedData(data_dir);
  const server = await start();
  await query(server.url, "create extension pg_trgm");
  const [row] = await query(
    server.url,
    "select show_trgm('Ọlá')::text <> '{}' as known, lower('ỌLÁ') as lowered",
  );
  expect(row).toEqual({ known: true, lowered: "ọlá" });
  await server.stop();
});

test("the password is random, needed, and readable by its owner only", async () => {
  const server = await start();
  const wrong = server.url.replace(/:[^:@]+@/, ":guess@");
  await expect(query(wrong, "select 1")).rejects.toThrow();
  expect(readFileSync(join(data_dir, "postgres-password"), "utf8").trim().length).toBeGreaterThanOrEqual(32);
  await server.stop();
});

test("kill -9 of the server alone: the next start ends the orphan, and every committed row is there", async () => {
  layPreparedData(data_dir);
  const other = await startElsewhere();
  await query(other.url, "create table kept as select generate_series(1, 1000) as id");
  const orphan = readPostmaster(join(data_dir, "postgres"))?.pid ?? 0;
  other.process.kill("SIGKILL");
  await other.process.exited;
  expect(isAlive(orphan)).toBe(true);

  const server = await start();
  expect(isAlive(orphan)).toBe(false);
  expect(await query(server.url, "select count(*)::int as rows from kept")).toEqual([{ rows: 1000 }]);
  await server.stop();
});

test("kill -9 of the server and of PostgreSQL: the next start recovers from the log", async () => {
  layPreparedData(data_dir);
  const other = await startElsewhere();
  await query(other.url, "create table kept as select generate_series(1, 1000) as id");
  const orphan = readPostmaster(join(data_dir, "postgres"))?.pid ?? 0;
  other.process.kill("SIGKILL");
  process.kill(orphan, "SIGKILL");
  await other.process.exited;
  expect(await waitUntil(() => !isAlive(orphan), 5000)).toBe(true);

  const server = await start();
  expect(await query(server.url, "select count(*)::int as rows from kept")).toEqual([{ rows: 1000 }]);
  expect(readFileSync(join(data_dir, "postgres.log"), "utf8")).toContain("automatic recovery in progress");
  await server.stop();
});

test("a stale process number that now belongs to a stranger does not prevent the start", async () => {
  layPreparedData(data_dir);
  const server = await start();
  await server.stop();
  const file = join(data_dir, "postgres/postmaster.pid");
  writeFileSync(
    file,
    `${process.pid}\n${join(data_dir, "postgres")}\n1700000000\n5432\n\n127.0.0.1\n\nready\n`,
  );
  const again = await start();
  expect(await query(again.url, "select 1 as one")).toEqual([{ one: 1 }]);
  await again.stop();
  expect(isAlive(process.pid)).toBe(true);
});

test("a directory in use is refused with the reason, and a one-shot job may share the server", async () => {
  layPreparedData(data_dir);
  const other = await startElsewhere();
  const refusal = await start().catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(EmbeddedPostgresError);
  expect(String(refusal)).toContain("in use by another Countinghouse");
  expect(String(refusal)).toContain("DATA_DIR");

  const shared = await startEmbeddedPostgres({ data_dir, log: silent, when_in_use: "share" });
  expect(shared.url).toBe(other.url);
  await shared.stop();
  expect(await query(other.url, "select 1 as one")).toEqual([{ one: 1 }]);
  other.process.kill("SIGKILL");
  await other.process.exited;
});

test("data of another major version, and a folder of something else, are refused with what to do", async () => {
  mkdirSync(join(data_dir, "postgres"), { recursive: true });
  await expect(start()).rejects.toThrow("holds no PostgreSQL data");
  writeFileSync(join(data_dir, "postgres/PG_VERSION"), "17\n");
  await expect(start()).rejects.toThrow("was written by PostgreSQL 17");
});

test("a making of the data directory that was interrupted is made again", async () => {
  mkdirSync(join(data_dir, "postgres.new"), { recursive: true });
  writeFileSync(join(data_dir, "postgres.new/PG_VERSION"), "18\n");
  const server = await start();
  await server.stop();
  expect(existsSync(join(data_dir, "postgres.new"))).toBe(false);
});

test("a server that cannot start says why in its own words", async () => {
  layPreparedData(data_dir);
  const bad = startEmbeddedPostgres({ data_dir, log: silent, settings: { shared_buffers: "many" } });
  await expect(bad).rejects.toThrow('invalid value for parameter "shared_buffers"');
});

test("root starts it in a folder that only root may enter; anybody else in their own", async () => {
  const closed = join(folder, "closed");
  mkdirSync(closed, { mode: 0o700 });
  data_dir = join(closed, "data");
  const server = await start();
  const [row] = await query(server.url, "select current_setting('data_directory') as directory");
  expect(row).toEqual({ directory: join(data_dir, "postgres") });
  const uid = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]);
  expect(uid === 0).toBe(false);
  expect(uid === process.getuid?.()).toBe(!is_root);
  await server.stop();
});
