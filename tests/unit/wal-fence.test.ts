import { expect, test } from "bun:test";
import type { Queryable } from "../../src/platform/db/call.ts";
import { walBytes, WalFence } from "../../src/platform/db/wal-fence.ts";

/** A primary whose log moves on with every question, and which answers when it is told to. */
function slowPrimary() {
  const answers: ((fails?: boolean) => void)[] = [];
  const primary: Queryable = {
    query: () =>
      new Promise((resolve, reject) => {
        const row = { wal: `0/${answers.length + 1}`, timeline: 1, token: 1 };
        answers.push((fails = false) => (fails ? reject(new Error("away")) : resolve([row] as never)));
      }),
  };
  return { primary, answers };
}

test("who asks while a question is under way shares the next one, never that one", async () => {
  const { primary, answers } = slowPrimary();
  const fence = new WalFence(primary);
  const first = fence.position();
  const later = [fence.position(), fence.position()];
  await Bun.sleep(1);
  expect(answers).toHaveLength(1);
  answers[0]?.();
  expect((await first).wal).toBe("0/1");
  await Bun.sleep(1);
  expect(answers).toHaveLength(2);
  const latest = fence.position();
  answers[1]?.();
  expect((await Promise.all(later)).map(({ wal }) => wal)).toEqual(["0/2", "0/2"]);
  await Bun.sleep(1);
  answers[2]?.();
  expect((await latest).wal).toBe("0/3");
});

test("a question that fails fails those who asked it alone", async () => {
  const { primary, answers } = slowPrimary();
  const fence = new WalFence(primary);
  const [first, second] = [fence.position(), fence.position()];
  answers[0]?.(true);
  await expect(first).rejects.toThrow("away");
  await Bun.sleep(1);
  answers[1]?.();
  expect((await second).wal).toBe("0/2");
});

test("positions are compared as numbers of bytes", () => {
  expect(walBytes("1/0")).toBe(4_294_967_296n);
  expect(walBytes("A/0") > walBytes("9/FFFFFFFF")).toBe(true);
});
