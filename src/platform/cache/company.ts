import type { Patience, Wait, WaitDeps } from "./patience.ts";
import { OrderUnavailable } from "./types.ts";

/** One who waits, and the wait in which its patience is while Redis is being asked. */
export type Companion = { readonly patience: Patience; wait: Wait | null };

/**
 * Who waits for one load. What the load waits for Redis before it begins is waited by all of them; the first whose
 * patience ends makes it go on without Redis, for all.
 */
export class Company {
  readonly #deps: WaitDeps;
  readonly #companions: Companion[] = [];
  readonly #interrupts = new Set<(error: Error) => void>();
  #hurried = false;

  constructor(deps: WaitDeps) {
    this.#deps = deps;
  }

  /** From now on its patience counts; null has no end. */
  join(patience: Patience | null): Companion | null {
    if (patience === null) return null;
    const companion: Companion = { patience, wait: null };
    this.#companions.push(companion);
    const now = this.#deps.clock.monotonic();
    if (this.#interrupts.size > 0) this.#begin(companion, now);
    else if (patience.isSpent(now)) this.#hurry();
    return companion;
  }

  /** It waits no longer. */
  leave(companion: Companion | null): void {
    if (companion === null) return;
    this.#companions.splice(this.#companions.indexOf(companion), 1);
    this.#end(companion, this.#deps.clock.monotonic());
  }

  /**
   * What Redis says, if the patience of all lasts.
   *
   * @throws {OrderUnavailable} "patience" when it did not; nothing is sent where it had ended before
   */
  async ask<T>(send: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#interrupts.size === 0) this.#beginAll();
    this.#interrupts.add(reject);
    try {
      if (this.#hurried) throw impatient();
      send().then(resolve, reject);
      return await promise;
    } finally {
      this.#interrupts.delete(reject);
      if (this.#interrupts.size === 0) this.#endAll();
    }
  }

  #beginAll(): void {
    const now = this.#deps.clock.monotonic();
    for (const companion of this.#companions) this.#begin(companion, now);
  }

  #endAll(): void {
    const now = this.#deps.clock.monotonic();
    for (const companion of this.#companions) this.#end(companion, now);
  }

  #begin(companion: Companion, now: number): void {
    companion.wait = companion.patience.begin(now, this.#deps.deadlines, () => this.#hurry());
    if (companion.wait === null) this.#hurry();
  }

  #end(companion: Companion, now: number): void {
    if (companion.wait !== null) companion.patience.end(companion.wait, now);
    companion.wait = null;
  }

  #hurry(): void {
    this.#hurried = true;
    for (const interrupt of this.#interrupts) interrupt(impatient());
  }
}

const impatient = (): Error => new OrderUnavailable("patience");
