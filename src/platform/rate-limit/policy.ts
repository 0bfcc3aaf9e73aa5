/** One bound of a policy: at most `quota` takes in any `window_s` seconds. `name` appears in the RateLimit headers. */
export type LimitWindow = { readonly name: string; readonly quota: number; readonly window_s: number };

/**
 * What a subject may do. `guarded` is for limits that protect credentials (login, one-time codes): always exact,
 * always asked, never wider when Redis is away. `general` trades up to ten percent of exactness for speed.
 */
export type LimitPolicy = {
  readonly name: string;
  readonly class: "general" | "guarded";
  readonly windows: readonly LimitWindow[];
};

/** The answer to one `take`. The lists run in the order of the policy's windows. */
export type Decision = {
  readonly allowed: boolean;
  /** Takes that are left, never negative. An estimate while leases of other replicas are out. */
  readonly remaining: readonly number[];
  /** Whole seconds until more quota comes back: the "effective window" of the RateLimit header. */
  readonly reset_s: readonly number[];
  /** Whole seconds to wait before asking again; 0 when allowed, else at least 1. */
  readonly retry_after_s: number;
};

export type RateLimiterStats = {
  /** Script calls, and the subjects in them. */
  exchanges: number;
  settled: number;
  failures: number;
  subjects: number;
  /** Whether decisions are local because Redis is away. */
  local: boolean;
};

/** Counts takes, together with the other replicas while there is a Redis. Never rejects. */
export interface RateLimiter {
  /** Takes `cost` (default 1) from the quota of a subject. Known subjects with quota are answered without a promise. */
  take(policy: LimitPolicy, subject: string, cost?: number): Decision | Promise<Decision>;
  stats(): RateLimiterStats;
  /** Reports what is unreported, returns leases, and answers whoever still waits. */
  close(): Promise<void>;
}

/** Windows are counted in this many slots; a token comes back at most one slot (1/24 of the window) late. */
export const SLOTS = 24;

/** How long a leased token may be held unspent, milliseconds. */
const LEASE_MS = 250;

/** A policy with the figures that every take needs. */
export type CompiledPolicy = {
  readonly name: string;
  readonly guarded: boolean;
  readonly quotas: readonly number[];
  /** What this replica may allow by itself while Redis is away: quota ÷ replicas, at least 1. */
  readonly shares: readonly number[];
  readonly slots_ms: readonly number[];
  readonly longest_ms: number;
  readonly lease_ms: number;
  /**
   * Takes that may be allowed before they are reported: 5 % of the quota over all replicas; where that is less than
   * one each, one each if it stays within 10 %. Zero for guarded limits.
   */
  readonly optimism: number;
  /** Known quota below which nothing is allowed unreported any more. */
  readonly caution: number;
  /** What the script has to know, in its order: [[quota, slot_ms], …]. */
  readonly wire: readonly (readonly [quota: number, slot_ms: number])[];
};

/** Works out a policy for a fleet. Throws RangeError when a quota, window or the number of replicas is below 1. */
export function compilePolicy(policy: LimitPolicy, replicas: number): CompiledPolicy {
  if (policy.windows.length === 0 || replicas < 1)
    throw new RangeError(`rate limit ${policy.name}: nothing to limit`);
  for (const window of policy.windows) {
    if (window.quota < 1 || window.window_s <= 0)
      throw new RangeError(`rate limit ${policy.name}: ${window.name}`);
  }
  const guarded = policy.class === "guarded";
  const quotas = policy.windows.map((window) => Math.floor(window.quota));
  const slotsMs = policy.windows.map((window) => Math.ceil((window.window_s * 1000) / SLOTS));
  const smallest = Math.min(...quotas);
  const optimism = guarded
    ? 0
    : Math.max(Math.floor((0.05 * smallest) / replicas), replicas <= 0.1 * smallest ? 1 : 0);
  return {
    name: policy.name,
    guarded,
    quotas,
    shares: quotas.map((quota) => Math.max(1, Math.floor(quota / replicas))),
    slots_ms: slotsMs,
    longest_ms: Math.max(...slotsMs) * (SLOTS + 2),
    lease_ms: guarded ? 0 : Math.min(LEASE_MS, ...slotsMs),
    optimism,
    caution: 2 * optimism * replicas,
    wire: quotas.map((quota, index) => [quota, slotsMs[index] ?? 1] as const),
  };
}
