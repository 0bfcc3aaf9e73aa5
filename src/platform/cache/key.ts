/** Keys: typed, length-prefixed, injective. Two different sets of parts never share a key. */

import { type Indexed, isIndexable, PartIndex, type PartValue, type Spot } from "./part-index.ts";

export type { PartValue } from "./part-index.ts";

/** What an answer may depend on. */
export type Parts = Readonly<Record<string, PartValue>>;

/** Encoded parts longer than this are named by their SHA-256 in Redis. */
export const PARTS_BYTES_MAX = 120;

const partName = /^[a-z_][a-z0-9_]*$/i;
const plainId = /^[A-Za-z0-9_-]{1,64}$/;

type Shape = Readonly<{
  given: readonly string[];
  sorted: readonly string[];
  /** Before the value of each: `<part>=`. */
  labels: readonly string[];
  /** Answers in the process by the values of their parts, in the order of `sorted`. */
  index: PartIndex<Indexed>;
}>;

const noShape: Shape = { given: [], sorted: [], labels: [], index: new PartIndex() };
/** `s36:` and its like, so that a number need not become text at every lookup. */
const lengths = Array.from({ length: 128 }, (_, length) => `s${length}:`);

/**
 * Encodes the parts of one definition. Callers mostly write the same names in the same order, so the last shape is
 * remembered and its names are checked and sorted once.
 */
export class KeyEncoder {
  readonly #prefix: string;
  readonly #shapes = new Map<string, Shape>();
  #shape: Shape = noShape;

  constructor(name: string) {
    this.#prefix = `${name}:`;
  }

  /** What L1 holds for these parts, found by their values. Whoever is not found may still be there, by its key. */
  find(parts: Parts): Indexed | undefined {
    if (!this.#known(parts)) return undefined;
    const { index, sorted } = this.#shape;
    return index.find(parts, sorted);
  }

  /** Where an answer for these parts will be found; null if only by its key. */
  spot(parts: Parts): Spot | null {
    if (!this.#known(parts)) return null;
    const { index, sorted } = this.#shape;
    const values = sorted.map((name) => parts[name] as PartValue);
    return isIndexable(values) ? { index, values } : null;
  }

  /**
   * `<name>:<part>=<type><length>:<value>…`, names in alphabetical order: the key in this process, and what an entry in
   * Redis must say that it is. Null when the parts hold something that is not a PartValue, which the type forbids: such a
   * lookup is not cached.
   */
  encode(parts: Parts): string | null {
    if (!this.#known(parts)) return null;
    const { sorted, labels } = this.#shape;
    let key = this.#prefix;
    for (let at = 0; at < sorted.length; at += 1) {
      const value = parts[sorted[at] as string];
      const label = labels[at] as string;
      if (typeof value === "string") {
        key += value.isWellFormed()
          ? label + (lengths[value.length] ?? `s${value.length}:`) + value
          : `${label}u${value.length * 4}:${utf16(value)}`;
      } else {
        const text = plain(value);
        if (text === null) return null;
        key += label + text;
      }
    }
    return key;
  }

  #known(parts: Parts): boolean {
    const { given } = this.#shape;
    let seen = 0;
    for (const name in parts) {
      if (given[seen] !== name) return this.#learn(parts);
      seen += 1;
    }
    return (seen === given.length && this.#shape !== noShape) || this.#learn(parts);
  }

  #learn(parts: Parts): boolean {
    const given: string[] = [];
    for (const name in parts) given.push(name);
    if (!given.every((name) => partName.test(name))) return false;
    const sorted = given.toSorted((a, b) => (a < b ? -1 : 1));
    // Known by its names, in whatever order they were given.
    const id = sorted.join(" ");
    const known = this.#shapes.get(id);
    const labels = sorted.map((name) => `${name}=`);
    this.#shape = { given, sorted, labels, index: known?.index ?? new PartIndex() };
    this.#shapes.set(id, this.#shape);
    return true;
  }
}

/** Everything but a string, typed; null for what is no part. */
function plain(value: unknown): string | null {
  if (typeof value === "number") {
    const text = Object.is(value, -0) ? "-0" : String(value);
    return `n${text.length}:${text}`;
  }
  if (typeof value === "boolean") return value ? "t" : "f";
  return value === null ? "z" : null;
}

/**
 * The key as Redis knows it: as encoded up to 120 bytes, else the name and the SHA-256 of the parts. Never a fast hash:
 * a collision that a caller can construct is a data leak. `#` begins no part's name, so neither form meets the other.
 * `release` is the same in all keys of a process, and tells its answers from those that other code has loaded.
 */
export function storedKey(key: string, name: string, release: string): string {
  const start = name.length + 1;
  const parts = key.slice(start);
  if (key.length - start <= PARTS_BYTES_MAX / 3 || Buffer.byteLength(parts) <= PARTS_BYTES_MAX) {
    return `${name}:${release}:${parts}`;
  }
  return `${name}:${release}:#${sha256(parts)}`;
}

/** An id inside a scope or a tag: itself if it is plain, else its SHA-256 behind `~`, which no plain id holds. */
export function safeId(id: string | number): string {
  const text = String(id);
  if (plainId.test(text)) return text;
  return `~${sha256(text.isWellFormed() ? `s${text}` : `u${utf16(text)}`)}`;
}

/** The cell of a scope. A fast hash serves: meeting in a cell shares no answers. */
export function cellOf(scope: string, cells: number): number {
  return cells === 1 ? 0 : Number(Bun.hash.xxHash3(scope) % BigInt(cells));
}

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("base64url");
}

/** UTF-8 has no lone surrogates: they would all become the same character. */
function utf16(text: string): string {
  let hex = "";
  for (let index = 0; index < text.length; index++) {
    hex += text.charCodeAt(index).toString(16).padStart(4, "0");
  }
  return hex;
}
