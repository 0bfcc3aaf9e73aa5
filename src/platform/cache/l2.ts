import { ENTRY_FORMAT } from "./entry.ts";
import type { CacheNode } from "./node.ts";
import { generationKey, keyBase } from "./script.ts";
import { type OrderLookup, OrderUnavailable } from "./types.ts";

/** Lookups in one MGET at most: beyond it the next one begins, so that a crowd does not delay itself. */
const BATCH_MAX = 256;

type Waiting = {
  entry: number;
  versions: number[];
  resolve(lookup: OrderLookup): void;
  reject(error: unknown): void;
};

/** The keys of the versions of some tags, in one generation. */
type VersionKeys = Readonly<{ base: string; keys: readonly string[] }>;

type Batch = { generation: string; keys: string[]; places: Map<string, number>; waiting: Waiting[] };

/** What stands after `e:` in the key of an entry. */
export const entryName = (key: string): string => `${ENTRY_FORMAT}:${key}`;

/** What a reader knows of its cell. */
type ReaderOf = Readonly<{
  node(): CacheNode | null;
  generation(): string | null;
  /** The server has named another generation than the one that was asked for. */
  differs(asked: string): void;
}>;

/**
 * Reads of one cell. Those that begin in one turn of the event loop go out as one MGET, which is atomic; none joins one
 * that was sent already, because it would compare with versions read before it began.
 */
export class Reader {
  readonly #cell: number;
  readonly #of: ReaderOf;
  /** By the tags of an answer: built and hashed once, not at every check of it. */
  readonly #keys = new WeakMap<readonly string[], VersionKeys>();
  #batch: Batch | null = null;
  #sent = 0;

  constructor(cell: number, of: ReaderOf) {
    this.#cell = cell;
    this.#of = of;
  }

  /** MGETs sent so far. */
  get sent(): number {
    return this.#sent;
  }

  lookup(key: string | null, tags: readonly string[]): Promise<OrderLookup> {
    const generation = this.#of.generation();
    if (generation === null) return Promise.reject(new OrderUnavailable("not open"));
    let batch = this.#batch;
    if (batch === null || batch.generation !== generation || batch.waiting.length >= BATCH_MAX) {
      batch = { generation, keys: [generationKey(this.#cell)], places: new Map(), waiting: [] };
      this.#batch = batch;
      const mine = batch;
      setImmediate(() => this.#send(mine));
    }
    const base = keyBase(this.#cell, generation);
    const entry = key === null ? -1 : place(batch, `${base}e:${entryName(key)}`);
    const { places, keys, waiting } = batch;
    const versions = this.#keysOf(tags, base).map((version) => place({ places, keys }, version));
    return new Promise((resolve, reject) => waiting.push({ entry, versions, resolve, reject }));
  }

  #keysOf(tags: readonly string[], base: string): readonly string[] {
    let known = this.#keys.get(tags);
    if (known?.base !== base) {
      known = { base, keys: tags.map((tag) => `${base}v:${tag}`) };
      this.#keys.set(tags, known);
    }
    return known.keys;
  }

  #send(batch: Batch): void {
    if (this.#batch === batch) this.#batch = null;
    const node = this.#of.node();
    if (node === null) {
      for (const { reject } of batch.waiting) reject(new OrderUnavailable("no server"));
      return;
    }
    this.#sent += 1;
    const makesSense = (reply: unknown): boolean =>
      Array.isArray(reply) &&
      reply.length === batch.keys.length &&
      reply.every((value) => value === null || value instanceof Uint8Array);
    node.call(["MGET", ...batch.keys], undefined, "bytes", makesSense).then(
      (reply) => {
        const values = reply as (Buffer | null)[];
        const generation = values[0] === null ? null : String(values[0]);
        if (generation !== batch.generation) this.#of.differs(batch.generation);
        for (const { entry, versions, resolve } of batch.waiting) {
          resolve({
            generation,
            entry: entry < 0 ? null : (values[entry] ?? null),
            versions: versions.map((at) => numberOf(values[at])),
          });
        }
      },
      (error: unknown) => {
        for (const { reject } of batch.waiting) reject(error);
      },
    );
  }
}

function place(batch: Pick<Batch, "keys" | "places">, key: string): number {
  let at = batch.places.get(key);
  if (at === undefined) {
    at = batch.keys.push(key) - 1;
    batch.places.set(key, at);
  }
  return at;
}

/** Digits as a number, without a string in between. */
function numberOf(digits: Buffer | null | undefined): number | null {
  if (digits === null || digits === undefined) return null;
  let value = 0;
  for (const digit of digits) value = value * 10 + digit - 48;
  return value;
}
