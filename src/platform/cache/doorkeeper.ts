/** Keys remembered at least; at most twice as many. */
const KEYS = 16_384;

/**
 * Remembers which keys were asked for lately, as hashes of 32 bits in two generations. Two keys that share a hash only
 * let one in too early.
 */
export class Doorkeeper {
  #now = new Set<number>();
  #before = new Set<number>();

  /** Whether this key came by lately; from now on it did. */
  knows(key: string): boolean {
    const hash = Bun.hash.xxHash32(key);
    if (this.#now.has(hash)) return true;
    const known = this.#before.has(hash);
    this.#now.add(hash);
    if (this.#now.size >= KEYS) {
      this.#before = this.#now;
      this.#now = new Set();
    }
    return known;
  }
}
