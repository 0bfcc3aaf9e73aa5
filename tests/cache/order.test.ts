import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { SQL } from "bun";
import { encodeEntry } from "../../src/platform/cache/entry.ts";
import type { RedisOrder } from "../../src/platform/cache/order.ts";
import { lookup } from "../../src/platform/cache/types.ts";
import { isLive, live, databaseOf, startOrder, until } from "../helpers/cache-order.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";

const TAG = "b:1|customers";
let database: TestDatabase;
let sql: SQL;
let redis: TestRedis;
let orders: RedisOrder[] = [];
const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
const start = (...more: Parameters<typeof startOrder>[2][]): RedisOrder => {
  const order = startOrder(redis.url, databaseOf(sql, database.url), ...more);
  orders.push(order);
  return order;
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
  process.on("unhandledRejection", note);
  redis = await startRedis();
});
afterEach(async () => {
  await Promise.all(orders.map((order) => order.close()));
  orders = [];
  await redis.stop();
  await sql`update core.cache_relay set until = '-infinity', servers = '{}'`;
  await sql`delete from core.cache_outbox`;
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

const payload = (position: number): Uint8Array => {
  const bytes = new Uint8Array(32);
  bytes[0] = 1;
  new DataView(bytes.buffer).setFloat64(2, position);
  return bytes;
};

describe("scripts", () => {
  test("a store that began before a bump is refused, one after it is kept, and the older never replaces the newer", async () => {
    const order = start();
    await live(order);
    const cell = order.at(0);
    const { generation } = cell.cell;
    if (generation === null) throw new Error("not open");
    expect(await lookup(cell, "t:1", [TAG])).toEqual({ generation, entry: null, versions: [null] });
    const position = await cell.init([TAG]);
    await cell.bump([TAG]);
    expect(await cell.fill("t:1", payload(position), position, [TAG], 60_000)).toBe(false);
    const read = await lookup(cell, "t:1", [TAG]);
    const now = read.versions[0] ?? 0;
    expect(now).toBeGreaterThan(position);
    expect(await cell.fill("t:1", payload(now + 5), now + 5, [TAG], 60_000)).toBe(true);
    expect(await cell.fill("t:1", payload(now), now, [TAG], 60_000)).toBe(false);
    const kept = (await lookup(cell, "t:1", [TAG])).entry;
    expect(kept && [...kept]).toEqual([...payload(now + 5)]);
  });

  test("a store under a tag that nobody knows makes it known, above the store's own position if anything came since", async () => {
    const order = start();
    await live(order);
    const cell = order.at(0);
    const unseen = "b:1|never-seen";
    const { n } = await cell.bump([TAG]);
    await cell.bump([TAG]);
    expect(await cell.fill("t:2", payload(n), n, [unseen], 60_000)).toBe(true);
    const { entry, versions } = await lookup(cell, "t:2", [unseen]);
    expect(entry).not.toBeNull();
    expect(versions[0]).toBeGreaterThan(n);
  });

  test("the store finds the position in the bytes of a real entry", async () => {
    const order = start();
    await live(order);
    const cell = order.at(0);
    const position = await cell.init([TAG]);
    const header = { created: 1, life_ms: 60_000, cost_ms: 1, etag: 'W/"x"' };
    const newer = await encodeEntry({ ...header, position: position + 3 }, "t:1", new Uint8Array([1]));
    const older = await encodeEntry({ ...header, position }, "t:1", new Uint8Array([2]));
    expect(await cell.fill("t:1", newer, position + 3, [TAG], 60_000)).toBe(true);
    expect(await cell.fill("t:1", older, position, [TAG], 60_000)).toBe(false);
  });

  test("the checks of one turn are one round trip, and none joins one that was sent", async () => {
    const order = start();
    await live(order);
    const cell = order.at(0);
    const before = cell.reads;
    await Promise.all(Array.from({ length: 64 }, (_, at) => lookup(cell, null, [`b:${at}|x`])));
    expect(cell.reads - before).toBe(1);
    const first = lookup(cell, null, [TAG]);
    await new Promise<void>((resolve) => setImmediate(resolve));
    await Promise.all([first, lookup(cell, null, [TAG])]);
    expect(cell.reads - before).toBe(3);
  });

  test("one process at a time has the refill lease, and the store ends it", async () => {
    const [one, two] = [start(), start()];
    await live(one, two);
    expect(await one.at(0).lease("k", 5000)).toBe(true);
    expect(await two.at(0).lease("k", 5000)).toBe(false);
    await two.at(0).release("k");
    expect(await two.at(0).lease("k", 5000)).toBe(false);
    const position = await one.at(0).init([TAG]);
    await one.at(0).fill("k", payload(position), position, [TAG], 1000);
    expect(await two.at(0).lease("k", 5000)).toBe(true);
    await two.at(0).release("k");
    expect(await one.at(0).lease("k", 5000)).toBe(true);
  });
});

describe("generations", () => {
  test("after FLUSHALL nothing of before is read, and the cell lives again within a second or so", async () => {
    const [one, two] = [start(), start()];
    await live(one, two);
    const before = one.state(0).opened?.generation;
    await redis.command("FLUSHALL");
    const moved = (order: RedisOrder) => !isLive(order) || order.state(0).opened?.generation !== before;
    await until("the leases end", () => moved(one) && moved(two), 1200);
    await live(one, two);
    expect(one.state(0).opened?.generation).not.toBe(before);
    expect(two.state(0).opened?.generation).toBe(one.state(0).opened?.generation);
  });

  test("a lost counter, a lost stream and a lost generation each begin a new one", async () => {
    const order = start();
    for (const part of ["n", "s", "g"]) {
      await live(order);
      const generation = order.state(0).opened?.generation ?? "";
      const key = part === "g" ? "ch:{0}:g" : `ch:{0}:${generation.split(" ")[1]}:${part}`;
      await redis.command("DEL", key);
      const bump = await order.at(0).bump([TAG]);
      expect(bump.generation).not.toBe(generation);
      expect(isLive(order)).toBe(false);
    }
  });

  test("a server that comes back from an old snapshot begins a new generation", async () => {
    const order = start();
    await live(order);
    const generation = order.state(0).opened?.generation ?? "";
    await redis.command("SAVE");
    for (let count = 0; count < 20; count += 1) await order.at(0).bump([TAG]);
    await redis.kill();
    await until("the lease ends", () => !isLive(order), 1500);
    await redis.start();
    // The old names are there again, with lower numbers.
    expect(await redis.command("EXISTS", `ch:{0}:${generation.split(" ")[1]}:n`)).toContain(":1");
    await live(order);
    expect(order.state(0).opened?.generation).not.toBe(generation);
    expect(order.state(0).server).not.toBe(generation.split(" ")[0] ?? "");
  });

  test("clear begins a new generation everywhere at once", async () => {
    const [one, two] = [start(), start()];
    await live(one, two);
    const before = one.state(0).opened?.generation;
    expect(await one.renew()).toBe(true);
    expect(isLive(one)).toBe(false);
    await until("the other hears of it", () => two.state(0).opened?.generation !== before, 500);
    await live(one, two);
    expect(two.state(0).opened?.generation).toBe(one.state(0).opened?.generation);
  });
});

describe("Redis away", () => {
  test("absent at start: calls are refused at once, and everything comes up when it comes", async () => {
    await redis.kill();
    const order = start();
    await Bun.sleep(300);
    expect(isLive(order)).toBe(false);
    await expect(order.at(0).bump([TAG])).rejects.toThrow("disconnected");
    await redis.start();
    await live(order);
    expect((await order.at(0).bump([TAG])).n).toBeGreaterThan(0);
  });

  test("frozen: every call ends in time, their number stays bounded, the lease lapses by itself, and it comes back", async () => {
    const order = start();
    await live(order);
    redis.freeze();
    const frozen_at = performance.now();
    const longest = { ms: 0 };
    let lapsed_ms = 0;
    // Told when it fails: whether the process had no core, or the call took so long.
    let ticked_at = frozen_at;
    let stood_still_ms = 0;
    const watch = setInterval(() => {
      stood_still_ms = Math.max(stood_still_ms, performance.now() - ticked_at - 5);
      ticked_at = performance.now();
    }, 5);
    while (performance.now() - frozen_at < 2500) {
      const began = performance.now();
      await Promise.allSettled([lookup(order.at(0), null, [TAG]), order.at(0).bump([TAG])]);
      longest.ms = Math.max(longest.ms, performance.now() - began);
      expect(order.gauges().calls_in_flight).toBeLessThanOrEqual(300);
      if (lapsed_ms === 0 && !isLive(order)) lapsed_ms = performance.now() - frozen_at;
      await Bun.sleep(10);
    }
    clearInterval(watch);
    const beside = `the process stood still for ${stood_still_ms.toFixed(0)} ms`;
    expect(longest.ms, beside).toBeLessThan(250);
    expect(lapsed_ms).toBeGreaterThan(0);
    expect(lapsed_ms, beside).toBeLessThan(1150);
    redis.thaw();
    await live(order);
    await order.at(0).bump([TAG]);
  });
});
