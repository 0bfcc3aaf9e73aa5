import fc from "fast-check";
import type { Step } from "./model.ts";

const replica = fc.nat(2);
const row = fc.nat(2);
const ms = fc.constantFrom(40, 200, 700, 1300, 2500);

const get = fc.record({ do: fc.constant("get" as const), replica, row, kind: fc.nat(3) });
const write = fc.record({ do: fc.constant("write" as const), replica, row });
const wait = fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(3, 20, 60, 300, 1100) });

const fault: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("job" as const), row }),
  fc.record({ do: fc.constant("die" as const), replica, row }),
  fc.record({ do: fc.constant("clear" as const), replica }),
  fc.record({
    do: fc.constantFrom(...(["pause", "suspend", "cut", "reset", "move"] as const)),
    replica,
    ms,
  }),
  fc.record({ do: fc.constant("freeze" as const), ms }),
  fc.record({
    do: fc.constant("evict" as const),
    what: fc.constantFrom(...(["v", "e", "n", "s", "r", "g", "l"] as const)),
  }),
  fc.record({ do: fc.constantFrom(...(["trim", "flush", "snapshot"] as const)) }),
  fc.record({ do: fc.constant("restart" as const), empty: fc.boolean() }),
  fc.record({ do: fc.constant("step" as const), replica, ms: fc.constantFrom(-900_000, -400, 400, 900_000) }),
);

/** What happens to a world: with faults, or with lookups and writes alone. */
export const steps = (healthy: boolean): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: get },
      { weight: 3, arbitrary: write },
      { weight: 3, arbitrary: wait },
      ...(healthy ? [] : [{ weight: 2, arbitrary: fault }]),
    ),
    { minLength: 4, maxLength: 30, size: "max" },
  );

/** Lengths of the ticks of true time. */
export const ticks = fc.array(fc.constantFrom(1, 1, 2, 5, 10, 30), { minLength: 3, maxLength: 8 });

/** Wall clocks of three replicas and of Redis, against true time. */
export const clocks = fc.array(fc.constantFrom(0, 0, 900_000, -900_000, 137), { minLength: 4, maxLength: 4 });

/** Many lookups and writes of one row at once, with keys lost if `evictions`. */
export const crowd = (evictions: boolean): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof<fc.WeightedArbitrary<Step>[]>(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant("get" as const),
          replica,
          row: fc.constantFrom(0, 2),
          kind: fc.nat(3),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant("write" as const), replica, row: fc.constantFrom(0, 2) }),
      },
      { weight: 1, arbitrary: wait },
      ...(evictions
        ? [
            {
              weight: 1,
              arbitrary: fc.record({
                do: fc.constant("evict" as const),
                what: fc.constantFrom("v" as const, "e" as const),
              }),
            },
          ]
        : []),
    ),
    { minLength: 6, maxLength: 24, size: "max" },
  );

const bounded = (replica: number): Step => ({ do: "get", replica, row: 0, kind: 1 });
const one = fc.nat(1);
const short = fc.constantFrom(3, 20, 60);

/** Histories in which a missing part shows soon: what happens is given, the order within it is the scheduler's. */
export const plots = {
  /** A load that a write overtakes. */
  overtaken: fc
    .tuple(one, fc.integer({ min: 2, max: 9 }))
    .map(([x, before]): Step[] => [
      ...Array.from({ length: before }, () => bounded(x)),
      { do: "write", replica: x, row: 0 },
      ...Array.from({ length: 10 }, () => bounded(x)),
      { do: "wait", ms: 20 },
      bounded(x),
    ]),
  /** Loads that a write elsewhere overtakes. */
  crossed: fc.tuple(one, fc.nat(8)).map(([x, before]): Step[] => {
    const gets = [0, 1, 2].map((kind): Step => ({ do: "get", replica: x, row: 0, kind }));
    const more = Array.from({ length: before }, (): Step => ({ do: "get", replica: x, row: 1, kind: 1 }));
    const write: Step = { do: "write", replica: 1 - x, row: 0 };
    return [...gets, ...more, write, ...gets, { do: "wait", ms: 60 }, ...gets, { do: "wait", ms: 60 }];
  }),
  /** Redis comes back from an old snapshot. */
  revived: fc
    .tuple(one, short)
    .map(([x, ms]): Step[] => [
      bounded(x),
      { do: "wait", ms: 60 },
      { do: "snapshot" },
      { do: "write", replica: x, row: 0 },
      { do: "wait", ms },
      { do: "restart", empty: false },
      { do: "wait", ms: 2500 },
      bounded(0),
      bounded(1),
      { do: "wait", ms: 60 },
    ]),
  /** The writer has gone over to another Redis. */
  split: one.map((x): Step[] => [
    bounded(x),
    { do: "move", replica: 1 - x, ms: 5000 },
    { do: "wait", ms: 300 },
    { do: "write", replica: 1 - x, row: 0 },
    { do: "wait", ms: 1100 },
    bounded(x),
    { do: "wait", ms: 60 },
  ]),
  /** The relay may be the one that has gone over; a writer stays, and whoever checks must see each of its writes. */
  parted: one.map((x): Step[] => [
    { do: "wait", ms: 1300 },
    { do: "move", replica: x, ms: 5000 },
    ...Array.from({ length: 14 }, (): Step[] => [
      { do: "get", replica: x, row: 0, kind: 0 },
      { do: "wait", ms: 60 },
      { do: "write", replica: 1 - x, row: 0 },
      { do: "wait", ms: 20 },
    ]).flat(),
    { do: "get", replica: x, row: 0, kind: 0 },
    { do: "wait", ms: 60 },
  ]),
  /** A replica stands still for longer than a lease; requests wait at its door. */
  asleep: one.map((x): Step[] => [
    bounded(x),
    { do: "wait", ms: 60 },
    { do: "pause", replica: x, ms: 1300 },
    bounded(x),
    { do: "write", replica: 1 - x, row: 0 },
    { do: "wait", ms: 2500 },
  ]),
  /** The stream is cut before a replica has read it. */
  trimmed: fc
    .tuple(one, short)
    .map(([x, ms]): Step[] => [
      bounded(x),
      { do: "wait", ms: 60 },
      { do: "pause", replica: x, ms: 200 },
      { do: "write", replica: 1 - x, row: 0 },
      { do: "wait", ms },
      { do: "wait", ms: 100 },
      { do: "trim" },
      { do: "wait", ms: 300 },
      bounded(x),
      { do: "wait", ms: 60 },
    ]),
  /** A writer dies between COMMIT and bump. */
  died: one.map((x): Step[] => [
    bounded(x),
    { do: "wait", ms: 60 },
    { do: "die", replica: 1 - x, row: 0 },
    { do: "wait", ms: 1300 },
    bounded(x),
    { do: "wait", ms: 60 },
  ]),
  /** The counter is lost. */
  uncounted: one.map((x): Step[] => [
    { do: "wait", ms: 1100 },
    bounded(x),
    { do: "wait", ms: 60 },
    { do: "evict", what: "n" },
    { do: "wait", ms: 300 },
    { do: "write", replica: x, row: 0 },
    { do: "wait", ms: 60 },
    bounded(1 - x),
    bounded(x),
    { do: "wait", ms: 60 },
  ]),
  /** Versions are lost, and a replica that has just come back has nothing else to judge by. */
  unversioned: one.map((x): Step[] => [
    bounded(x),
    { do: "wait", ms: 60 },
    { do: "pause", replica: 1 - x, ms: 1300 },
    { do: "write", replica: x, row: 0 },
    { do: "wait", ms: 2500 },
    { do: "evict", what: "v" },
    bounded(1 - x),
    bounded(x),
    { do: "wait", ms: 60 },
  ]),
} as const;
