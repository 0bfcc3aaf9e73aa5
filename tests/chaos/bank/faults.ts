import { between, pick } from "../../cache/chaos/random.ts";
import { faults as redisFaults, type Hands } from "../fleet/redis.ts";
import { signalIfAlive } from "../../helpers/signals.ts";
import type { Bank } from "./bank.ts";

/** One thing that happens to one part. */
type Fault = Readonly<{ name: string; wait_ms: number; befall(bank: Bank): Promise<void> }>;

/** Chooses the next fault of one part. */
type Lane = (random: () => number) => Fault;

const replicaLane: Lane = (random) => {
  const wait_ms = between(random, 1_000, 6_000);
  const chance = random();
  if (chance < 0.6) return { name: "a replica killed", wait_ms, befall: (bank) => hurt(bank, chance, null) };
  const nap_ms = between(random, 300, 3_000);
  return { name: "a replica frozen", wait_ms, befall: (bank) => hurt(bank, chance, nap_ms) };
};

/** Kills one that runs, or stops it for a while. `chance` says which. */
async function hurt({ fleet }: Bank, chance: number, nap_ms: number | null): Promise<void> {
  const pids = (await fleet.status()).replicas.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  const pid = pids[Math.floor(chance * 1_000) % pids.length];
  if (pid === undefined) return;
  signalIfAlive(pid, nap_ms === null ? "SIGKILL" : "SIGSTOP");
  if (nap_ms === null) return;
  await Bun.sleep(nap_ms);
  signalIfAlive(pid, "SIGCONT");
}

const postgresLane: Lane = (random) => {
  const wait_ms = between(random, 5_000, 15_000);
  const away_ms = between(random, 200, 1_500);
  const way = pick(random, ["restart", "kill", "freeze"] as const);
  return { name: `PostgreSQL: ${way}`, wait_ms, befall: ({ fleet }) => fleet.postgres[way](away_ms) };
};

const redisLane: Lane = (random) => {
  const wait_ms = between(random, 1_000, 4_000);
  const hold_ms = between(random, 500, 3_000);
  // A rolling restart waits for replicas that others kill here.
  const fault = pick(
    random,
    redisFaults.filter(({ forgets }) => forgets !== true),
  );
  return {
    name: `Redis: ${fault.name}`,
    wait_ms,
    async befall({ fleet }) {
      if (fleet.redis_network === null) throw new Error("this needs a network to Redis");
      const hands: Hands = { fleet, server: fleet.redis, network: fleet.redis_network };
      await fault.begin(hands);
      await Bun.sleep(hold_ms);
      await fault.end?.(hands);
    },
  };
};

/** Nothing begins later than this before the end. */
const LAST_MS = 1_000;

const lanes = [replicaLane, postgresLane, redisLane] as const;

/**
 * Breaks replicas, PostgreSQL and Redis at the same time, each again and again, for this long, and mends what it broke.
 *
 * @param randoms one a part: what befalls one does not depend on how long another took
 * @returns how often each thing happened
 */
export async function breakEverything(
  bank: Bank,
  { duration_ms, randoms }: Readonly<{ duration_ms: number; randoms: readonly (() => number)[] }>,
): Promise<Map<string, number>> {
  const happened = new Map<string, number>();
  const end_ms = performance.now() + duration_ms;
  await bank.fleet.redis.snapshot();
  await Promise.all(
    lanes.map(async (lane, at) => {
      const random = randoms[at];
      if (random === undefined) throw new RangeError("each part has a random of its own");
      for (;;) {
        const { name, wait_ms, befall } = lane(random);
        const left_ms = end_ms - performance.now();
        if (left_ms < LAST_MS) return;
        // In a short run, too, each part is broken once at least.
        await Bun.sleep(Math.min(wait_ms, duration_ms / 4));
        await befall(bank);
        happened.set(name, (happened.get(name) ?? 0) + 1);
      }
    }),
  );
  return happened;
}
