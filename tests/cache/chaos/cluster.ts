import type { TestCluster } from "../../helpers/redis-cluster.ts";
import type { TestRedis } from "../../helpers/redis.ts";
import { type Fault, FAULTS, type Hands } from "./faults.ts";
import { between, pick } from "./random.ts";

/** Slots of the cells `{0}` to `{15}` lie all over the Cluster; moving these moves cells. */
const HASH_TAGS = Array.from({ length: 16 }, (_, cell) => `{${cell}}`);

const line = (reply: string): string => /(\d+)/.exec(reply)?.[1] ?? "";
const hold = (hands: Hands, low = 300): Promise<void> =>
  Bun.sleep(between(hands.random, low, Math.max(hands.hold_max_ms, low)));

/** What may befall the nodes of a Cluster, and the workers beside it. */
export function clusterFaults(cluster: TestCluster): Fault[] {
  const nodes = [...cluster.masters, ...cluster.replicas];
  const masters = async (): Promise<TestRedis[]> => {
    const roles = await Promise.all(nodes.map((node) => node.command("ROLE").catch(() => "")));
    return nodes.filter((_, at) => roles[at]?.includes("master"));
  };
  const anyMaster = async (hands: Hands): Promise<TestRedis> => pick(hands.random, await masters());
  const workers = FAULTS.filter(({ name }) => /^(worker|writer|relay|wall)/.test(name));
  return [
    ...workers,
    {
      name: "a master frozen, and continued when another one is elected",
      async run(hands) {
        const node = await anyMaster(hands);
        node.freeze();
        await hold(hands, 2500);
        node.thaw();
        await Bun.sleep(1500);
      },
    },
    {
      name: "a master killed, and back as a replica",
      async run(hands) {
        const node = await anyMaster(hands);
        await node.kill();
        await Bun.sleep(3500);
        await node.start();
        await Bun.sleep(1000);
      },
    },
    {
      name: "a replica takes over by CLUSTER FAILOVER",
      async run(hands) {
        const now = await masters();
        const replica = nodes.filter((node) => !now.includes(node));
        await pick(hands.random, replica).command("CLUSTER", "FAILOVER");
        await hold(hands, 1000);
      },
    },
    {
      // Nobody is asked, so the master before goes on until it hears of it.
      name: "a replica takes over by force",
      async run(hands) {
        const now = await masters();
        const replica = nodes.filter((node) => !now.includes(node));
        await pick(hands.random, replica).command("CLUSTER", "FAILOVER", "TAKEOVER");
        await hold(hands, 1000);
      },
    },
    {
      name: "FLUSHALL on a master",
      async run(hands) {
        await (await anyMaster(hands)).command("FLUSHALL");
        await hold(hands);
      },
    },
    {
      name: "connections to a master killed",
      async run(hands) {
        const node = await anyMaster(hands);
        for (let time = 0; time < 5; time += 1) {
          await node.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
          await Bun.sleep(between(hands.random, 50, 300));
        }
      },
    },
    {
      name: "a cell's slot moved to another master",
      async run(hands) {
        const now = await masters();
        const slot = line(
          await pick(hands.random, now).command("CLUSTER", "KEYSLOT", pick(hands.random, HASH_TAGS)),
        );
        const holds = async (node: TestRedis): Promise<boolean> =>
          Number(line((await node.command("CLUSTER", "COUNTKEYSINSLOT", slot)).slice(1))) > 0;
        for (const from of now) {
          if (!(await holds(from))) continue;
          const to = pick(
            hands.random,
            now.filter((node) => node !== from),
          );
          await cluster.moveSlot(Number(slot), from, to);
          break;
        }
        await hold(hands, 1000);
      },
    },
  ];
}
