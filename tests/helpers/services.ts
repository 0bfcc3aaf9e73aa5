import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
export { freePort } from "../../src/platform/free-port.ts";
import { startEmbeddedPostgres } from "../../src/platform/db/embedded.ts";
import {
  isAlive,
  isPostmasterOf,
  readPostmaster,
  stopPostmaster,
} from "../../src/platform/db/embedded-process.ts";

/** A server started for the tests, and the way to be rid of it. */
export type Service = Readonly<{ url: string; stop(): Promise<void> }>;

const PREFIX = "countinghouse-test-";

/**
 * A folder that goes away with the tests; named after its maker so that a later run can sweep up after a killed one.
 *
 * @param within where it is made
 */
export function makeTestFolder(within = tmpdir()): string {
  const folder = mkdtempSync(join(within, `${PREFIX}${process.pid}-`));
  // PostgreSQL runs as another account when we are root.
  chmodSync(folder, 0o755);
  return folder;
}

const MEMORY = "/dev/shm";
const MEMORY_BYTES_MIN = 8 * 1024 ** 3;

/**
 * Where databases lie that nothing is forced to disk of: in memory, where the system keeps a good deal of it for files.
 * A database is eight hundred files, and ext4 passes over the numbers of all that were removed within a minute.
 */
export function folderInMemory(): string {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= MEMORY_BYTES_MIN ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** Where `bun tests/run.ts` has put a data directory with a cluster, and with what every test database is a clone of. */
export const PREPARED_DATA = "TEST_PREPARED_DATA";

/** Makes `to` of a data directory on which no server runs. PostgreSQL takes only what is its account's: owners stay. */
export function copyData(from: string, to: string): void {
  execFileSync("cp", ["-a", from, to]);
}

/**
 * Lays the prepared data directory where a server is going to be started for the first time: making one and migrating
 * takes some seconds of a core, copying one does not. Without a prepared one, or where data is already, it does nothing.
 */
export function layPreparedData(data_dir: string): void {
  const prepared = process.env[PREPARED_DATA];
  if (prepared !== undefined && !existsSync(data_dir)) copyData(prepared, data_dir);
}

const silent = { info: () => {}, warn: () => {} };

/**
 * A real PostgreSQL in `folder`. Nothing is forced to disk: these databases do not outlive the run. Tests about
 * durability, and every published figure, start one with `durable`. Copies of the prepared data are one system to
 * PostgreSQL, so a test that tells systems apart starts another one.
 */
export async function startTestPostgres(
  folder: string,
  options: { durable?: boolean; another_system?: boolean; settings?: Readonly<Record<string, string>> } = {},
): Promise<Service> {
  const hasty = {
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
    autovacuum_naptime: "10s",
  };
  const data_dir = join(folder, "data");
  if (options.another_system !== true) layPreparedData(data_dir);
  const server = await startEmbeddedPostgres({
    data_dir,
    log: silent,
    settings: { max_connections: "200", ...(options.durable === true ? {} : hasty), ...options.settings },
  });
  return { url: server.url, stop: () => server.stop() };
}

/** Ends the servers and removes the folders of test runs that were killed. */
export async function sweepLeftovers(): Promise<void> {
  const within = [...new Set([tmpdir(), MEMORY])].filter((parent) => existsSync(parent));
  for (const folder of within.flatMap((parent) => readdirSync(parent).map((name) => join(parent, name)))) {
    const [, maker] = new RegExp(`/${PREFIX}(\\d+)-[^/]*$`).exec(folder) ?? [];
    if (maker === undefined || isAlive(Number(maker))) continue;
    if (hasMounts(folder)) continue;
    const directory = join(folder, "data/postgres");
    const postmaster = readPostmaster(directory);
    if (postmaster !== null && isPostmasterOf(postmaster.pid, directory))
      await stopPostmaster(postmaster.pid);
    stopRedis(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is mounted below a folder is not ours to remove. */
function hasMounts(folder: string): boolean {
  return existsSync("/proc/self/mounts") && readFileSync("/proc/self/mounts", "utf8").includes(` ${folder}/`);
}

function stopRedis(folder: string): void {
  try {
    const pid = Number(readFileSync(join(folder, "redis.pid"), "utf8"));
    if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("redis-server")) process.kill(pid, "SIGKILL");
  } catch {
    // There was none, or it is gone.
  }
}
