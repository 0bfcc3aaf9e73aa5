import { expect, test } from "bun:test";
import { redisAndLimits, runFleetChaos } from "./fleet/run.ts";

/** The rest of `bun run chaos replicas` in its short form, see replicas.test.ts. CHAOS_SEED repeats a run. */
const seed = Number(process.env["CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const BUDGET_MS = 240_000;

test(
  "a fleet holds what is promised of it without a sound Redis, and its limits hold over all replicas",
  async () => {
    expect(await runFleetChaos({ seed, only: redisAndLimits, long: false, replicas: 3 })).toEqual([]);
  },
  BUDGET_MS,
);
