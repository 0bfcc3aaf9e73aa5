import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { SQL } from "bun";
import type { CacheDatabase } from "../../src/platform/cache/database.ts";
import type { RedisOrder } from "../../src/platform/cache/order.ts";
import {
  databaseOf,
  isLive,
  knows,
  live,
  outboxRows,
  type Replica,
  startOrder,
  startReplica,
  until,
  writeOutbox,
} from "../helpers/cache-order.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";

const TAG = "b:1|customers";
const AWAITED = "u:7!sessions";
let database: TestDatabase;
let sql: SQL;
let redis: TestRedis;
let orders: RedisOrder[] = [];
let replicas: Replica[] = [];
const start = (url = redis.url, more: Parameters<typeof startOrder>[2] = {}): RedisOrder => {
  const order = startOrder(url, databaseOf(sql, database.url), more);
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
  await sql`delete from core.cache_outbox`;
});

describe("outbox", () => {
  test("the row is written with the change or not at all", async () => {
    const id = await writeOutbox(sql, [TAG, 'odd "tag"']);
    expect(id).toBeGreaterThan(0n);
    await sql.unsafe("begin; select core.invalidate(array['b:1|x']); rollback");
    expect(await outboxRows(sql)).toBe(1);
    expect((await sql`select core.invalidate('{}'::text[]) as id`)[0].id).toBeNull();
    await sql`with c as (select core.invalidate(array['b:2|x']) as id) select id from c`;
    expect(await outboxRows(sql)).toBe(2);
  });

  test("a writer that is well deletes its rows itself, in a batch", async () => {
    const order = start();
    await live(order);
    const ids = [await writeOutbox(sql, [TAG]), await writeOutbox(sql, [TAG])];
    order.delivered(ids, [await order.at(0).bump([TAG])]);
    await until("the rows are gone", async () => (await outboxRows(sql)) === 0, 1000);
  });

  test("a writer killed between COMMIT and bump: everyone knows within half a second, and no row is left", async () => {
    const [one, two] = [start(), start()];
    await live(one, two);
    const before = one.at(0).cell.heard;
    const committed = performance.now();
    await writeOutbox(sql, [TAG]);
    const bump = { cell: 0, generation: one.at(0).cell.generation ?? "", n: before + 1, server_id: "" };
    await until("all have heard", () => knows(one, bump, TAG) && knows(two, bump, TAG), 1000);
    expect(performance.now() - committed).toBeLessThan(500);
    await until("the row is gone", async () => (await outboxRows(sql)) === 0, 1000);
  });

  test("what was committed while Redis was away is delivered on its return", async () => {
    const order = start();
    await live(order);
    await redis.kill();
    for (let count = 0; count < 50; count += 1) await writeOutbox(sql, [`b:${count}|x`]);
    await Bun.sleep(300);
    expect(await outboxRows(sql)).toBe(50);
    await redis.start();
    await live(order);
    await until("the rows are gone", async () => (await outboxRows(sql)) === 0, 2000);
  });
});

describe("relay", () => {
  test("one replica relays; another one takes over when it is killed, and nothing is missed", async () => {
    const first = spawn();
    await until("it relays", () => first.last()?.relays === true, 10_000);
    const two = start();
    await live(two);
    expect(two.relays).toBe(false);
    first.signal("SIGKILL");
    await writeOutbox(sql, [TAG]);
    await until("the other one relays", () => two.relays, 2000);
    await until("the row is gone", async () => (await outboxRows(sql)) === 0, 2000);
    await live(two);
  });

  test("a relay that was stopped past its half second ends its tenure", async () => {
    const first = spawn();
    await until("it relays", () => first.last()?.relays === true, 10_000);
    const two = start();
    await live(two);
    first.signal("SIGSTOP");
    await until("the other one relays", () => two.relays, 2000);
    first.signal("SIGCONT");
    await Bun.sleep(500);
    expect([first.last()?.relays, two.relays]).toEqual([false, true]);
    await live(two);
  });

  test("no beat goes to a server that is not recorded; what the wrong side was told stays in the outbox", async () => {
    const other = await startRedis();
    try {
      const right = start();
      await live(right);
      const wrong = start(other.url);
      await Bun.sleep(800);
      expect([isLive(right), isLive(wrong), right.relays]).toEqual([true, false, true]);
      const before = right.at(0).cell.heard;
      const id = await writeOutbox(sql, [TAG]);
      wrong.delivered([id], [await wrong.at(0).bump([TAG])]);
      const bump = { cell: 0, generation: right.at(0).cell.generation ?? "", n: before + 1, server_id: "" };
      await until("the right side knows", () => knows(right, bump, TAG), 1000);
      await until("the row is gone", async () => (await outboxRows(sql)) === 0, 1000);
    } finally {
      await Promise.all(orders.map((order) => order.close()));
      await other.stop();
    }
  });

  test("nobody is live on another Redis while a lease of the one before may hold", async () => {
    const other = await startRedis();
    let cut = false;
    const known = databaseOf(sql, database.url);
    const pass: CacheDatabase["pass"] = (request) =>
      cut ? Promise.reject(new Error("cut off")) : known.pass(request);
    try {
      const here = start(redis.url, { database: { ...known, pass } });
      await live(here);
      const there = start(other.url);
      await until("the other one is connected", () => there.at(0).server() !== null);
      // Its own database does not hear it any more, and the row is free: the other side relays from now on.
      cut = true;
      await sql`update core.cache_relay set until = '-infinity'`;
      let both = 0;
      await until("the other side is live", () => {
        const now = isLive(there);
        if (now && isLive(here)) both += 1;
        return now && !isLive(here);
      });
      expect(both).toBe(0);
    } finally {
      await Promise.all(orders.map((order) => order.close()));
      await other.stop();
    }
  });

  test("a move to another Redis begins a new generation there, even if it has an old one", async () => {
    const other = await startRedis();
    try {
      const old = start(other.url);
      await live(old);
      const generation = old.state(0).opened?.generation;
      await old.close();
      const here = start();
      await live(here);
      await here.close();
      const back = start(other.url);
      await live(back);
      expect(back.state(0).opened?.generation).not.toBe(generation);
    } finally {
      await Promise.all(orders.map((order) => order.close()));
      await other.stop();
    }
  });
});

describe("confirmations", () => {
  test("the writer waits until all have heard: milliseconds when all are well", async () => {
    const [one, two] = [start(), start()];
    await live(one, two);
    await Bun.sleep(1100);
    const began = performance.now();
    const bump = await one.at(0).bump([AWAITED]);
    await one.confirmed([bump], began, true);
    expect(performance.now() - began).toBeLessThan(300);
    expect(knows(two, bump, AWAITED)).toBe(true);
  });

  test("a writer that has not held the generation for a second, or bumped in part, waits for the clock", async () => {
    const one = start();
    await live(one);
    const began = performance.now();
    await one.confirmed([await one.at(0).bump([AWAITED])], began, true);
    expect(performance.now() - began).toBeGreaterThanOrEqual(999);
    const again = performance.now();
    await one.confirmed([], again, false);
    expect(performance.now() - again).toBeGreaterThanOrEqual(999);
  });

  test("a stopped replica delays the writer to COMMIT + 1,000 ms at most, and is retired", async () => {
    const one = start();
    const other = spawn();
    await until("both are live", () => isLive(one) && other.last()?.live === true, 10_000);
    await Bun.sleep(1100);
    other.signal("SIGSTOP");
    const began = performance.now();
    const bump = await one.at(0).bump([AWAITED]);
    await one.confirmed([bump], began, true);
    const waited = performance.now() - began;
    expect(waited).toBeGreaterThan(900);
    expect(waited).toBeLessThan(1150);
    const rows = async () => {
      const nonce = one.state(0).opened?.generation.split(" ")[1];
      return redis.command("HLEN", `ch:{0}:${nonce}:r`);
    };
    await until("it is retired", async () => (await rows()).includes(":1"), 5000);
    const later = performance.now();
    await one.confirmed([await one.at(0).bump([AWAITED])], later, true);
    expect(performance.now() - later).toBeLessThan(300);
    const before = other.said.length;
    other.signal("SIGCONT");
    await until("it lives again", () => other.said.slice(before).some((state) => state.live), 5000);
    await until("it is registered again", async () => (await rows()).includes(":2"), 1000);
  });

  test("a registry that was lost confirms nothing", async () => {
    const [one, two] = [start(), start()];
    await live(one, two);
    await Bun.sleep(1100);
    const nonce = one.state(0).opened?.generation.split(" ")[1];
    await redis.command("DEL", `ch:{0}:${nonce}:r`);
    const began = performance.now();
    const bump = await one.at(0).bump([AWAITED]);
    await one.confirmed([bump], began, true);
    expect(knows(two, bump, AWAITED) || !isLive(two)).toBe(true);
    await live(one, two);
  });
});
