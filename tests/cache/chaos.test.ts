import { expect, test } from "bun:test";
import { runCacheChaos } from "./chaos-run.ts";

/** CHAOS_SEED repeats the faults of a run, CHAOS_MINUTES makes it longer; `bun run chaos cache` goes on for as long as asked. */
const seed = Number(process.env["CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const hold_max_ms = 1_600;
const minutes = Number(process.env["CHAOS_MINUTES"] ?? 0.6);

test(
  "one fault after the other: no answer older than its class allows, in four processes",
  async () => {
    const outcome = await runCacheChaos({ seed, minutes, hold_max_ms });
    expect(outcome.failures).toEqual([]);
    expect(outcome.lookups).toBeGreaterThan(100_000);
  },
  (minutes + 2) * 60_000,
);

test("the same run finds fault with a cache that deletes and publishes", async () => {
  const only = ["worker stopped and continued", "one worker cut off"];
  const plain = await runCacheChaos({ seed, only, cache: "plain", hold_max_ms });
  expect(plain.strict_stale).toBeGreaterThan(0);
  expect(plain.too_old).toBeGreaterThan(0);
}, 60_000);

test("the same run finds what is planted", async () => {
  // Each shows hundreds of times in one round; the model finds the rare ones.
  const revived = { holes: ["server_id_checked"], only: ["back with an old snapshot"] } as const;
  expect((await runCacheChaos({ seed, hold_max_ms, ...revived })).strict_stale).toBeGreaterThan(0);
  const flushed = { holes: ["generation_in_keys"], only: ["FLUSHALL"] } as const;
  expect((await runCacheChaos({ seed, hold_max_ms, ...flushed })).strict_stale).toBeGreaterThan(0);
}, 60_000);
