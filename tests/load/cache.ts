/**
 * `bun run load cache`: the speed gates of the cache, each against the bare library in the same run.
 *
 * Every figure is a ratio of medians over alternating rounds on a Redis and a PostgreSQL of its own; its floor is in
 * `gates`. What is compared, and with what:
 *
 * - L1 hits as in `bun run load cache-hit`, whole GETs as in `cached-read` and `cached-redis`;
 * - an L2 hit with one `client.get` of the same bytes, one at a time: time, and commands;
 * - reader-confirmed hits with bounded hits over HTTP, 64 connections, client and server in one process: throughput;
 *   and the Redis commands of each lookup;
 * - FILL with SET of the same bytes; a miss with an empty load with one `client.get`: one at a time;
 * - transfers with the outbox row and the bump with the same transfers without, 64 in flight, durable: throughput;
 * - how long after a bump is answered the other replica has heard it (p99 at 2,000 bumps a second), with the p99 of a
 *   PING under the same load.
 */
import { createClient, RESP_TYPES } from "redis";
import { businessTags, type Cache, createCache } from "../../src/platform/cache/index.ts";
import type { RedisOrder } from "../../src/platform/cache/order.ts";
import type { Order } from "../../src/platform/cache/types.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { databaseOf, live, silentLog, startOrder, systemTimer } from "../helpers/cache-order.ts";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { makeTestFolder, type Service, startTestPostgres } from "../helpers/services.ts";
import { compareWrites } from "./cache-writes.ts";
import { measureCachedRead } from "./cached-read.ts";
import { measureCachedRedis } from "./cached-redis.ts";
import { measureCacheHit } from "./cache-hit.ts";
import { saturate } from "./closed-loop.ts";

type Gate = Readonly<{ what: string; floor: number; goal: number; higher?: true }>;
type Result = Readonly<{ gate: Gate; value: number; raw: string }>;
type Client = Awaited<ReturnType<typeof connectClient>>;
type Parts = { business_id: string; id: number };

const gates = {
  l2: { what: "L2 hit vs one client.get of the same bytes: time", floor: 1.5, goal: 1.25 },
  l2_commands: { what: "L2 hit: commands", floor: 1.1, goal: 1 },
  reader_commands: {
    what: "reader-confirmed hit, 64 in flight: commands per lookup",
    floor: 0.25,
    goal: 0.1,
  },
  reader: {
    what: "reader-confirmed hit, 64 in flight: throughput vs a bounded hit",
    floor: 0.5,
    goal: 0.7,
    higher: true,
  },
  fill: { what: "FILL vs SET of the same bytes: time", floor: 1.4, goal: 1.2 },
  miss: { what: "miss with an empty load vs one client.get: time", floor: 4, goal: 3 },
  writes: {
    what: "transfers with outbox row and bump vs without: throughput",
    floor: 0.85,
    goal: 0.95,
    higher: true,
  },
  heard: { what: "bump answered to heard, p99 at 2,000 bumps/s, vs one round trip", floor: 5, goal: 2 },
} as const satisfies Record<string, Gate>;

const ROUNDS = 7;
const PAYLOAD = JSON.stringify({
  rows: Array.from({ length: 24 }, (_, n) => ({ id: n, name: `customer ${n}` })),
});
const HEADERS = { "content-type": "application/json" };
const tagOf = businessTags("thing");

/** Runs all gates; true if every floor holds. */
export async function measureCache(options: { seconds: number }): Promise<boolean> {
  const folder = makeTestFolder();
  let postgres: Service | null = null;
  if (process.env["TEST_DATABASE_URL"] === undefined) {
    postgres = await startTestPostgres(folder, { durable: true });
    process.env["TEST_DATABASE_URL"] = postgres.url;
  }
  const database = await createTestDatabase();
  const sql = connect(database.url);
  const redis = await startRedis();
  const start = () => startOrder(redis.url, databaseOf(sql, database.url));
  const [order, other] = [start(), start()];
  const client = await connectClient(redis.url);
  const results: Result[] = [];
  try {
    await live(order, other);
    results.push(...(await l2Hits(order, client, redis)));
    results.push(...(await readerHits(order, redis, options.seconds)));
    results.push(await fills(order, client), await misses(order, client));
    results.push(await writes(order, database.url, options.seconds));
    results.push(await heard(order, other, client, options.seconds));
  } finally {
    await Promise.all([order.close(), other.close()]);
    client.destroy();
    await sql.close();
    await Promise.all([redis.stop(), database.drop()]);
    if (postgres !== null) {
      await postgres.stop();
      delete process.env["TEST_DATABASE_URL"];
    }
  }
  for (const { gate, value, raw } of results) {
    const verdict = holds(gate, value) ? "ok  " : "MISS";
    console.log(
      `${verdict} ${gate.what}: ${value.toFixed(3)} (floor ${gate.floor}, goal ${gate.goal}) — ${raw}`,
    );
  }
  const hits = await measureCacheHit(options);
  const served = await measureCachedRead(options);
  const fetched = await measureCachedRedis(options);
  return hits && served && fetched && results.every(({ gate, value }) => holds(gate, value));
}

const holds = (gate: Gate, value: number): boolean =>
  gate.higher === true ? value >= gate.floor : value <= gate.floor;

async function connectClient(url: string) {
  const client = createClient({ url, RESP: 3 }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  client.on("error", () => {});
  await client.connect();
  return client;
}

function cacheOver(order: Order, l1_max_bytes: number): Cache {
  return createCache(
    { order, clock: systemClock, timer: systemTimer, random: Math.random, log: silentLog },
    { enabled: true, l1_max_bytes, lane: () => ({ name: "fast", slots: 256 }) },
  );
}

let names = 0;
function define(cache: Cache, kind: "bounded" | "reader", body = PAYLOAD) {
  names += 1;
  return cache.endpoint<Parts>({
    name: `load.d${names}`,
    scope: "business",
    ...(kind === "reader" ? { class: "strict", confirm: "reader" } : { class: "bounded" }),
    ttl_ms: 3_600_000,
    tags: ({ business_id, id }) => [1, 2, 3, 4].map((n) => tagOf(business_id, id, n)),
    load: () => Promise.resolve(body),
  });
}

/** Median nanoseconds a turn of each, one after the other, in alternating rounds of which the first does not count. */
async function compareWaiting(
  turns: number,
  ...runs: readonly ((turn: number) => Promise<unknown>)[]
): Promise<number[]> {
  const times = runs.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [at, run] of runs.entries()) {
      const began = Bun.nanoseconds();
      for (let turn = 0; turn < turns; turn += 1) await run(round * turns + turn);
      if (round > 0) times[at]?.push((Bun.nanoseconds() - began) / turns);
    }
  }
  return times.map(median);
}

const median = (values: readonly number[]): number => percentile(values, 0.5);
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function ratio(gate: Gate, ours: number, bare: number, unit = "ns"): Result {
  return { gate, value: ours / bare, raw: `${ours.toFixed(0)} ${unit} vs ${bare.toFixed(0)} ${unit}` };
}

const partsOf = (id: number): Parts => ({ business_id: `b${id % 10}`, id });

/** Calls that Redis ran so far, those of the relays and of the measurement left out. */
async function commands(redis: TestRedis): Promise<number> {
  const housekeeping =
    /^(xread|info|ping|hello|client.*|config.*|quit|time|evalsha|hget.*|hset|exists|xadd|incr)$/;
  let sum = 0;
  for (const [, name = "", calls = "0"] of (await redis.command("INFO", "commandstats")).matchAll(
    /cmdstat_([^:]+):calls=(\d+)/g,
  )) {
    if (!housekeeping.test(name)) sum += Number(calls);
  }
  return sum;
}

/** Nothing stays in a first tier without room, so every hit comes from Redis. */
async function l2Hits(order: RedisOrder, client: Client, redis: TestRedis): Promise<Result[]> {
  const cached = define(cacheOver(order, 1), "bounded");
  for (let id = 0; id < 100; id += 1) await cached.get(partsOf(id));
  await Bun.sleep(200);
  const stored = await storedBytes(client);
  await client.set("plain", stored);
  let others = 0;
  const [ours = 0, bare = 0] = await compareWaiting(
    1500,
    async (turn) => {
      const { from } = await cached.get(partsOf(turn % 100));
      if (from !== "l2") others += 1;
    },
    () => client.get("plain"),
  );
  const before = await commands(redis);
  for (let turn = 0; turn < 2000; turn += 1) await cached.get(partsOf(turn % 100));
  const per = ((await commands(redis)) - before) / 2000;
  const timed = ratio(gates.l2, ours, bare);
  return [
    { ...timed, raw: `${timed.raw}, ${stored.byteLength} bytes, ${others} were no L2 hits` },
    { gate: gates.l2_commands, value: per, raw: "2,000 hits, one after the other" },
  ];
}

/** One entry as it lies in Redis. */
async function storedBytes(client: Client): Promise<Buffer> {
  const keys = (await client.sendCommand(["KEYS", "ch:*:e:*"])) as unknown as Buffer[];
  const [key] = keys;
  if (key === undefined) throw new Error("nothing was stored");
  return (await client.get(key.toString())) as Buffer;
}

async function readerHits(order: RedisOrder, redis: TestRedis, seconds: number): Promise<Result[]> {
  const cache = cacheOver(order, 100_000_000);
  const cached = { bounded: define(cache, "bounded"), reader: define(cache, "reader") };
  for (let id = 0; id < 100; id += 1) {
    await cached.bounded.get(partsOf(id));
    await cached.reader.get(partsOf(id));
  }
  await Bun.sleep(200);
  let turn = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const which = request.url.endsWith("r") ? cached.reader : cached.bounded;
      const { value, etag } = await which.get(partsOf(turn++ % 100));
      return new Response(value as Uint8Array<ArrayBuffer> | null, { headers: { ...HEADERS, etag } });
    },
  });
  const run = (path: string) =>
    saturate({
      hostname: "127.0.0.1",
      port: server.port ?? 0,
      requests: [`GET /${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
      connections: 64,
      warmup_ms: 300,
      duration_ms: Math.max(seconds * 200, 500),
    });
  const [reader, bounded, per]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < 5; round += 1) {
    bounded.push((await run("b")).per_second);
    const [before, first] = [await commands(redis), turn];
    reader.push((await run("r")).per_second);
    per.push(((await commands(redis)) - before) / (turn - first));
  }
  await server.stop(true);
  const [ours, bare] = [median(reader), median(bounded)];
  return [
    { gate: gates.reader_commands, value: median(per), raw: "median of 5 rounds" },
    { gate: gates.reader, value: ours / bare, raw: `${ours.toFixed(0)}/s vs ${bare.toFixed(0)}/s` },
  ];
}

async function fills(order: RedisOrder, client: Client): Promise<Result> {
  const cell = order.at(0);
  const tags = [1, 2, 3, 4, 5, 6].map((n) => tagOf("b1", 1, n));
  const position = await cell.init(tags);
  const bytes = new Uint8Array(PAYLOAD.length + 100);
  // What FILL compares with the position of an entry that is there already.
  new DataView(bytes.buffer).setFloat64(2, position);
  const plain = Buffer.from(bytes);
  let refused = 0;
  const [ours = 0, bare = 0] = await compareWaiting(
    1500,
    async (turn) => {
      if (!(await cell.fill(`load.fill:id=${turn % 100}`, bytes, position, tags, 60_000))) refused += 1;
    },
    (turn) => client.set(`plain:${turn % 100}`, plain, { PX: 60_000 }),
  );
  const result = ratio(gates.fill, ours, bare);
  return { ...result, raw: `${result.raw}, ${bytes.length} bytes, 6 tags, ${refused} refused` };
}

/** Every key is new, and so are its tags. */
async function misses(order: RedisOrder, client: Client): Promise<Result> {
  const cached = define(cacheOver(order, 100_000_000), "bounded", "{}");
  const [ours = 0, bare = 0] = await compareWaiting(
    1000,
    (turn) => Promise.resolve(cached.get(partsOf(turn))),
    () => client.get("plain"),
  );
  return ratio(gates.miss, ours, bare);
}

async function writes(order: RedisOrder, url: string, seconds: number): Promise<Result> {
  const { announced, silent } = await compareWrites(cacheOver(order, 1), url, Math.max(seconds / 5, 0.5));
  const raw = `${announced.toFixed(0)}/s vs ${silent.toFixed(0)}/s, 64 in flight, durable`;
  return { gate: gates.writes, value: announced / silent, raw };
}

async function heard(order: RedisOrder, other: RedisOrder, client: Client, seconds: number): Promise<Result> {
  const [cell, listening] = [order.at(0), other.at(0).cell];
  const heardAt = new Map<number, number>();
  const hear = listening.hear.bind(listening);
  listening.hear = (n, tags) => {
    heardAt.set(n, performance.now());
    return hear(n, tags);
  };
  const answered: { n: number; at: number }[] = [];
  const trips: number[] = [];
  const began = performance.now();
  const until = began + Math.max(seconds, 1) * 1000;
  const work: Promise<unknown>[] = [];
  for (let id = 0; performance.now() < until; id += 1) {
    // Ten every 5 ms.
    for (let one = 0; one < 10; one += 1) {
      work.push(
        cell
          .bump([tagOf("b1", (id * 10 + one) % 1000)])
          .then(({ n }) => answered.push({ n, at: performance.now() })),
      );
    }
    const sent = performance.now();
    work.push(client.ping().then(() => trips.push(performance.now() - sent)));
    await Bun.sleep(Math.max(began + (id + 1) * 5 - performance.now(), 0));
  }
  await Promise.all(work);
  await Bun.sleep(200);
  listening.hear = hear;
  const lags: number[] = [];
  for (const { n, at } of answered) lags.push(Math.max((heardAt.get(n) ?? Number.POSITIVE_INFINITY) - at, 0));
  const [ours, bare] = [percentile(lags, 0.99), percentile(trips, 0.99)];
  const rate = answered.length / Math.max(seconds, 1);
  return {
    gate: gates.heard,
    value: ours / bare,
    raw:
      `p99 ${ours.toFixed(2)} ms vs ${bare.toFixed(2)} ms for a PING, medians ${median(lags).toFixed(2)} and ` +
      `${median(trips).toFixed(2)} ms, ${rate.toFixed(0)} bumps/s`,
  };
}
