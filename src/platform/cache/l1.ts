import { LRUCache } from "lru-cache";
import type { Cell, Stamp } from "./cell.ts";
import type { From, Lookup } from "./definition.ts";
import { Doorkeeper } from "./doorkeeper.ts";
import type { Indexed, PartIndex, PartValue, Spot } from "./part-index.ts";
import type { Counters } from "./stats.ts";

/** How often an item in use says so. */
const USE_INTERVAL_MS = 1000;
/** What an item weighs beside its key, tags and payload: the object, its places in the lists, the map's slots. */
const ITEM_OVERHEAD_BYTES = 384;

export type ItemFields = Stamp & {
  /** Of the definition: the item is counted there while it is held. */
  readonly counters: Counters;
  readonly value: unknown;
  readonly payload_bytes: number;
  readonly etag: string;
  readonly tags: readonly string[];
  readonly created_at: number;
  readonly fresh_until: number;
  readonly dies_at: number;
  readonly cost_ms: number;
};

/** One answer in the process. All instants are monotonic. A class, so that every item has the same hidden shape. */
export class Item implements Stamp, Indexed {
  readonly cell: Cell;
  readonly counters: Counters;
  readonly generation: string | null;
  readonly position: number;
  readonly sequence: number;
  readonly began: number;
  readonly began_wall: number;
  judged: number;
  /** Bytes, a frozen value, or null: wrapped here, so that null and undefined are not mixed up. */
  value: unknown;
  readonly payload_bytes: number;
  readonly etag: string;
  readonly tags: readonly string[];
  readonly created_at: number;
  readonly fresh_until: number;
  /** End of the grace, and at most 15 minutes after the position. */
  readonly dies_at: number;
  readonly cost_ms: number;
  /** An early refresh is worth a throw of the dice only from here on; set forward once one has begun. */
  refresh_from: number;
  /** Where L1 holds it; null while it does not. */
  key: string | null = null;
  values: readonly PartValue[] | null = null;
  index: PartIndex<Indexed> | null = null;
  /** When L1 was last told that it is in use. */
  used_at = Number.NEGATIVE_INFINITY;

  constructor(cell: Cell, fields: ItemFields) {
    this.cell = cell;
    this.counters = fields.counters;
    this.generation = fields.generation;
    this.position = fields.position;
    this.sequence = fields.sequence;
    this.began = fields.began;
    this.began_wall = fields.began_wall;
    this.judged = fields.judged;
    this.value = fields.value;
    this.payload_bytes = fields.payload_bytes;
    this.etag = fields.etag;
    this.tags = fields.tags;
    this.created_at = fields.created_at;
    this.fresh_until = fields.fresh_until;
    this.dies_at = fields.dies_at;
    this.cost_ms = fields.cost_ms;
    // Beyond 20 costs the dice of XFetch say no with 1 - e^-20.
    this.refresh_from = fields.fresh_until - 20 * fields.cost_ms;
  }
}

/** The item as whoever asked for it is answered. */
export function lookupOf<V>(item: Item, from: From, now: number, reason?: string): Lookup<V> {
  const value = item.value as V | null;
  const age_ms = now - item.created_at;
  if (from === "load") {
    return { value, etag: item.etag, age_ms, from, load_ms: item.cost_ms, stored: item.key !== null };
  }
  return reason === undefined
    ? { value, etag: item.etag, age_ms, from }
    : { value, etag: item.etag, age_ms, from, reason };
}

/** Says so where another replica's load was waited for. */
export function afterWait<V>(lookup: Lookup<V>, awaited_ms: number): Lookup<V> {
  if (awaited_ms > 0) lookup.awaited_ms = awaited_ms;
  return lookup;
}

/** Width of the steps in which expiries are counted. */
const EXPIRY_STEP_MS = 1000;

/** How many answers of one definition are past their ttl, counted by the second in which they pass it. */
class Expiries {
  readonly #due = new Map<number, number>();
  #passed = 0;
  #from = Number.NEGATIVE_INFINITY;

  add(item: Item, by: 1 | -1): void {
    const step = Math.floor(item.fresh_until / EXPIRY_STEP_MS);
    if (step < this.#from) this.#passed += by;
    else this.#due.set(step, (this.#due.get(step) ?? 0) + by);
  }

  count(now: number): number {
    this.#from = Math.floor(now / EXPIRY_STEP_MS);
    for (const [step, answers] of this.#due) {
      if (step >= this.#from) continue;
      this.#passed += answers;
      this.#due.delete(step);
    }
    return this.#passed;
  }
}

/** Answers in the process: lru-cache 11.5 bounded by bytes, keys counted. Knows nothing of validity. */
export class L1 {
  readonly #lru: LRUCache<string, Item>;
  readonly #expiries = new Map<Counters, Expiries>();
  readonly #doorkeeper = new Doorkeeper();

  constructor(options: { max_bytes: number }) {
    this.#lru = new LRUCache<string, Item>({
      maxSize: options.max_bytes,
      // `max` alone bounds entries, not memory; a size of 0 throws (pitfalls, "lru-cache").
      sizeCalculation: weigh,
      dispose: (item, key, reason) => {
        item.counters.l1_bytes -= weigh(item, key);
        item.counters.l1_entries -= 1;
        this.#expiriesOf(item.counters).add(item, -1);
        item.index?.drop(item);
        item.key = null;
        if (reason === "evict") item.counters.evictions += 1;
      },
    });
  }

  /** Bytes held, keys included. */
  get bytes(): number {
    return this.#lru.calculatedSize;
  }
  get entries(): number {
    return this.#lru.size;
  }

  get(key: string): Item | undefined {
    return this.#lru.get(key);
  }

  peek(key: string): Item | undefined {
    return this.#lru.peek(key);
  }

  /**
   * What was found by its parts is used: told to the LRU once a second, for the order of eviction needs no more and
   * finding a key costs as much as the rest of a hit.
   */
  use(item: Item, now: number): void {
    if (now - item.used_at < USE_INTERVAL_MS || item.key === null) return;
    item.used_at = now;
    this.#lru.get(item.key);
  }

  /**
   * Whether what Redis holds as well is worth a place here: while there is room, and else what is asked for again soon. A
   * pass over more than fits would drive out all that is asked all the time, and find nothing of its own again.
   */
  admits(key: string, item: Item): boolean {
    return this.#lru.calculatedSize + weigh(item, key) <= this.#lru.maxSize || this.#doorkeeper.knows(key);
  }

  /** False when the item is larger than all of L1; the key then holds nothing. */
  set(key: string, item: Item, spot?: Spot | null): boolean {
    const size = weigh(item, key);
    // A value over the limit would delete the key's old value and say nothing (pitfalls, "lru-cache").
    if (size > this.#lru.maxSize) {
      this.#lru.delete(key);
      return false;
    }
    // A view of a whole reply of Redis would hold all of that in memory, uncounted.
    const { value } = item;
    if (value instanceof Uint8Array && value.byteLength < value.buffer.byteLength)
      item.value = new Uint8Array(value);
    item.counters.l1_bytes += size;
    item.counters.l1_entries += 1;
    this.#expiriesOf(item.counters).add(item, 1);
    this.#lru.set(key, item, { size });
    item.key = key;
    if (spot !== undefined && spot !== null) {
      item.values = spot.values;
      item.index = spot.index;
      spot.index.put(item);
    }
    return true;
  }

  /** Only if it still holds this very item: a newer one may have come meanwhile. */
  delete(key: string, item: Item): void {
    if (this.#lru.peek(key) === item) this.#lru.delete(key);
  }

  clear(): void {
    this.#lru.clear();
  }

  /** Brings `l1_expired` of every definition up to date, to the second. */
  countExpired(now: number): void {
    for (const [counters, expiries] of this.#expiries) counters.l1_expired = expiries.count(now);
  }

  #expiriesOf(counters: Counters): Expiries {
    let expiries = this.#expiries.get(counters);
    if (expiries === undefined) this.#expiries.set(counters, (expiries = new Expiries()));
    return expiries;
  }
}

/** UTF-16 is assumed for keys and tags, though most are stored in half of it. Never 0. */
export function weigh(item: Item, key: string): number {
  let size = ITEM_OVERHEAD_BYTES + item.payload_bytes + key.length * 2;
  for (const tag of item.tags) size += tag.length * 2;
  return size;
}
