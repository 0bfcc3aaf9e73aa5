/** Opens after 5 failures in a row, or when half of the last 20 outcomes, all within 10 s, were failures. */
export class Breaker {
  open = false;
  readonly #onOpen: () => void;
  #row = 0;
  #at = 0;
  #failures = 0;
  readonly #failed = new Uint8Array(20);
  readonly #times = new Float64Array(20).fill(Number.NEGATIVE_INFINITY);

  constructor(onOpen: () => void) {
    this.#onOpen = onOpen;
  }

  succeeded(now: number): void {
    this.#row = 0;
    this.#note(now, 0);
  }

  failed(now: number): void {
    this.#row += 1;
    this.#note(now, 1);
    const recent = now - (this.#times[this.#at] ?? 0) <= 10_000;
    if (this.open || (this.#row < 5 && !(recent && this.#failures >= 10))) return;
    this.open = true;
    this.#onOpen();
  }

  close(): void {
    this.open = false;
    this.#row = 0;
    this.#failures = 0;
    this.#failed.fill(0);
    this.#times.fill(Number.NEGATIVE_INFINITY);
  }

  #note(now: number, failed: 0 | 1): void {
    this.#failures += failed - (this.#failed[this.#at] ?? 0);
    this.#failed[this.#at] = failed;
    this.#times[this.#at] = now;
    this.#at = (this.#at + 1) % 20;
  }
}
