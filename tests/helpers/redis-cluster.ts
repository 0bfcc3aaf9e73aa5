import { startRedis, type TestRedis } from "./redis.ts";
import { freePort } from "./services.ts";

/** Three masters and, on demand, a replica of each. Real servers on the loopback. */
export type TestCluster = Readonly<{
  masters: readonly TestRedis[];
  /** The master that had a slot at the start. */
  masterOf(slot: number): TestRedis;
  replicas: readonly TestRedis[];
  urls: readonly string[];
  /** Moves one slot with its keys from one master to another. */
  moveSlot(slot: number, from: TestRedis, to: TestRedis): Promise<void>;
  idOf(node: TestRedis): Promise<string>;
  stop(): Promise<void>;
}>;

const RANGES = [
  ["0", "5460"],
  ["5461", "10922"],
  ["10923", "16383"],
] as const;
const FLAGS = [
  "--cluster-enabled",
  "yes",
  "--cluster-node-timeout",
  "1500",
  "--repl-diskless-sync-delay",
  "0",
];

const portOf = (node: TestRedis): string => new URL(node.url).port;
/** The second line of a bulk reply. */
const bulk = (reply: string): string => reply.split("\r\n")[1] ?? "";

/** `partial`: with a master gone the others go on serving their slots, as our deployments have it. */
export async function startRedisCluster(
  options: { replicas?: boolean; partial?: boolean } = {},
): Promise<TestCluster> {
  const coverage = ["--cluster-require-full-coverage", options.partial === true ? "no" : "yes"];
  const flags = [...FLAGS, ...coverage, "--cluster-config-file", "nodes.conf"];
  // Given by us: ten thousand above its port, as Redis has it, may be what outgoing connections are given.
  const busPorts = new Map<TestRedis, string>();
  const start = async (): Promise<TestRedis> => {
    const bus_port = String(await freePort());
    const node = await startRedis({ flags: [...flags, "--cluster-port", bus_port] });
    busPorts.set(node, bus_port);
    return node;
  };
  const masters = await Promise.all(RANGES.map(start));
  const replicas = options.replicas === true ? await Promise.all(RANGES.map(start)) : [];
  const all = [...masters, ...replicas];
  const idOf = async (node: TestRedis): Promise<string> => bulk(await node.command("CLUSTER", "MYID"));
  for (const [at, node] of all.entries()) await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(at + 1));
  for (const [at, [from, to]] of RANGES.entries())
    await masters[at]?.command("CLUSTER", "ADDSLOTSRANGE", from, to);
  for (const node of all.slice(1)) {
    const bus_port = busPorts.get(node) as string;
    await masters[0]?.command("CLUSTER", "MEET", "127.0.0.1", portOf(node), bus_port);
  }
  const whole = async (node: TestRedis): Promise<boolean> => {
    const info = await node.command("CLUSTER", "INFO");
    return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${all.length}`);
  };
  await waitFor(async () => (await Promise.all(all.map(whole))).every(Boolean));
  for (const [at, node] of replicas.entries()) {
    await node.command("CLUSTER", "REPLICATE", await idOf(masters[at] as TestRedis));
  }
  const synced = async (node: TestRedis): Promise<boolean> =>
    (await node.command("INFO", "replication")).includes("master_link_status:up");
  await waitFor(async () => (await Promise.all(replicas.map(synced))).every(Boolean));
  return {
    masters,
    replicas,
    urls: masters.map(({ url }) => url),
    masterOf: (slot) => masters[RANGES.findIndex(([, to]) => slot <= Number(to))] as TestRedis,
    idOf,
    async moveSlot(slot, from, to) {
      const [source, target] = [await idOf(from), await idOf(to)];
      await to.command("CLUSTER", "SETSLOT", String(slot), "IMPORTING", source);
      await from.command("CLUSTER", "SETSLOT", String(slot), "MIGRATING", target);
      const reply = await from.command("CLUSTER", "GETKEYSINSLOT", String(slot), "1000");
      const keys = reply.split("\r\n").filter((line) => line.startsWith("ch:"));
      const route = ["127.0.0.1", portOf(to), "", "0", "5000", "REPLACE", "KEYS"];
      if (keys.length > 0) await from.command("MIGRATE", ...route, ...keys);
      for (const node of [to, from, ...masters]) {
        await node.command("CLUSTER", "SETSLOT", String(slot), "NODE", target);
      }
    },
    async stop() {
      await Promise.all(all.map((node) => node.stop()));
    },
  };
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("the Redis Cluster did not come up");
    await Bun.sleep(50);
  }
}
