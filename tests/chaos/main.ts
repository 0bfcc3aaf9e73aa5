/**
 * Breaks the server's parts at length, beyond what the tests do.
 *
 *     bun run chaos cache [--minutes <n>] [--seed <s>] [--cluster] [--holes <parts left out>]
 *     bun run chaos replicas [--only <R1,R2,…>] [--seed <s>] [--short] [--count <replicas>]
 *     bun run chaos sockets [--seed <s>] [--short] [--count <replicas>]
 *     bun run chaos ledger [--operations <n>] [--seed <s>]
 *     bun run chaos savings [--steps <n>] [--seed <s>]
 *     bun run chaos shop [--steps <n>] [--seed <s>]
 *     bun run chaos budget [--months <n>] [--seed <s>]
 *     bun run chaos bank [--minutes <n>] [--keys <n>] [--pairs <n>] [--seed <s>] [--short]
 *
 * The servers are its own. The exit code is 0 when everything held.
 */
import { parseArgs } from "node:util";
import type { HoleName } from "../../src/platform/cache/types.ts";
import { runCacheChaos } from "../cache/chaos-run.ts";
import { runFleetChaos } from "./fleet/run.ts";
import { runBudgetChaos } from "./budget.ts";
import { runBankChaos } from "./bank/run.ts";
import { runLedgerChaos } from "./ledger.ts";
import { runSavingsChaos } from "./savings.ts";
import { runShopChaos } from "./shop.ts";

const USAGE = `bun run chaos cache [--minutes <n>] [--seed <s>] [--cluster] [--hold <ms>] [--only <words of a fault>] [--plain] [--holes <part,…>]
bun run chaos replicas [--only <R1,R2,…>] [--seed <s>] [--short] [--count <replicas>]
bun run chaos sockets [--seed <s>] [--short] [--count <replicas>]
bun run chaos ledger [--operations <n>] [--seed <s>]
bun run chaos savings [--steps <n>] [--seed <s>]
bun run chaos shop [--steps <n>] [--seed <s>]
bun run chaos budget [--months <n>] [--seed <s>]
bun run chaos bank [--minutes <n>] [--keys <n>] [--pairs <n>] [--seed <s>] [--short]`;

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
    short: { type: "boolean", default: false },
    count: { type: "string", default: "3" },
    keys: { type: "string", default: "1000" },
    pairs: { type: "string", default: "100000" },
    operations: { type: "string", default: "100000" },
    steps: { type: "string", default: "50000" },
    months: { type: "string", default: "20000" },
  },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const only = values.only?.split(",");

async function runCache(): Promise<readonly string[]> {
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (!(minutes === undefined || minutes > 0)) return usage();
  const { failures } = await runCacheChaos({
    seed,
    minutes,
    only,
    cache: values.plain ? "plain" : "two-tier",
    holes: values.holes.split(",").filter((hole): hole is HoleName => hole !== ""),
    long: minutes !== undefined,
    cluster: values.cluster,
    hold_max_ms: Number(values.hold),
  });
  return failures;
}

async function runReplicas(chosen = only): Promise<readonly string[]> {
  const replicas = Number(values.count);
  if (!Number.isInteger(replicas) || replicas < 2) return usage();
  return runFleetChaos({ seed, only: chosen, long: !values.short, replicas });
}

async function runLedger(): Promise<readonly string[]> {
  const operations = Number(values.operations);
  if (!Number.isInteger(operations) || operations < 1) return usage();
  return runLedgerChaos({ seed, operations });
}

const runHistories =
  (runSteps: (options: { seed: number; steps: number }) => Promise<readonly string[]>) =>
  async (): Promise<readonly string[]> => {
    const steps = Number(values.steps);
    if (!Number.isInteger(steps) || steps < 1) return usage();
    return runSteps({ seed, steps });
  };

async function runBudget(): Promise<readonly string[]> {
  const months = Number(values.months);
  if (!Number.isInteger(months) || months < 1) return usage();
  return runBudgetChaos({ seed, months });
}

async function runBank(): Promise<readonly string[]> {
  const { minutes = "5", keys, pairs } = values;
  const form = { minutes: Number(minutes), keys: Number(keys), pairs: Number(pairs) };
  if (!Object.values(form).every((amount) => amount > 0)) return usage();
  return runBankChaos({ seed, form: values.short ? null : form });
}

function usage(): never {
  console.error(USAGE);
  process.exit(64);
}

const runs: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  cache: runCache,
  replicas: () => runReplicas(),
  sockets: () => runReplicas(["sockets"]),
  ledger: runLedger,
  bank: runBank,
  budget: runBudget,
  savings: runHistories(runSavingsChaos),
  shop: runHistories(runShopChaos),
};
const run = runs[positionals.join(" ")];
if (run === undefined || !Number.isInteger(seed)) usage();
const failures = await run();
for (const failure of failures) console.error(`FAILED ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);
