import { type Cache, createCache } from "../../../src/platform/cache/index.ts";
import { createRedisOrder } from "../../../src/platform/cache/order.ts";
import { FakeDatabase } from "./fake-database.ts";
import { Network } from "./fake-link.ts";
import { FakeRedis } from "./fake-redis.ts";
import { Process, World } from "./world.ts";

const quiet = { info: () => {}, warn: () => {} };

/** Caches of several processes over one fake Redis, where everything happens in the order of sending. */
export type Fleet = Readonly<{
  world: World;
  redis: FakeRedis;
  caches: readonly Cache[];
  /** Lets the world go on until this is done. */
  done<T>(work: Promise<T> | T): Promise<T>;
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
}>;

/** Resolves when all are live. */
export async function startFleet(
  count: number,
  options: { l1_max_bytes?: number; slots?: number } = {},
): Promise<Fleet> {
  const world = new World();
  const redis = new FakeRedis("one", () => world.wall);
  const network = new Network(world, [redis]);
  const database = new FakeDatabase(world, new Set());
  const orders = Array.from({ length: count }, (_, index) => {
    const process = new Process(world, `r${index}`);
    const { clock, timer } = process;
    const common = { clock, timer, random: () => 0.5, log: quiet, token: () => world.token() };
    const order = createRedisOrder(
      { ...common, database: database.of(process), makeClient: network.makeClient(process) },
      { urls: ["redis://model"], replica: process.name },
    );
    const lane = () => ({ name: "fast", slots: options.slots ?? 64 });
    const { l1_max_bytes = 4_000_000 } = options;
    return {
      process,
      order,
      cache: createCache({ ...common, order }, { enabled: true, l1_max_bytes, lane }),
    };
  });
  await world.run(() =>
    orders.every(({ order, process }) => order.at(0).cell.live(process.clock.monotonic())),
  );
  return {
    world,
    redis,
    caches: orders.map(({ cache }) => cache),
    async done(work) {
      let settled = false;
      const mark = (): void => void (settled = true);
      const result = Promise.resolve(work);
      result.then(mark, mark);
      await world.run(() => settled);
      return result;
    },
    async pass(ms) {
      const until = world.now + ms;
      await world.run(() => world.now >= until);
    },
  };
}
