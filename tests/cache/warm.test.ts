import { beforeEach, expect, test } from "bun:test";
import type { Cache, Cached, Definition, SharedBytes } from "../../src/platform/cache/index.ts";
import { businessTags } from "../../src/platform/cache/tags.ts";
import { cacheOver, HeldTime, ScriptedOrder, ScriptedServer } from "../helpers/cache.ts";

type Parts = { business_id: string; id: number };
type Things = Cached<Parts, SharedBytes>;
const thingTag = businessTags("thing");
const at = (id: number): Parts => ({ business_id: "acme", id });

let server: ScriptedServer;
let time: HeldTime;
let order: ScriptedOrder;
let cache: Cache;
/** Ids in the order in which they were loaded. */
let loads: number[];

const define = (on: Cache, name: string, more: Partial<Definition<Parts, string>> = {}): Things =>
  on.endpoint<Parts>({
    name,
    scope: "business",
    class: "bounded",
    ttl_ms: 600_000,
    warm: true,
    tags: ({ business_id, id }) => [thingTag(business_id, id)],
    load: ({ id }) => {
      loads.push(id);
      return Promise.resolve(`${id}`);
    },
    ...more,
  });

beforeEach(() => {
  server = new ScriptedServer();
  time = new HeldTime();
  order = new ScriptedOrder(server, time);
  cache = cacheOver(order, time);
  loads = [];
});

async function settle(turns = 40): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
}

/** Time passes, with leases all the while. */
async function later(
  by_ms: number,
  orders: readonly ScriptedOrder[] = [order],
  step_ms = 100,
): Promise<void> {
  for (let passed = 0; passed < by_ms; passed += step_ms) {
    time.advance(step_ms);
    for (const each of orders) {
      each.hear();
      each.prove();
    }
    await settle();
  }
}

const asked = async (things: Things, ids: readonly number[]): Promise<string[]> => {
  const found: string[] = [];
  for (const id of ids) found.push((await things.get(at(id))).from);
  return found;
};

test("after a clear, of everything or by name, what is polled is there before anybody asks, and nothing else is", async () => {
  const things = define(cache, "test.things");
  const cold = define(cache, "test.cold", { warm: false });
  for (const what of [{}, { prefix: "test." }, { pattern: "test.things:b:acme" }]) {
    await asked(things, [1, 2, 3]);
    await asked(cold, [9]);
    await later(3_000);
    loads = [];
    await cache.clear(what);
    await later(3_000);
    expect(loads.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    expect(await asked(things, [1, 2, 3])).toEqual(["l1", "l1", "l1"]);
    expect((await cold.get(at(9))).from).toBe("load");
  }
  expect(cache.own().gauges.warm).toEqual({ loaded: 9, found: 0, failed: 0, left: 0 });
});

test("a write is no clear: what it ends is loaded for who asks", async () => {
  const things = define(cache, "test.things");
  await asked(things, [1, 2]);
  await later(3_000);
  await cache.invalidate([thingTag("acme", 1)], { outbox_ids: [] });
  await later(3_000);
  expect(loads).toEqual([1, 2]);
});

test("what is polled most is told, and a replica that starts later begins with it, out of Redis where it is there", async () => {
  const things = define(cache, "test.things");
  await asked(things, [1, 2]);
  await later(40_000);
  expect(JSON.parse(server.remembered ?? "")).toEqual(
    [1, 2].map((id) => ({ name: "test.things", parts: at(id), uses: 1 })),
  );
  const second = new ScriptedOrder(server, time);
  const started = cacheOver(second, time);
  const same = define(started, "test.things");
  await later(3_000, [order, second]);
  expect(loads).toEqual([1, 2]);
  expect(started.own().gauges.warm).toMatchObject({ loaded: 0, found: 2 });
  expect(await asked(same, [1, 2])).toEqual(["l1", "l1"]);
});

test("what another release, or nobody, has told harms nothing", async () => {
  const told = [
    { name: "test.gone", parts: at(1), uses: 1 },
    { name: "test.things", parts: { id: { $gt: 1 } }, uses: 1 },
    { name: "test.things", parts: null, uses: 1 },
    { name: "test.things", parts: at(7), uses: "many" },
    { name: "test.things", parts: at(5), uses: 3 },
    7,
  ];
  for (const text of ["", "{", "null", "7", JSON.stringify(told)]) {
    server.remembered = text;
    const other = new ScriptedOrder(server, time);
    define(cacheOver(other, time), "test.things");
    await later(3_000, [other]);
  }
  expect(loads).toEqual([5]);
});

test("warming takes one load at a time, and gives way while anybody waits for a load", async () => {
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  const slow = define(cache, "test.slow", {
    load: async ({ id }) => {
      running += 1;
      most = Math.max(most, running);
      if (id >= 100) await new Promise<void>((resolve) => void release.push(resolve));
      running -= 1;
      loads.push(id);
      return `${id}`;
    },
  });
  await asked(slow, [1, 2, 3, 4]);
  await later(3_000);
  expect(most).toBe(1);
  // More than may load at a time, so that some wait.
  const waiting = Array.from({ length: 40 }, (_, place) => slow.get(at(100 + place)));
  await later(500);
  expect(cache.own().gauges.loads_waiting).toBe(8);
  loads = [];
  await cache.clear();
  await later(5_000);
  expect(loads).toEqual([]);
  while (release.length > 0 || running > 0) {
    for (const open of release.splice(0)) open();
    await later(100);
  }
  await Promise.all(waiting);
  await later(3_000);
  expect(loads.filter((id) => id < 100).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
});

test("of many that were asked once, those that are asked again and again are kept", async () => {
  const things = define(cache, "test.things");
  for (let turn = 0; turn < 64; turn += 1) await asked(things, [1]);
  for (let id = 1_000; id < 3_000; id += 1) await things.get(at(id));
  await later(2_000);
  loads = [];
  await cache.clear();
  await later(1_500);
  await settle(40_000);
  expect(loads.length).toBeGreaterThan(200);
  expect(loads.length).toBeLessThanOrEqual(1_024);
  expect(loads).toContain(1);
  // What nobody asks for any more is forgotten.
  await later(900_000, [order], 500);
  loads = [];
  await cache.clear();
  await later(3_000);
  expect(loads).toEqual([]);
});

test("a load that fails is told to who asks, and the others are warmed", async () => {
  let fails = false;
  const things = define(cache, "test.things", {
    load: ({ id }) => {
      loads.push(id);
      return fails && id === 2 ? Promise.reject(new Error("no")) : Promise.resolve("1");
    },
  });
  await asked(things, [1, 2, 3]);
  await later(2_000);
  fails = true;
  await cache.clear();
  await later(3_000);
  expect(cache.own().gauges.warm).toEqual({ loaded: 2, found: 0, failed: 1, left: 0 });
});

test("a cache that is switched off is not warmed", async () => {
  const off = cacheOver(order, time, { enabled: false });
  const things = define(off, "test.things");
  await asked(things, [1]);
  await later(2_000);
  await off.clear();
  await later(3_000);
  expect(loads).toEqual([1]);
});
