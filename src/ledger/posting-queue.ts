import { DatabaseError, DatabaseUnavailable } from "../platform/db/errors.ts";

/** Items of one call; an item more costs microseconds, and a call holds its locks while it runs. */
const batch_max = 256;
/** A call costs the database a millisecond, however few its items: another one begins beside it for so many at least. */
const second_call_min = 16;
/** The part of those that are enough for another call which must be free to be written without the others. */
const free_share = 0.75;
/** So far into what waits it is looked for those that are free. */
const looked_at_max = 4 * batch_max;
/** A call this old waits for somebody else's lock: those who need nothing of it go on without it. */
const stuck_ms = 50;

export type PostingQueueOptions<Item, Result> = Readonly<{
  /** Writes a batch and gives a result for each item, in order. All of it commits or none. */
  write: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** What an item locks until its batch commits. */
  locks: (item: Item) => readonly string[];
  /** Calls at the same time at most: the connections that can write. */
  calls_max: number;
  /** Items that may wait; the next one is refused at once. */
  queue_max: number;
  /** An item is given up when it has waited for so long. */
  deadline_ms: number;
}>;

type Waiting<Item, Result> = Readonly<{
  item: Item;
  locks: readonly string[];
  entered_ms: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}>;

type Call = Readonly<{ began_ms: number; items: number; locks: ReadonlySet<string> }>;

/**
 * Gathers what arrives while a batch is being written and hands it over as the next one. A lone item is a batch of one and
 * waits for nothing: no timer gathers, one only sees that a call hangs. Items that lock the same are written in the order in
 * which they came.
 *
 * Two calls that lock the same rows run one after the other, commit and all, and the second holds a connection meanwhile.
 * So a call beside others takes what locks nothing of them, and is as large as all of them, for two half as large cost more.
 * Where most of what waits locks the same, one account say, it begins all the same: it then has its locks in the moment of
 * the first one's commit. One that hangs is let alone with what it locks, and holds up nobody else.
 */
export class PostingQueue<Item, Result> {
  readonly #options: PostingQueueOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  readonly #calls = new Set<Call>();
  /** Runs while something waits. */
  #watch: ReturnType<typeof setTimeout> | null = null;

  constructor(options: PostingQueueOptions<Item, Result>) {
    this.#options = options;
  }

  /** Items that wait for a call. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves to the item's own result.
   *
   * @throws {DatabaseUnavailable} it could not be written now; when it was sent, it may have been
   * @throws {DatabaseError} the database refused the statement because of this item
   */
  post(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= this.#options.queue_max)
        return reject(new DatabaseUnavailable("overloaded"));
      const locks = this.#options.locks(item);
      this.#waiting.push({ item, locks, entered_ms: performance.now(), resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    for (let batch = this.#next(); batch !== null; batch = this.#next()) void this.#call(batch);
    // Nobody else may come who would find that the call before has hung.
    if (this.#waiting.length === 0 || this.#watch !== null) return;
    this.#watch = setTimeout(() => {
      this.#watch = null;
      this.#pump();
    }, stuck_ms);
  }

  /** What is to be written now, taken from what waits; null when nothing is. */
  #next(): readonly Waiting<Item, Result>[] | null {
    if (this.#waiting.length === 0 || this.#calls.size >= this.#options.calls_max) return null;
    const now_ms = performance.now();
    const hung: Call[] = [];
    const running: Call[] = [];
    for (const call of this.#calls) (now_ms - call.began_ms > stuck_ms ? hung : running).push(call);
    const written = running.reduce((items, call) => items + call.items, 0);
    const least = running.length === 0 ? 1 : Math.min(Math.max(second_call_min, written), batch_max);
    if (this.#waiting.length < least) return null;
    // Whoever locks what one that hangs may have locked would hang as well, and take the last connections from the others.
    const able = hung.length === 0 ? this.#waiting : freeOf(this.#waiting, hung);
    if (able.length < least) return null;
    const free = running.length === 0 ? able : freeOf(able, running);
    return this.#take(free.length >= least * free_share ? free : able, now_ms);
  }

  #take(from: readonly Waiting<Item, Result>[], now_ms: number): readonly Waiting<Item, Result>[] {
    const batch = new Set(from.slice(0, batch_max));
    this.#waiting = this.#waiting.filter((waiting) => !batch.has(waiting));
    return [...batch].filter(({ entered_ms, reject }) => {
      const late = now_ms - entered_ms > this.#options.deadline_ms;
      if (late) reject(new DatabaseUnavailable("deadline", { retry_after_s: 2 }));
      return !late;
    });
  }

  async #call(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    if (batch.length === 0) return;
    const locks = new Set(batch.flatMap((waiting) => waiting.locks));
    const call = { began_ms: performance.now(), items: batch.length, locks };
    this.#calls.add(call);
    try {
      await this.#settle(batch);
    } finally {
      this.#calls.delete(call);
      this.#pump();
    }
  }

  /**
   * Refusals are results. An error means that nothing was written; one that is about the statement may be a single item's
   * fault, and must not be its neighbours': then each half is written by itself, and again, until it is alone. So it costs
   * its neighbours, who may be of other businesses, a few calls and not one each.
   */
  async #settle(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.write(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length === 1 || !(error instanceof DatabaseError)) {
        for (const { reject } of batch) reject(error);
      } else {
        const middle = Math.ceil(batch.length / 2);
        await this.#settle(batch.slice(0, middle));
        await this.#settle(batch.slice(middle));
      }
    }
  }
}

/** Those that lock nothing of these calls, nor anything of one that came before them and must wait. */
function freeOf<W extends Readonly<{ locks: readonly string[] }>>(
  waiting: readonly W[],
  calls: readonly Call[],
): readonly W[] {
  const passed = new Set<string>();
  return waiting.slice(0, looked_at_max).filter(({ locks }) => {
    const is_free = locks.every((lock) => !passed.has(lock) && !calls.some((call) => call.locks.has(lock)));
    if (!is_free) for (const lock of locks) passed.add(lock);
    return is_free;
  });
}
