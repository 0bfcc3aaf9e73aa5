import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { businessTags, type Definition, LocalOrder, Patience } from "../../src/platform/cache/index.ts";
import type { HoleName, Order } from "../../src/platform/cache/types.ts";
import { cacheOver, HeldTime, ScriptedOrder, ScriptedServer, textOf } from "../helpers/cache.ts";

/** Every order of reads, loads, commits, bumps and messages that the scheduler finds, against one row with a version. */
type Row = { business_id: string; id: number };
const parts = { business_id: "acme", id: 1 };
const rowTag = businessTags("row", { awaited: true });
const tag = rowTag(parts.business_id, parts.id);

type Step =
  | { kind: "get"; replica: number; patient: boolean }
  | { kind: "write"; replica: number }
  | { kind: "hear"; replica: number }
  | { kind: "evict" }
  /** All who wait for Redis, and have not all the time in the world, give up. */
  | { kind: "late" };
type Observation = { what: string; atLeast: number; got: number };

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("get" as const), replica: fc.nat(1), patient: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("write" as const), replica: fc.nat(1) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("hear" as const), replica: fc.nat(1) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("evict" as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("late" as const) }) },
  ),
  { minLength: 3, maxLength: 14 },
);

type Kind = Pick<Definition<Row, string>, "class" | "confirm">;

/** Runs the steps and says what each get had to see, and saw. */
async function play(
  scheduler: fc.Scheduler,
  script: readonly Step[],
  kind: Kind,
  orders: readonly Order[],
  time: HeldTime,
  holes: ReadonlySet<HoleName>,
): Promise<Observation[]> {
  let committed = 0;
  /** Highest version whose write was answered, by anyone. */
  let answered = 0;
  /** Highest version that a replica must not go below: invalidated there, or heard there. */
  const known = orders.map(() => 0);
  const seen: Observation[] = [];
  const stamps = new Map<number, number>();
  const caches = orders.map((order) => {
    const cache = cacheOver(order, time, { holes });
    const rows = cache.endpoint<Row>({
      name: "test.row",
      scope: "business",
      ...kind,
      ttl_ms: 60_000,
      tags: (p) => [rowTag(p.business_id, p.id)],
      load: async () => {
        await scheduler.schedule(Promise.resolve(), "load begins");
        const snapshot = committed;
        await scheduler.schedule(Promise.resolve(), "load ends");
        return String(snapshot);
      },
    });
    return { cache, rows };
  });
  const run = async (step: Step): Promise<void> => {
    if (step.kind === "evict") {
      const [order] = orders;
      if (order instanceof ScriptedOrder) order.server.versions.delete(tag);
      return;
    }
    if (step.kind === "late") {
      // Shorter than a lease, however often it comes.
      time.advance(50);
      return;
    }
    const replica = step.replica % orders.length;
    const order = orders[replica];
    const own = caches[replica];
    if (order === undefined || own === undefined) return;
    if (step.kind === "hear") {
      if (!(order instanceof ScriptedOrder)) return;
      order.hear();
      for (const [n, version] of stamps)
        if (n <= order.cell.heard) known[replica] = Math.max(known[replica] ?? 0, version);
    } else if (step.kind === "write") {
      const version = ++committed;
      const before = order instanceof ScriptedOrder ? order.server.n : 0;
      known[replica] = version;
      await own.cache.invalidate([tag], { outbox_ids: [BigInt(version)] });
      if (order instanceof ScriptedOrder && order.server.n > before) stamps.set(order.server.n, version);
      answered = Math.max(answered, version);
    } else {
      const strict = kind.class === "strict" && kind.confirm !== "writer";
      const atLeast = Math.max(known[replica] ?? 0, strict || orders.length === 1 ? answered : 0);
      const lookup = await own.rows.get(parts, step.patient ? {} : { patience: new Patience() });
      const got = Number(textOf(lookup.value));
      seen.push({ what: `${lookup.from} on ${replica}`, atLeast, got });
    }
  };
  const running = script.map((step, index) =>
    scheduler.schedule(Promise.resolve(), `${index} ${step.kind}`).then(() => run(step)),
  );
  await scheduler.waitFor(Promise.all(running));
  const gauges = await caches[0]?.cache.stats();
  expect(gauges?.gauges.flights).toBe(0);
  expect(gauges?.gauges.loads_running).toBe(0);
  const total = gauges?.total;
  expect((total?.hits ?? 0) + (total?.misses ?? 0) + (total?.bypassed ?? 0)).toBe(total?.lookups ?? -1);
  return seen;
}

function shared(scheduler: fc.Scheduler, holes: ReadonlySet<HoleName>) {
  const time = new HeldTime();
  const server = new ScriptedServer();
  const orders = [0, 1].map((replica) => {
    const order = new ScriptedOrder(server, time, holes);
    order.pass = (label) => scheduler.schedule(Promise.resolve(), `${replica} ${label}`);
    // Waiting for another replica's load is a matter of time, which stands still here.
    order.lease = () => Promise.resolve(true);
    return order;
  });
  return { time, orders };
}

/** The first thing that went wrong in any of the runs; null when nothing did. */
async function firstFault(
  kind: Kind,
  holes: ReadonlySet<HoleName>,
  numRuns: number,
  alone: boolean,
): Promise<string | null> {
  const property = fc.asyncProperty(fc.scheduler(), steps, async (scheduler, script) => {
    let { time, orders }: { time: HeldTime; orders: Order[] } = shared(scheduler, holes);
    if (alone) {
      time = new HeldTime();
      const local = new LocalOrder({ clock: time.clock, holes });
      local.hold(Number.POSITIVE_INFINITY);
      orders = [local];
    }
    for (const { what, atLeast, got } of await play(scheduler, script, kind, orders, time, holes)) {
      if (got < atLeast) throw new Error(`${what} served ${got}, older than ${atLeast}`);
    }
  });
  const result = await fc.check(property, { numRuns, endOnFailure: holes.size > 0 });
  if (!result.failed) return null;
  const error = result.errorInstance;
  return `${error instanceof Error ? error.message : String(error)} (seed ${result.seed}, path ${result.counterexamplePath})`;
}

const none: ReadonlySet<HoleName> = new Set();
const kinds: readonly [string, Kind][] = [
  ["strict, reader confirms", { class: "strict" }],
  ["strict, writer confirms", { class: "strict", confirm: "writer" }],
  ["bounded", { class: "bounded" }],
  ["relaxed", { class: "relaxed" }],
];

describe("in every order of events, nothing older is served than the class allows", () => {
  for (const [name, kind] of kinds) {
    test(
      `${name}, two replicas`,
      async () => expect(await firstFault(kind, none, 1_500, false)).toBeNull(),
      60_000,
    );
    test(
      `${name}, a process alone`,
      async () => expect(await firstFault(kind, none, 500, true)).toBeNull(),
      60_000,
    );
  }
});

describe("a planted hole is found", () => {
  const holes: readonly [HoleName, Kind][] = [
    ["position_before_load", { class: "bounded" }],
    ["flight_join_rule", { class: "bounded" }],
  ];
  for (const [hole, kind] of holes) {
    test(
      hole,
      async () => {
        expect(await firstFault(kind, new Set([hole]), 60_000, false)).toContain("older than");
      },
      60_000,
    );
  }

  test("judged_when_reading", async () => {
    const serve = async (holes: ReadonlySet<HoleName>): Promise<string> => {
      const time = new HeldTime();
      const server = new ScriptedServer();
      const order = new ScriptedOrder(server, time, holes);
      const loads: PromiseWithResolvers<string>[] = [];
      const rows = cacheOver(order, time, { holes }).endpoint<Row>({
        name: "test.row",
        scope: "business",
        class: "bounded",
        ttl_ms: 60_000,
        tags: (p) => [rowTag(p.business_id, p.id)],
        load: () => {
          const load = Promise.withResolvers<string>();
          loads.push(load);
          return load.promise;
        },
      });
      const first = rows.get(parts);
      while (loads.length === 0) await Promise.resolve();
      // Another replica's bump is heard between the load and its store.
      await new ScriptedOrder(server, time).bump([tag]);
      order.hear();
      loads[0]?.resolve("old");
      await first;
      const second = rows.get(parts);
      if (second instanceof Promise) {
        while (loads.length === 1) await Promise.resolve();
        loads[1]?.resolve("new");
      }
      return textOf((await second).value);
    };
    expect(await serve(none)).toBe("new");
    expect(await serve(new Set(["judged_when_reading"]))).toBe("old");
  });

  test("missing_version_is_miss", async () => {
    const serve = async (holes: ReadonlySet<HoleName>): Promise<string> => {
      const time = new HeldTime();
      const server = new ScriptedServer();
      const order = new ScriptedOrder(server, time, holes);
      let row = "old";
      const rows = cacheOver(order, time, { holes }).endpoint<Row>({
        name: "test.row",
        scope: "business",
        class: "strict",
        ttl_ms: 60_000,
        tags: (p) => [rowTag(p.business_id, p.id)],
        load: async () => row,
      });
      await rows.get(parts);
      row = "new";
      // Another replica's bump, and then Redis needs the room.
      await new ScriptedOrder(server, time).bump([tag]);
      server.versions.delete(tag);
      return textOf((await rows.get(parts)).value);
    };
    expect(await serve(none)).toBe("new");
    expect(await serve(new Set(["missing_version_is_miss"]))).toBe("old");
  });
});
