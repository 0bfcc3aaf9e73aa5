import type { OrderGauges, StoredEntries } from "./types.ts";
import type { WarmCounts } from "./warm.ts";

/**
 * Counters of one definition. Each lookup ends in exactly one of l1_hits, l2_hits, stale, loaded, shared and the
 * bypasses, and `lookups` is counted in the same breath, so the sum rule holds at every instant.
 */
export type Counters = {
  lookups: number;
  l1_hits: number;
  l2_hits: number;
  /** Past its ttl, within its grace. A hit. */
  stale: number;
  /** Lookups that a load of their own answered, or whose load failed. */
  loaded: number;
  /** Lookups that waited for another caller's load. */
  shared: number;
  /** Hits whose value was null. */
  negative: number;
  bypasses: Record<string, number>;
  /** Loads begun, early refreshes and bypasses included. */
  loads: number;
  load_failures: number;
  refreshes: number;
  lease_waits: number;
  /** Rejected by version: when reading L1, reading L2, or storing. */
  l1_fenced: number;
  l2_fenced: number;
  checks: number;
  l1_oversize: number;
  l2_oversize: number;
  evictions: number;
  corrupt: number;
  /** Hits that were loaded again and compared; of them, those that differed without a bump. */
  shadowed: number;
  shadow_wrong: number;
  l1_entries: number;
  /** Of them, past their ttl: replaced or evicted when that is of use. As of the last publication. */
  l1_expired: number;
  l1_bytes: number;
};

const zero: Counters = Object.freeze({
  lookups: 0,
  l1_hits: 0,
  l2_hits: 0,
  stale: 0,
  loaded: 0,
  shared: 0,
  negative: 0,
  bypasses: {},
  loads: 0,
  load_failures: 0,
  refreshes: 0,
  lease_waits: 0,
  l1_fenced: 0,
  l2_fenced: 0,
  checks: 0,
  l1_oversize: 0,
  l2_oversize: 0,
  evictions: 0,
  corrupt: 0,
  shadowed: 0,
  shadow_wrong: 0,
  l1_entries: 0,
  l1_expired: 0,
  l1_bytes: 0,
});

export const newCounters = (): Counters => ({ ...zero, bypasses: {} });

/** What `GET /api/v1/health/cache` is made of. hits + misses + bypasses = lookups, exactly. */
export type Summary = Counters & { hits: number; misses: number; bypassed: number; hit_rate: number };

/** The gauges of one process. */
export type Gauges = OrderGauges &
  Readonly<{
    cells: number;
    /** Cells that hold their lease. */
    cells_live: number;
    /** Leases begun and ended since the start, over all cells. */
    lease_changes: number;
    flights: number;
    loads_running: number;
    loads_waiting: number;
    /** Since the start: what became of answers that were read before anybody asked; and those that are next. */
    warm: Readonly<WarmCounts>;
    warm_waiting: number;
    l1_bytes: number;
    l1_max_bytes: number;
  }>;

/** What one process knows of itself. */
export type OwnStats = Readonly<{
  definitions: Readonly<Record<string, Summary>>;
  total: Summary;
  gauges: Gauges;
}>;

export type CacheStats = Readonly<{
  definitions: Readonly<Record<string, Summary>>;
  total: Summary;
  /** Of the replica that was asked. */
  gauges: Gauges;
  /** Entries in Redis by the last scan; null before it, and without Redis. */
  l2: StoredEntries | null;
  replicas: number;
  /** True: this process alone was asked, for the others could not be. */
  partial: boolean;
}>;

/** Counts one ended lookup. */
export function countBypass(counters: Counters, reason: string): void {
  counters.lookups += 1;
  counters.bypasses[reason] = (counters.bypasses[reason] ?? 0) + 1;
}

/** Adds figures of other replicas; unknown names in them (another version) are left out. */
export function addCounters(into: Counters, from: Partial<Counters>): void {
  for (const name of Object.keys(zero) as (keyof Counters)[]) {
    if (name === "bypasses") continue;
    const value = from[name];
    if (typeof value === "number" && Number.isFinite(value)) into[name] += value;
  }
  for (const [reason, count] of Object.entries(from.bypasses ?? {})) {
    if (Number.isFinite(count)) into.bypasses[reason] = (into.bypasses[reason] ?? 0) + count;
  }
}

export function summarise(counters: Counters): Summary {
  const hits = counters.l1_hits + counters.l2_hits + counters.stale;
  const misses = counters.loaded + counters.shared;
  let bypassed = 0;
  for (const count of Object.values(counters.bypasses)) bypassed += count;
  const hit_rate = counters.lookups === 0 ? 0 : hits / counters.lookups;
  return { ...counters, bypasses: { ...counters.bypasses }, hits, misses, bypassed, hit_rate };
}

/** Sums the counters that replicas published (JSON texts of name → counters) for the names with this prefix. */
export function sumPublished(
  published: readonly string[],
  prefix: string,
): { definitions: Record<string, Summary>; total: Summary } {
  const sums = new Map<string, Counters>();
  const total = newCounters();
  for (const text of published) {
    for (const [name, counters] of Object.entries(parse(text))) {
      if (!name.startsWith(prefix) || typeof counters !== "object" || counters === null) continue;
      let sum = sums.get(name);
      if (sum === undefined) sums.set(name, (sum = newCounters()));
      addCounters(sum, counters);
      addCounters(total, counters);
    }
  }
  const definitions: Record<string, Summary> = {};
  for (const name of [...sums.keys()].sort()) {
    const sum = sums.get(name);
    if (sum !== undefined) definitions[name] = summarise(sum);
  }
  return { definitions, total: summarise(total) };
}

function parse(text: string): Record<string, Partial<Counters>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, Partial<Counters>>) : {};
  } catch {
    return {};
  }
}

/** Times of the last loads of one definition: 64 of them, in a ring. */
export class LoadTimes {
  readonly #times = new Float64Array(64);
  #count = 0;
  #p95: number | null = null;

  add(cost_ms: number): void {
    this.#times[this.#count % 64] = cost_ms;
    this.#count += 1;
    this.#p95 = null;
  }

  /** Milliseconds; 250 until something was loaded. */
  p95(): number {
    if (this.#count === 0) return 250;
    if (this.#p95 === null) {
      const known = this.#times.slice(0, Math.min(64, this.#count)).sort();
      this.#p95 = known[Math.ceil(known.length * 0.95) - 1] ?? 250;
    }
    return this.#p95;
  }
}
