import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { SQL } from "bun";
import type { RedisOrder } from "../../src/platform/cache/order.ts";
import { parseShards, routeOf, slotOfCell } from "../../src/platform/cache/routes.ts";
import type { Bump } from "../../src/platform/cache/types.ts";
import {
  databaseOf,
  isLive,
  knows,
  live,
  outboxRows,
  startOrder,
  until,
  writeOutbox,
} from "../helpers/cache-order.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startRedisCluster, type TestCluster } from "../helpers/redis-cluster.ts";

const CELLS = 16;
let database: TestDatabase;
let sql: SQL;
let cluster: TestCluster;
let orders: RedisOrder[] = [];
const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
const start = (): RedisOrder => {
  const order = startOrder(cluster.urls, databaseOf(sql, database.url), { cluster: true });
  orders.push(order);
  return order;
};
/** A tag of each cell. */
const tagIn = (order: RedisOrder, cell: number): string => {
  for (let id = 0; ; id += 1) if (order.cellOf(`b:${id}`) === cell) return `b:${id}|x`;
};
const generations = (order: RedisOrder) =>
  Array.from({ length: CELLS }, (_, cell) => order.state(cell).opened?.generation);

/** As the relay does: what the server does not answer in time is said again. */
async function bumped(order: RedisOrder, cell: number, tag: string): Promise<Bump> {
  let bump: Bump | null = null;
  await until("its server answers", async () => {
    bump = await order
      .at(cell)
      .bump([tag])
      .catch(() => null);
    return bump !== null;
  });
  return bump as unknown as Bump;
}

beforeAll(async () => {
  process.on("unhandledRejection", note);
  database = await createTestDatabase();
  sql = connect(database.url);
  cluster = await startRedisCluster({ replicas: true });
});
afterEach(async () => {
  await Promise.all(orders.map((order) => order.close()));
  orders = [];
  expect(unhandled).toEqual([]);
});
afterAll(async () => {
  await cluster.stop();
  await sql.close();
  await database.drop();
  process.off("unhandledRejection", note);
});

describe("routes", () => {
  test("the slot of a cell is the server's, and masters are found in both protocols", async () => {
    for (const cell of [0, 7, 15]) {
      const reply = await cluster.masters[0]?.command("CLUSTER", "KEYSLOT", `ch:{${cell}}:g`);
      expect(reply).toContain(`:${slotOfCell(cell)}\r\n`);
    }
    const node = (role: string, port: number) => ({ role, health: "online", endpoint: "10.0.0.1", port });
    const shards = [{ slots: [0, 16_383], nodes: [node("replica", 1), node("master", 2)] }];
    const [route] = parseShards(shards, "redis://user:pw@seed:7");
    expect(route?.url).toBe("redis://user:pw@10.0.0.1:2");
    expect(routeOf(parseShards(shards, "redis://seed:7"), 3)).toBe("redis://10.0.0.1:2");
    const flat = [["slots", ["0", "5"], "nodes", [Object.entries(node("master", 9)).flat()]]];
    expect(parseShards(flat, "redis://seed:7")).toEqual([{ url: "redis://10.0.0.1:9", from: 0, to: 5 }]);
  });
});

describe("a Cluster", () => {
  test("every cell has its own order, and a bump in one is heard by the others in that one", async () => {
    const [one, two] = [start(), start()];
    await live(one, two);
    for (let cell = 0; cell < CELLS; cell += 1) {
      const tag = tagIn(one, cell);
      const bump = await bumped(one, cell, tag);
      await until("it is heard", () => knows(two, bump, tag), 500);
    }
    await writeOutbox(sql, [tagIn(one, 3), tagIn(one, 9), "*!bank.balance"]);
    await until("the row is gone", async () => (await outboxRows(sql)) === 0, 1500);
  });

  test("a slot that moves takes its cell to a new generation; the other cells go on", async () => {
    const order = start();
    await live(order);
    const before = generations(order);
    const cell = 5;
    const [slot, tag] = [slotOfCell(cell), tagIn(order, cell)];
    const from = cluster.masters.find((_, at) => slot <= ([5460, 10_922, 16_383][at] ?? 0));
    const to = cluster.masters.find((node) => node !== from);
    if (from === undefined || to === undefined) throw new Error("no masters");
    await cluster.moveSlot(slot, from, to);
    await order
      .at(cell)
      .bump([tag])
      .catch(() => {});
    await until("it has moved", () => generations(order)[cell] !== before[cell], 8000);
    await live(order);
    const after = generations(order);
    expect(after.filter((generation, at) => generation !== before[at])).toHaveLength(1);
    expect((await order.at(cell).bump([tag])).n).toBeGreaterThan(0);
  });

  test("a failover takes the cells of that master to new generations", async () => {
    const order = start();
    await live(order);
    const before = generations(order);
    await cluster.replicas[0]?.command("CLUSTER", "FAILOVER");
    await until("the cells noticed", () => !isLive(order), 5000);
    await until("all are live", () => isLive(order), 15_000);
    const changed = generations(order).filter((generation, at) => generation !== before[at]);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.length).toBeLessThan(CELLS);
  });
});
