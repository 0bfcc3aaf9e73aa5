import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { readPostmaster, waitUntil, isAlive } from "../../../src/platform/db/embedded-process.ts";
import { createTestDatabase } from "../../helpers/database.ts";
import { freePort, makeTestFolder, type Service, startTestPostgres } from "../../helpers/services.ts";

/** A real PostgreSQL of this run alone, with everything that may happen to one. */
export type ChaosPostgres = Readonly<{
  /** A database with the current schema. */
  url: string;
  /** The server and all its sessions (SIGSTOP), and on again. */
  freeze(): void;
  thaw(): void;
  /** Everything at once (SIGKILL): what was committed is there after `start`, which recovers it. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}>;

/** Nothing is forced to disk, but a COMMIT reaches the kernel, which outlives the server. */
const SETTINGS = { fsync: "off", synchronous_commit: "on", max_connections: "100" };

export async function startChaosPostgres(): Promise<ChaosPostgres> {
  const folder = makeTestFolder();
  const port = String(await freePort());
  const start = (): Promise<Service> =>
    startTestPostgres(folder, { durable: true, settings: { ...SETTINGS, port } });
  let server = await start();
  const postmaster = (): number => {
    const found = readPostmaster(join(folder, "data/postgres"));
    if (found === null) throw new Error("PostgreSQL is not running");
    return found.pid;
  };
  const signal = (name: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void => {
    const pid = postmaster();
    for (const one of [pid, ...childrenOf(pid)]) {
      try {
        process.kill(one, name);
      } catch {
        // A session that ended by itself.
      }
    }
  };
  return {
    url: await databaseOn(server.url),
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    async kill() {
      const pid = postmaster();
      signal("SIGKILL");
      if (!(await waitUntil(() => !isAlive(pid), 5000))) throw new Error("PostgreSQL does not die");
      // It lets go of the directory.
      await server.stop();
    },
    async start() {
      server = await start();
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function databaseOn(url: string): Promise<string> {
  const shared = process.env["TEST_DATABASE_URL"];
  process.env["TEST_DATABASE_URL"] = url;
  try {
    return (await createTestDatabase()).url;
  } finally {
    if (shared === undefined) delete process.env["TEST_DATABASE_URL"];
    else process.env["TEST_DATABASE_URL"] = shared;
  }
}

function childrenOf(pid: number): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.filter(([, parent]) => parent === pid).map(([child = 0]) => child);
}
