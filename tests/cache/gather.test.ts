import { beforeEach, describe, expect, test } from "bun:test";
import { BumpGatherer } from "../../src/platform/cache/gather.ts";
import type { Bump } from "../../src/platform/cache/types.ts";
import { HeldTime } from "../helpers/cache.ts";

type Said = { tags: readonly string[]; answer: PromiseWithResolvers<Bump> };

let time: HeldTime;
let said: Said[];
let gatherer: BumpGatherer;

beforeEach(() => {
  time = new HeldTime();
  said = [];
  gatherer = new BumpGatherer((tags) => {
    const answer = Promise.withResolvers<Bump>();
    said.push({ tags, answer });
    return answer.promise;
  }, time.timer);
});

const bumpOf = (n: number): Bump => ({ cell: 0, generation: "g", n, server_id: "s" });
/** A turn of the event loop and what follows from it. */
const turn = async (): Promise<void> => {
  for (let times = 0; times < 3; times += 1) await new Promise((resolve) => setImmediate(resolve));
};
const tags = (): string[][] => said.map((one) => one.tags.toSorted());

describe("bumps that come together", () => {
  test("in one turn are one, each tag once, and all are given its number", async () => {
    const all = ["a", "b", "a"].map((tag) => gatherer.bump([tag, "all"]));
    await turn();
    expect(tags()).toEqual([["a", "all", "b"]]);
    said[0]?.answer.resolve(bumpOf(7));
    expect((await Promise.all(all)).map(({ n }) => n)).toEqual([7, 7, 7]);
  });

  test("gather while one is on its way, and are never part of one that was sent before they came", async () => {
    const first = gatherer.bump(["a"]);
    await turn();
    const later = [gatherer.bump(["b"])];
    await turn();
    later.push(gatherer.bump(["c"]));
    await turn();
    expect(tags()).toEqual([["a"]]);
    said[0]?.answer.resolve(bumpOf(1));
    expect((await first).n).toBe(1);
    await turn();
    expect(tags()).toEqual([["a"], ["b", "c"]]);
    said[1]?.answer.resolve(bumpOf(2));
    expect((await Promise.all(later)).map(({ n }) => n)).toEqual([2, 2]);
  });

  test("wait for a server that hangs no longer than 5 ms", async () => {
    void gatherer.bump(["a"]);
    await turn();
    const second = gatherer.bump(["b"]);
    await turn();
    time.advance(4);
    await turn();
    expect(said).toHaveLength(1);
    time.advance(1);
    await turn();
    expect(tags()).toEqual([["a"], ["b"]]);
    said[1]?.answer.resolve(bumpOf(3));
    expect((await second).n).toBe(3);
  });

  test("fail together, and leave the next ones alone", async () => {
    const failing = [gatherer.bump(["a"]), gatherer.bump(["b"])];
    await turn();
    said[0]?.answer.reject(new Error("no"));
    const outcomes = await Promise.allSettled(failing);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const next = gatherer.bump(["a"]);
    await turn();
    said[1]?.answer.resolve(bumpOf(4));
    expect((await next).n).toBe(4);
  });
});
