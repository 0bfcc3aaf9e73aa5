import { expect, test } from "bun:test";
import { Checker } from "./chaos/checker.ts";
import { Machine } from "./chaos/machine.ts";
import { classOf } from "./chaos/messages.ts";

/** Rows of the three classes: readers check, writers wait, bounded. */
const [READER, WRITER, BOUNDED] = [0, 1, 2] as const;

/** Version 2 is committed at 1,000 and answered at 1,010; version 1 is seen after. What the checker says of it. */
function judge(row: number, began: number, apart = false) {
  const checker = new Checker();
  checker.written(row, 1, 0);
  checker.written(row, 2, 1000);
  checker.acknowledged(row, 2, 1010, "worker 0");
  checker.observed(1, [{ row, version: 1, began, lookups: 1, from: "l1", apart }]);
  const { strict_stale, apart_stale, too_old, worst_apart_ms } = checker.judge();
  return { strict_stale, apart_stale, too_old, worst_apart_ms };
}
const nothing = { strict_stale: 0, apart_stale: 0, too_old: 0, worst_apart_ms: 0 };

test("the rows are of the classes that this file takes them for", () => {
  expect([READER, WRITER, BOUNDED].map(classOf)).toEqual(["reader", "writer", "bounded"]);
});

test("a strict answer may be older than a commit, and not than an answered one", () => {
  for (const row of [READER, WRITER]) {
    expect(judge(row, 1005)).toEqual(nothing);
    expect(judge(row, 1011)).toEqual({ ...nothing, strict_stale: 1 });
  }
  expect(judge(BOUNDED, 2040)).toEqual(nothing);
});

test("a replica that knows itself cut off may lag by a second where writers wait, and nowhere else", () => {
  expect(judge(WRITER, 1900, true)).toEqual({ ...nothing, apart_stale: 1, worst_apart_ms: 900 });
  expect(judge(READER, 1011, true)).toEqual({ ...nothing, strict_stale: 1 });
});

test("over a second nothing is excused", () => {
  expect(judge(WRITER, 2060, true)).toEqual({
    strict_stale: 0,
    apart_stale: 1,
    too_old: 1,
    worst_apart_ms: 1060,
  });
  expect(judge(BOUNDED, 2060)).toEqual({ ...nothing, too_old: 1 });
  expect(judge(BOUNDED, 2060, true)).toEqual({ ...nothing, too_old: 1 });
});

test("what nobody answered for is known from whoever saw it committed", () => {
  const checker = new Checker();
  checker.written(BOUNDED, 1, 0);
  // Its writer died; the next look at the table found it.
  checker.committed(BOUNDED, 2, 1000);
  checker.observed(1, [{ row: BOUNDED, version: 1, began: 2051, lookups: 3, from: "l1", apart: false }]);
  expect(checker.judge()).toMatchObject({ lookups: 3, too_old: 1 });
});

test("only what the machine takes away extends a bound, not what a process spends itself", async () => {
  const machine = new Machine(null);
  machine.start();
  await Bun.sleep(50);
  const [at, before] = [performance.now(), machine.starved_ms];
  const spent = process.cpuUsage();
  const own_ms = (): number => {
    const { user, system } = process.cpuUsage(spent);
    return (user + system) / 1000;
  };
  while (own_ms() < 300);
  await Bun.sleep(50);
  const others_ms = performance.now() - at - own_ms();
  await machine.close();
  expect(machine.starved_ms - before).toBeLessThanOrEqual(Math.max(others_ms, 0) + 20);
});

test("a process that is not let run is told from one that sleeps", async () => {
  const machine = new Machine(null);
  machine.start();
  await Bun.sleep(50);
  const before = machine.starved_ms;
  const stop = Bun.spawn(["sh", "-c", `kill -STOP ${process.pid}; sleep 0.4; kill -CONT ${process.pid}`]);
  await stop.exited;
  await Bun.sleep(50);
  await machine.close();
  expect(machine.starved_ms - before).toBeGreaterThan(250);
});
