import { DatabaseError, DatabaseUnavailable } from "../platform/db/errors.ts";

/** Items of one call; an item more costs microseconds, and a call holds its locks while it runs. */
const batch_max = 256;
/** A call costs the database some milliseconds, however few its items: another one begins beside it for so many only. */
const second_call_min = 64;
/** A call this old waits for somebody else's lock: those behind it take another connection. */
const stuck_ms = 50;

export type PostingQueueOptions<Item, Result> = Readonly<{
  /** Writes a batch and gives a result for each item, in order. All of it commits or none. */
  write: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Calls at the same time at most: the connections that can write. */
  calls_max: number;
  /** Items that may wait; the next one is refused at once. */
  queue_max: number;
  /** An item is given up when it has waited for so long. */
  deadline_ms: number;
}>;

type Waiting<Item, Result> = Readonly<{
  item: Item;
  entered_ms: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}>;

/**
 * Gathers what arrives while a batch is being written and hands it over as the next one. A lone item is a batch of one and
 * waits for nothing: no timer gathers, one only sees that a call hangs. Items are written in the order in which they came.
 */
export class PostingQueue<Item, Result> {
  readonly #options: PostingQueueOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  /** When each call that runs was begun. */
  readonly #calls = new Set<{ began_ms: number }>();
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
      this.#waiting.push({ item, entered_ms: performance.now(), resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#mayCall()) void this.#call(this.#take());
    // Nobody else may come who would find that the call before has hung.
    if (this.#waiting.length === 0 || this.#watch !== null) return;
    this.#watch = setTimeout(() => {
      this.#watch = null;
      this.#pump();
    }, stuck_ms);
  }

  #mayCall(): boolean {
    const running = this.#calls.size;
    if (running === 0) return true;
    if (running >= this.#options.calls_max) return false;
    if (this.#waiting.length >= second_call_min) return true;
    const [oldest] = this.#calls;
    return oldest !== undefined && performance.now() - oldest.began_ms > stuck_ms;
  }

  #take(): Waiting<Item, Result>[] {
    const batch = this.#waiting.slice(0, batch_max);
    this.#waiting = this.#waiting.slice(batch_max);
    const now_ms = performance.now();
    return batch.filter(({ entered_ms, reject }) => {
      const late = now_ms - entered_ms > this.#options.deadline_ms;
      if (late) reject(new DatabaseUnavailable("deadline", { retry_after_s: 2 }));
      return !late;
    });
  }

  async #call(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    if (batch.length === 0) return;
    const call = { began_ms: performance.now() };
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
