/**
 * Breaks the server's parts at length, beyond what the tests do.
 *
 *     bun run chaos cache [--minutes <n>] [--seed <s>] [--cluster] [--holes <parts left out>]
 *
 * The servers are its own. The exit code is 0 when everything held.
 */
import { parseArgs } from "node:util";
import type { HoleName } from "../../src/platform/cache/types.ts";
import { runCacheChaos } from "../cache/chaos-run.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string" },
    seed: { type: "string" },
    only: { type: "string" },
    hold: { type: "string", default: "2500" },
    plain: { type: "boolean", default: false },
    holes: { type: "string", default: "" },
    cluster: { type: "boolean", default: false },
  },
});
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
if (positionals.join(" ") !== "cache" || !(minutes === undefined || minutes > 0) || !Number.isInteger(seed)) {
  console.error(
    "bun run chaos cache [--minutes <n>] [--seed <s>] [--cluster] [--hold <ms>] [--only <words of a fault>] [--plain] [--holes <part,…>]",
  );
  process.exit(64);
}

const { failures } = await runCacheChaos({
  seed,
  minutes,
  only: values.only?.split(","),
  cache: values.plain ? "plain" : "two-tier",
  holes: values.holes.split(",").filter((hole): hole is HoleName => hole !== ""),
  long: minutes !== undefined,
  cluster: values.cluster,
  hold_max_ms: Number(values.hold),
});
for (const failure of failures) console.error(`FAILED ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);
