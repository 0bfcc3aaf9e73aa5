import type { Cell, Stamp } from "./cell.ts";
import type { Cached, Compiled, GetOptions, Held, Lookup, Parts } from "./definition.ts";
import { cellOf } from "./key.ts";
import type { PartValue } from "./part-index.ts";
import type { Semaphore } from "./semaphore.ts";
import { definitionTag, wholeScope } from "./tags.ts";
import type { CacheClock, CacheLog, CacheTimer, Order } from "./types.ts";

/** Of the hits in the process so many pass for each that is noted: noting costs more than a hit. */
const SAMPLED = 64;
/** Answers that are known to be asked for, and of them those that are kept when there is no room, or told to others. */
const KNOWN_MAX = 1_024;
const KEPT = 256;
const KEY_LENGTH_MAX = 1_000;
const LOOK_MS = 1_000;
/** Every so many looks the others are told, and every so many rounds what was asked for counts half. */
const LOOKS_PER_ROUND = 30;
const ROUNDS_PER_HALF = 10;
/** While loads wait for their turn, warming waits. */
const YIELD_MS = 20;
/** What was not warmed by then is left to who asks for it. */
const RUN_MAX_MS = 30_000;

/** What became of what was warmed: loaded from the database, found in Redis or in the process, failed, or left. */
export type WarmCounts = { loaded: number; found: number; failed: number; left: number };

/** A definition whose answers are polled. */
type Warmable = Readonly<{
  name: string;
  get(parts: Parts): Lookup<unknown> | Promise<Lookup<unknown>>;
  keyOf(parts: Parts): string | null;
  scopeOf(parts: Parts): string;
  /** Of its lane. */
  semaphore: Pick<Semaphore, "waiting">;
}>;
type Asked = {
  readonly definition: Warmable;
  readonly parts: Parts;
  readonly cell: number;
  /** The two tags that a clear bumps, and next to nothing else does. */
  readonly tags: readonly string[];
  uses: number;
};

export type WarmDeps = Readonly<{
  order: Order;
  clock: CacheClock;
  timer: CacheTimer;
  random: () => number;
  log: CacheLog;
  background: (work: Promise<unknown>) => void;
}>;

/**
 * Knows what is polled most, and reads it again after a start and after a clear, one answer at a time, before those who poll
 * come and all find nothing. Where replicas share a Redis they tell each other, so that one that has just come knows too.
 *
 * It saves work and changes no answer: a warmed answer is a lookup like any other. It never takes more than one slot of a
 * lane's loads, gives way while anybody waits for one, and replicas take turns by the refill lease of each answer.
 */
export class Warmer {
  readonly counts: WarmCounts = { loaded: 0, found: 0, failed: 0, left: 0 };
  readonly #deps: WarmDeps;
  readonly #definitions = new Map<string, Warmable>();
  readonly #asked = new Map<string, Asked>();
  /** Of each cell, what was known when it was looked at last; none before it was live for the first time. */
  readonly #seen = new Map<number, Stamp>();
  readonly #waiting = new Set<string>();
  #looks = 0;
  #isRemembered = false;
  #isRunning = false;
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(deps: WarmDeps) {
    this.#deps = deps;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The same definition, whose use is noted. */
  watch<P extends Parts, T, V>(
    inner: Cached<P, V>,
    definition: Compiled<P, T>,
    semaphore: Pick<Semaphore, "waiting">,
  ): Cached<P, V> {
    this.#definitions.set(definition.name, {
      name: definition.name,
      get: (parts) => inner.get(parts as P),
      keyOf: (parts) => definition.key.encode(parts),
      scopeOf: (parts) => definition.scopeOf(parts as P),
      semaphore,
    });
    if (this.#cancel === null) this.#lookLater();
    return new WatchedDefinition(inner, (parts) => this.note(definition.name, parts));
  }

  /** Somebody has asked for this. */
  note(name: string, parts: Parts): void {
    const definition = this.#definitions.get(name);
    const asked = definition === undefined ? null : this.#learn(definition, parts);
    if (asked !== null) asked.uses += 1;
  }

  /** Stops, and tells who comes next what was asked for. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    this.#waiting.clear();
    await this.#tell();
  }

  #learn(definition: Warmable, parts: Parts): Asked | null {
    const key = definition.keyOf(parts);
    if (key === null || key.length > KEY_LENGTH_MAX) return null;
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      if (this.#asked.size >= KNOWN_MAX) this.#forget(this.#mostAsked().slice(KEPT));
      const scope = definition.scopeOf(parts);
      const tags = [definitionTag(definition.name), wholeScope(scope)];
      asked = { definition, parts: { ...parts }, cell: cellOf(scope, this.#deps.order.cells), tags, uses: 0 };
      this.#asked.set(key, asked);
    }
    return asked;
  }

  #mostAsked(): [key: string, asked: Asked][] {
    return [...this.#asked].sort(([, a], [, b]) => b.uses - a.uses);
  }

  #forget(some: readonly (readonly [key: string, asked: Asked])[]): void {
    for (const [key] of some) this.#asked.delete(key);
  }

  #lookLater(): void {
    const delay_ms = LOOK_MS * (0.75 + this.#deps.random() / 2);
    this.#cancel = this.#deps.timer.after(delay_ms, () => {
      if (this.#closed) return;
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const now = this.#deps.clock.monotonic();
    let live = 0;
    for (let index = 0; index < this.#deps.order.cells; index += 1) {
      const { cell } = this.#deps.order.at(index);
      if (!cell.live(now)) continue;
      live += 1;
      this.#findCleared(cell);
      this.#seen.set(index, stampOf(cell));
    }
    this.#looks += 1;
    if (live > 0 && !this.#isRemembered) this.#deps.background(this.#remember());
    if (this.#looks % LOOKS_PER_ROUND === 0) this.#deps.background(this.#tell());
    if (this.#looks % (LOOKS_PER_ROUND * ROUNDS_PER_HALF) === 0) this.#halve();
    if (live > 0 && this.#waiting.size > 0 && !this.#isRunning) this.#deps.background(this.#run());
  }

  /** Answers of which nothing that was there at the last look may be used any more. */
  #findCleared(cell: Cell): void {
    const seen = this.#seen.get(cell.index);
    if (seen === undefined) return;
    for (const [key, asked] of this.#asked) {
      // What was found for other tags says nothing of these.
      seen.judged = 0;
      if (asked.cell === cell.index && !cell.holds(seen, asked.tags)) this.#waiting.add(key);
    }
  }

  /** After a start: what others, or who was here before, have told. */
  async #remember(): Promise<void> {
    this.#isRemembered = true;
    const text = await this.#deps.order.remembered();
    if (text === null) return;
    for (const { name, parts, uses } of readAsked(text)) {
      const definition = this.#definitions.get(name);
      const asked = definition === undefined ? null : this.#learn(definition, parts);
      if (definition === undefined || asked === null) continue;
      asked.uses += uses;
      this.#waiting.add(definition.keyOf(parts) ?? "");
    }
  }

  async #tell(): Promise<void> {
    const told = this.#mostAsked()
      .slice(0, KEPT)
      .map(([, { definition, parts, uses }]) => ({ name: definition.name, parts, uses }));
    if (told.length > 0) await this.#deps.order.remember(JSON.stringify(told));
  }

  #halve(): void {
    for (const asked of this.#asked.values()) asked.uses = Math.floor(asked.uses / 2);
    this.#forget([...this.#asked].filter(([, { uses }]) => uses === 0));
  }

  /** The most asked first, from a place of its own: what another replica has loaded by then is found. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    const { clock, random, log } = this.#deps;
    const began = clock.monotonic();
    const before = { ...this.counts };
    const keys = this.#mostAsked().flatMap(([key]) => (this.#waiting.has(key) ? [key] : []));
    this.#waiting.clear();
    const from = Math.floor(random() * keys.length);
    for (const key of [...keys.slice(from), ...keys.slice(0, from)]) {
      const asked = this.#asked.get(key);
      if (asked === undefined) continue;
      if (!(await this.#mayLoad(asked.definition, began + RUN_MAX_MS))) this.counts.left += 1;
      else await this.#warm(asked);
    }
    this.#isRunning = false;
    const loaded = this.counts.loaded - before.loaded;
    const found = this.counts.found - before.found;
    log.info(
      { answers: keys.length, loaded, found, duration_ms: Math.round(clock.monotonic() - began) },
      "cache warmed",
    );
  }

  /** Waits until nobody waits for a load. False when there is no time left. */
  async #mayLoad({ semaphore }: Warmable, until: number): Promise<boolean> {
    while (semaphore.waiting > 0) {
      if (this.#closed || this.#deps.clock.monotonic() > until) return false;
      await new Promise<void>((resolve) => void this.#deps.timer.after(YIELD_MS, resolve));
    }
    return !this.#closed && this.#deps.clock.monotonic() <= until;
  }

  async #warm({ definition, parts }: Asked): Promise<void> {
    try {
      const { from } = await definition.get(parts);
      if (from === "load" || from === "shared" || from === "bypass") this.counts.loaded += 1;
      else this.counts.found += 1;
    } catch {
      // Whoever asks for it is told what is wrong.
      this.counts.failed += 1;
    }
  }
}

/** Notes every lookup that was not answered at once, and one of many that were. */
class WatchedDefinition<P extends Parts, V> implements Cached<P, V> {
  readonly #inner: Cached<P, V>;
  readonly #note: (parts: P) => void;
  #hits = 0;

  constructor(inner: Cached<P, V>, note: (parts: P) => void) {
    this.#inner = inner;
    this.#note = note;
  }

  get(parts: P, options?: GetOptions): Lookup<V> | Promise<Lookup<V>> {
    const found = this.#inner.get(parts, options);
    if (found instanceof Promise || (this.#hits += 1) % SAMPLED === 0) this.#note(parts);
    return found;
  }

  hold(parts: P): Held<V> {
    return this.#inner.hold(parts);
  }
}

/** What an answer would say that was loaded now. */
function stampOf(cell: Cell): Stamp {
  const { generation, known, sequence, at, wall } = cell.mark();
  return { generation, position: known, sequence, began: at, began_wall: wall, judged: 0 };
}

/** What another process has told, if it is that: it may be of another release. */
function readAsked(text: string): { name: string; parts: Parts; uses: number }[] {
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(told)) return [];
  return told.slice(0, KEPT).filter(isAsked);
}

function isAsked(value: unknown): value is { name: string; parts: Parts; uses: number } {
  if (typeof value !== "object" || value === null) return false;
  const { name, parts, uses } = value as Record<string, unknown>;
  return (
    typeof name === "string" &&
    Number.isSafeInteger(uses) &&
    typeof parts === "object" &&
    parts !== null &&
    Object.values(parts).every(isPart)
  );
}

const isPart = (value: unknown): value is PartValue =>
  value === null || ["string", "number", "boolean"].includes(typeof value);
