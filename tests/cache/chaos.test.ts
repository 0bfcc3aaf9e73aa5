import { expect, test } from "bun:test";
import { runCacheChaos } from "./chaos-run.ts";

const seed = Number(process.env["CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

test("every fault once: no answer older than its class allows, in four processes", async () => {
  const outcome = await runCacheChaos({ seed, hold_max_ms: 1800 });
  expect(outcome.failures).toEqual([]);
  expect(outcome.lookups).toBeGreaterThan(100_000);
}, 180_000);

test("the same run finds fault with a cache that deletes and publishes", async () => {
  for (const only of ["worker stopped", "redis frozen"]) {
    const outcome = await runCacheChaos({ seed, only, cache: "plain" });
    expect(outcome.strict_stale).toBeGreaterThan(0);
    expect(outcome.too_old).toBeGreaterThan(0);
  }
}, 60_000);
