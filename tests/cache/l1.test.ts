import { describe, expect, test } from "bun:test";
import { Cell } from "../../src/platform/cache/cell.ts";
import { matchesGlob } from "../../src/platform/cache/glob.ts";
import { Item, L1, weigh } from "../../src/platform/cache/l1.ts";
import { Semaphore } from "../../src/platform/cache/semaphore.ts";
import {
  addCounters,
  LoadTimes,
  newCounters,
  summarise,
  sumPublished,
} from "../../src/platform/cache/stats.ts";
import { businessTags } from "../../src/platform/cache/tags.ts";
import { cacheOver, HeldTime, ScriptedOrder, ScriptedServer } from "../helpers/cache.ts";

const cell = new Cell({ index: 0, clock: new HeldTime().clock });
const counters = newCounters();
const item = (payload_bytes: number, value: unknown = null): Item =>
  new Item(cell, {
    counters,
    generation: "g",
    position: 0,
    sequence: 0,
    began: 0,
    began_wall: 0,
    judged: 0,
    value,
    payload_bytes,
    etag: "",
    tags: ["t"],
    created_at: 0,
    fresh_until: 0,
    dies_at: 0,
    cost_ms: 0,
  });

describe("L1", () => {
  test("stays within its bytes, keys included, and its figures return to zero", () => {
    const l1 = new L1({ max_bytes: 100_000 });
    let most = 0;
    for (let i = 0; i < 500_000; i++) {
      l1.set(`key ${i % 400_000} ${"x".repeat(i % 50)}`, item(i % 700));
      most = Math.max(most, l1.bytes);
    }
    expect(most).toBeLessThanOrEqual(100_000);
    expect([counters.l1_bytes, counters.l1_entries]).toEqual([l1.bytes, l1.entries]);
    expect(counters.evictions).toBeGreaterThan(0);
    l1.clear();
    expect([counters.l1_bytes, counters.l1_entries, l1.bytes, l1.entries]).toEqual([0, 0, 0, 0]);
  });

  test("holds bytes of its own, not a view that keeps a whole reply of Redis", () => {
    const l1 = new L1({ max_bytes: 100_000 });
    const reply = Buffer.from("before the answer after");
    const kept = item(10, reply.subarray(7, 17));
    l1.set("k", kept);
    const { value } = kept;
    expect(Buffer.from(value as Uint8Array).toString()).toBe("the answer");
    expect((value as Uint8Array).buffer.byteLength).toBe(10);
  });

  test("lets in whatever fits, and beyond that what is asked for again", () => {
    const l1 = new L1({ max_bytes: 10_000 });
    for (let i = 0; l1.admits(`k${i}`, item(100)); i++) l1.set(`k${i}`, item(100));
    expect(l1.bytes).toBeGreaterThan(9_000);
    expect(l1.admits("once", item(100))).toBe(false);
    expect(l1.admits("once", item(100))).toBe(true);
    expect(l1.admits("small enough", item(0, null))).toBe(
      l1.bytes + weigh(item(0), "small enough") <= 10_000,
    );
    // Long ago is not lately.
    for (let i = 0; i < 40_000; i++) l1.admits(`passing ${i}`, item(100));
    expect(l1.admits("once", item(100))).toBe(false);
  });

  test("keeps empty answers and null, and refuses what is larger than itself", () => {
    const l1 = new L1({ max_bytes: 1_000 });
    expect(weigh(item(0), "")).toBeGreaterThanOrEqual(1);
    expect(l1.set("null", item(0, null))).toBe(true);
    expect(l1.get("null")?.value).toBeNull();
    expect(l1.set("null", item(2_000))).toBe(false);
    expect(l1.get("null")).toBeUndefined();
  });

  test("deletes only the very item it is asked to", () => {
    const l1 = new L1({ max_bytes: 10_000 });
    const [old, newer] = [item(1), item(2)];
    l1.set("k", old);
    l1.set("k", newer);
    l1.delete("k", old);
    expect(l1.get("k")).toBe(newer);
    l1.delete("k", newer);
    expect(l1.get("k")).toBeUndefined();
  });
});

test("answers past their ttl are counted to the second, also when they leave before or after it", () => {
  const l1 = new L1({ max_bytes: 100_000 });
  const own = newCounters();
  const until = (fresh_until: number): Item => new Item(cell, { ...item(1), counters: own, fresh_until });
  const expired = (now: number): number => {
    l1.countExpired(now);
    return own.l1_expired;
  };
  const [first, second] = [until(1_500), until(2_500)];
  l1.set("first", first);
  l1.set("second", second);
  l1.set("third", until(2_600));
  expect([expired(1_900), expired(2_000), expired(3_000)]).toEqual([0, 1, 3]);
  l1.delete("second", second);
  l1.set("first", until(9_000));
  l1.set("late", until(2_000));
  expect([own.l1_entries, expired(3_100), expired(9_999), expired(10_000)]).toEqual([3, 2, 2, 3]);
  l1.clear();
  expect([own.l1_entries, expired(20_000)]).toEqual([0, 0]);
});

test("a glob matches as people expect, and a hostile one takes no longer", () => {
  const matches = (pattern: string): string[] =>
    ["", "a", "shop.stats", "shop.jobs", "a+b"].filter((text) => matchesGlob(pattern, text));
  expect(matches("*")).toHaveLength(5);
  expect(matches("shop.*")).toEqual(["shop.stats", "shop.jobs"]);
  expect(matches("*.*s")).toEqual(["shop.stats", "shop.jobs"]);
  expect(matches("?")).toEqual(["a"]);
  expect(matches("shop.s*t")).toEqual([]);
  expect(matches("a+b")).toEqual(["a+b"]);
  expect(matches("")).toEqual([""]);
  const started = performance.now();
  expect(matchesGlob("*?".repeat(100) + "x", "a".repeat(400))).toBe(false);
  expect(performance.now() - started).toBeLessThan(100);
});

test("a semaphore lets so many run, so many wait, in order, and refuses the rest", async () => {
  const semaphore = new Semaphore(1, 2);
  const seen: number[] = [];
  await semaphore.acquire();
  const waiting = [1, 2].map((n) => semaphore.acquire().then(() => seen.push(n)));
  expect(semaphore.acquire()).rejects.toThrow("wait already");
  semaphore.release();
  await waiting[0];
  expect(seen).toEqual([1]);
  semaphore.release();
  await waiting[1];
  semaphore.release();
  expect([seen, semaphore.running, semaphore.waiting]).toEqual([[1, 2], 0, 0]);
});

test("figures of replicas add up, unknown ones and nonsense left out", () => {
  const one = {
    ...newCounters(),
    lookups: 6,
    l1_hits: 1,
    l2_hits: 1,
    stale: 1,
    loaded: 1,
    shared: 1,
    bypasses: { asked: 1 },
  };
  const { definitions, total } = sumPublished(
    [
      JSON.stringify({ "a.b": one, "c.d": one }),
      JSON.stringify({ "a.b": { ...one, invented: 5 } }),
      "nonsense",
      "null",
    ],
    "a.",
  );
  expect(Object.keys(definitions)).toEqual(["a.b"]);
  expect(total).toMatchObject({ lookups: 12, hits: 6, misses: 4, bypassed: 2, hit_rate: 0.5 });
  expect(total).not.toHaveProperty("invented");
  const sum = newCounters();
  addCounters(sum, one);
  expect(summarise(sum)).toMatchObject({ lookups: 6, hits: 3, misses: 2, bypassed: 1 });
});

test("the 95th percentile is that of the last loads", () => {
  const times = new LoadTimes();
  expect(times.p95()).toBe(250);
  for (let i = 1; i <= 100; i++) times.add(i);
  expect(times.p95()).toBe(97);
});

test("a pass over more than fits drives out nothing, and what is asked again is let in", async () => {
  const [time, server] = [new HeldTime(), new ScriptedServer()];
  const rowTag = businessTags("row");
  let loads = 0;
  const rowsOf = (l1_max_bytes: number) =>
    cacheOver(new ScriptedOrder(server, time), time, { l1_max_bytes }).endpoint<{
      business_id: string;
      id: number;
    }>({
      name: "test.row",
      scope: "business",
      class: "bounded",
      ttl_ms: 60_000,
      tags: ({ business_id, id }) => [rowTag(business_id, id)],
      load: () => Promise.resolve(`row ${(loads += 1)}`),
    });
  const keys = Array.from({ length: 60 }, (_, id) => ({ business_id: "acme", id }));
  const large = rowsOf(1_000_000);
  for (const key of keys) await large.get(key);
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
  const small = rowsOf(10_000);
  for (const key of keys) expect(await small.get(key)).toMatchObject({ from: "l2" });
  // The first ones fill the room, and stay.
  for (const key of keys.slice(0, 10)) expect(small.get(key)).toMatchObject({ from: "l1" });
  const last = { business_id: "acme", id: 59 };
  expect(await small.get(last)).toMatchObject({ from: "l2" });
  expect(small.get(last)).toMatchObject({ from: "l1" });
  expect(loads).toBe(60);
});
