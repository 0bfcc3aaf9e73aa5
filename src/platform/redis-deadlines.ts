import type { Clock } from "./clock.ts";

/** `expire` is set to null when the answer came in time. */
export type Deadline = { at: number; expire: (() => void) | null };

/**
 * Deadlines of many calls under one timer: those of one length end in the order they began, so a queue per length
 * and a look every few milliseconds do, where a timer per command would cost more than the command.
 */
export class Deadlines {
  static readonly #look_ms = 5;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #queues = new Map<number, { items: Deadline[]; head: number }>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #due = 0;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  add(deadline_ms: number, expire: () => void): Deadline {
    const deadline = { at: this.#clock.monotonic() + deadline_ms, expire };
    let queue = this.#queues.get(deadline_ms);
    if (queue === undefined) {
      queue = { items: [], head: 0 };
      this.#queues.set(deadline_ms, queue);
    }
    queue.items.push(deadline);
    if (this.#timer === null) this.#arm();
    return deadline;
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const { items, head } of this.#queues.values()) {
      for (let at = head; at < items.length; at += 1) items[at]?.expire?.();
    }
    this.#queues.clear();
  }

  #arm(): void {
    this.#due = this.#clock.monotonic() + Deadlines.#look_ms;
    this.#timer = setTimeout(() => this.#look(), Deadlines.#look_ms);
  }

  #look(): void {
    // A loop that was held up runs its timers before its sockets: answers that are there get their turn first.
    if (this.#clock.monotonic() - this.#due > 4 * Deadlines.#look_ms) {
      this.#due = Number.POSITIVE_INFINITY;
      this.#timer = setTimeout(() => this.#look(), 1);
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
        first.expire?.();
      }
      if (queue.head > 64 && queue.head * 2 > items.length) {
        items.splice(0, queue.head);
        queue.head = 0;
      }
      waiting ||= queue.head < items.length;
    }
    this.#timer = null;
    if (waiting) this.#arm();
  }
}
