import type { Random } from "./random.ts";

const hex16 = Array.from({ length: 65536 }, (_, value) => value.toString(16).padStart(4, "0"));

/**
 * A UUIDv7 (RFC 9562 section 5.7) of a given instant: as ids of rows that were really created then, so that seeded rows
 * lie in the indexes where real ones would.
 */
export function idAt(at_ms: number, random: Random): string {
  const high = Math.floor(at_ms / 65536);
  const x = random.bits();
  const y = random.bits();
  const z = random.bits();
  return (
    `${hex16[(high >>> 16) & 0xffff]}${hex16[high & 0xffff]}-${hex16[at_ms % 65536]}-${hex16[0x7000 | (x & 0xfff)]}` +
    `-${hex16[0x8000 | ((x >>> 12) & 0x3fff)]}-${hex16[y >>> 16]}${hex16[y & 0xffff]}${hex16[z >>> 16]}`
  );
}
