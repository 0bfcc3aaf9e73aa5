/** Keys remembered: until so many others came, on average. A power of two. */
const KEYS = 8192;

/**
 * Remembers which keys were asked for lately, as hashes of 32 bits, each in the one place that is its own, where a later
 * key drives it out. Two keys that share a hash only let one in too early. It makes nothing that must be collected: most
 * of what comes from Redis passes here.
 */
export class Doorkeeper {
  readonly #hashes = new Uint32Array(KEYS);

  /** Whether this key came by lately; from now on it did. */
  knows(key: string): boolean {
    const hash = Bun.hash.xxHash32(key);
    const place = hash % KEYS;
    if (this.#hashes[place] === hash) return true;
    this.#hashes[place] = hash;
    return false;
  }
}
