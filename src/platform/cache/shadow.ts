import type { AnswerCodec } from "./answers.ts";
import type { Compiled, Parts } from "./definition.ts";
import type { CacheLog } from "./deps.ts";
import type { Item } from "./l1.ts";
import { runLoad } from "./load.ts";
import type { Semaphore } from "./semaphore.ts";
import type { Counters } from "./stats.ts";
import { type CacheClock, type CacheTimer, type CellOrder, lookup, type Order } from "./types.ts";

/** One hit of so many, on average, is loaded again and compared. */
const HITS_PER_SHADOW = 1000;
/** A commit that the load has seen is bumped by then, also if its writer has died. */
const BUMPS_OUT_MS = 2000;
/** How often a definition may say in the log that it was wrong. */
const LOG_INTERVAL_MS = 60_000;

type ShadowDeps = Readonly<{
  clock: CacheClock;
  timer: CacheTimer;
  random: () => number;
  log: CacheLog;
  background(work: Promise<unknown>): void;
}>;

type ShadowSubject<P extends Parts, T> = Readonly<{
  definition: Compiled<P, T>;
  codec: AnswerCodec;
  counters: Counters;
  semaphore: Semaphore;
}>;

/**
 * The proof in production: loads one of a thousand hits again and compares the entity tags. Two that differ are wrong
 * when, once every bump must be out, no version of the answer's tags is above its position: somebody has changed what it
 * shows without saying so, or it depends on what is not in its key. Nothing else of the cache could notice that.
 * Left out: relaxed definitions, which promise no more than their ttl, and those whose answers move with the clock.
 */
export class Shadow<P extends Parts, T> {
  readonly #deps: ShadowDeps;
  readonly #subject: ShadowSubject<P, T>;
  #hitsLeft: number;
  #running = false;
  #logged = Number.NEGATIVE_INFINITY;

  constructor(deps: ShadowDeps, subject: ShadowSubject<P, T>) {
    this.#deps = deps;
    this.#subject = subject;
    this.#hitsLeft = subject.definition.comparable ? this.#draw() : Number.POSITIVE_INFINITY;
  }

  /** Counts a hit; begins to compare where it is this one's turn. One at a time, and never before loads that wait. */
  hit(parts: P, item: Item, order: Order): void {
    this.#hitsLeft -= 1;
    if (this.#hitsLeft > 0) return;
    this.#hitsLeft = this.#draw();
    const { semaphore } = this.#subject;
    if (this.#running || semaphore.waiting > 0 || item.generation === null) return;
    this.#running = true;
    const work = this.#compare(parts, item, order.at(item.cell.index)).finally(() => (this.#running = false));
    this.#deps.background(work);
  }

  async #compare(parts: P, item: Item, order: CellOrder): Promise<void> {
    const { counters, definition } = this.#subject;
    try {
      const etag = await this.#reload(parts);
      if (etag === item.etag) {
        counters.shadowed += 1;
        return;
      }
      await new Promise<void>((resolve) => void this.#deps.timer.after(BUMPS_OUT_MS, resolve));
      if (await bumped(item, order)) return;
      counters.shadowed += 1;
      counters.shadow_wrong += 1;
      const now = this.#deps.clock.monotonic();
      if (now - this.#logged < LOG_INTERVAL_MS) return;
      this.#logged = now;
      this.#deps.log.warn(
        { definition: definition.name },
        "a cached answer differs from a new one though none of its tags was bumped",
      );
    } catch {
      // No answer, or no order to compare with: nothing was learnt.
    }
  }

  async #reload(parts: P): Promise<string> {
    const { counters, definition, codec, semaphore } = this.#subject;
    await semaphore.acquire();
    counters.loads += 1;
    try {
      return codec.fromLoad(await runLoad(this.#deps.timer, definition, parts)).etag;
    } catch (error) {
      counters.load_failures += 1;
      throw error;
    } finally {
      semaphore.release();
    }
  }

  /** From half to one and a half of the mean, so that no rhythm of requests escapes. */
  #draw(): number {
    return Math.ceil(HITS_PER_SHADOW * (0.5 + this.#deps.random()));
  }
}

/** Whether the answer would be refused by now: by what was heard, or by the versions themselves. */
async function bumped(item: Item, order: CellOrder): Promise<boolean> {
  const { cell } = order;
  if (!cell.holds(item, item.tags)) return true;
  if (cell.authoritative) return false;
  const { generation, versions } = await lookup(order, null, item.tags);
  return (
    generation !== cell.generation ||
    !cell.holds(item, item.tags) ||
    versions.some((version) => version === null || version > item.position)
  );
}
