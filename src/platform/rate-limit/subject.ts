import type { CompiledPolicy, Decision } from "./policy.ts";
import { Usage } from "./usage.ts";

/** A take that waits for Redis, since when. */
export type Waiter = { cost: number; since: number; settle: (decision: Decision) => void };

/** What this replica knows of one subject of one policy. Times are the replica's monotonic milliseconds. */
export class Subject {
  readonly policy: CompiledPolicy;
  readonly name: string;
  readonly #usage: Usage;
  /** Spent from the lease and not in `usage` yet, and when last: most takes need no more than this one sum. */
  #spent = 0;
  #spent_at = 0;
  /** When more comes back as it was told last, and until when that is right. */
  #told: readonly number[] = [];
  #told_until = Number.NEGATIVE_INFINITY;

  /** Tokens granted by Redis and not spent yet, until when, and the server's time they are charged at. */
  lease = 0;
  lease_until = 0;
  lease_at = 0;
  /** How much the last exchange granted ahead, and when: whether it was spent decides how much to ask for next. */
  ahead = 0;
  exchanged_at = Number.NEGATIVE_INFINITY;
  /** How much to ask for beyond what is needed now. */
  want = 0;

  /** Allowed and not yet reported. */
  debt = 0;
  /** Set when Redis has lost its data: the next exchange reports the whole usage instead of the debt. */
  forgotten = false;

  /** Quota left in each window as Redis said last, and when more comes back. */
  readonly free: Float64Array;
  readonly returns_at: Float64Array;
  known = false;
  /** Refused without asking until then; what a client is told is `retry_at`. */
  closed_until = 0;
  retry_at = 0;
  recheck_ms = 0;

  waiters: Waiter[] = [];
  /** Whether it is in the list of those that have something to report. */
  listed = false;

  constructor(policy: CompiledPolicy, name: string) {
    this.policy = policy;
    this.name = name;
    this.#usage = new Usage(policy);
    this.free = new Float64Array(policy.quotas.length);
    this.returns_at = new Float64Array(policy.quotas.length);
  }

  /** What was allowed here, in every mode: the memory that outlives Redis. */
  get usage(): Usage {
    if (this.#spent > 0) {
      this.#usage.advance(this.#spent_at);
      this.#usage.add(this.#spent, this.#spent_at);
      this.#spent = 0;
    }
    return this.#usage;
  }

  /** Redis has said anew what is left, and when more comes back. */
  heard(): void {
    this.known = true;
    this.#told_until = Number.NEGATIVE_INFINITY;
  }

  /** Estimated quota of a window that is left to its clients. */
  left(at: number): number {
    const left = this.known
      ? (this.free[at] ?? 0) + this.lease - this.debt
      : (this.policy.quotas[at] ?? 0) - this.usage.total(at);
    return left > 0 ? left : 0;
  }

  /** Estimated quota that is left in the tightest window. */
  tightest(): number {
    let least = this.left(0);
    for (let at = 1; at < this.policy.quotas.length; at += 1) least = Math.min(least, this.left(at));
    return least;
  }

  /** Takes what was leased, and says so. */
  spend(cost: number, now: number): Decision {
    this.lease -= cost;
    this.#spent += cost;
    this.#spent_at = now;
    return { allowed: true, remaining: this.#remaining(), reset_s: this.#resets(now), retry_after_s: 0 };
  }

  /** Counts a take that is allowed and says so. `usage` must have advanced to `now`. */
  allow(cost: number, now: number): Decision {
    this.usage.add(cost, now);
    return { allowed: true, remaining: this.#remaining(), reset_s: this.#resets(now), retry_after_s: 0 };
  }

  /** Refuses by what Redis said. */
  refuse(now: number): Decision {
    const wait_s = Math.max(1, Math.ceil((this.retry_at - now) / 1000));
    return {
      allowed: false,
      remaining: this.#remaining(),
      reset_s: this.#resets(now),
      retry_after_s: wait_s,
    };
  }

  /** Refuses by what this replica counted itself, against `bounds`. */
  refuseLocally(cost: number, bounds: readonly number[], now: number): Decision {
    let retryAt = now;
    const remaining: number[] = [];
    const resets: number[] = [];
    for (let at = 0; at < bounds.length; at += 1) {
      const over = this.usage.total(at) + cost - (bounds[at] ?? 0);
      if (over > 0) retryAt = Math.max(retryAt, this.usage.returnsAt(at, over, now));
      remaining.push(Math.max(0, (bounds[at] ?? 0) - this.usage.total(at)));
      resets.push(seconds(this.usage.returnsAt(at, 1, now) - now));
    }
    return { allowed: false, remaining, reset_s: resets, retry_after_s: seconds(retryAt - now) };
  }

  /** Allows by what this replica counted itself, against `bounds`. */
  allowLocally(cost: number, bounds: readonly number[], now: number): Decision {
    this.usage.add(cost, now);
    const remaining: number[] = [];
    const resets: number[] = [];
    for (let at = 0; at < bounds.length; at += 1) {
      remaining.push(Math.max(0, (bounds[at] ?? 0) - this.usage.total(at)));
      resets.push(seconds(this.usage.returnsAt(at, 1, now) - now));
    }
    return { allowed: true, remaining, reset_s: resets, retry_after_s: 0 };
  }

  #remaining(): number[] {
    const remaining: number[] = [];
    for (let at = 0; at < this.policy.quotas.length; at += 1) remaining.push(Math.floor(this.left(at)));
    return remaining;
  }

  #resets(now: number): readonly number[] {
    if (now < this.#told_until) return this.#told;
    const resets: number[] = [];
    let until = Number.POSITIVE_INFINITY;
    for (let at = 0; at < this.policy.quotas.length; at += 1) {
      const known = this.known && (this.returns_at[at] ?? 0) > now;
      const returnsAt = known ? (this.returns_at[at] ?? 0) : this.usage.returnsAt(at, 1, now);
      const wait_s = seconds(returnsAt - now);
      resets.push(wait_s);
      // What Redis said stands until a second less is left; what was counted here changes with every take.
      until = known ? Math.min(until, returnsAt - (wait_s - 1) * 1000) : Number.NEGATIVE_INFINITY;
    }
    this.#told = resets;
    this.#told_until = until;
    return resets;
  }

  /**
   * Gives those who waited what was granted, first come first served. `suspect`: Redis may have forgotten, so a guarded
   * limit keeps to its share, too.
   */
  serve(waiters: readonly Waiter[], suspect: boolean, now: number): void {
    const { guarded, shares } = this.policy;
    this.usage.advance(now);
    for (const { cost, settle } of waiters) {
      if (guarded && suspect && !this.usage.fits(cost, shares)) settle(this.refuseLocally(cost, shares, now));
      else if (this.lease >= cost) {
        this.lease -= cost;
        settle(this.allow(cost, now));
      } else settle(this.refuse(now));
    }
    // What was allowed unreported meanwhile is paid with what is left: it is charged already.
    const paid = Math.min(this.lease, this.debt);
    this.lease -= paid;
    this.debt -= paid;
  }
}

/** Whole seconds, at least one: a client that waits so long is never early. */
function seconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}
