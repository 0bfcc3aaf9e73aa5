import { seeded } from "../../cache/chaos/random.ts";
import { until } from "../../helpers/replicas.ts";
import { idleEdges } from "./idle.ts";
import { sharedLimit, spoofedAddress } from "./limits.ts";
import { overloaded } from "./overload.ts";
import { databaseAway, databaseFrozen, writesUndone } from "./postgres.ts";
import { describeBad, goodShare, isGood, summary } from "./record.ts";
import { redisFaults } from "./redis.ts";
import { killed, frozen, renewed } from "./restarts.ts";
import { type Fleet, startFleet } from "./rig.ts";
import type { Scenario } from "./scenario.ts";
import { slowClients } from "./slow-clients.ts";
import { followed } from "./sockets.ts";
import { Traffic } from "./traffic.ts";
import { twoReplicas } from "./two-replicas.ts";

/** In the order in which they run. */
export const scenarios: readonly Scenario[] = [
  killed,
  renewed,
  followed,
  idleEdges,
  frozen,
  databaseAway,
  databaseFrozen,
  writesUndone,
  overloaded,
  slowClients,
  twoReplicas,
  redisFaults,
  spoofedAddress,
  sharedLimit,
];

/** Those of fleets of their own, which break Redis or keep limits: the tests run them beside the others. */
export const redisAndLimits: readonly string[] = [redisFaults, spoofedAddress, sharedLimit].map(
  ({ id }) => id,
);

export type RunOptions = Readonly<{
  seed: number;
  /** Goals by name (`R1`); all when nothing is said. */
  only?: readonly string[] | undefined;
  long: boolean;
  replicas: number;
}>;

/** Runs the scenarios of goals.md against fleets of their own. @returns what did not hold, each with its goal */
export async function runFleetChaos({ seed, only, long, replicas }: RunOptions): Promise<string[]> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  say(`seed ${seed}, ${replicas} replicas, ${long ? "long" : "short"} form`);
  const chosen = scenarios.filter(
    ({ id, long_only = false }) => (only === undefined || only.includes(id)) && (long || !long_only),
  );
  if (chosen.length === 0) throw new Error(`nothing to run: ${only?.join() ?? "no scenario"}`);
  const failures: string[] = [];
  const fleets = new Fleets(replicas, long);
  try {
    for (const scenario of chosen) {
      const { fleet, per_second } = await fleets.with(scenario, say);
      // What one scenario has cost a replica is not the next one's to pay.
      await until("every replica serves", async () =>
        (await fleet.status()).replicas.every(({ pid }) => pid !== null),
      );
      say(`${scenario.id} ${scenario.title}, ${per_second} requests/s`);
      const context = {
        fleet,
        long,
        per_second,
        random: seeded(seed),
        say: (line: string) => say(`    ${line}`),
      };
      const found = await scenario.run(context).catch(async (error: unknown) => {
        // Nobody knows in which state it left the fleet: the next one gets another.
        await fleets.stop();
        return [`it ended early: ${error instanceof Error ? error.message : String(error)}`];
      });
      for (const failure of found) failures.push(`${scenario.id}: ${failure}`);
      say(found.length === 0 ? "    holds" : found.map((failure) => `    FAILED ${failure}`).join("\n"));
    }
  } finally {
    await fleets.stop();
  }
  return failures;
}

/** One fleet at a time, kept as long as the scenarios want the same environment. */
class Fleets {
  readonly #replicas: number;
  readonly #long: boolean;
  #current: { fleet: Fleet; key: string; per_second: number } | null = null;

  constructor(replicas: number, long: boolean) {
    this.#replicas = replicas;
    this.#long = long;
  }

  async with(scenario: Scenario, say: (line: string) => void): Promise<{ fleet: Fleet; per_second: number }> {
    const { env = {}, replicas = this.#replicas, redis_network = false, measured = true } = scenario;
    const options = { replicas, env, redis_network };
    const key = JSON.stringify({ ...options, measured });
    if (this.#current?.key !== key) {
      await this.stop();
      const fleet = await startFleet(options);
      this.#current = { fleet, key, per_second: 0 };
      if (measured) this.#current.per_second = await halfOfCapacity(fleet, this.#long, say);
    }
    return this.#current;
  }

  async stop(): Promise<void> {
    await this.#current?.fleet.stop();
    this.#current = null;
  }
}

const WORKERS = 16;
const MEASURE_MS = 3_000;
/** Servers take a while to be compiled where they are hot, and give three times as much then. */
const WARM_MS = 12_000;

/** What the fleet answers when so many always wait, halved: there is room for what a fault takes away. */
async function halfOfCapacity(fleet: Fleet, long: boolean, say: (line: string) => void): Promise<number> {
  if (long) await new Traffic(fleet, { per_second: 0, random: seeded(2) }).saturate(WORKERS, WARM_MS);
  const traffic = new Traffic(fleet, { per_second: 0, random: seeded(1) });
  await traffic.saturate(WORKERS, MEASURE_MS);
  const { entries } = traffic.recorder;
  if (goodShare(entries) < 1)
    throw new Error(
      `the fleet is not well to begin with: ${summary(entries)}: ${describeBad(entries.filter((entry) => !isGood(entry)))}`,
    );
  say(`at capacity: ${summary(entries)}`);
  return Math.floor(entries.length / (MEASURE_MS / 1_000) / 2);
}
