import { rmSync } from "node:fs";
import type { SQL } from "bun";
import { createTokens } from "../../src/http/tokens.ts";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness, makeSession } from "../helpers/fixtures.ts";
import { startRedis } from "../helpers/redis.ts";
import { requirePrograms } from "../helpers/required-programs.ts";
import { type ServerProcess, startServerProcess } from "../helpers/server-process.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";
import type { LoopResult } from "./closed-loop.ts";

const secret = "a-secret-for-load-tests-of-at-least-32-bytes";
const unlimited = "1000000000";

/** A server of ours with everything on, over a PostgreSQL and a Redis of its own, and somebody who may ask it. */
export type Bench = Readonly<{
  api: ServerProcess;
  /** What it was started with; another server with it is its replica. */
  env: Readonly<Record<string, string>>;
  sql: SQL;
  business_id: string;
  business: Business;
  redis_url: string;
  /** An access token of the owner, good for an hour. */
  token: string;
  /** A folder for files of the run. */
  folder: string;
}>;

/** Starts it; whoever owns `started` stops it. TEST_DATABASE_URL names a PostgreSQL to use, else one is started. */
export async function startBench(
  started: AsyncDisposableStack,
  env: Readonly<Record<string, string>> = {},
): Promise<Bench> {
  await requirePrograms(["redis-server"]);
  const folder = makeTestFolder();
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  if ((process.env["TEST_DATABASE_URL"] ?? "") === "") {
    const postgres = await startTestPostgres(folder, { durable: true });
    started.defer(async () => {
      delete process.env["TEST_DATABASE_URL"];
      await postgres.stop();
    });
    process.env["TEST_DATABASE_URL"] = postgres.url;
  }
  const { url: database_url, drop } = await createTestDatabase();
  started.defer(drop);
  const redis = await startRedis();
  started.defer(() => redis.stop());
  const sql = connect(database_url);
  started.defer(() => sql.close());
  const business = await makeBusiness(sql, { code: "LOAD", timezone: "Africa/Lagos", currency: "NGN" });
  const { owner } = business.people;
  const sid = await makeSession(sql, owner, business.id);
  const tokens = createTokens({ secret, ttl_s: 3_600, now: () => Date.now() });
  const token = await tokens.issue({ sub: owner.user_id, sid, bid: business.id });
  const given = {
    DATABASE_URL: database_url,
    REDIS_URL: redis.url,
    JWT_SECRET: secret,
    LOG_LEVEL: "info",
    RATE_LIMIT_ENABLED: "true",
    RATE_LIMIT_PER_MINUTE: unlimited,
    RATE_LIMIT_PER_HOUR: unlimited,
    RATE_LIMIT_PER_DAY: unlimited,
    ...env,
  };
  const api = await startServerProcess(given);
  started.defer(() => api.stop());
  return { api, env: given, sql, business_id: business.id, business, redis_url: redis.url, token, folder };
}

/** A run with failures measures nothing. */
export function requireOnly200(result: LoopResult): void {
  const others = Object.keys(result.statuses).filter((status) => status !== "200");
  if (others.length > 0 || result.lost_connections > 0 || result.requests === 0) {
    throw new Error(`a run with failures measures nothing: ${JSON.stringify(result)}`);
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
