import { join } from "node:path";
import type { SQL } from "bun";
import { cacheDatabase } from "../../src/platform/cache-database.ts";
import type { CacheDatabase } from "../../src/platform/cache/database.ts";
import {
  createRedisOrder,
  type RedisOrder,
  type RedisOrderDeps,
  type RedisOrderOptions,
} from "../../src/platform/cache/order.ts";
import type { Bump } from "../../src/platform/cache/types.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { openSession } from "../../src/platform/db/session.ts";
import type { Queryable as StatementRunner } from "../../src/platform/db/call.ts";
import type { ReplicaState } from "./cache-replica.ts";

export const silentLog = { info: () => {}, warn: () => {} };

export const systemTimer = {
  after(delay_ms: number, run: () => void): () => void {
    const timer = setTimeout(run, delay_ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Statements over one plain connection. */
export function runnerOf(sql: SQL): StatementRunner {
  return {
    query: (statement, parameters) =>
      sql.unsafe(
        statement.text,
        statement.parameters.map((name) => parameters[name]),
      ),
  };
}

export function databaseOf(sql: SQL, url: string): CacheDatabase {
  return cacheDatabase(runnerOf(sql), () => openSession(url, { application_name: "test/cache" }));
}

/** An order with the real clock, for one replica of a test. */
export function startOrder(
  redisUrls: string | readonly string[],
  database: CacheDatabase,
  more: Partial<RedisOrderDeps> & Partial<RedisOrderOptions> = {},
): RedisOrder {
  const deps: RedisOrderDeps = {
    database,
    clock: systemClock,
    timer: systemTimer,
    random: Math.random,
    token: () => crypto.randomUUID(),
    log: silentLog,
    ...more,
  };
  const urls = typeof redisUrls === "string" ? [redisUrls] : redisUrls;
  return createRedisOrder(deps, { urls, cluster: more.cluster, replica: more.replica });
}

/** Resolves when it holds; fails with `what` after so long. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limit_ms = 5000,
): Promise<number> {
  const began = performance.now();
  while (!(await condition())) {
    if (performance.now() - began > limit_ms) throw new Error(`not within ${limit_ms} ms: ${what}`);
    await Bun.sleep(5);
  }
  return performance.now() - began;
}

export const isLive = (order: RedisOrder): boolean =>
  Array.from({ length: order.cells }, (_, cell) => order.state(cell).live).every(Boolean);

export const live = (...orders: readonly RedisOrder[]): Promise<number> =>
  until("every replica is live", () => orders.every(isLive), 8000);

/** A committed write: the outbox row alone, as the writing statement inserts it. */
export async function writeOutbox(sql: SQL, tags: readonly string[]): Promise<bigint> {
  const [row] = await sql.unsafe("select core.invalidate($1::text[])::text as id", [
    `{${tags.map((tag) => JSON.stringify(tag)).join(",")}}`,
  ]);
  return BigInt(row.id as string);
}

export const outboxRows = async (sql: SQL): Promise<number> =>
  Number((await sql`select count(*)::int as n from core.cache_outbox`)[0].n);

/** Whether this replica knows that an answer from just before the bump is wrong. */
export function knows(order: RedisOrder, bump: Bump, tag: string): boolean {
  const { cell } = order.at(bump.cell);
  const stamp = {
    generation: bump.generation,
    position: bump.n - 1,
    sequence: 0,
    began: 0,
    began_wall: 0,
    judged: 0,
  };
  return !cell.holds(stamp, [tag]);
}

/** A replica in a process of its own. */
export type Replica = Readonly<{
  /** Everything it has said so far. */
  said: ReplicaState[];
  last(): ReplicaState | null;
  signal(signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void;
  stop(): Promise<void>;
}>;

export function startReplica(redisUrl: string, databaseUrl: string, tag: string): Replica {
  const words = [process.execPath, join(import.meta.dir, "cache-replica.ts"), redisUrl, databaseUrl, tag];
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const said: ReplicaState[] = [];
  const read = async (): Promise<void> => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) said.push(JSON.parse(line) as ReplicaState);
    }
  };
  const reading = read();
  return {
    said,
    last: () => said.at(-1) ?? null,
    signal: (signal) => child.kill(signal),
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
      await reading;
    },
  };
}
