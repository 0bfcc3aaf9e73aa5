import type { Fleet, WorkerHandle } from "./fleet.ts";
import { ROWS } from "./messages.ts";
import { between, pick } from "./random.ts";
import type { ChaosPostgres } from "./postgres.ts";
import type { ChaosRedis } from "./redis.ts";

/** What a fault may lay hands on. */
export type Hands = Readonly<{
  fleet: Fleet;
  redis: ChaosRedis;
  postgres: ChaosPostgres;
  /** A second server, for splits. */
  other: ChaosRedis;
  random: () => number;
  /** Longest that a fault may hold on. */
  hold_max_ms: number;
  /** Resolves when the database has answered everyone for a while. */
  databaseBack(): Promise<void>;
  /** Starts a worker again after it was killed. */
  revive(worker: number): Promise<void>;
}>;

/** Resolves when the fault has been lifted. */
export type Fault = Readonly<{
  name: string;
  /** It befalls PostgreSQL: loads and writes may fail meanwhile. */
  database?: boolean;
  /** Redis answers nobody meanwhile: lookups must not wait for it again and again. */
  away?: boolean;
  /** Only where there is time. */
  long?: boolean;
  run(hands: Hands): Promise<void>;
}>;

const all = (hands: Hands): number[] => hands.fleet.workers.map((_, index) => index);
const any = (hands: Hands): WorkerHandle => pick(hands.random, hands.fleet.workers);
const hold = (hands: Hands, low = 300): Promise<void> =>
  Bun.sleep(between(hands.random, low, Math.max(hands.hold_max_ms, low)));
const again = async (times: number, act: () => Promise<unknown>, pause: () => number): Promise<void> => {
  for (let time = 0; time < times; time += 1) {
    await act();
    await Bun.sleep(pause());
  }
};

async function killAndRevive(hands: Hands, worker: WorkerHandle): Promise<void> {
  await worker.kill();
  await Bun.sleep(between(hands.random, 0, 800));
  await hands.revive(worker.index);
}

/** The worker writes a row and dies before it can bump: only the outbox knows. */
async function dieAfterCommit(hands: Hands, worker: WorkerHandle): Promise<void> {
  worker.send({ do: "die_after_commit", row: Math.floor(hands.random() * ROWS) });
  await worker.exited();
  await Bun.sleep(1200);
  await hands.revive(worker.index);
}

/** Redis has but so much room, and this way of making some. */
async function crowded(hands: Hands, policy: string, room: string, low_ms: number): Promise<void> {
  const set = (name: string, value: string): Promise<unknown> =>
    hands.redis.command("CONFIG", "SET", name, value);
  await set("maxmemory-policy", policy);
  await set("maxmemory", room);
  await hold(hands, low_ms);
  await set("maxmemory", "0");
  await set("maxmemory-policy", "volatile-lru");
}

const links = (
  name: string,
  low_ms: number,
  mode: Parameters<Fleet["link"]>[1],
  one: boolean,
  away = false,
): Fault => ({
  name,
  away,
  async run(hands) {
    const which = one ? [any(hands).index] : all(hands);
    await hands.fleet.link(which, mode, mode.is === "closed");
    await hold(hands, low_ms);
    await hands.fleet.link(which, { is: "open" }, mode.is !== "slow" && mode.is !== "uneven");
  },
});

export const FAULTS: readonly Fault[] = [
  {
    name: "worker stopped and continued",
    async run(hands) {
      const worker = any(hands);
      worker.signal("SIGSTOP");
      await hold(hands);
      worker.signal("SIGCONT");
    },
  },
  {
    name: "relay holder stopped and continued",
    async run(hands) {
      const worker = hands.fleet.relay() ?? any(hands);
      worker.signal("SIGSTOP");
      await hold(hands, 700);
      worker.signal("SIGCONT");
    },
  },
  { name: "worker killed", run: (hands) => killAndRevive(hands, any(hands)) },
  {
    name: "relay holder killed",
    run: (hands) => killAndRevive(hands, hands.fleet.relay() ?? any(hands)),
  },
  {
    name: "writer killed between COMMIT and bump",
    run: (hands) =>
      dieAfterCommit(
        hands,
        pick(
          hands.random,
          hands.fleet.workers.filter(({ state }) => state?.relays !== true),
        ),
      ),
  },
  {
    name: "relay killed between COMMIT and bump",
    run: (hands) => dieAfterCommit(hands, hands.fleet.relay() ?? any(hands)),
  },
  {
    name: "redis frozen",
    away: true,
    async run(hands) {
      hands.redis.freeze();
      await hold(hands);
      hands.redis.thaw();
    },
  },
  {
    name: "redis killed, back and empty",
    away: true,
    async run(hands) {
      await hands.redis.kill();
      await hold(hands, 0);
      await hands.redis.startEmpty();
    },
  },
  {
    name: "redis killed, back with an old snapshot",
    async run(hands) {
      await hands.redis.snapshot();
      await Bun.sleep(700);
      await hands.redis.kill();
      await hold(hands, 0);
      await hands.redis.startOld();
    },
  },
  {
    name: "FLUSHALL",
    run: (hands) =>
      again(
        3,
        () => hands.redis.command("FLUSHALL"),
        () => between(hands.random, 50, 700),
      ),
  },
  {
    name: "random keys removed",
    run: (hands) =>
      again(
        12,
        () => hands.redis.evict(between(hands.random, 1, 12), hands.random),
        () => between(hands.random, 20, 200),
      ),
  },
  {
    name: "eviction of all keys alike",
    async run(hands) {
      await crowded(hands, "allkeys-random", "1200kb", 1000);
    },
  },
  { name: "eviction of what expires", run: (hands) => crowded(hands, "volatile-lru", "1200kb", 1000) },
  {
    name: "redis full",
    away: true,
    async run(hands) {
      await crowded(hands, "noeviction", "1mb", 300);
    },
  },
  {
    name: "everything cleared",
    run: (hands) =>
      again(
        4,
        () => any(hands).ask({ do: "clear" }),
        () => between(hands.random, 50, 400),
      ),
  },
  {
    name: "stream trimmed",
    run: (hands) =>
      again(
        10,
        () => hands.redis.trim(between(hands.random, 0, 1)),
        () => between(hands.random, 20, 200),
      ),
  },
  {
    name: "connections killed",
    run: (hands) =>
      again(
        8,
        () => hands.redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
        () => between(hands.random, 50, 300),
      ),
  },
  {
    name: "redis absent at start",
    away: true,
    async run(hands) {
      const { workers } = hands.fleet;
      await Promise.all(workers.map((worker) => worker.kill()));
      await hands.redis.kill();
      await Promise.all(workers.map((worker) => hands.revive(worker.index)));
      await hold(hands, 1000);
      await hands.redis.startEmpty();
    },
  },
  links("redis slow by 500 ms", 1500, { is: "slow", by_ms: 500 }, false, true),
  links("redis slow by 30 ms", 1000, { is: "slow", by_ms: 30 }, false),
  links("the network stalls now and then", 1500, { is: "uneven", up_to_ms: 400 }, false),
  links("one worker cut off, connections half open", 1500, { is: "silent" }, true),
  links("one worker refused", 1500, { is: "closed" }, true),
  links("everyone refused", 1000, { is: "closed" }, false, true),
  links("all connections half open", 1000, { is: "silent" }, false, true),
  links("redis talks nonsense", 1000, { is: "garbage" }, false),
  {
    name: "split: one worker on another redis",
    async run(hands) {
      const worker = any(hands).index;
      await hands.fleet.lead([worker], hands.other.port);
      await hold(hands, 1500);
      await hands.fleet.lead([worker], hands.redis.port);
    },
  },
  {
    name: "move to another redis and back",
    async run(hands) {
      await hands.fleet.lead(all(hands), hands.other.port);
      await hold(hands, 1500);
      await hands.fleet.lead(all(hands), hands.redis.port);
    },
  },
  {
    name: "wall clocks stepped by up to 15 minutes",
    run: (hands) =>
      again(
        4,
        async () => any(hands).send({ do: "step_clock", by_ms: between(hands.random, -900_000, 900_000) }),
        () => between(hands.random, 100, 500),
      ),
  },
  {
    name: "FLUSHALL while a worker is stopped",
    async run(hands) {
      const worker = any(hands);
      worker.signal("SIGSTOP");
      await Bun.sleep(between(hands.random, 0, 200));
      await hands.redis.command("FLUSHALL");
      await hold(hands);
      worker.signal("SIGCONT");
    },
  },
  {
    name: "relay holder killed while another one is cut off",
    async run(hands) {
      const relay = hands.fleet.relay() ?? any(hands);
      const other = pick(
        hands.random,
        hands.fleet.workers.filter((worker) => worker !== relay),
      ).index;
      await hands.fleet.link([other], { is: "silent" });
      await killAndRevive(hands, relay);
      await hold(hands);
      await hands.fleet.link([other], { is: "open" }, true);
    },
  },
  {
    name: "worker stopped for long",
    long: true,
    async run(hands) {
      const worker = any(hands);
      worker.signal("SIGSTOP");
      await Bun.sleep(between(hands.random, 3000, 12_000));
      worker.signal("SIGCONT");
    },
  },
  {
    name: "redis frozen for long",
    away: true,
    long: true,
    async run(hands) {
      hands.redis.freeze();
      await Bun.sleep(between(hands.random, 5000, 30_000));
      hands.redis.thaw();
    },
  },
  {
    name: "postgres frozen",
    database: true,
    async run(hands) {
      hands.postgres.freeze();
      await hold(hands, 700);
      hands.postgres.thaw();
      await hands.databaseBack();
    },
  },
  {
    name: "postgres killed and back",
    database: true,
    async run(hands) {
      await hands.postgres.kill();
      await hold(hands, 0);
      await hands.postgres.start();
      await hands.databaseBack();
    },
  },
  {
    name: "redis frozen while postgres comes back",
    database: true,
    async run(hands) {
      hands.redis.freeze();
      await hands.postgres.kill();
      await hands.postgres.start();
      await hold(hands, 0);
      hands.redis.thaw();
      await hands.databaseBack();
    },
  },
];
