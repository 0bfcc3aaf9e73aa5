import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { SQL } from "bun";
import { type Beat, proofOf } from "../../src/platform/cache/bus.ts";
import type { RedisOrder } from "../../src/platform/cache/order.ts";
import {
  databaseOf,
  isLive,
  knows,
  live,
  type Replica,
  startOrder,
  startReplica,
  until,
} from "../helpers/cache-order.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { startTcpProxy } from "../helpers/tcp-proxy.ts";

const TAG = "b:1|customers";
let database: TestDatabase;
let sql: SQL;
let redis: TestRedis;
let orders: RedisOrder[] = [];
let replicas: Replica[] = [];
const start = (more: Parameters<typeof startOrder>[2] = {}): RedisOrder => {
  const order = startOrder(redis.url, databaseOf(sql, database.url), more);
  orders.push(order);
  return order;
};
const spawn = (): Replica => {
  const replica = startReplica(redis.url, database.url, TAG);
  replicas.push(replica);
  return replica;
};

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await Promise.all([...orders.map((order) => order.close()), ...replicas.map((replica) => replica.stop())]);
  orders = [];
  replicas = [];
  await redis.stop();
  await sql`update core.cache_relay set until = '-infinity', servers = '{}'`;
});

const beat = (k: number, more: Partial<Beat> = {}): Beat => ({
  n: 10 + k,
  chain: "a",
  k,
  server: "s",
  time_ms: 0,
  heard_at: k * 100,
  after: k * 100 - 150,
  ...more,
});

describe("proof", () => {
  test("is the instant the last read without beat k-2 was sent, if three beats of one relay are in a row", () => {
    expect(proofOf([beat(1), beat(2)], "s")).toBeNull();
    expect(proofOf([beat(1), beat(2), beat(3)], "s")).toBe(-50);
    expect(proofOf([beat(1), beat(2), beat(3), beat(4)], "s")).toBe(50);
    expect(proofOf([beat(1), beat(2), beat(4)], "s")).toBeNull();
    expect(proofOf([beat(1, { chain: "b" }), beat(2), beat(3)], "s")).toBeNull();
    expect(proofOf([beat(1), beat(2, { server: "t" }), beat(3)], "s")).toBeNull();
    expect(proofOf([beat(1), beat(2), beat(3)], "t")).toBeNull();
  });
});

describe("hearing", () => {
  test("a bump is heard by the others within milliseconds", async () => {
    const [one, two] = [start(), start()];
    await live(one, two);
    for (let count = 0; count < 20; count += 1) {
      const bump = await one.at(0).bump([TAG]);
      expect(await until("it is heard", () => knows(two, bump, TAG), 1000)).toBeLessThan(100);
    }
    expect(isLive(two)).toBe(true);
  });

  test("entries that were trimmed before they were read are a gap: opened again, floor raised", async () => {
    const order = start();
    await live(order);
    const { cell } = order.at(0);
    const [floor, nonce] = [cell.floor, order.state(0).opened?.generation.split(" ")[1]];
    const [counter, stream] = [`ch:{0}:${nonce}:n`, `ch:{0}:${nonce}:s`];
    // Five numbers that nobody can read any more, in one step.
    const script = `local n = redis.call('INCRBY', KEYS[1], 5)
      redis.call('XADD', KEYS[2], 'MAXLEN', 1, n .. '-0', 'k', 'b')`;
    await redis.command("EVAL", script, "2", counter, stream);
    await until("it is opened again", () => cell.floor > floor, 1000);
    await live(order);
    expect(order.state(0).opened?.generation.split(" ")[1]).toBe(nonce ?? "");
  });

  test("a killed connection costs no bump, and the cell lives again in less than a second", async () => {
    const [one, two] = [start(), start()];
    await live(one, two);
    await redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await until("somebody noticed", () => !isLive(one) || !isLive(two), 1000);
    expect(await live(one, two)).toBeLessThan(2000);
    const bump = await one.at(0).bump([TAG]);
    await until("it is heard", () => knows(two, bump, TAG), 500);
  });

  test("a half-open connection ends the lease within its second, and new ones take over", async () => {
    const proxy = await startTcpProxy(redis.url);
    try {
      const near = start();
      const far = startOrder(proxy.url, databaseOf(sql, database.url));
      orders.push(far);
      await live(near, far);
      proxy.blackHole();
      expect(await until("the lease ends", () => !isLive(far), 2000)).toBeLessThan(1100);
      expect(await until("it lives again", () => isLive(far), 8000)).toBeLessThan(4000);
      const bump = await near.at(0).bump([TAG]);
      await until("it is heard", () => knows(far, bump, TAG), 500);
    } finally {
      await Promise.all(orders.map((order) => order.close()));
      proxy.stop();
    }
  });

  test("a process that was stopped does not believe itself live when it goes on", async () => {
    const one = start();
    const other = spawn();
    await until("both are live", () => isLive(one) && other.last()?.live === true, 10_000);
    other.signal("SIGSTOP");
    await Bun.sleep(50);
    const bump = await one.at(0).bump([TAG]);
    await Bun.sleep(1300);
    const before = other.said.length;
    other.signal("SIGCONT");
    await until("it lives again", () => other.said.slice(before).some((state) => state.live), 5000);
    const wrong = other.said.slice(before).filter((state) => state.live && state.number < bump.n);
    expect(wrong).toEqual([]);
    expect(other.said[before]?.live).toBe(false);
  });

  test("a suspended machine (the wall clock jumped) is a lapse", async () => {
    const skew = { ms: 0 };
    const clock = { now: () => Date.now() + skew.ms, monotonic: () => performance.now() };
    const order = start({ clock });
    await live(order);
    skew.ms = 60_000;
    expect(isLive(order)).toBe(false);
    await live(order);
  });
});
