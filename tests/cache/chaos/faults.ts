import type { Fleet, WorkerHandle } from "./fleet.ts";
import { ROWS } from "./messages.ts";
import { between, pick } from "./random.ts";
import type { ChaosRedis } from "./redis.ts";

/** What a fault may lay hands on. */
export type Hands = Readonly<{
  fleet: Fleet;
  redis: ChaosRedis;
  /** A second server, for splits. */
  other: ChaosRedis;
  random: () => number;
  /** Longest that a fault may hold on. */
  hold_max_ms: number;
  /** Starts a worker again after it was killed. */
  revive(worker: number): Promise<void>;
}>;

/** Resolves when the fault has been lifted. */
export type Fault = Readonly<{ name: string; run(hands: Hands): Promise<void> }>;

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

const links = (name: string, low_ms: number, mode: Parameters<Fleet["link"]>[1], one: boolean): Fault => ({
  name,
  async run(hands) {
    const which = one ? [any(hands).index] : all(hands);
    await hands.fleet.link(which, mode, mode.is === "closed");
    await hold(hands, low_ms);
    await hands.fleet.link(which, { is: "open" }, mode.is !== "slow");
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
    async run(hands) {
      hands.redis.freeze();
      await hold(hands);
      hands.redis.thaw();
    },
  },
  {
    name: "redis killed, back and empty",
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
      await hands.redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-random");
      await hands.redis.command("CONFIG", "SET", "maxmemory", "1200kb");
      await hold(hands, 1000);
      await hands.redis.command("CONFIG", "SET", "maxmemory", "0");
      await hands.redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction");
    },
  },
  {
    name: "redis full",
    async run(hands) {
      await hands.redis.command("CONFIG", "SET", "maxmemory", "1mb");
      await hold(hands);
      await hands.redis.command("CONFIG", "SET", "maxmemory", "0");
    },
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
    async run(hands) {
      const { workers } = hands.fleet;
      await Promise.all(workers.map((worker) => worker.kill()));
      await hands.redis.kill();
      await Promise.all(workers.map((worker) => hands.revive(worker.index)));
      await hold(hands, 1000);
      await hands.redis.startEmpty();
    },
  },
  links("redis slow by 500 ms", 1500, { is: "slow", by_ms: 500 }, false),
  links("redis slow by 30 ms", 1000, { is: "slow", by_ms: 30 }, false),
  links("one worker cut off, connections half open", 1500, { is: "silent" }, true),
  links("one worker refused", 1500, { is: "closed" }, true),
  links("all connections half open", 1000, { is: "silent" }, false),
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
];
