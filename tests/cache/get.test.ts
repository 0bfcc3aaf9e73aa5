import { beforeEach, describe, expect, test } from "bun:test";
import type { Definition, Lookup, SharedBytes } from "../../src/platform/cache/index.ts";
import {
  businessTags,
  type Cache,
  CacheOverloaded,
  LoadTimeout,
  LocalOrder,
} from "../../src/platform/cache/index.ts";
import { cacheOver, HeldTime, ScriptedOrder, ScriptedServer, textOf } from "../helpers/cache.ts";

type Thing = { business_id: string; id: number };
const thingTag = businessTags("thing");
const parts = { business_id: "acme", id: 1 };
const written = { outbox_ids: [1n] };

let time: HeldTime;
let server: ScriptedServer;
let order: ScriptedOrder;
let cache: Cache;
let loads: number;
let answer: () => Promise<string | null>;

beforeEach(() => {
  time = new HeldTime();
  server = new ScriptedServer();
  order = new ScriptedOrder(server, time);
  cache = cacheOver(order, time);
  loads = 0;
  answer = () => Promise.resolve(`"answer ${loads}"`);
});

const define = (more: Partial<Definition<Thing, string>> = {}): Definition<Thing, string> => ({
  name: "test.thing",
  scope: "business",
  class: "bounded",
  ttl_ms: 60_000,
  tags: (p) => [thingTag(p.business_id, p.id)],
  load: () => {
    loads += 1;
    return answer();
  },
  ...more,
});
const text = (lookup: Lookup<SharedBytes>): string | null =>
  lookup.value === null ? null : textOf(lookup.value);
const settle = async (): Promise<void> => {
  for (let i = 0; i < 60; i++) await Promise.resolve();
};
const step = async (by_ms: number): Promise<void> => {
  for (let passed = 0; passed < by_ms; passed += 100) {
    time.advance(Math.min(100, by_ms - passed));
    order.hear();
    order.prove();
    await settle();
  }
};

describe("get", () => {
  test("loads once, then answers from L1 in the same turn", async () => {
    const things = cache.endpoint(define());
    const first = await things.get(parts);
    expect(first.from).toBe("load");
    const second = things.get(parts);
    expect(second).not.toBeInstanceOf(Promise);
    expect(second).toMatchObject({ from: "l1", etag: first.etag });
    expect(loads).toBe(1);
  });

  test("another replica finds it in L2, with one command", async () => {
    await cache.endpoint(define()).get(parts);
    await settle();
    const other = new ScriptedOrder(server, time);
    const things = cacheOver(other, time).endpoint(define());
    expect(await things.get(parts)).toMatchObject({ from: "l2" });
    expect(other.commands).toEqual(["lookup"]);
    expect(things.get(parts)).toMatchObject({ from: "l1" });
    expect(loads).toBe(1);
  });

  test("concurrent misses share one load, and its failure", async () => {
    const things = cache.endpoint(define());
    const all = await Promise.all(Array.from({ length: 100 }, () => things.get(parts)));
    expect(loads).toBe(1);
    expect(all.filter(({ from }) => from === "load")).toHaveLength(1);
    expect(all.filter(({ from }) => from === "shared")).toHaveLength(99);
    answer = () => Promise.reject(new Error("no"));
    const failing = Array.from({ length: 10 }, () => Promise.resolve(things.get({ ...parts, id: 2 })));
    expect((await Promise.allSettled(failing)).every(({ status }) => status === "rejected")).toBe(true);
    expect(loads).toBe(2);
    answer = () => Promise.resolve("1");
    expect(await things.get({ ...parts, id: 2 })).toMatchObject({ from: "load" });
  });

  test("a strict answer is checked at every use, by 100 cold callers with at most two loads", async () => {
    const things = cache.endpoint(define({ class: "strict" }));
    await Promise.all(Array.from({ length: 100 }, () => things.get(parts)));
    expect(loads).toBeLessThanOrEqual(2);
    const before = loads;
    order.commands = [];
    expect(await things.get(parts)).toMatchObject({ from: "l1" });
    expect(order.commands).toEqual(["check"]);
    await new ScriptedOrder(server, time).bump([thingTag("acme", 1)]);
    expect(await things.get(parts)).toMatchObject({ from: "load" });
    expect(loads).toBe(before + 1);
  });

  test("an early version that was evicted is a miss", async () => {
    const things = cache.endpoint(define({ class: "strict" }));
    await things.get(parts);
    await settle();
    server.versions.delete(thingTag("acme", 1));
    expect(await things.get(parts)).toMatchObject({ from: "load" });
  });

  test("the race that matters: a bump during the load keeps the answer out of both tiers", async () => {
    const things = cache.endpoint(define());
    const gate = Promise.withResolvers<string>();
    answer = () => gate.promise;
    const early = things.get(parts);
    await settle();
    await new ScriptedOrder(server, time).bump([thingTag("acme", 1)]);
    gate.resolve('"old"');
    expect(text(await early)).toBe('"old"');
    await settle();
    expect(server.entries.size).toBe(0);
    order.hear();
    answer = () => Promise.resolve('"new"');
    expect(text(await things.get(parts))).toBe('"new"');
  });

  test("a lookup after a write does not join a load begun before it", async () => {
    const things = cache.endpoint(define());
    const gate = Promise.withResolvers<string>();
    answer = () => gate.promise;
    const early = things.get(parts);
    await settle();
    const done = cache.invalidate([thingTag("acme", 1)], written);
    answer = () => Promise.resolve('"new"');
    const late = things.get(parts);
    expect(text(await late)).toBe('"new"');
    gate.resolve('"old"');
    expect(text(await early)).toBe('"old"');
    expect(await done).toEqual({ delivered: true });
    expect(order.deletedRows).toEqual([1n]);
    expect(text(await things.get(parts))).toBe('"new"');
  });

  test("nothing older is served after an invalidation that could not be delivered", async () => {
    const things = cache.endpoint(define());
    await things.get(parts);
    await settle();
    order.reachable = false;
    const outcome = cache.invalidate([thingTag("acme", 1)], written);
    order.reachable = true;
    expect(await things.get(parts)).toMatchObject({ from: "load" });
    order.reachable = false;
    await outcome;
    order.reachable = true;
    expect(loads).toBe(2);
  });

  test("without a lease: strict asks the database, bounded serves what is young, relaxed what it has", async () => {
    const strict = cache.endpoint(define({ name: "test.strict", class: "strict" }));
    const bounded = cache.endpoint(define());
    const relaxed = cache.endpoint(
      define({ name: "test.relaxed", class: "relaxed", ttl_ms: 5_000, grace_ms: 10_000 }),
    );
    time.advance(1);
    for (const one of [strict, bounded, relaxed]) await one.get(parts);
    order.reachable = false;
    order.cell.lapse();
    expect(await strict.get(parts)).toMatchObject({ from: "bypass", reason: "not_live" });
    expect(await bounded.get(parts)).toMatchObject({ from: "l1", reason: "not_live" });
    expect(await relaxed.get(parts)).toMatchObject({ from: "l1", reason: "not_live" });
    time.advance(1_000);
    expect(await bounded.get(parts)).toMatchObject({ from: "load" });
    expect(await bounded.get(parts)).toMatchObject({ from: "l1" });
    time.advance(4_500);
    answer = () => Promise.reject(new Error("down"));
    expect(await relaxed.get(parts)).toMatchObject({ from: "stale" });
    time.advance(10_000);
    expect(Promise.resolve(relaxed.get(parts))).rejects.toThrow("down");
    await settle();
  });

  test("a bounded answer past its ttl serves when the load fails, and not once it was bumped", async () => {
    const things = cache.endpoint(define({ ttl_ms: 1_000, grace_ms: 60_000 }));
    await things.get(parts);
    await step(1_500);
    answer = () => Promise.reject(new Error("down"));
    expect(await things.get(parts)).toMatchObject({ from: "stale", reason: "load_failed" });
    await cache.invalidate([thingTag("acme", 1)], written);
    expect(Promise.resolve(things.get(parts))).rejects.toThrow("down");
    await settle();
  });

  test("a relaxed answer past its ttl serves at once while one load refreshes it", async () => {
    const things = cache.endpoint(define({ class: "relaxed", ttl_ms: 1_000, grace_ms: 60_000 }));
    await things.get(parts);
    await step(1_500);
    expect(await things.get(parts)).toMatchObject({ from: "stale" });
    await settle();
    expect(things.get(parts)).toMatchObject({ from: "l1" });
    expect(loads).toBe(2);
  });

  test("null, empty and falsy values are values; null is kept only where it is asked for", async () => {
    for (const [index, value] of [0, false, "", [], {}].entries()) {
      const cached = cache.query<Thing, unknown>({
        ...define(),
        name: `test.value${"abcde"[index]}`,
        load: async () => value,
      });
      expect(await cached.get(parts)).toMatchObject({ from: "load", value });
      expect(await cached.get(parts)).toMatchObject({ from: "l1", value });
    }
    answer = () => Promise.resolve(null);
    const never = cache.endpoint(define());
    expect(await never.get(parts)).toMatchObject({ from: "load", value: null });
    expect(await never.get(parts)).toMatchObject({ from: "load", value: null });
    const briefly = cache.endpoint(define({ name: "test.null", negative_ttl_ms: 1_000 }));
    await briefly.get(parts);
    expect(await briefly.get(parts)).toMatchObject({ from: "l1", value: null });
    await step(1_200);
    expect(await briefly.get(parts)).toMatchObject({ from: "load" });
  });

  test("nobody can change a value of query()", async () => {
    const source = { list: [{ name: "a" }] };
    const cached = cache.query({ ...define(), load: async () => source });
    const { value } = await cached.get(parts);
    source.list[0] = { name: "b" };
    expect(() => (value as unknown as typeof source).list.push({ name: "c" })).toThrow();
    const again = await cached.get(parts);
    expect(again.value).toEqual({ list: [{ name: "a" }] });
  });

  test("sizes around each limit are kept or refused exactly", async () => {
    const sized = async (name: string, bytes: number, max_bytes?: number) => {
      answer = () => Promise.resolve("x".repeat(bytes));
      const big = cacheOver(order, time, { l1_max_bytes: 10_000_000 });
      const cached = big.endpoint(define({ name, ...(max_bytes === undefined ? {} : { max_bytes }) }));
      const fills = server.fills;
      await cached.get(parts);
      for (let i = 0; i < 20 && server.fills === fills; i++) await Bun.sleep(2);
      const l1 = !(cached.get(parts) instanceof Promise);
      await settle();
      return [l1, server.fills > fills];
    };
    expect(await sized("test.a", 256 * 1024)).toEqual([true, true]);
    expect(await sized("test.b", 256 * 1024 + 1)).toEqual([false, true]);
    expect(await sized("test.c", 1024 * 1024)).toEqual([false, true]);
    expect(await sized("test.d", 1024 * 1024 + 1)).toEqual([false, false]);
    expect(await sized("test.e", 1000, 1000)).toEqual([true, true]);
    expect(await sized("test.f", 1001, 1000)).toEqual([false, false]);
  });

  test("damaged bytes in L2 are a counted miss", async () => {
    const things = cache.endpoint(define());
    await things.get(parts);
    await settle();
    for (const entry of server.entries.values())
      entry.bytes = entry.bytes.map((byte, i) => (i === 50 ? byte ^ 1 : byte));
    const other = cacheOver(new ScriptedOrder(server, time), time);
    expect(await other.endpoint(define()).get(parts)).toMatchObject({ from: "load" });
    expect((await other.stats()).total.corrupt).toBe(1);
  });

  test("bypass, a signal, a time limit and a full queue", async () => {
    const things = cache.endpoint(define());
    expect(await things.get(parts, { bypass: true })).toMatchObject({ from: "bypass", reason: "asked" });
    expect(order.commands).toEqual([]);
    const gate = Promise.withResolvers<string>();
    answer = () => gate.promise;
    const controller = new AbortController();
    const leaving = things.get(parts, { signal: controller.signal }) as Promise<unknown>;
    const staying = things.get(parts) as Promise<Lookup<SharedBytes>>;
    await settle();
    controller.abort(new Error("gone"));
    expect(leaving).rejects.toThrow("gone");
    gate.resolve("1");
    expect((await staying).from).toBe("shared");
    answer = () => new Promise(() => undefined);
    const slow = Promise.resolve(things.get({ ...parts, id: 2 }));
    await settle();
    time.advance(10_000);
    expect(slow).rejects.toBeInstanceOf(LoadTimeout);
    await settle();
    const narrow = cacheOver(new ScriptedOrder(server, time), time, { slots: 2 }).endpoint(define());
    const many = Array.from({ length: 66 }, (_, id) =>
      Promise.resolve(narrow.get({ ...parts, id: id + 10 })),
    );
    const refused = many.slice(-1)[0];
    expect(refused).rejects.toBeInstanceOf(CacheOverloaded);
    for (const one of many) one.catch(() => undefined);
    await settle();
  });

  test("another replica's load is waited for instead of loading twice", async () => {
    const gate = Promise.withResolvers<string>();
    answer = () => gate.promise;
    const mine = cache.endpoint(define()).get(parts);
    await settle();
    const other = cacheOver(new ScriptedOrder(server, time), time).endpoint(define()).get(parts);
    await settle();
    gate.resolve("1");
    await mine;
    await settle();
    time.advance(4);
    expect(await other).toMatchObject({ from: "l2" });
    expect(loads).toBe(1);
  });

  test("a dear answer is refreshed before its end, in the background", async () => {
    let dice = 0.5;
    const eager = cacheOver(order, time, { random: () => dice }).endpoint(define({ ttl_ms: 10_000 }));
    answer = async () => {
      time.advance(300);
      return `"${loads}"`;
    };
    await eager.get(parts);
    await settle();
    await step(9_000);
    dice = 0;
    expect(eager.get(parts)).toMatchObject({ from: "l1" });
    await settle();
    expect(loads).toBe(1);
    dice = 0.999;
    expect(eager.get(parts)).toMatchObject({ from: "l1" });
    await settle();
    expect(loads).toBe(2);
  });

  test("switched off, every get is a bypass and bumps go on", async () => {
    const off = cacheOver(order, time, { enabled: false });
    expect(await off.endpoint(define()).get(parts)).toMatchObject({ from: "bypass", reason: "disabled" });
    await off.invalidate([thingTag("acme", 1)], written);
    expect(server.n).toBe(1);
  });
});

describe("clear", () => {
  test("forgets a prefix, a scope or everything, and says what", async () => {
    const things = cache.endpoint(define());
    const others = cache.endpoint(define({ name: "other.thing" }));
    const fill = async () => {
      await things.get(parts);
      await others.get(parts);
    };
    const kept = async (): Promise<boolean[]> => {
      order.hear();
      return [!(things.get(parts) instanceof Promise), !(others.get(parts) instanceof Promise)];
    };
    await fill();
    expect(await cache.clear({ prefix: "test." })).toEqual({ cleared: ["test.thing"] });
    expect(await kept()).toEqual([false, true]);
    await settle();
    await fill();
    expect(await cache.clear({ pattern: "*:b:acme:*" })).toEqual({ cleared: ["other.thing", "test.thing"] });
    await fill();
    expect(await cache.clear({ pattern: "test.*:b:acme" })).toEqual({ cleared: ["b:acme"] });
    expect(await kept()).toEqual([false, false]);
    await settle();
    await fill();
    expect(await cache.clear()).toEqual({ cleared: ["*"] });
    expect(await kept()).toEqual([false, false]);
    await settle();
  });
});

describe("a process alone", () => {
  test("keeps strict answers in L1 with no check while it is provably alone", async () => {
    const local = new LocalOrder({ clock: time.clock });
    const alone = cacheOver(local, time);
    const things = alone.endpoint(define({ class: "strict" }));
    expect(await things.get(parts)).toMatchObject({ from: "bypass" });
    local.hold(time.monotonic_ms);
    await things.get(parts);
    expect(things.get(parts)).toMatchObject({ from: "l1" });
    await alone.invalidate([thingTag("acme", 1)], written);
    expect(await things.get(parts)).toMatchObject({ from: "load" });
    time.advance(1_001);
    expect(await things.get(parts)).toMatchObject({ from: "bypass", reason: "not_live" });
    local.hold(time.monotonic_ms);
    expect(await things.get(parts)).toMatchObject({ from: "load" });
    local.lose();
    expect(await things.get(parts)).toMatchObject({ from: "bypass" });
  });
});
