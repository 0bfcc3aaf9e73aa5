import { isIP } from "node:net";

export const redis_protocols: readonly string[] = ["redis:", "rediss:"];

/** `https://app.example.com` and nothing behind it, or `*`. */
export function isOrigin(item: string): boolean {
  return item === "*" || (/^https?:/.test(item) && URL.parse(item)?.origin === item);
}

/** An IP address, or a range of them in CIDR notation. */
export function isAddressRange(item: string): boolean {
  const [address = "", bits, ...rest] = item.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** A node of a Redis Cluster, which has no numbered databases. */
export function isRedisNode(item: string): boolean {
  const parsed = URL.parse(item);
  return parsed !== null && redis_protocols.includes(parsed.protocol) && /^\/?$/.test(parsed.pathname);
}
