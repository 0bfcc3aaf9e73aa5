import type { CacheClock, CacheTimer } from "./deps.ts";

/** How often ended deadlines are looked for, milliseconds. */
export const LOOK_MS = 5;

/** `expire` is told the time; it is set to null when the answer came in time. */
export type Deadline = { at: number; expire: ((now: number) => void) | null };

const ownTimer: CacheTimer = {
  after(delay_ms, run) {
    const timer = setTimeout(run, delay_ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Deadlines of many calls under one timer: those of one length end in the order they began, so a queue per length
 * and a look every few milliseconds do, where a timer per command would cost more than the command.
 */
export class Deadlines {
  readonly #clock: Pick<CacheClock, "monotonic">;
  readonly #timer: CacheTimer;
  readonly #queues = new Map<number, { items: Deadline[]; head: number }>();
  #cancel: (() => void) | null = null;
  #due = 0;

  constructor(clock: Pick<CacheClock, "monotonic">, timer: CacheTimer = ownTimer) {
    this.#clock = clock;
    this.#timer = timer;
  }

  /** `now`: where the caller has just read the clock. */
  add(deadline_ms: number, expire: (now: number) => void, now = this.#clock.monotonic()): Deadline {
    const deadline = { at: now + deadline_ms, expire };
    let queue = this.#queues.get(deadline_ms);
    if (queue === undefined) {
      queue = { items: [], head: 0 };
      this.#queues.set(deadline_ms, queue);
    }
    queue.items.push(deadline);
    if (this.#cancel === null) this.#arm();
    return deadline;
  }

  clear(): void {
    this.#cancel?.();
    this.#cancel = null;
    const now = this.#clock.monotonic();
    for (const { items, head } of this.#queues.values()) {
      for (let at = head; at < items.length; at += 1) items[at]?.expire?.(now);
    }
    this.#queues.clear();
  }

  #arm(): void {
    this.#due = this.#clock.monotonic() + LOOK_MS;
    this.#cancel = this.#timer.after(LOOK_MS, () => this.#look());
  }

  #look(): void {
    // A loop that was held up runs its timers before its sockets: answers that are there get their turn first.
    if (this.#clock.monotonic() - this.#due > 4 * LOOK_MS) {
      this.#due = Number.POSITIVE_INFINITY;
      this.#cancel = this.#timer.after(1, () => this.#look());
      return;
    }
    const now = this.#clock.monotonic();
    let waiting = false;
    for (const queue of this.#queues.values()) {
      const { items } = queue;
      while (queue.head < items.length) {
        const first = items[queue.head] as Deadline;
        if (first.expire !== null && first.at > now) break;
        queue.head += 1;
        first.expire?.(now);
      }
      if (queue.head > 64 && queue.head * 2 > items.length) {
        items.splice(0, queue.head);
        queue.head = 0;
      }
      waiting ||= queue.head < items.length;
    }
    this.#cancel = null;
    if (waiting) this.#arm();
  }
}
