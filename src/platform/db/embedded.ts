import { Database } from "bun:sqlite";
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { freePort } from "../free-port.ts";
import type { Log } from "../log.ts";
import { type Account, chooseAccount } from "./embedded-account.ts";
import {
  type Binaries,
  type Layout,
  USER,
  ensureCluster,
  findBinaries,
  layoutOf,
  spawnAs,
} from "./embedded-cluster.ts";
import { EmbeddedPostgresError } from "./embedded-error.ts";
import { isPostmasterOf, readPostmaster, stopPostmaster, waitUntil } from "./embedded-process.ts";

export { EmbeddedPostgresError } from "./embedded-error.ts";

/** A PostgreSQL server of our own, listening on a free port of 127.0.0.1. */
export type EmbeddedPostgres = Readonly<{
  /** With the password, which is random and stands in `DATA_DIR/postgres-password`. */
  url: string;
  pid: number;
  /** True when it was running already, started by another of our processes; `stop` then leaves it alone. */
  shared: boolean;
  /** Settles when the server ends without `stop` having been called; the text says where to look. */
  failed: Promise<string>;
  /** Cuts what is still connected, writes everything and waits for the end. Close the pools first. */
  stop(): Promise<void>;
}>;

export type EmbeddedOptions = Readonly<{
  data_dir: string;
  log: Pick<Log, "info" | "warn">;
  /** Added to, or put in place of, the settings below. */
  settings?: Readonly<Record<string, string>>;
  /** What to do when another of our processes has this data directory: use its server too, or refuse (the default). */
  when_in_use?: "share" | "refuse";
}>;

const START_TIMEOUT_MS = 60_000;
/** A server that is just stopping, as in a restart, lets go of its directory within this time. */
const LOCK_WAIT_MS = 3_000;
const LOG_MAX_BYTES = 10_000_000;
const DATABASE = "countinghouse";

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  cluster_name: "countinghouse",
  max_connections: "100",
  shared_buffers: "128MB",
  effective_cache_size: "512MB",
  random_page_cost: "1.1",
  max_wal_size: "2GB",
  // Segments that are kept are written over. A new one is filled with zeroes first, and no commit gets on meanwhile.
  min_wal_size: "1GB",
  wal_compression: "pglz",
  checkpoint_timeout: "15min",
  synchronous_commit: "on",
  jit: "off",
  track_io_timing: "on",
  shared_preload_libraries: "pg_stat_statements",
  timezone: "UTC",
  log_timezone: "UTC",
  log_lock_waits: "on",
};

/**
 * Starts the PostgreSQL that comes from the npm registry on `DATA_DIR/postgres`, making the data directory the first
 * time, and waits until it answers.
 *
 * One of our processes owns a data directory at a time. When that process was killed, its server goes on alone: the
 * next start stops it cleanly and starts a fresh one, so that a server never runs with another release's settings.
 * A server that was killed too recovers by itself from its log.
 *
 * @throws {EmbeddedPostgresError} when it cannot run; the message is for the person at the terminal
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  mkdirSync(options.data_dir, { recursive: true });
  const layout = layoutOf(realpathSync(options.data_dir));
  const when_in_use = options.when_in_use ?? "refuse";
  const lock = await takeLockSoon(layout.data_dir, when_in_use === "share" ? 0 : LOCK_WAIT_MS);
  if (lock === null) return useRunning(layout, when_in_use);
  try {
    return await start(layout, lock, options);
  } catch (error) {
    lock.close();
    throw error;
  }
}

async function start(layout: Layout, lock: Database, options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const binaries = await findBinaries();
  const paths = [binaries.postgres, layout.data_dir];
  const account = chooseAccount({ data_directory: layout.directory, paths });
  await clearLeftovers(layout, options.log);
  const { created } = ensureCluster(layout, account, binaries);
  if (created)
    options.log.info({ directory: layout.directory }, "made the data directory of the embedded PostgreSQL");
  rotateLog(layout.log_file);
  const running = await launch(layout, account, binaries, { ...SETTINGS, ...options.settings });
  let stopping: Promise<void> | null = null;
  const url = urlOf(layout, running.port);
  try {
    await ensureDatabase(url);
  } catch (error) {
    await stopPostmaster(running.pid);
    throw error;
  }
  const failed = running.exited.then(() =>
    stopping === null
      ? `the embedded PostgreSQL ended by itself; see ${layout.log_file}`
      : new Promise<string>(() => {}),
  );
  const stop = async (): Promise<void> => {
    await stopPostmaster(running.pid);
    lock.close();
  };
  return { url, pid: running.pid, shared: false, failed, stop: () => (stopping ??= stop()) };
}

/**
 * A lock that the kernel drops when its holder dies, however it dies: SQLite's, which is in Bun, where flock(2) is
 * not. A file with a process number would outlive `kill -9` and name a stranger after a reboot.
 */
function takeLock(data_dir: string): Database | null {
  try {
    const lock = new Database(join(data_dir, "lock"), { create: true, readwrite: true });
    try {
      lock.run("PRAGMA busy_timeout = 0");
      lock.run("PRAGMA journal_mode = MEMORY");
      lock.run("BEGIN EXCLUSIVE");
      return lock;
    } catch (error) {
      lock.close();
      if (error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY"))
        return null;
      throw error;
    }
  } catch (error) {
    throw new EmbeddedPostgresError(
      `Cannot write to ${data_dir}: ${error instanceof Error ? error.message : "unknown"}`,
    );
  }
}

async function takeLockSoon(data_dir: string, wait_ms: number): Promise<Database | null> {
  const deadline = performance.now() + wait_ms;
  for (;;) {
    const lock = takeLock(data_dir);
    if (lock !== null || performance.now() >= deadline) return lock;
    await Bun.sleep(50);
  }
}

/** Another process of ours has the directory: one-shot jobs work on its server, a second server is refused. */
async function useRunning(layout: Layout, when_in_use: "share" | "refuse"): Promise<EmbeddedPostgres> {
  if (when_in_use === "refuse") {
    const postmaster = readPostmaster(layout.directory);
    throw new EmbeddedPostgresError(
      `${layout.data_dir} is in use by another Countinghouse that is running` +
        `${postmaster === null ? "" : ` (its PostgreSQL is process ${postmaster.pid})`}. ` +
        "Stop it, or give this one its own folder with DATA_DIR, and its own PORT.",
    );
  }
  await waitUntil(() => readPostmaster(layout.directory)?.ready === true, START_TIMEOUT_MS);
  const postmaster = readPostmaster(layout.directory);
  if (postmaster === null)
    throw new EmbeddedPostgresError(`The Countinghouse that uses ${layout.data_dir} does not come up.`);
  const url = urlOf(layout, postmaster.port);
  return { url, pid: postmaster.pid, shared: true, failed: new Promise(() => {}), stop: async () => {} };
}

/** We hold the lock, so whatever runs on this directory was left behind by a process of ours that was killed. */
async function clearLeftovers(layout: Layout, log: EmbeddedOptions["log"]): Promise<void> {
  const postmaster = readPostmaster(layout.directory);
  if (postmaster === null) return;
  if (isPostmasterOf(postmaster.pid, layout.directory)) {
    log.warn({ pid: postmaster.pid }, "stopping the embedded PostgreSQL that a killed server left running");
    await stopPostmaster(postmaster.pid);
  }
  rmSync(join(layout.directory, "postmaster.pid"), { force: true });
}

type Running = Readonly<{ pid: number; port: number; exited: Promise<void> }>;

/**
 * On the port that the settings name, else on one that is free: free when we look and perhaps taken when PostgreSQL
 * binds it, hence a few attempts.
 */
async function launch(
  layout: Layout,
  account: Account,
  binaries: Binaries,
  settings: Readonly<Record<string, string>>,
): Promise<Running> {
  let said = "";
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const port = settings["port"] === undefined ? await freePort() : Number(settings["port"]);
    const offset = statSync(layout.log_file, { throwIfNoEntry: false })?.size ?? 0;
    const flags = Object.entries({ ...settings, port: String(port) }).flatMap(([key, value]) => [
      "-c",
      `${key}=${value}`,
    ]);
    const child = spawnAs(account, [binaries.postgres, "-D", layout.directory, ...flags], layout.log_file);
    let over = false;
    const exited = new Promise<void>((resolve) => {
      const end = (): void => {
        over = true;
        resolve();
      };
      child.once("exit", end);
      child.once("error", end);
    });
    child.unref();
    const ready = (): boolean => readPostmaster(layout.directory)?.ready === true;
    const in_time = await waitUntil(() => over || ready(), START_TIMEOUT_MS);
    if (!over && in_time && child.pid !== undefined) return { pid: child.pid, port, exited };
    if (child.pid !== undefined) await stopPostmaster(child.pid);
    said = readFrom(layout.log_file, offset);
    if (!/could not bind|Address already in use|pre-existing shared memory/.test(said)) break;
    await Bun.sleep(200);
  }
  throw new EmbeddedPostgresError(
    `The embedded PostgreSQL does not start. ${layout.log_file} says:\n${said.trimEnd()}`,
  );
}

function readFrom(path: string, offset: number): string {
  const size_bytes = Math.min(statSync(path).size - offset, 4000);
  if (size_bytes <= 0) return "";
  const buffer = Buffer.alloc(size_bytes);
  const file = openSync(path, "r");
  try {
    readSync(file, buffer, 0, size_bytes, offset);
    return buffer.toString("utf8");
  } finally {
    closeSync(file);
  }
}

function rotateLog(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && stats.size > LOG_MAX_BYTES) renameSync(path, `${path}.1`);
}

function urlOf(layout: Layout, port: number): string {
  const password = readFileSync(layout.password_file, "utf8").trim();
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`;
}

/** Proves that the server answers, and makes the database if this is the first time. */
async function ensureDatabase(url: string): Promise<void> {
  try {
    await answers(url, "select 1");
  } catch (error) {
    if (!(error instanceof SQL.PostgresError) || error.errno !== "3D000") throw error;
    await answers(url.replace(/\/[^/]*$/, "/postgres"), `create database ${DATABASE}`);
  }
}

async function answers(url: string, statement: string): Promise<void> {
  const sql = new SQL(url, { max: 1, connectionTimeout: 10 });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.close();
  }
}
