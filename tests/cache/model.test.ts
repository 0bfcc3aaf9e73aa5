import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { HoleName } from "../../src/platform/cache/types.ts";
import { clocks, crowd, plots, steps, ticks } from "../helpers/cache-model/arbitraries.ts";
import { ClockOrder } from "../helpers/cache-model/clock-order.ts";
import { type ModelOptions, playModel, type Step } from "../helpers/cache-model/model.ts";
import { makePlainReplica } from "../helpers/cache-model/plain-cache.ts";
import { makeReplicaOver } from "../helpers/cache-model/replicas.ts";

/**
 * The whole cache, both planes, against fakes of Redis, PostgreSQL, the network and the clocks. A scheduler decides the
 * order of every read, INIT, load, COMMIT, bump, stream read, FILL, beat, pause and tick of time; a checker knows each
 * commit and each answer. CACHE_MODEL_SEED repeats a run, CACHE_MODEL_SECONDS makes it longer.
 */
const seed = Number(process.env["CACHE_MODEL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** All together, about; what is planted is looked for until it is found. */
const SECONDS = Number(process.env["CACHE_MODEL_SECONDS"] ?? 30);
const PLANTED_RUNS = 3000;
const PLANTED_MAX_MS = 50_000;
let histories = 0;
afterAll(() => console.log(`cache model: ${histories} histories, seed ${seed}`));

type Setting = Partial<Pick<ModelOptions, "holes" | "make" | "replicas">> & {
  clocks?: fc.Arbitrary<number[]>;
};

/** Plays histories, as many or for as long; the first that goes wrong, in words that repeat it, or null. */
async function firstFault(
  script: fc.Arbitrary<Step[]>,
  limit: Readonly<{ runs: number }> | Readonly<{ ms: number }>,
  setting: Setting = {},
  from = seed,
): Promise<string | null> {
  const { clocks: skews = clocks, ...more } = setting;
  const replicas = fc.integer({ min: 2, max: 3 });
  const property = fc.asyncProperty(
    fc.scheduler(),
    script,
    ticks,
    skews,
    replicas,
    async (scheduler, what, lengths, offsets, count) => {
      histories += 1;
      const options = { steps: what, ticks: lengths, clocks: offsets, replicas: count, ...more };
      const wrong = await playModel(scheduler, options);
      if (wrong.length > 0) throw new Error(wrong.slice(0, 3).join("\n"));
    },
  );
  // Shrinking takes many runs: only where nothing is expected to go wrong.
  const result = await fc.check(property, {
    numRuns: "runs" in limit ? limit.runs : 1_000_000,
    seed: from,
    // Noisy machines play fewer histories, not longer ones.
    interruptAfterTimeLimit: "ms" in limit ? limit.ms : PLANTED_MAX_MS,
    endOnFailure: more.holes !== undefined || more.make !== undefined,
  });
  if (!result.failed) return null;
  const error = result.errorInstance;
  const script_text = JSON.stringify(result.counterexample?.slice(1));
  const words = error instanceof Error ? error.message : String(error);
  return `${words}\nafter ${result.numRuns} runs, seed ${result.seed}, path ${result.counterexamplePath}\n${script_text}`;
}

const LIMIT_MS = (60 + SECONDS) * 1000;
/** A share of the time; the planted ones need little of it. */
const share = (part: number): { ms: number } => ({ ms: SECONDS * 1000 * part });
const PLOTS = Object.entries(plots);

describe("no history ends with an answer older than its class allows (I1, I2, I3), nothing is left over (I4, I13, I15)", () => {
  const scripts: readonly [string, fc.Arbitrary<Step[]>, number][] = [
    ["faults of every kind", steps(false), 0.4],
    ["nothing fails", steps(true), 0.05],
    ["a crowd at one row", crowd(false), 0.12],
    ["a crowd, with keys evicted", crowd(true), 0.12],
    ...PLOTS.map(([name, script]): [string, fc.Arbitrary<Step[]>, number] => [
      `the plot "${name}"`,
      script,
      0.2 / PLOTS.length,
    ]),
  ];
  for (const [name, script, part] of scripts) {
    test(name, async () => expect(await firstFault(script, share(part))).toBeNull(), LIMIT_MS);
  }
});

describe("a planted hole is found", () => {
  const holes: Readonly<Record<Exclude<HoleName, "numbers_by_server">, fc.Arbitrary<Step[]>>> = {
    position_before_load: plots.overtaken,
    judged_when_reading: plots.crossed,
    missing_version_is_miss: plots.unversioned,
    generation_in_keys: plots.uncounted,
    server_id_checked: plots.revived,
    gapless_stream: plots.trimmed,
    lease_from_beats: plots.asleep,
    outbox_row: plots.died,
    server_ids_recorded: plots.split,
    flight_join_rule: plots.overtaken,
  };
  for (const [hole, script] of Object.entries(holes)) {
    test(
      hole,
      async () => {
        const found = await firstFault(
          script,
          { runs: PLANTED_RUNS },
          { holes: new Set([hole as HoleName]) },
          1,
        );
        console.log(`${hole}: ${found?.split("\n").slice(0, 2).join("; ")}`);
        expect(found).toMatch(/^I[123]/);
      },
      LIMIT_MS,
    );
  }

  test("numbers_by_server: with numbers made by the processes' clocks all is well only while the clocks agree", async () => {
    const make = makeReplicaOver(({ world, process }) => new ClockOrder(world, process));
    const race = fc.oneof(plots.crossed, plots.overtaken);
    // No server, so nobody to relay.
    const holes = new Set<HoleName>(["outbox_row"]);
    const agree = fc.constant<number[]>([0, 0, 0, 0]);
    expect(await firstFault(race, { runs: 200 }, { make, holes, clocks: agree }, 1)).toBeNull();
    const apart = fc.constant<number[]>([900_000, -900_000, 0, 0]);
    expect(await firstFault(race, { runs: 200 }, { make, holes, clocks: apart }, 1)).toMatch(/^I[123]/);
  });
});

test("the control, a cache that deletes and publishes, is caught while nothing fails", async () => {
  expect(
    await firstFault(
      crowd(false),
      { runs: 200 },
      { make: makePlainReplica, holes: new Set(["outbox_row"]) },
      1,
    ),
  ).toMatch(/^I[123]/);
});
