import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { businessTags, type Cache, type Cached, userTags } from "../../src/platform/cache/index.ts";
import { type Fleet, startFleet } from "../helpers/cache-model/fleet.ts";

/** What the answers of several replicas over one Redis must be, whatever they hold and however many ask. */
type Parts = { business_id: string; user_id: string; what: string };
const ofBusiness = businessTags("thing");
const ofUser = userTags("thing");
const parts: Parts = { business_id: "acme", user_id: "ada", what: "x" };
const HOUR_MS = 3_600_000;

function query<T>(cache: Cache, load: (parts: Parts) => Promise<T | null>, name = "test.query") {
  return cache.query<Parts, T>({
    name,
    scope: "business",
    class: "bounded",
    ttl_ms: HOUR_MS,
    negative_ttl_ms: 5000,
    timeout_ms: 30_000,
    tags: (p) => [ofBusiness(p.business_id, p.what)],
    load,
  });
}
const get = async <T>(fleet: Fleet, cached: Cached<Parts, T>, p: Parts = parts) => fleet.done(cached.get(p));

/** Every entry in Redis. */
const entries = (fleet: Fleet) => [...fleet.redis.data].filter(([key]) => key.includes(":e:"));

describe("I9: one load for all", () => {
  test("1,000 callers at each of 4 cold replicas: at most two loads", async () => {
    const fleet = await startFleet(4);
    let loads = 0;
    const cached = fleet.caches.map((cache) =>
      query(cache, async () => {
        loads += 1;
        await new Promise<void>((resolve) => fleet.world.after(30, resolve));
        return { loads };
      }),
    );
    const asked = cached.flatMap((one) => Array.from({ length: 1000 }, () => one.get(parts)));
    const answers = await fleet.done(Promise.all(asked));
    expect(answers).toHaveLength(4000);
    expect(loads).toBeLessThanOrEqual(2);
  });

  test("a load that fails runs once at a time in a process, and reaches all who wait", async () => {
    const fleet = await startFleet(1);
    let [running, most] = [0, 0];
    const cached = query(fleet.caches[0] as Cache, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => fleet.world.after(30, resolve));
      running -= 1;
      throw new Error("no");
    });
    for (let round = 0; round < 3; round += 1) {
      const asked = Array.from({ length: 1000 }, () => Promise.resolve(cached.get(parts)));
      const all = await fleet.done(Promise.allSettled(asked));
      expect(all.every(({ status }) => status === "rejected")).toBe(true);
    }
    expect(most).toBe(1);
  });
});

test("I10: after a clear no more is loaded at once than the places allow, and everyone is answered", async () => {
  const fleet = await startFleet(1, { slots: 8 });
  const [cache] = fleet.caches as [Cache];
  let [loads, running, most] = [0, 0, 0];
  const cached = query(cache, async (p) => {
    loads += 1;
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => fleet.world.after(5, resolve));
    running -= 1;
    return p.what;
  });
  const ask = async (): Promise<void> => {
    const asked = Array.from({ length: 5000 }, (_, at) => cached.get({ ...parts, what: `k${at % 60}` }));
    const answers = await fleet.done(Promise.all(asked));
    expect(answers.every(({ value }, at) => value === `k${at % 60}`)).toBe(true);
  };
  await ask();
  await fleet.done(cache.clear());
  await ask();
  // Half of the lane's, and each key once before and once after.
  expect({ most, loads }).toEqual({ most: 4, loads: 120 });
});

test("I11: whoever asks, from whatever tier, gets what is theirs", async () => {
  const fleet = await startFleet(2);
  const word = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.constantFrom("a", "b", "a:b", "b:user_id=s1:a", "~", "\ud800", "\udfff", "x".repeat(200)),
    },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
  );
  const load = (p: Parts) => Promise.resolve({ ...p });
  const both = fleet.caches.map((cache) => [
    query(cache, load),
    cache.query<Parts, Parts>({
      name: "test.of_user",
      scope: "user",
      class: "bounded",
      ttl_ms: HOUR_MS,
      tags: (p) => [ofUser(p.user_id, p.what)],
      load,
    }),
  ]);
  let stored = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.record({ business_id: word, user_id: word, what: word }),
      fc.nat(1),
      fc.nat(1),
      async (p, replica, kind) => {
        const found = await get(fleet, both[replica]?.[kind] as Cached<Parts, Parts>, p);
        if (found.from === "l1" || found.from === "l2") stored += 1;
        // JSON writes lone surrogates as escapes, so they come back as they went.
        expect(found.value).toEqual(p);
      },
    ),
    { numRuns: 1500 },
  );
  expect(stored).toBeGreaterThan(50);
});

describe("I12: every value is a value", () => {
  const values: readonly [string, unknown][] = [
    ["0", 0],
    ["false", false],
    ["empty text", ""],
    ["null", null],
    ["an empty list", []],
    ["an empty object", {}],
    ["nothing inside", [null, [], { a: null }]],
  ];
  for (const [name, value] of values) {
    test(`${name} is kept in both tiers`, async () => {
      const fleet = await startFleet(2);
      let loads = 0;
      const cached = fleet.caches.map((cache) =>
        query(cache, () => {
          loads += 1;
          return Promise.resolve(value);
        }),
      );
      const [one, two] = cached as [Cached<Parts, unknown>, Cached<Parts, unknown>];
      expect(await get(fleet, one)).toMatchObject({ value, from: "load" });
      expect(await get(fleet, one)).toMatchObject({ value, from: "l1" });
      await fleet.pass(20);
      expect(await get(fleet, two)).toMatchObject({ value, from: "l2" });
      expect(await get(fleet, two)).toMatchObject({ value, from: "l1" });
      expect(loads).toBe(1);
    });
  }

  const KIB = 1024;
  const sizes: readonly [number, boolean, boolean][] = [
    [256 * KIB - 1, true, true],
    [256 * KIB, true, true],
    [256 * KIB + 1, false, true],
    [1024 * KIB, false, true],
    [1024 * KIB + 1, false, false],
  ];
  for (const [size, inProcess, inRedis] of sizes) {
    test(`${size} bytes: ${inProcess ? "" : "not "}in L1, ${inRedis ? "" : "not "}in L2`, async () => {
      const fleet = await startFleet(1);
      const [cache] = fleet.caches as [Cache];
      // Random text, so that compression changes nothing.
      const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536))).toString("base64");
      const text = `"${noise.repeat(Math.ceil(size / noise.length)).slice(0, size - 2)}"`;
      const cached = cache.endpoint<Parts>({
        name: "test.size",
        scope: "business",
        class: "bounded",
        ttl_ms: 12 * HOUR_MS,
        tags: (p) => [ofBusiness(p.business_id, p.what)],
        load: () => Promise.resolve(text),
      });
      const loaded = await get(fleet, cached);
      expect(loaded.value?.byteLength).toBe(size);
      // Compression has threads of its own, which know nothing of this world's time.
      for (let waited = 0; waited < 200 && entries(fleet).length === 0 && inRedis; waited += 1) {
        await Bun.sleep(2);
        await fleet.pass(5);
      }
      expect(entries(fleet)).toHaveLength(inRedis ? 1 : 0);
      const { total } = await fleet.done(cache.stats());
      expect(total).toMatchObject({
        l1_entries: inProcess ? 1 : 0,
        l1_oversize: inProcess ? 0 : 1,
        l2_oversize: inRedis ? 0 : 1,
      });
    });
  }
});

test("I13: L1 stays within its bytes over many keys, and nothing is left when all is answered", async () => {
  const l1_max_bytes = 200_000;
  const fleet = await startFleet(1, { l1_max_bytes });
  const [cache] = fleet.caches as [Cache];
  const cached = query(cache, (p) => Promise.resolve(p.what.repeat(20)));
  for (let round = 0; round < 40; round += 1) {
    const asked = Array.from({ length: 50 }, (_, at) => cached.get({ ...parts, what: `${round} ${at}` }));
    await fleet.done(Promise.all(asked));
    const { gauges, total } = await fleet.done(cache.stats());
    expect(gauges.l1_bytes).toBeLessThanOrEqual(l1_max_bytes);
    expect(total.l1_bytes).toBe(gauges.l1_bytes);
  }
  await fleet.pass(100);
  const { gauges, total } = await fleet.done(cache.stats());
  expect(total.evictions).toBeGreaterThan(0);
  expect(gauges).toMatchObject({ flights: 0, loads_running: 0, loads_waiting: 0, calls_in_flight: 0 });
});

test("I14: a handler cannot change a value that is cached, nor the loader one that it gave", async () => {
  const fleet = await startFleet(2);
  const given = { list: [{ deep: 1 }] };
  const cached = fleet.caches.map((cache) => query(cache, () => Promise.resolve(given)));
  for (const one of cached) {
    for (let times = 0; times < 2; times += 1) {
      const value = (await get(fleet, one)).value as unknown as typeof given;
      expect(() => value.list.push({ deep: 2 })).toThrow(TypeError);
      expect(() => ((value.list[0] as { deep: number }).deep = 2)).toThrow(TypeError);
    }
    given.list[0] = { deep: 7 };
    await fleet.pass(20);
    expect((await get(fleet, one)).value).toEqual({ list: [{ deep: 1 }] });
  }
});

test("I15: hits, misses and bypasses are the lookups, summed over replicas", async () => {
  const fleet = await startFleet(3);
  let fails = false;
  const cached = fleet.caches.map((cache) =>
    query(cache, () => (fails ? Promise.reject(new Error("no")) : Promise.resolve(1))),
  );
  let asked = 0;
  for (let round = 0; round < 60; round += 1) {
    fails = round % 7 === 0;
    const waves = cached.flatMap((one, at) =>
      Array.from({ length: 1 + ((round + at) % 4) }, () => {
        asked += 1;
        const what = `k${round % 5}`;
        return Promise.resolve(one.get({ ...parts, what }, { bypass: (round + at) % 9 === 0 }));
      }),
    );
    await fleet.done(Promise.allSettled(waves));
    const tag = ofBusiness("acme", `k${round % 5}`);
    if (round % 3 === 0)
      await fleet.done((fleet.caches[round % 2] as Cache).invalidate([tag], { outbox_ids: [] }));
  }
  await fleet.pass(1500);
  const { total, replicas, partial } = await fleet.done((fleet.caches[0] as Cache).stats());
  expect({ replicas, partial }).toEqual({ replicas: 3, partial: false });
  expect(total.lookups).toBe(asked);
  expect(total.hits + total.misses + total.bypassed).toBe(asked);
});

test("I16: what is cut, changed, older or newer in Redis is a counted miss, and nobody throws", async () => {
  const fleet = await startFleet(2);
  const [one, two] = fleet.caches as [Cache, Cache];
  const load = (p: Parts) => Promise.resolve({ what: p.what, text: "y".repeat(6000) });
  const [first, second] = [query(one, load), query(two, load)];
  let at = 0;
  const harm = fc.oneof(
    fc.record({ cut: fc.nat(400) }),
    fc.record({ flip: fc.nat(400), bit: fc.nat(7) }),
    // This one's format is 1.
    fc.record({ format: fc.constantFrom(0, 2, 3, 255) }),
    fc.record({ noise: fc.uint8Array({ maxLength: 64 }) }),
  );
  await fc.assert(
    fc.asyncProperty(harm, async (how) => {
      at += 1;
      const p = { ...parts, what: `w${at}` };
      await get(fleet, first, p);
      await fleet.pass(5);
      const found = entries(fleet).find(([key]) => key.includes(`:w${at}`));
      const stored = found?.[1];
      if (stored?.kind !== "string") throw new Error("nothing was stored");
      const bytes = Buffer.from(stored.text as Buffer);
      let bad: Buffer = bytes;
      if ("cut" in how) bad = bytes.subarray(0, how.cut % bytes.byteLength);
      else if ("flip" in how) {
        const place = how.flip % bytes.byteLength;
        bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << how.bit), place);
      } else if ("format" in how) bytes[0] = how.format;
      else bad = Buffer.from(how.noise);
      stored.text = bad;
      expect(await get(fleet, second, p)).toMatchObject({ from: "load", value: { what: p.what } });
    }),
    { numRuns: 300 },
  );
  const { total } = await fleet.done(two.stats());
  expect(total.corrupt).toBe(at);
});
