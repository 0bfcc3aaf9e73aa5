import { expect, test } from "bun:test";
import { Reader } from "../../src/platform/cache/l2.ts";
import type { CacheNode } from "../../src/platform/cache/node.ts";
import type { Asker } from "../../src/platform/cache/types.ts";
import { HeldTime } from "../helpers/cache.ts";

const GENERATION = "server one";
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A reader over a server whose replies come when told. */
function setUp() {
  const time = new HeldTime();
  const sent: { words: readonly string[]; reply: PromiseWithResolvers<unknown> }[] = [];
  const call = (words: readonly string[]): Promise<unknown> => {
    const reply = Promise.withResolvers<unknown>();
    sent.push({ words, reply });
    return reply.promise;
  };
  const reader = new Reader(0, {
    timer: time.timer,
    node: () => ({ call }) as unknown as CacheNode,
    generation: () => GENERATION,
    differs: () => undefined,
  });
  const told: string[] = [];
  const ask = (name: string, more: Partial<Asker> = {}): void =>
    reader.read(`t:${name}`, [], {
      told: (_, entry) => void told.push(`${name} ${String(entry)}`),
      failed: () => void told.push(`${name} failed`),
      ...more,
    });
  /** Answers the n-th MGET with its own keys. */
  const answer = async (n: number): Promise<void> => {
    const [, , ...keys] = sent[n]?.words ?? [];
    const values = keys.map((key) => Buffer.from(key.slice(key.lastIndexOf(":") + 1)));
    sent[n]?.reply.resolve([Buffer.from(GENERATION), ...values]);
    await turn();
  };
  return { time, sent, told, ask, answer };
}

/** As many MGETs under way as may be. */
async function fill({ ask, sent }: ReturnType<typeof setUp>): Promise<void> {
  for (let before = -1; before < sent.length;) {
    before = sent.length;
    ask(`first${before}`);
    await turn();
  }
}

test("what is asked in one turn goes out as one MGET, and each is told its own", async () => {
  const { sent, told, ask, answer } = setUp();
  for (const name of ["a", "b", "c"]) ask(name);
  await turn();
  expect(sent.map(({ words }) => words.length)).toEqual([5]);
  await answer(0);
  expect(told).toEqual(["a a", "b b", "c c"]);
});

test("while enough are under way the next one gathers, and goes out when one of them is answered", async () => {
  const all = setUp();
  await fill(all);
  const { sent, told, ask, answer } = all;
  const before = sent.length;
  ask("late");
  await turn();
  expect(sent).toHaveLength(before);
  await answer(0);
  await turn();
  expect(sent).toHaveLength(before + 1);
  // With the one that waited already.
  expect(sent.at(-1)?.words.at(-1)).toEndWith(":late");
  await answer(before);
  expect(told).toContain("late late");
});

test("nobody waits for those before for longer than a few milliseconds", async () => {
  const all = setUp();
  await fill(all);
  const before = all.sent.length;
  all.ask("late");
  await turn();
  all.time.advance(5);
  expect(all.sent).toHaveLength(before + 1);
});

test("a read that is lost fails alone, and what gathered behind it goes out", async () => {
  const all = setUp();
  await fill(all);
  const { sent, told, ask } = all;
  const before = sent.length;
  ask("late");
  sent[0]?.reply.reject(new Error("deadline"));
  await turn();
  await turn();
  expect(told).toEqual(["first0 failed"]);
  expect(sent).toHaveLength(before + 1);
});

test("one who cannot bear the answer keeps nobody else from theirs", async () => {
  const { told, ask, answer } = setUp();
  const told_badly = (): never => {
    throw new Error("cannot bear it");
  };
  ask("a", { told: told_badly });
  ask("b");
  await turn();
  await answer(0);
  expect(told).toEqual(["a failed", "b b"]);
});
