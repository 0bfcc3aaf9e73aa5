import { beforeEach, expect, test } from "bun:test";
import {
  businessTags,
  type Cache,
  type Cached,
  type Definition,
  type Lookup,
  Patience,
  type SharedBytes,
} from "../../src/platform/cache/index.ts";
import { cacheOver, HeldTime, ScriptedOrder, ScriptedServer, textOf } from "../helpers/cache.ts";

type Thing = { business_id: string; id: number };
type Things = Cached<Thing, SharedBytes>;
const thingTag = businessTags("thing", { awaited: true });
const thing = (id: number): Thing => ({ business_id: "acme", id });
/** All that a request may wait. */
const PATIENCE_MS = 50;

let time: HeldTime;
let server: ScriptedServer;
let order: ScriptedOrder;
let cache: Cache;
let loads: number;
/** What the database says. */
let row: string;
/** How long each command is on its way to Redis. */
let delay_ms: number;

beforeEach(() => {
  time = new HeldTime();
  server = new ScriptedServer();
  order = new ScriptedOrder(server, time);
  order.pass = (label) =>
    new Promise((resolve) => {
      if (label.endsWith("→") && delay_ms > 0) time.timer.after(delay_ms, () => resolve(undefined));
      else resolve(undefined);
    });
  cache = cacheOver(order, time);
  loads = 0;
  row = "old";
  delay_ms = 10;
});

const define = (name: string, more: Partial<Definition<Thing, string>> = {}): Things =>
  cache.endpoint({
    name,
    scope: "business",
    class: "bounded",
    ttl_ms: 60_000,
    tags: (p) => [thingTag(p.business_id, p.id)],
    load: async () => {
      loads += 1;
      return row;
    },
    ...more,
  });

const turns = async (): Promise<void> => {
  for (let at = 0; at < 60; at += 1) await Promise.resolve();
};

/** Lets time go by until it is answered. */
async function answered<T>(work: T | Promise<T>): Promise<{ value: T; took_ms: number }> {
  const began = time.monotonic_ms;
  let settled = false;
  const ended = (): void => void (settled = true);
  Promise.resolve(work).then(ended, ended);
  for (await turns(); !settled; await turns()) {
    if (time.monotonic_ms - began > 1_000) throw new Error("nobody answers");
    time.advance(1);
    order.prove();
  }
  return { value: await work, took_ms: time.monotonic_ms - began };
}

/** A patience that has nothing left. */
function spent(): Patience {
  const patience = new Patience();
  patience.spend(PATIENCE_MS);
  return patience;
}

const text = ({ value }: Lookup<SharedBytes>): string => textOf(value);

test("lookups that a request makes one after the other share its patience, then Redis is not asked", async () => {
  const things = define("test.thing");
  const patience = new Patience();
  const took: number[] = [];
  for (const id of [1, 2, 3, 4]) {
    const { value, took_ms } = await answered(things.get(thing(id), { patience }));
    expect([text(value), value.from]).toEqual(["old", "load"]);
    took.push(took_ms);
  }
  // A lookup, and a refill lease on top.
  expect(took[0]).toBe(2 * delay_ms);
  expect(took[1]).toBeGreaterThan(0);
  expect(took.slice(2)).toEqual([0, 0]);
  expect(patience.spent_ms).toBe(took.reduce((sum, ms) => sum + ms, 0));
  expect(patience.spent_ms).toBeLessThanOrEqual(PATIENCE_MS);
  expect(order.commands.filter((command) => command !== "fill")).toEqual([
    "lookup",
    "lease",
    "lookup",
    "lease",
  ]);
});

test("without a patience each lookup waits as long as its own deadline allows", async () => {
  const things = define("test.thing");
  for (const id of [1, 2, 3]) expect((await answered(things.get(thing(id)))).took_ms).toBe(2 * delay_ms);
});

test("waits that overlap count once", async () => {
  const things = define("test.thing");
  const patience = new Patience();
  const all = [1, 2, 3].map((id) => things.get(thing(id), { patience }));
  // The lookup, and the refill lease.
  expect((await answered(Promise.all(all))).took_ms).toBe(20);
  expect(patience.spent_ms).toBe(20);
  order.commands = [];
  await answered(things.get(thing(4), { patience }));
  expect(order.commands[0]).toBe("lookup");
});

test("a wait that begins within another and ends after it counts from the first to the last", async () => {
  const things = define("test.thing");
  const patience = new Patience();
  const first = things.get(thing(1), { patience });
  time.advance(5);
  const second = things.get(thing(2), { patience });
  expect((await answered(Promise.all([first, second]))).took_ms).toBe(20);
  expect(patience.spent_ms).toBe(25);
});

test("a Redis that never answers is waited for once, whatever is asked of it", async () => {
  delay_ms = 10_000;
  const patience = new Patience();
  let took = 0;
  for (const [at, kind] of (["bounded", "strict", "relaxed"] as const).entries()) {
    const things = define(`test.${kind}`, { class: kind });
    const { value, took_ms } = await answered(things.get(thing(at), { patience }));
    expect(text(value)).toBe("old");
    took += took_ms;
  }
  expect(took).toBeGreaterThan(0);
  expect(took).toBeLessThanOrEqual(PATIENCE_MS);
});

test("with no patience left nothing is sent, and every class is answered as it promises", async () => {
  delay_ms = 0;
  const kinds = {
    reader: define("test.reader", { class: "strict" }),
    writer: define("test.writer", { class: "strict", confirm: "writer" }),
    bounded: define("test.bounded"),
    relaxed: define("test.relaxed", { class: "relaxed" }),
  };
  for (const things of Object.values(kinds)) await answered(things.get(thing(1)));
  await turns();
  order.commands = [];
  // A write elsewhere that was not heard here yet.
  row = "new";
  await new ScriptedOrder(server, time).bump([thingTag("acme", 1)]);
  const get = async (things: Things, id: number) => {
    const { value, took_ms } = await answered(things.get(thing(id), { patience: spent() }));
    return [text(value), value.from, value.reason ?? "", took_ms];
  };
  // Only readers that confirm need Redis to use what they have: the database answers them.
  expect(await get(kinds.reader, 1)).toEqual(["new", "bypass", "patience", 0]);
  for (const things of [kinds.writer, kinds.bounded, kinds.relaxed])
    expect(await get(things, 1)).toEqual(["old", "l1", "", 0]);
  order.hear();
  for (const things of Object.values(kinds)) {
    expect((await get(things, 1)).slice(0, 1)).toEqual(["new"]);
    expect(await get(things, 2)).toEqual(["new", "load", "", 0]);
  }
  expect(order.commands).toEqual([]);
});

test("what is loaded without Redis is kept, and ends with the next write that is heard", async () => {
  const things = define("test.thing");
  await answered(things.get(thing(1), { patience: spent() }));
  expect(things.get(thing(1))).toMatchObject({ from: "l1" });
  row = "new";
  delay_ms = 0;
  await new ScriptedOrder(server, time).bump([thingTag("acme", 1)]);
  order.hear();
  expect(text((await answered(things.get(thing(1), { patience: spent() }))).value)).toBe("new");
});

test("who can wait no longer goes on alone while others wait for the same reading", async () => {
  const filled = define("test.thing");
  delay_ms = 0;
  await answered(filled.get(thing(1)));
  await turns();
  delay_ms = 40;
  const other = new ScriptedOrder(server, time);
  other.pass = order.pass;
  cache = cacheOver(other, time);
  const things = define("test.thing");
  const patience = new Patience();
  patience.spend(20);
  const staying = things.get(thing(1));
  const leaving = await answered(things.get(thing(1), { patience }));
  expect(leaving.value.from).toBe("load");
  expect(leaving.took_ms).toBeGreaterThan(0);
  expect(leaving.took_ms).toBeLessThan(delay_ms);
  expect((await answered(staying)).value.from).toBe("l2");
  expect(other.commands).toEqual(["lookup"]);
});

test("a load that waits for Redis goes on for all when the first of them can wait no longer", async () => {
  const things = define("test.thing");
  const patience = new Patience();
  patience.spend(10);
  delay_ms = 14;
  const first = things.get(thing(1), { patience });
  await turns();
  time.advance(delay_ms);
  await turns();
  // The lookup is answered, and the load asks for the refill lease.
  expect(order.commands).toEqual(["lookup", "lease"]);
  const second = things.get(thing(1));
  const both = await answered(Promise.all([first, second]));
  expect(both.took_ms).toBeGreaterThan(0);
  expect(both.took_ms).toBeLessThan(delay_ms);
  expect(both.value.map(({ from }) => from)).toEqual(["load", "shared"]);
  expect(loads).toBe(1);
});

test("only what a load waits for Redis counts, for those alone who wait for it", async () => {
  const gate = Promise.withResolvers<string>();
  const things = define("test.thing", { load: () => gate.promise });
  const patience = new Patience();
  const first = things.get(thing(1), { patience });
  await turns();
  for (const _ of ["lookup", "lease"]) {
    time.advance(delay_ms);
    await turns();
  }
  // The load is on its way.
  const late = new Patience();
  const second = things.get(thing(1), { patience: late });
  time.advance(200);
  gate.resolve("row");
  await answered(Promise.all([first, second]));
  expect(patience.spent_ms).toBe(2 * delay_ms);
  expect(late.spent_ms).toBe(0);
});

test("a refill lease that is granted too late is given back", async () => {
  const things = define("test.thing", { class: "strict" });
  const patience = new Patience();
  patience.spend(5);
  delay_ms = 20;
  // The lookup comes in time; INIT and lease, sent together, do not.
  const { took_ms } = await answered(things.get(thing(1), { patience }));
  expect(took_ms).toBeLessThan(2 * delay_ms);
  expect(order.commands).toEqual(["lookup", "lease", "init"]);
  time.advance(delay_ms);
  await turns();
  expect(server.leases.size).toBe(0);
});

test("an answer from the process asks nobody for patience", async () => {
  const things = define("test.thing");
  await answered(things.get(thing(1)));
  const options = {
    get patience(): Patience {
      throw new Error("asked");
    },
  };
  expect(things.get(thing(1), options)).toMatchObject({ from: "l1" });
  const held = things.hold(thing(1));
  expect(held.get(undefined, options)).toMatchObject({ from: "l1" });
});

test("what was waited for another replica's load is said apart from what Redis took, to the millisecond", async () => {
  const far = new ScriptedOrder(server, time);
  far.pass = order.pass;
  const prove = order.prove.bind(order);
  order.prove = () => {
    prove();
    far.prove();
  };
  const busy = cacheOver(far, time).endpoint<Thing>({
    name: "test.thing",
    scope: "business",
    class: "bounded",
    ttl_ms: 60_000,
    timeout_ms: 5_000,
    tags: (p) => [thingTag(p.business_id, p.id)],
    load: ({ id }) =>
      new Promise((resolve) => void time.timer.after(id === 1 ? 60 : 600, () => resolve(row))),
  });
  const things = define("test.thing");
  const asked = (): number => order.commands.filter((command) => command !== "fill").length;
  const wait = async (id: number) => {
    const loading = busy.get(thing(id));
    time.advance(1);
    await turns();
    order.commands = [];
    const first = await answered(things.get(thing(id)));
    const { from, awaited_ms = 0 } = first.value;
    expect(first.took_ms - awaited_ms).toBe(asked() * delay_ms);
    return { loading, from, awaited_ms };
  };
  const brief = await wait(1);
  expect(brief.from).toBe("l2");
  expect(brief.awaited_ms).toBeGreaterThan(0);
  await answered(brief.loading);
  // Nothing was loaded here yet, so nobody knows how long a load takes: this one is waited for as long as may be.
  const long = await wait(2);
  expect(long.from).toBe("load");
  expect(long.awaited_ms).toBeGreaterThan(150);
  expect(long.awaited_ms).toBeLessThanOrEqual(250);
  expect(loads).toBe(1);
  await answered(long.loading);
  expect((await answered(things.get(thing(3)))).value.awaited_ms).toBeUndefined();
});

test("whoever joins a load that waits for another replica's has waited for that since then only", async () => {
  const things = define("test.thing");
  // Another replica has the lease, and never ends.
  const { leases } = server;
  const has = leases.has.bind(leases);
  leases.has = (key) => has(key) || !key.endsWith("~2");
  const first = things.get(thing(1));
  for (let at = 0; at < 100; at += 1) {
    time.advance(1);
    order.prove();
    await turns();
  }
  const joined = await answered(things.get(thing(1)));
  const { from, awaited_ms = 0 } = joined.value;
  expect(from).toBe("shared");
  expect(awaited_ms).toBeGreaterThan(0);
  expect(awaited_ms).toBeLessThanOrEqual(joined.took_ms);
  expect((await first).awaited_ms).toBeGreaterThan(awaited_ms);
});
