import type { Argument } from "./client.ts";

/** Slots of a Cluster. */
const SLOTS = 16_384;

/** Which master serves which slots; ends of ranges included. */
export type Route = Readonly<{ url: string; from: number; to: number }>;

/** Answers of a server that is not, or no longer, the one to ask. */
export const MISPLACED = /^(MOVED|ASK|READONLY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|LOADING|UNBLOCKED)\b/;

/** The slot of a cell: of its hash tag. */
export const slotOfCell = (cell: number): number => slotOf(String(cell));

/** The slot of all keys with the hash tag `{tag}`, by CRC16 (XMODEM): https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ */
export function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc % SLOTS;
}

/** Asks for the routes: `CLUSTER SHARDS` through any node. User, password and scheme are those of `seed`. */
export async function readRoutes(
  send: (args: readonly Argument[]) => Promise<unknown>,
  seed: string,
): Promise<Route[]> {
  return parseShards(await send(["CLUSTER", "SHARDS"]), seed);
}

/** The reply of `CLUSTER SHARDS`: masters that are online, and what they serve. */
export function parseShards(reply: unknown, seed: string): Route[] {
  const routes: Route[] = [];
  for (const shard of reply as unknown[]) {
    const { slots, nodes } = fieldsOf(shard) as { slots: unknown[]; nodes: unknown[] };
    const master = nodes
      .map((node) => fieldsOf(node))
      .find(({ role, health }) => role === "master" && health === "online");
    if (master === undefined) continue;
    const url = new URL(seed);
    const host = (master["endpoint"] as string | null | undefined) ?? "";
    // Without a name the node means: the address you asked me at.
    if (host !== "" && host !== "?") url.hostname = host;
    url.port = String((url.protocol === "rediss:" ? master["tls-port"] : master["port"]) ?? master["port"]);
    for (let at = 0; at + 1 < slots.length; at += 2) {
      routes.push({ url: url.href, from: Number(slots[at]), to: Number(slots[at + 1]) });
    }
  }
  return routes;
}

/** URL of the master of a cell; null while nobody serves its slot. */
export const routeOf = (routes: readonly Route[], cell: number): string | null =>
  masterOf(routes, slotOfCell(cell));

/** URL of the master of a slot; null while nobody serves it. */
export function masterOf(routes: readonly Route[], slot: number): string | null {
  return routes.find(({ from, to }) => from <= slot && slot <= to)?.url ?? null;
}

/** Maps come as objects (RESP3) or as flat arrays (RESP2). */
function fieldsOf(reply: unknown): Record<string, unknown> {
  if (!Array.isArray(reply)) return reply as Record<string, unknown>;
  const fields: Record<string, unknown> = {};
  for (let at = 0; at + 1 < reply.length; at += 2) fields[String(reply[at])] = reply[at + 1];
  return fields;
}
