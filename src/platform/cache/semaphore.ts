/** Too many loads wait already: 503 with `Retry-After`. */
export class CacheOverloaded extends Error {
  override readonly name = "CacheOverloaded";
  readonly retry_after_s = 1;
}

/** A load ran into its hard limit. */
export class LoadTimeout extends Error {
  override readonly name = "LoadTimeout";
}

/** So many at a time, so many waiting, first come first served: a cleared cache must not starve a lane. */
export class Semaphore {
  readonly #max: number;
  readonly #queueMax: number;
  #running = 0;
  #waiting: (() => void)[] = [];

  constructor(max: number, queue_max: number) {
    this.#max = max;
    this.#queueMax = queue_max;
  }

  get running(): number {
    return this.#running;
  }
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves with a slot, to be given back by `release`; rejects with CacheOverloaded when the queue is full. */
  acquire(): Promise<void> {
    if (this.#running < this.#max) {
      this.#running += 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= this.#queueMax) {
      return Promise.reject(new CacheOverloaded("too many loads wait already"));
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  release(): void {
    const next = this.#waiting.shift();
    // The slot passes on: nobody can slip in between.
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
