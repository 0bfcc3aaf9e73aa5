import type { CacheClock, CacheLog, CacheTimer, Order } from "./types.ts";

const LOOK_INTERVAL_MS = 250;
/** At most one line in this time: an order that comes and goes must not fill the log. */
const SAY_INTERVAL_MS = 5000;

/** Says in the log when the order can no longer be heard, and when it can again. Judges nothing. */
export class LeaseWatch {
  readonly #deps: Readonly<{ order: Order; clock: CacheClock; timer: CacheTimer; log: CacheLog }>;
  #cancel: () => void = () => undefined;
  /** Null before the order was heard for the first time: a start is no trouble. */
  #said: "live" | "lost" | null = null;
  #said_at = Number.NEGATIVE_INFINITY;
  #lost_at: number | null = null;

  constructor(deps: Readonly<{ order: Order; clock: CacheClock; timer: CacheTimer; log: CacheLog }>) {
    this.#deps = deps;
    this.#arm();
  }

  close(): void {
    this.#cancel();
  }

  #arm(): void {
    this.#cancel = this.#deps.timer.after(LOOK_INTERVAL_MS, () => {
      this.#look();
      this.#arm();
    });
  }

  #look(): void {
    const { order, clock, log } = this.#deps;
    const now = clock.monotonic();
    const live = liveCells(order, now);
    const whole = live === order.cells;
    if (whole && this.#said === null) this.#said = "live";
    if (!whole && this.#said !== null) this.#lost_at ??= now;
    if (this.#said === null || now - this.#said_at < SAY_INTERVAL_MS) return;
    if (!whole && this.#said === "live") {
      this.#say("lost", now);
      log.warn({ cells: order.cells, live }, "cache: the order cannot be heard");
    } else if (whole && this.#said === "lost") {
      this.#say("live", now);
      const lost_ms = Math.round(now - (this.#lost_at ?? now));
      log.info({ cells: order.cells, lost_ms }, "cache: the order is heard again");
    }
    if (whole) this.#lost_at = null;
  }

  #say(what: "live" | "lost", now: number): void {
    this.#said = what;
    this.#said_at = now;
  }
}

/** How many cells hold their lease at this instant. */
export function liveCells(order: Order, now: number): number {
  let live = 0;
  for (let index = 0; index < order.cells; index += 1) if (order.at(index).cell.live(now)) live += 1;
  return live;
}
