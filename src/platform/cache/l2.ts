import { ENTRY_FORMAT } from "./entry.ts";
import type { CacheNode } from "./node.ts";
import { generationKey, keyBase } from "./script.ts";
import { type Asker, type CacheTimer, OrderUnavailable } from "./types.ts";

/** A read waits at most so long for those before it: a server that hangs must not be waited for twice. */
const GATHER_MS = 5;
/** MGETs under way at a time; beyond it the next one gathers. Few enough to gather under load, many enough for a slow server. */
const UNDER_WAY_MAX = 8;
/** Lookups in one MGET at most: beyond it the next one begins, so that a crowd does not delay itself. */
const BATCH_MAX = 256;

/** Where the reply holds what somebody asked for; an entry at 0 was not asked for. */
type Waiting = Readonly<{ entry: number; versions: readonly number[]; asker: Asker }>;

/** One MGET to be sent: its words, the generation's key at 1, and where among them each tag's version is asked for. */
type Batch = Readonly<{
  generation: string;
  base: string;
  words: string[];
  places: Map<string, number>;
  waiting: Waiting[];
}>;

const NONE: readonly never[] = [];

/** What stands after `e:` in the key of an entry. */
export const entryName = (key: string): string => `${ENTRY_FORMAT}:${key}`;

/** What a reader knows of its cell. */
type ReaderOf = Readonly<{
  timer: CacheTimer;
  node(): CacheNode | null;
  generation(): string | null;
  /** The server has named another generation than the one that was asked for. */
  differs(asked: string): void;
}>;

/**
 * Reads of one cell. Those that begin in one turn of the event loop go out as one MGET, which is atomic; none joins one
 * that was sent already, because it would compare with versions read before it began. While enough of
 * them are under way the next one gathers: a reply's way costs more than what it carries, so a busy process sends fewer
 * and larger ones.
 */
export class Reader {
  readonly #cell: number;
  readonly #of: ReaderOf;
  /** To be sent; the last one is still open. */
  #gathered: Batch[] = [];
  #scheduled = false;
  #stopWaiting: (() => void) | null = null;
  #underWay = 0;
  #sent = 0;

  constructor(cell: number, of: ReaderOf) {
    this.#cell = cell;
    this.#of = of;
  }

  /** MGETs sent so far. */
  get sent(): number {
    return this.#sent;
  }

  read(key: string | null, tags: readonly string[], asker: Asker): void {
    const generation = this.#of.generation();
    if (generation === null) {
      queueMicrotask(() => asker.failed(new OrderUnavailable("not open")));
      return;
    }
    let batch = this.#gathered.at(-1);
    if (batch === undefined || batch.generation !== generation || batch.waiting.length >= BATCH_MAX) {
      batch = this.#begin(generation);
    }
    // Nobody asks for one entry twice at a time; versions are many readers'.
    const entry = key === null ? 0 : batch.words.push(`${batch.base}e:${entryName(key)}`) - 1;
    let versions: readonly number[] = NONE;
    if (tags.length > 0) {
      const begun = batch;
      versions = tags.map((tag) => place(begun, tag));
    }
    batch.waiting.push({ entry, versions, asker });
  }

  #begin(generation: string): Batch {
    const words = ["MGET", generationKey(this.#cell)];
    const base = keyBase(this.#cell, generation);
    const batch = { generation, base, words, places: new Map<string, number>(), waiting: [] };
    this.#gathered.push(batch);
    this.#schedule();
    return batch;
  }

  #schedule(): void {
    if (this.#scheduled || this.#gathered.length === 0) return;
    if (this.#underWay >= UNDER_WAY_MAX) {
      this.#stopWaiting ??= this.#of.timer.after(GATHER_MS, () => this.#sendAll());
      return;
    }
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#sendAll();
    });
  }

  #sendAll(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    const batches = this.#gathered;
    this.#gathered = [];
    for (const batch of batches) this.#send(batch);
  }

  #send(batch: Batch): void {
    const { words } = batch;
    const node = this.#of.node();
    if (node === null) {
      fail(batch, new OrderUnavailable("no server"));
      return;
    }
    this.#sent += 1;
    this.#underWay += 1;
    const makesSense = (reply: unknown): boolean =>
      Array.isArray(reply) &&
      reply.length === words.length - 1 &&
      reply.every((value) => value === null || value instanceof Uint8Array);
    node.call(words, undefined, "bytes", makesSense).then(
      (reply) => {
        this.#underWay -= 1;
        this.#schedule();
        this.#tell(batch, reply as (Buffer | null)[]);
      },
      (error: unknown) => {
        this.#underWay -= 1;
        this.#schedule();
        fail(batch, error);
      },
    );
  }

  #tell({ generation: asked, waiting }: Batch, values: readonly (Buffer | null)[]): void {
    const generation = values[0] === null ? null : String(values[0]);
    if (generation !== asked) this.#of.differs(asked);
    for (const { entry, versions, asker } of waiting) {
      // The reply has no word for the command.
      const stored = entry === 0 ? null : (values[entry - 1] ?? null);
      const numbers = versions.length === 0 ? NONE : versions.map((at) => numberOf(values[at - 1]));
      try {
        asker.told(generation, stored, numbers);
      } catch (error) {
        // The others of this reply must be told all the same.
        asker.failed(error);
      }
    }
  }
}

function fail({ waiting }: Batch, error: unknown): void {
  for (const { asker } of waiting) asker.failed(error);
}

/** Found by the tag alone: its key is put together once a batch, not once for everyone who asks. */
function place({ base, words, places }: Batch, tag: string): number {
  let at = places.get(tag);
  if (at === undefined) {
    at = words.push(`${base}v:${tag}`) - 1;
    places.set(tag, at);
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
