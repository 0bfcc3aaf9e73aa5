import type { Fleet } from "./fleet.ts";
import { instant } from "./instant.ts";
import { classOf, type HerdResult, ROWS, type WalkResult } from "./messages.ts";
import type { ChaosRedis } from "./redis.ts";

export type Measured = Readonly<{ lines: readonly string[]; failures: readonly string[] }>;

const CALLERS = 1000;
/** What replicas say to Redis whether or not anybody looks anything up. */
const HOUSEKEEPING = new Set(["xread", "info", "ping", "hello", "client|setinfo", "config|get", "time"]);

const sum = (results: readonly HerdResult[], of: (result: HerdResult) => number): number =>
  results.reduce((total, result) => total + of(result), 0);

/** A thousand callers of one cold key at the same instant, over all workers; and of one whose load fails. */
export async function measureHerds(fleet: Fleet): Promise<Measured> {
  const lines: string[] = [];
  const failures: string[] = [];
  const callers = CALLERS / fleet.workers.length;
  for (const [key, load_ms] of [20, 20, 100, 240].entries()) {
    const at = instant() + 100;
    const asked = fleet.workers.map((worker) => worker.ask({ do: "herd", key, at, callers, load_ms }));
    const results = (await Promise.all(asked)) as HerdResult[];
    const [loads, answers] = [sum(results, ({ loads }) => loads), sum(results, ({ answers }) => answers)];
    lines.push(
      `${CALLERS} callers of a cold key that loads for ${load_ms} ms: ${loads} loads, ${answers} answers`,
    );
    if (loads > 2 || answers !== CALLERS) failures.push(lines.at(-1) ?? "");
  }
  const at = instant() + 100;
  const asked = fleet.workers.map((worker) => worker.ask({ do: "fail", at, callers }));
  const results = (await Promise.all(asked)) as HerdResult[];
  const most = Math.max(...results.map(({ most_at_once }) => most_at_once));
  lines.push(
    `a load that fails: ${sum(results, ({ loads }) => loads)} loads for ${CALLERS} callers, ${most} at once in a process`,
  );
  if (most > 1 || sum(results, ({ errors }) => errors) !== CALLERS) failures.push(lines.at(-1) ?? "");
  return { lines, failures };
}

/** Commands that Redis ran for each hit, beside those it runs anyway. */
export async function measureCommands(fleet: Fleet, redis: ChaosRedis): Promise<Measured> {
  // The third worker has hardly any room: who walks over all rows there finds each in Redis.
  const [roomy, , narrow] = fleet.workers;
  if (roomy === undefined || narrow === undefined) throw new Error("three workers are needed");
  fleet.traffic(false, false);
  await Bun.sleep(300);
  const total = async (): Promise<number> =>
    Object.entries(await redis.calls()).reduce(
      (sum, [name, calls]) => (HOUSEKEEPING.has(name) ? sum : sum + calls),
      0,
    );
  const idle_ms = 1000;
  const before = await total();
  await Bun.sleep(idle_ms);
  const per_ms = ((await total()) - before) / idle_ms;
  const walk = async (
    worker: typeof roomy,
    times: number,
  ): Promise<{ result: WalkResult; commands: number }> => {
    const [first, began] = [await total(), performance.now()];
    const result = (await worker.ask({ do: "walk", from: 0, keys: ROWS, times })) as WalkResult;
    return { result, commands: (await total()) - first - per_ms * (performance.now() - began) };
  };
  await walk(roomy, 1);
  const warm = await walk(roomy, 50);
  await walk(narrow, 1);
  const cold = await walk(narrow, 20);
  // Of the L1 hits those of reader-confirmed rows are each one check here, because they come one by one.
  const readers =
    50 * Array.from({ length: ROWS }, (_, row) => row).filter((row) => classOf(row) === "reader").length;
  const l1 = Math.max(0, warm.commands - readers) / (warm.result.from["l1"] ?? 1);
  const l2 = cold.commands / (cold.result.from["l2"] ?? 1);
  const lines = [
    `commands: ${l1.toFixed(3)} per L1 hit of ${warm.result.from["l1"]}, ${l2.toFixed(3)} per L2 hit of ` +
      `${cold.result.from["l2"]}; ${(per_ms * 1000).toFixed(0)} a second when nobody looks anything up`,
  ];
  // A refresh or two of what is about to expire are no part of a hit.
  return { lines, failures: l1 > 0.02 || l2 > 1.1 ? lines : [] };
}
