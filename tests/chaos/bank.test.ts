import { expect, test } from "bun:test";
import { runBankChaos } from "./bank/run.ts";

/** `bun run chaos bank` in its short form. CHAOS_SEED repeats a run. */
const seed = Number(process.env["CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const BUDGET_MS = 400_000;

test(
  "money is never wrong while everything that serves it breaks",
  async () => {
    expect(await runBankChaos({ seed, form: null })).toEqual([]);
  },
  BUDGET_MS,
);
