import { type Deadline, type Deadlines, LOOK_MS } from "./deadlines.ts";
import { type CacheClock, OrderUnavailable } from "./types.ts";

/** What one request waits for Redis altogether, at most, milliseconds. */
const PATIENCE_MS = 50;
/** A wait is to end so much before the patience: what has ended is found a look later, and later still by a busy process. */
const MARGIN_MS = 15;
/** With less than this there is no time for a wait. Deadlines are whole looks, so that they need few queues. */
const LEAST_MS = MARGIN_MS + LOOK_MS;

/** What a wait needs of the cache in which it happens. */
export type WaitDeps = Readonly<{ clock: Pick<CacheClock, "monotonic">; deadlines: Deadlines }>;

/** One wait for Redis. `give_up`: called when there is no patience left. */
export type Wait = Readonly<{ give_up: () => void }>;

/**
 * What one request may still wait for Redis: one budget for all its lookups, one after the other or side by side, and
 * for what counts its rate limit. Time during which several waits are under way counts once. Each lookup alone keeps to
 * its own deadline; a request that makes six of them would still wait six times as long.
 */
export class Patience {
  #spent_ms = 0;
  /** Under way, since when, and what ends them. */
  #waits: Wait[] = [];
  #since = 0;
  #deadline: Deadline | null = null;

  /** Milliseconds waited for Redis so far, by the waits that have ended. */
  get spent_ms(): number {
    return this.#spent_ms;
  }

  /** Null when nothing is left: Redis is not to be asked. */
  begin(now: number, deadlines: Deadlines, give_up: () => void): Wait | null {
    if (this.isSpent(now)) return null;
    const wait = { give_up };
    if (this.#waits.length === 0) {
      this.#since = now;
      const left_ms = PATIENCE_MS - this.#spent_ms - MARGIN_MS;
      const deadline_ms = left_ms - (left_ms % LOOK_MS);
      this.#deadline = deadlines.add(deadline_ms, (at) => this.#expire(at), now);
    }
    this.#waits.push(wait);
    return wait;
  }

  /** False when it was given up before. */
  end(wait: Wait, now: number): boolean {
    const at = this.#waits.indexOf(wait);
    if (at < 0) return false;
    this.#waits.splice(at, 1);
    if (this.#waits.length > 0) return true;
    this.#spent_ms += now - this.#since;
    if (this.#deadline !== null) this.#deadline.expire = null;
    return true;
  }

  /** Counts what something else has waited. */
  spend(waited_ms: number): void {
    this.#spent_ms += waited_ms;
  }

  isSpent(now: number): boolean {
    const under_way_ms = this.#waits.length > 0 ? now - this.#since : 0;
    return PATIENCE_MS - this.#spent_ms - under_way_ms < LEAST_MS;
  }

  #expire(now: number): void {
    const waits = this.#waits;
    this.#waits = [];
    this.#spent_ms += now - this.#since;
    for (const { give_up } of waits) give_up();
  }
}

/**
 * What Redis says, as long as there is patience for it; null has no end.
 *
 * @throws {OrderUnavailable} "patience" when it ended first, or there was none and nothing was sent
 */
export function patiently<T>(
  { clock, deadlines }: WaitDeps,
  patience: Patience | null,
  send: () => Promise<T>,
): Promise<T> {
  if (patience === null) return send();
  return new Promise((resolve, reject) => {
    const give_up = (): void => reject(new OrderUnavailable("patience"));
    const wait = patience.begin(clock.monotonic(), deadlines, give_up);
    if (wait === null) {
      give_up();
      return;
    }
    const ended = (): void => void patience.end(wait, clock.monotonic());
    send().finally(ended).then(resolve, reject);
  });
}
