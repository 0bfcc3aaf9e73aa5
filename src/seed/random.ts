/** Reproducible random numbers: the same seed gives the same sequence on every machine. Not for secrets. */
export class Random {
  readonly #sums = new Map<string, number>();
  // sfc32, http://pracrand.sourceforge.net/RNG_engines.txt: 128 bits of state, only 32-bit arithmetic
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `stream` separates independent sequences of one seed, e.g. one per business. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let i = 0; i < 16; i++) this.bits();
  }

  /** 32 random bits, as an unsigned integer. */
  bits(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((((this.#c << 21) | (this.#c >>> 11)) >>> 0) + result) | 0;
    return result >>> 0;
  }

  /** In [0, 1). */
  unit(): number {
    return this.bits() / 4294967296;
  }

  /** An integer from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor((this.bits() / 4294967296) * below);
  }

  /** An integer between both bounds, inclusive. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True for this share of its askings, evenly spread: chance could leave out all of a few. */
  evenly(what: string, share: number): boolean {
    const sum = (this.#sums.get(what) ?? 0.5) + share;
    this.#sums.set(what, sum >= 1 ? sum - 1 : sum);
    return sum >= 1;
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.bits() < probability * 4294967296;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  /** A rank from 0 to `count` - 1 by Zipf's law: rank r comes about 1/(r+1) as often as rank 0. */
  zipf(count: number): number {
    return Math.min(count - 1, Math.floor(Math.exp(this.unit() * Math.log(count + 1))) - 1);
  }
}
