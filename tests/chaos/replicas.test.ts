import { expect, test } from "bun:test";
import { runFleetChaos } from "./fleet/run.ts";

/** The scenarios of `bun run chaos replicas` in their short form. CHAOS_SEED repeats a run. */
const seed = Number(process.env["CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const BUDGET_MS = 400_000;

test(
  "a fleet holds what is promised of it, whatever happens to its parts",
  async () => {
    expect(await runFleetChaos({ seed, long: false, replicas: 3 })).toEqual([]);
  },
  BUDGET_MS,
);
