import { type CompiledPolicy, SLOTS } from "./policy.ts";

/** One more than the window has slots: the one that is leaving and the one that is filling are both partly in it. */
const CELLS = SLOTS + 1;

/**
 * What one subject took through this replica, per window, in slots of a ring. What was taken in a slot comes back one
 * window after the last take in it: never early, at most one slot late. Time is any millisecond clock; one that steps
 * back only makes tokens wait.
 */
export class Usage {
  readonly #slots_ms: readonly number[];
  readonly #counts: Uint32Array;
  /** When the last take of the cell was, milliseconds from the start of its slot. */
  readonly #offsets: Uint32Array;
  readonly #totals: Float64Array;
  /** The slots of the oldest and the newest take, and when those of the oldest slot come back. */
  readonly #oldest: Float64Array;
  readonly #newest: Float64Array;
  readonly #return_at: Float64Array;

  constructor(policy: CompiledPolicy) {
    const windows = policy.slots_ms.length;
    this.#slots_ms = policy.slots_ms;
    this.#counts = new Uint32Array(CELLS * windows);
    this.#offsets = new Uint32Array(CELLS * windows);
    this.#totals = new Float64Array(windows);
    this.#oldest = new Float64Array(windows);
    this.#newest = new Float64Array(windows);
    this.#return_at = new Float64Array(windows).fill(Number.POSITIVE_INFINITY);
  }

  /** Lets go of what has come back. Call before the other methods. */
  advance(now: number): void {
    for (let at = 0; at < this.#slots_ms.length; at += 1) {
      if (now >= (this.#return_at[at] ?? 0)) this.#turn(at, now);
    }
  }

  #turn(at: number, now: number): void {
    const newest = this.#newest[at] ?? 0;
    for (let slot = this.#oldest[at] ?? 0; slot <= newest; slot += 1) {
      const cell = at * CELLS + (slot % CELLS);
      const count = this.#counts[cell] ?? 0;
      if (count === 0) continue;
      const returnAt = this.#returnAt(at, slot);
      if (returnAt > now) {
        this.#oldest[at] = slot;
        this.#return_at[at] = returnAt;
        return;
      }
      this.#totals[at] = (this.#totals[at] ?? 0) - count;
      this.#counts[cell] = 0;
    }
    this.#return_at[at] = Number.POSITIVE_INFINITY;
  }

  /** Counts a take, now, in every window. */
  add(cost: number, now: number): void {
    for (let at = 0; at < this.#slots_ms.length; at += 1) {
      const slotMs = this.#slots_ms[at] ?? 1;
      const empty = this.#totals[at] === 0;
      let slot = Math.floor(now / slotMs);
      if (!empty) slot = Math.max(slot, this.#newest[at] ?? 0);
      const cell = at * CELLS + (slot % CELLS);
      this.#counts[cell] = (this.#counts[cell] ?? 0) + cost;
      this.#offsets[cell] = Math.max(0, Math.ceil(now - slot * slotMs));
      this.#totals[at] = (this.#totals[at] ?? 0) + cost;
      this.#newest[at] = slot;
      if (empty) this.#oldest[at] = slot;
      if (this.#oldest[at] === slot) this.#return_at[at] = this.#returnAt(at, slot);
    }
  }

  /** How much of the window (by its position in the policy) is taken. */
  total(at: number): number {
    return this.#totals[at] ?? 0;
  }

  /** Whether `cost` more fits under the bounds of all windows. */
  fits(cost: number, bounds: readonly number[]): boolean {
    for (let at = 0; at < bounds.length; at += 1) {
      if ((this.#totals[at] ?? 0) + cost > (bounds[at] ?? 0)) return false;
    }
    return true;
  }

  /** The time at which at least `amount` of the window has come back. */
  returnsAt(at: number, amount: number, now: number): number {
    const newest = this.#newest[at] ?? 0;
    let back = 0;
    for (let slot = this.#oldest[at] ?? 0; this.total(at) > 0 && slot <= newest; slot += 1) {
      back += this.#counts[at * CELLS + (slot % CELLS)] ?? 0;
      if (back > 0 && back >= amount) return this.#returnAt(at, slot);
    }
    return now + SLOTS * (this.#slots_ms[at] ?? 1);
  }

  #returnAt(at: number, slot: number): number {
    return (slot + SLOTS) * (this.#slots_ms[at] ?? 1) + (this.#offsets[at * CELLS + (slot % CELLS)] ?? 0);
  }
}
