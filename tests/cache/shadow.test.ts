import { beforeEach, describe, expect, test } from "bun:test";
import type { Cache, Cached, Definition, SharedBytes } from "../../src/platform/cache/index.ts";
import { businessTags } from "../../src/platform/cache/tags.ts";
import { cacheOver, HeldTime, ScriptedOrder, ScriptedServer } from "../helpers/cache.ts";

type Parts = { business_id: string; id: number };
const thingTag = businessTags("thing");
const parts: Parts = { business_id: "acme", id: 1 };
/** Enough that two shadows have begun at any draw. */
const hits = 3_100;

let server: ScriptedServer;
let time: HeldTime;
let order: ScriptedOrder;
let cache: Cache;
let text: string;
let loads: number;
let warnings: unknown[];

const define = (more: Partial<Definition<Parts, string>> = {}): Definition<Parts, string> => ({
  name: "test.thing",
  scope: "business",
  class: "bounded",
  ttl_ms: 600_000,
  tags: ({ business_id, id }) => [thingTag(business_id, id)],
  load: () => {
    loads += 1;
    return Promise.resolve(text);
  },
  ...more,
});

beforeEach(() => {
  server = new ScriptedServer();
  time = new HeldTime();
  order = new ScriptedOrder(server, time);
  warnings = [];
  cache = cacheOver(order, time, {
    log: { info: () => undefined, warn: (fields) => void warnings.push(fields) },
  });
  text = "1";
  loads = 0;
});

/** Hits as many, and lets what they began run as far as it may. */
async function hitMany(things: Cached<Parts, SharedBytes>): Promise<void> {
  await things.get(parts);
  for (let done = 0; done < hits; done += 1) {
    await things.get(parts);
    if (done % 100 === 99) await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
}

/** Until every bump must be out; the lease holds all the while. */
async function later(): Promise<void> {
  for (let passed = 0; passed < 2_000; passed += 100) {
    time.advance(100);
    order.hear();
    order.prove();
    await settle();
  }
}

describe("one hit of a thousand", () => {
  test("is loaded again and found to be the same", async () => {
    await hitMany(cache.endpoint(define()));
    const { total } = await cache.stats();
    expect(total.shadowed).toBeGreaterThan(1);
    expect(total.shadowed).toBeLessThanOrEqual(7);
    expect([total.shadow_wrong, loads - 1]).toEqual([0, total.shadowed]);
    expect(total.hits + total.misses + total.bypassed).toBe(total.lookups);
  });

  test("shows a change that nobody announced, and says so once a minute", async () => {
    const things = cache.endpoint(define());
    await things.get(parts);
    text = "2";
    await hitMany(things);
    await later();
    await hitMany(things);
    await later();
    const { total } = await cache.stats();
    expect(total.shadow_wrong).toBeGreaterThan(1);
    expect(total.shadow_wrong).toBe(total.shadowed);
    expect(warnings).toEqual([{ definition: "test.thing" }]);
  });

  test("is not wrong when the bump of the change was only on its way", async () => {
    const things = cache.endpoint(define());
    await things.get(parts);
    text = "2";
    await hitMany(things);
    await new ScriptedOrder(server, time).bump([thingTag("acme", 1)]);
    await later();
    expect((await cache.stats()).total).toMatchObject({ shadowed: 0, shadow_wrong: 0 });
  });

  test("is left alone where answers move by themselves, and where loads wait", async () => {
    await hitMany(cache.endpoint(define({ name: "test.clock", moves: true })));
    await hitMany(cache.endpoint(define({ name: "test.relaxed", class: "relaxed" })));
    expect(loads).toBe(2);
    const quick = cache.endpoint(define({ name: "test.quick" }));
    await quick.get(parts);
    const gate = Promise.withResolvers<string>();
    const slow = cache.endpoint(define({ name: "test.slow", load: () => gate.promise }));
    const waiting = Array.from({ length: 40 }, (_, id) => slow.get({ business_id: "acme", id }));
    await settle();
    expect((await cache.stats()).gauges.loads_waiting).toBeGreaterThan(0);
    await hitMany(quick);
    expect(loads).toBe(3);
    gate.resolve("slow");
    await Promise.all(waiting);
    expect((await cache.stats()).total.shadowed).toBe(0);
  });
});
