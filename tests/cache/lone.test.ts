import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { SQL } from "bun";
import { createLoneOrder, type LoneOrder } from "../../src/platform/cache/lone.ts";
import { systemClock } from "../../src/platform/clock.ts";
import {
  databaseOf,
  outboxRows,
  silentLog,
  systemTimer,
  until,
  writeOutbox,
} from "../helpers/cache-order.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";

const TAG = "b:1|customers";
let database: TestDatabase;
let sql: SQL;
let orders: LoneOrder[] = [];

const start = (): LoneOrder => {
  const token = () => crypto.randomUUID();
  const deps = { clock: systemClock, timer: systemTimer, token, log: silentLog };
  const order = createLoneOrder({ ...deps, database: databaseOf(sql, database.url) });
  orders.push(order);
  return order;
};
const isLive = (order: LoneOrder): boolean => order.at().cell.live(performance.now());

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
});
afterEach(async () => {
  await Promise.all(orders.map((order) => order.close()));
  orders = [];
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

describe("a process without Redis", () => {
  test("trusts itself two seconds after it won the lock, hears other programs, and deletes what was delivered", async () => {
    const began = performance.now();
    const one = start();
    await until("it is live", () => isLive(one), 6000);
    expect(performance.now() - began).toBeGreaterThan(2000);
    const { cell } = one.at();
    const heard = cell.heard;
    await writeOutbox(sql, [TAG]);
    await until("it has heard", () => cell.heard > heard, 600);
    await until("the row is gone", async () => (await outboxRows(sql)) === 0, 1000);
    const ids = [await writeOutbox(sql, [TAG])];
    one.delivered(ids, [await one.at().bump([TAG])]);
    await until("its own row is gone", async () => (await outboxRows(sql)) === 0, 1000);
    expect(isLive(one)).toBe(true);
  });

  test("is not live beside another one, nor after its lock was taken away", async () => {
    const one = start();
    await until("the first is live", () => isLive(one), 6000);
    const two = start();
    await Bun.sleep(2600);
    expect([isLive(one), isLive(two)]).toEqual([true, false]);
    await sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted
      and database = (select oid from pg_database where datname = current_database())`;
    await until("the first knows", () => !isLive(one), 1100);
    await until("one of them is live again", () => isLive(one) || isLive(two), 8000);
    expect(isLive(one) && isLive(two)).toBe(false);
  });
});
