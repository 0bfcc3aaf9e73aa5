import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { SQL } from "bun";
import { createTokens } from "../../src/http/tokens.ts";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { type Business, makeBusiness, makeSession } from "../helpers/fixtures.ts";
import { requirePrograms } from "../helpers/required-programs.ts";
import { type ServerProcess, startServerProcess } from "../helpers/server-process.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";
import { getRequest, type LoopResult, saturate } from "./closed-loop.ts";
import { pgbench } from "./pgbench.ts";

const clients = 16;
const rounds = 3;
const customers = 10_000;
const reportMax = 4;
const secret = "a-secret-for-load-tests-of-at-least-32-bytes";
/** Goals P4 and P14. */
const ratioFloor = 0.4;
const slowdownLimit = 3;

/** What is measured: a server over its own PostgreSQL, and requests for some of its customers. */
type Bench = Readonly<{
  folder: string;
  pgbench_path: string;
  database_url: string;
  business: Business;
  customer_ids: readonly string[];
  token: string;
  server: ServerProcess;
  seconds: number;
}>;

/**
 * The point read `GET /api/v1/customers/{id}` with everything on but the rate limit, against `pgbench -M prepared`
 * running the same statement with as many clients on the same server in the same run; then the same point reads while
 * half of the lane `report` is held by slow queries. Prints figures and ratios.
 *
 * @returns whether both floors hold
 */
export async function measurePointRead({ seconds }: { seconds: number }): Promise<boolean> {
  const started = new AsyncDisposableStack();
  try {
    const bench = await startBench(started, seconds);
    const ratio = await compareWithPgbench(bench);
    print(
      `point read vs pgbench -M prepared, ${clients} clients, ${customers} customers: ${ratio.toFixed(3)} (floor ${ratioFloor})`,
    );
    const slowdown = await compareBesideReports(bench);
    print(
      `p99 of point reads with half of the report lane busy vs without: ${slowdown.toFixed(2)} (limit ${slowdownLimit})`,
    );
    return ratio >= ratioFloor && slowdown <= slowdownLimit;
  } finally {
    await started.disposeAsync();
  }
}

async function startBench(started: AsyncDisposableStack, seconds: number): Promise<Bench> {
  const pgbench_path = (await requirePrograms(["pgbench"])).get("pgbench") ?? "pgbench";
  const folder = makeTestFolder();
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const postgres = await startTestPostgres(folder, { durable: true });
  started.defer(() => postgres.stop());
  process.env["TEST_DATABASE_URL"] = postgres.url;
  const { url: database_url } = await createTestDatabase();
  const sql = connect(database_url);
  started.defer(() => sql.close());
  const business = await makeBusiness(sql, { code: "LOAD", timezone: "Africa/Lagos", currency: "NGN" });
  const customer_ids = await makeCustomers(sql, business.id);
  const token = await makeToken(sql, business);
  const server = await startServerProcess({
    DATABASE_URL: database_url,
    JWT_SECRET: secret,
    DB_FAST_MAX: "8",
    DB_REPORT_MAX: String(reportMax),
  });
  started.defer(() => server.stop());
  return { folder, pgbench_path, database_url, business, customer_ids, token, server, seconds };
}

async function makeCustomers(sql: SQL, business_id: string): Promise<string[]> {
  await sql`insert into core.customers (business_id, id, name, phone)
    select ${business_id}::uuid, gen_random_uuid(), 'Customer ' || n, '+23480' || lpad(n::text, 8, '0')
    from generate_series(1, ${customers}::int) n`;
  await sql.unsafe("vacuum analyze");
  const rows = (await sql`select id from core.customers order by id limit 64`) as { id: string }[];
  return rows.map(({ id }) => id);
}

async function makeToken(sql: SQL, business: Business): Promise<string> {
  const { owner } = business.people;
  const sid = await makeSession(sql, owner, business.id);
  const tokens = createTokens({ secret, ttl_s: 3_600, now: () => Date.now() });
  return tokens.issue({ sub: owner.user_id, sid, bid: business.id });
}

const loopOf = ({ server, customer_ids, token }: Bench) => ({
  hostname: "127.0.0.1",
  port: server.port,
  requests: customer_ids.map((id) => getRequest(`/api/v1/customers/${id}`, token)),
});

/** The API's requests a second over pgbench's transactions a second, the median of the rounds. */
async function compareWithPgbench(bench: Bench): Promise<number> {
  const { server, seconds } = bench;
  const statement = readFileSync(join(import.meta.dir, "../../sql/core/get_customer.sql"), "utf8")
    .replaceAll(/^--.*\n/gm, "")
    .replaceAll("$1", ":business_id")
    .replaceAll("$2", ":customer_id");
  const loop = { ...loopOf(bench), connections: clients, warmup_ms: 0 };
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const tps = await pgbench({
      program: bench.pgbench_path,
      url: bench.database_url,
      folder: bench.folder,
      sql: statement,
      variables: { business_id: bench.business.id, customer_id: bench.customer_ids[0] ?? "" },
      clients,
      seconds,
    });
    await saturate({ ...loop, duration_ms: 1_500 });
    const before = await server.usage();
    const api = await saturate({ ...loop, duration_ms: seconds * 1_000 });
    const after = await server.usage();
    requireOnly200(api);
    ratios.push(api.per_second / tps);
    const cpu_us = ((after.cpu_ms - before.cpu_ms) * 1_000) / api.requests;
    print(
      `round ${round}: pgbench ${tps.toFixed(0)}/s, API ${api.per_second.toFixed(0)}/s (p99 ${api.p99_ms.toFixed(2)} ms, ` +
        `${cpu_us.toFixed(0)} µs of server CPU a request), ratio ${(api.per_second / tps).toFixed(3)}`,
    );
  }
  return median(ratios);
}

/** The p99 of point reads beside slow reports over the p99 without, the median of the rounds. */
async function compareBesideReports(bench: Bench): Promise<number> {
  const loop = { ...loopOf(bench), connections: 2, warmup_ms: 500, duration_ms: bench.seconds * 1_000 };
  const slowdowns: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const quiet = await saturate(loop);
    const { result: busy, slow } = await besideSlowReports(bench, () => saturate(loop));
    requireOnly200(quiet);
    requireOnly200(busy);
    slowdowns.push(busy.p99_ms / quiet.p99_ms);
    print(
      `round ${round}: p99 ${quiet.p99_ms.toFixed(2)} ms alone, ${busy.p99_ms.toFixed(2)} ms beside ${slow} slow reports`,
    );
  }
  return median(slowdowns);
}

/**
 * Keeps half of the lane's connections on dashboards that take 400 ms each: they wait for a table that another session
 * holds, as behind a migration.
 */
async function besideSlowReports<T>(
  { database_url, server, token }: Bench,
  run: () => Promise<T>,
): Promise<{ result: T; slow: number }> {
  let running = true;
  let slow = 0;
  const locker = connect(database_url);
  const holding = (async () => {
    while (running) {
      await locker.begin(async (transaction) => {
        await transaction.unsafe("lock table shop.machines in access exclusive mode");
        await Bun.sleep(400);
      });
      await Bun.sleep(1);
    }
  })();
  const reports = Array.from({ length: reportMax / 2 }, async () => {
    while (running) {
      const response = await fetch(`${server.url}/api/v1/dashboard/stats`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await response.arrayBuffer();
      slow += 1;
    }
  });
  const result = await run();
  running = false;
  await Promise.all([holding, ...reports]);
  await locker.close();
  return { result, slow };
}

function requireOnly200(result: LoopResult): void {
  const others = Object.keys(result.statuses).filter((status) => status !== "200");
  if (others.length > 0 || result.lost_connections > 0 || result.requests === 0) {
    throw new Error(`a run with failures measures nothing: ${JSON.stringify(result)}`);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
