import { cellsOfTag, isAwaited, kindOf, type Tag } from "./tags.ts";
import type { Bump, CacheClock, CacheLog, CacheTimer, Order } from "./types.ts";

const RETRY_MS = 1000;

type InvalidatorDeps = Readonly<{
  order: Order;
  clock: CacheClock;
  timer: CacheTimer;
  log: CacheLog;
  background(work: Promise<unknown>): void;
}>;

/** Tags to bump in one cell, and the cover that stands until they are. */
type Due = Readonly<{ cell: number; tags: readonly string[]; sequence: number }>;

/** Turns commits into bumps. The own process is covered in the caller's turn, before anything is sent. */
export class Invalidator {
  readonly #deps: InvalidatorDeps;
  /** Kinds of tags whose readers confirm: their writes must be visible to every check once they are answered. */
  readonly #checked = new Set<string>();
  #closed = false;

  constructor(deps: InvalidatorDeps) {
    this.#deps = deps;
  }

  /** A strict, reader-confirmed definition uses tags of these kinds. */
  checks(kinds: readonly string[]): void {
    for (const kind of kinds) this.#checked.add(kind);
  }

  /** Never rejects. Without outbox rows nobody else would finish, so it tries again until it has. */
  invalidate(tags: readonly Tag[], outbox_ids: readonly bigint[]): Promise<{ delivered: boolean }> {
    const committed_at = this.#deps.clock.monotonic();
    const backed = outbox_ids.length > 0;
    const due = this.#cover(tags, backed);
    const checked = tags.some((tag) => this.#checked.has(kindOf(tag)));
    const work = this.#deliver(due, { awaited: tags.some(isAwaited), checked }, outbox_ids, committed_at);
    this.#deps.background(work);
    return work;
  }

  /** A new generation everywhere; `all` are the tags of all definitions, bumped instead where that fails. */
  async renew(all: readonly Tag[]): Promise<void> {
    const { order, clock } = this.#deps;
    const asked_at = clock.monotonic();
    const due = this.#cover(all, false);
    if (await order.renew()) {
      for (const { cell, tags, sequence } of due) order.at(cell).cell.settled(tags, sequence);
      await order.confirmed([], asked_at, false);
      return;
    }
    await this.#deliver(due, { awaited: true, checked: true }, [], asked_at);
  }

  /** Bumps still to be repeated are given up. */
  close(): void {
    this.#closed = true;
  }

  #cover(tags: readonly Tag[], backed: boolean): Due[] {
    const { order, log } = this.#deps;
    const byCell = new Map<number, Set<string>>();
    for (const tag of tags) {
      const cells = cellsOfTag(tag, order.cells);
      if (cells.length === 0) log.warn({ tag }, "not a cache tag");
      for (const cell of cells) {
        const held = byCell.get(cell);
        if (held === undefined) byCell.set(cell, new Set([tag]));
        else held.add(tag);
      }
    }
    return [...byCell].map(([cell, set]) => {
      const own = [...set];
      return { cell, tags: own, sequence: order.at(cell).cell.cover(own, backed) };
    });
  }

  async #deliver(
    due: readonly Due[],
    held: { awaited: boolean; checked: boolean },
    outbox_ids: readonly bigint[],
    committed_at: number,
  ): Promise<{ delivered: boolean }> {
    const { order, log } = this.#deps;
    const results = await Promise.all(due.map((one) => this.#bump(one)));
    const bumps = results.filter((bump) => bump !== null);
    const delivered = bumps.length === due.length;
    if (!delivered && outbox_ids.length === 0) this.#again(due.filter((_, index) => results[index] === null));
    try {
      if (delivered) order.delivered(outbox_ids, bumps);
      if (held.awaited) await order.confirmed(bumps, committed_at, delivered);
      // A reader's check finds the bump only where it was made: if that may not be everywhere, every lease must end first.
      else if (held.checked && !(delivered && order.settled(bumps))) {
        await order.confirmed([], committed_at, false);
      }
    } catch (error) {
      log.warn({ error: String(error) }, "a cache bump could not be followed up");
    }
    return { delivered };
  }

  async #bump(due: Due): Promise<Bump | null> {
    try {
      const order = this.#deps.order.at(due.cell);
      const bump = await order.bump(due.tags);
      order.cell.applied(bump.generation, bump.n, due.tags, due.sequence);
      return bump;
    } catch {
      return null;
    }
  }

  #again(failed: readonly Due[]): void {
    if (this.#closed || failed.length === 0) return;
    this.#deps.timer.after(RETRY_MS, () => {
      if (this.#closed) return;
      this.#deps.background(
        Promise.all(failed.map((due) => this.#bump(due))).then((results) =>
          this.#again(failed.filter((_, index) => results[index] === null)),
        ),
      );
    });
  }
}
