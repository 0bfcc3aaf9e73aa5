import type { Cached, GetOptions, Held, Lookup, Parts } from "./definition.ts";
import type { Item } from "./l1.ts";
import type { CacheClock } from "./types.ts";

/** A definition that can look at what L1 holds. */
type HoldsItems<P extends Parts, V> = Cached<P, V> & {
  peek(parts: P): Item | null;
  fromL1(parts: P, item: Item, now: number): Lookup<V> | null;
  hits(parts: P, item: Item, now: number): boolean;
};

/** `hold`: nothing is looked for while L1 still has the answer that was found last. */
export class HeldLookup<P extends Parts, V> implements Held<V> {
  readonly #cached: HoldsItems<P, V>;
  readonly #parts: P;
  readonly #clock: CacheClock;
  #item: Item | null = null;

  constructor(cached: HoldsItems<P, V>, parts: P, clock: CacheClock) {
    this.#cached = cached;
    this.#parts = parts;
    this.#clock = clock;
  }

  get(at: number = this.#clock.monotonic(), options?: GetOptions): Lookup<V> | Promise<Lookup<V>> {
    if (this.#item?.key === null) this.#item = null;
    const item = (this.#item ??= this.#cached.peek(this.#parts));
    const hit = item === null ? null : this.#cached.fromL1(this.#parts, item, at);
    return hit ?? this.#cached.get(this.#parts, options);
  }

  still(value: V | null, at: number): boolean {
    const item = this.#item;
    if (item === null || item.key === null || item.value !== value) return false;
    return this.#cached.hits(this.#parts, item, at);
  }
}
