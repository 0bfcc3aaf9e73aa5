import { describe, expect, test } from "bun:test";
import { PostingQueue } from "../../src/ledger/posting-queue.ts";
import { DatabaseError, DatabaseUnavailable } from "../../src/platform/db/errors.ts";

/** A queue whose calls end when the test says so. */
function makeQueue(
  options: {
    calls_max?: number;
    queue_max?: number;
    fails?: (items: readonly number[]) => Error | null;
    locks?: (item: number) => readonly string[];
  } = {},
) {
  const { calls_max = 4, queue_max = 1_000, fails = () => null, locks = () => [] } = options;
  const calls: { items: readonly number[]; end: () => void }[] = [];
  const queue = new PostingQueue<number, string>({
    calls_max,
    queue_max,
    deadline_ms: 5_000,
    locks,
    write: (items) =>
      new Promise((resolve, reject) => {
        const end = () => {
          const error = fails(items);
          if (error === null) resolve(items.map((item) => `done ${item}`));
          else reject(error);
        };
        calls.push({ items, end });
      }),
  });
  return { queue, calls };
}

const refused = () =>
  new DatabaseError({ message: "no", sqlstate: "22003", constraint: null, statement: "post" });
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
/** Lets promises that are settled tell whoever waits for them. */
const settle = () => Bun.sleep(0);

describe("the posting queue", () => {
  test("a lone item is sent at once, as a batch of one", () => {
    const { queue, calls } = makeQueue();
    void queue.post(1);
    expect(calls.map(({ items }) => items)).toEqual([[1]]);
    expect(queue.waiting).toBe(0);
  });

  test("what comes while a call runs is the next batch, in its order, and each hears its own result", async () => {
    const { queue, calls } = makeQueue();
    const results = Promise.all([1, 2, 3, 4, 5].map((item) => queue.post(item)));
    expect(calls.map(({ items }) => items)).toEqual([[1]]);
    calls[0]?.end();
    await settle();
    expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3, 4, 5]]);
    for (const { end } of calls) end();
    expect(await results).toEqual([1, 2, 3, 4, 5].map((item) => `done ${item}`));
  });

  test("so many that they are worth a call take another connection, and no more than there are", () => {
    const { queue, calls } = makeQueue({ calls_max: 2 });
    for (const item of range(0, 200)) void queue.post(item);
    expect(calls.map(({ items }) => items.length)).toEqual([1, 16]);
    expect(queue.waiting).toBe(183);
  });

  test("a call beside others is as large as all of them, or full", async () => {
    const { queue, calls } = makeQueue({ calls_max: 7 });
    for (const item of range(0, 600)) void queue.post(item);
    expect(calls.map(({ items }) => items.length)).toEqual([1, 16, 17, 34, 68, 136, 256]);
    expect(queue.waiting).toBe(72);
    // Those that have ended count no more.
    for (const { end } of calls.slice(1)) end();
    await settle();
    expect(calls.at(-1)?.items).toEqual(range(528, 600));
  });

  test("a call beside another takes what locks nothing of it, and the others go when it has ended", async () => {
    // Every fifth is about the account that the first one locks.
    const { queue, calls } = makeQueue({ locks: (item) => [item % 5 === 0 ? "hot" : `${item}`] });
    for (const item of range(0, 17)) void queue.post(item);
    const free = range(1, 17).filter((item) => item % 5 !== 0);
    expect(calls.map(({ items }) => items)).toEqual([[0], free]);
    for (const { end } of calls) end();
    await settle();
    expect(calls.at(-1)?.items).toEqual(range(1, 17).filter((item) => item % 5 === 0));
  });

  test("nobody goes before one that waits and locks the same", () => {
    // The second waits for the first, so the third must wait for the second; the fourth for nobody.
    const locks = (item: number) => [["a"], ["a", "b"], ["b"], ["c"]][item] ?? [`${item}`];
    const { queue, calls } = makeQueue({ locks });
    for (const item of range(0, 17)) void queue.post(item);
    expect(calls.map(({ items }) => items)).toEqual([[0], range(3, 17)]);
    expect(queue.waiting).toBe(2);
  });

  test("where most lock the same, the next call waits for its locks in the database", () => {
    const { queue, calls } = makeQueue({ locks: (item) => (item % 3 === 0 ? [`${item}`] : ["hot"]) });
    for (const item of range(1, 18)) void queue.post(item);
    expect(calls.map(({ items }) => items)).toEqual([[1], range(2, 18)]);
  });

  test("a batch is bounded", async () => {
    const { queue, calls } = makeQueue({ calls_max: 1 });
    for (let item = 0; item < 600; item++) void queue.post(item);
    calls[0]?.end();
    await settle();
    expect(calls.map(({ items }) => items.length)).toEqual([1, 256]);
    expect(queue.waiting).toBe(343);
  });

  test("a call that hangs holds up nobody who locks something else", async () => {
    const { queue, calls } = makeQueue({ calls_max: 3, locks: (item) => [item < 10 ? "held" : `${item}`] });
    void queue.post(1);
    await Bun.sleep(60);
    for (const item of [2, 10, 3]) void queue.post(item);
    expect(calls.map(({ items }) => items)).toEqual([[1], [10]]);
    for (const item of [11, 12]) void queue.post(item);
    calls[1]?.end();
    await settle();
    // Those who would hang as well leave the other connections to whoever comes.
    await Bun.sleep(60);
    expect(calls.map(({ items }) => items)).toEqual([[1], [10], [11, 12]]);
    for (const { end } of calls) end();
    await settle();
    expect(calls.at(-1)?.items).toEqual([2, 3]);
  });

  test("what came before a call had hung is sent by another one, though nobody comes after it", async () => {
    const { queue, calls } = makeQueue({ calls_max: 2 });
    for (const item of [1, 2, 3]) void queue.post(item);
    expect(calls.map(({ items }) => items)).toEqual([[1]]);
    await Bun.sleep(150);
    expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3]]);
  });

  test("a full queue refuses at once", async () => {
    const { queue } = makeQueue({ queue_max: 2 });
    for (const item of [1, 2, 3]) void queue.post(item);
    const error = await queue.post(4).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect((error as DatabaseUnavailable).reason).toBe("overloaded");
  });

  test("an item that the database cannot take fails alone", async () => {
    const { queue, calls } = makeQueue({ fails: (items) => (items.includes(4) ? refused() : null) });
    const results = [1, 2, 3, 4, 5].map((item) => queue.post(item).catch(() => `failed ${item}`));
    for (let index = 0; index < 6; index++) {
      calls[index]?.end();
      await settle();
    }
    expect(await Promise.all(results)).toEqual(["done 1", "done 2", "done 3", "failed 4", "done 5"]);
    expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3, 4, 5], [2, 3], [4, 5], [4], [5]]);
  });

  test("one bad item costs a full batch a few calls, not one for each of its neighbours", async () => {
    const { queue, calls } = makeQueue({
      calls_max: 1,
      fails: (items) => (items.includes(100) ? refused() : null),
    });
    const results = Array.from({ length: 257 }, (_, item) =>
      queue.post(item).then(
        () => true,
        () => false,
      ),
    );
    for (let index = 0; index < calls.length || index < 2; index++) {
      calls[index]?.end();
      await settle();
    }
    expect((await Promise.all(results)).flatMap((done, item) => (done ? [] : [item]))).toEqual([100]);
    // The one before it, the batch, and two halves of each of eight sizes.
    expect(calls.length).toBe(1 + 1 + 2 * 8);
  });

  test("when there is no answer nothing is sent again: each may have happened", async () => {
    const { queue, calls } = makeQueue({ fails: () => new DatabaseUnavailable("connection") });
    const results = [1, 2, 3, 4].map((item) => queue.post(item).catch((error: unknown) => error));
    for (let index = 0; index < 2; index++) {
      calls[index]?.end();
      await settle();
    }
    for (const error of await Promise.all(results)) expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(calls).toHaveLength(2);
  });
});
