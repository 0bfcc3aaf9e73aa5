import { BlockList, isIP } from "node:net";

/**
 * Tells the address of a client. A header is believed only when the peer is a trusted proxy: `trusted` lists
 * addresses, CIDR blocks, or `unix` for the peers of a unix socket (which has no address at all).
 */
export function createClientAddress(
  trusted: readonly string[],
): (peer: string | null, forwarded: string | null) => string {
  const blocks = new BlockList();
  for (const entry of trusted) {
    if (entry === "unix") continue;
    const [address = "", bits] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) blocks.addAddress(address, family);
    else blocks.addSubnet(address, Number(bits), family);
  }
  const trustsUnix = trusted.includes("unix");
  const isTrusted = (address: string) => blocks.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

  return (peer, forwarded) => {
    const direct = peer === null ? "" : plain(peer);
    const believed = peer === null ? trustsUnix : isTrusted(direct);
    if (!believed || forwarded === null) return direct === "" ? "0.0.0.0" : direct;
    // From the right: each hop was appended by the one we trust to its right; the first stranger is the client.
    const hops = forwarded.split(",");
    for (let at = hops.length - 1; at >= 0; at -= 1) {
      const hop = plain((hops[at] ?? "").trim());
      if (isIP(hop) === 0) break;
      if (at === 0 || !isTrusted(hop)) return hop;
    }
    return direct === "" ? "0.0.0.0" : direct;
  };
}

/** An IPv4 address that arrived on an IPv6 socket is the same client as on an IPv4 one. */
function plain(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
