import { join } from "node:path";
import { writeFileSync } from "node:fs";
import type { SQL } from "bun";
import { type ServerProcess, startListener } from "../helpers/server-process.ts";
import { median, requireOnly200, startBench } from "./bench.ts";
import { getRequest, type LoopResult, saturate } from "./closed-loop.ts";

type Figures = LoopResult & Readonly<{ cpu_us: number }>;

const clients = 16;
const rounds = 12;
/** Servers take a while to be compiled where they are hot. */
const warmup_s = 6;
/** Asked in turn, they are more than fit into the process, which keeps the few that it has room for. */
const units = 40_000;
const l1_bytes = 2 ** 20;
/** Goal P2. */
const ratioFloor = 0.75;
/** The first tier keeps the thousand that it has room for. */
const hitsFloor = 0.95;

/**
 * A cached GET that the process has no room for and Redis has, with everything on, against a bare `Bun.serve` whose
 * handler does one `client.get` of the same bytes and answers with the same headers; both ask for one of 40,000 keys in
 * turn. Prints requests a second, processor time a request, and how many of ours came from Redis.
 *
 * @returns whether the floor holds
 */
export async function measureCachedRedis(options: { seconds: number }): Promise<boolean> {
  // Many short rounds: what else runs on the machine then meets both servers alike.
  const seconds = options.seconds / 2.5;
  const started = new AsyncDisposableStack();
  try {
    const bench = await startBench(started, { CACHE_L1_MAX_BYTES: String(l1_bytes) });
    const { api, token } = bench;
    const paths = (await makeUnits(bench.sql, bench.business_id)).map((id) => `/api/v1/units/${id}`);
    const requests = paths.map((path) => getRequest(path, token));
    const bare = await startBare(bench, paths[0] ?? "");
    started.defer(() => bare.stop());
    await pass(api, requests);
    const ask = rotation(requests);
    for (const server of [bare, api]) await ask(server, warmup_s);
    const ratios: number[] = [];
    const cpu: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const yardstick = await ask(bare, seconds);
      const before = await outcomes(api);
      const ours = await ask(api, seconds);
      const after = await outcomes(api);
      const hits = (after.l2 - before.l2) / (after.all - before.all);
      if (hits < hitsFloor)
        throw new Error(`only ${(hits * 100).toFixed(1)} % of the answers came from Redis`);
      ratios.push(ours.per_second / yardstick.per_second);
      cpu.push(ours.cpu_us / yardstick.cpu_us);
      print(
        `round ${round}: API ${describe(ours)}, ${(hits * 100).toFixed(1)} % from Redis; bare ${describe(yardstick)}; ` +
          `ratio ${ratios.at(-1)?.toFixed(3)}`,
      );
    }
    const ratio = median(ratios);
    print(
      `cached GET from Redis with everything on vs bare Bun.serve with one client.get, ${clients} clients: ` +
        `${ratio.toFixed(3)} (${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}, floor ${ratioFloor}); ` +
        `processor time a request ${median(cpu).toFixed(2)} times the bare one`,
    );
    return ratio >= ratioFloor;
  } finally {
    await started.disposeAsync();
  }
}

/** Asks each server for all of them in turn, from where it was left: what it was asked lately comes from its memory. */
function rotation(requests: readonly string[]) {
  const offsets = new Map<ServerProcess, number>();
  return async (server: ServerProcess, seconds: number): Promise<Figures> => {
    const offset = offsets.get(server) ?? 0;
    const result = await run(server, [...requests.slice(offset), ...requests.slice(0, offset)], seconds);
    offsets.set(server, (offset + result.requests) % requests.length);
    return result;
  };
}

async function makeUnits(sql: SQL, business_id: string): Promise<string[]> {
  const rows: { id: string }[] = await sql`insert into core.units (business_id, id, name, location)
    select ${business_id}::uuid, gen_random_uuid(), 'Unit ' || n, repeat('n', 200)
    from generate_series(1, ${units}::int) n returning id`;
  await sql`analyze core.units`;
  return rows.map(({ id }) => id);
}

/** The yardstick: an answer of ours, and its bytes under so many keys of the same Redis. */
async function startBare(
  { api, redis_url, token, folder }: Awaited<ReturnType<typeof startBench>>,
  path: string,
): Promise<ServerProcess> {
  const answer = await fetch(`${api.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  const headers = Object.fromEntries(answer.headers);
  for (const name of ["date", "content-length", "connection", "transfer-encoding"]) delete headers[name];
  const file = join(folder, "answer.json");
  writeFileSync(file, JSON.stringify({ body: await answer.text(), headers, redis_url, keys: units }));
  return startListener(["tests/load/bare-server.ts", file], {});
}

/** Asks for each once. */
async function pass(api: ServerProcess, requests: readonly string[]): Promise<void> {
  let left = requests;
  while (left.length > 0) {
    const result = await run(api, left, 1);
    left = left.slice(result.requests);
  }
}

async function run(server: ServerProcess, requests: readonly string[], seconds: number): Promise<Figures> {
  const before = await server.usage();
  const result = await saturate({
    hostname: "127.0.0.1",
    port: server.port,
    requests,
    connections: clients,
    warmup_ms: 0,
    duration_ms: seconds * 1_000,
  });
  const after = await server.usage();
  requireOnly200(result);
  return { ...result, cpu_us: ((after.cpu_ms - before.cpu_ms) * 1_000) / result.requests };
}

/** Lookups for units so far, and those that Redis answered. */
async function outcomes(api: ServerProcess): Promise<{ all: number; l2: number }> {
  const text = await (await fetch(`${api.url}/metrics`)).text();
  const counts = [...text.matchAll(/^cache_lookups_total\{definition="core.unit",tier="(\w+)".*\} (\d+)$/gm)];
  const sum = (tier?: string) =>
    counts.reduce(
      (total, [, of, count]) => total + (tier === undefined || of === tier ? Number(count) : 0),
      0,
    );
  return { all: sum(), l2: sum("l2") };
}

const describe = ({ per_second, cpu_us, p99_ms }: Figures): string =>
  `${per_second.toFixed(0)}/s (${cpu_us.toFixed(1)} µs CPU, p99 ${p99_ms.toFixed(2)} ms)`;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
