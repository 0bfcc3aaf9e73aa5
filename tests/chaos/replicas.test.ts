import { expect, test } from "bun:test";
import { redisAndLimits, runFleetChaos, scenarios } from "./fleet/run.ts";

/** The scenarios of `bun run chaos replicas` in their short form, but those of replicas-redis.test.ts. CHAOS_SEED repeats a run. */
const seed = Number(process.env["CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const BUDGET_MS = 400_000;

test(
  "a fleet holds what is promised of it, whatever happens to its parts",
  async () => {
    const only = scenarios.map(({ id }) => id).filter((id) => !redisAndLimits.includes(id));
    expect(await runFleetChaos({ seed, only, long: false, replicas: 3 })).toEqual([]);
  },
  BUDGET_MS,
);
