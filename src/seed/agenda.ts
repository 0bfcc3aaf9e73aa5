type Item = Readonly<{ at_ms: number; run: () => void }>;

/** What will happen later, in the order of its time. Holds what is due within days, so a sorted list is enough. */
export class Agenda {
  /** The next one is the last. */
  readonly #items: Item[] = [];

  add(at_ms: number, run: () => void): void {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#items[middle]?.at_ms ?? 0) > at_ms) low = middle + 1;
      else high = middle;
    }
    this.#items.splice(low, 0, { at_ms, run });
  }

  /** Runs what is due until an instant, that instant included; of two at once the one that was added first. */
  runUntil(at_ms: number): void {
    for (
      let next = this.#items.at(-1);
      next !== undefined && next.at_ms <= at_ms;
      next = this.#items.at(-1)
    ) {
      this.#items.pop();
      next.run();
    }
  }
}
