import type { Gauges, OwnStats, Summary } from "./cache/index.ts";

type Add = (labels: Record<string, string>, value: number) => void;
/** Registers a metric that is read when it is scraped. */
type Register = (name: string, help: string, labels: string[], read: (add: Add) => void) => void;

/** How each lookup ended, by the tier that answered it. Their sum is the number of lookups. */
const outcomes: readonly (readonly [tier: string, outcome: string, of: keyof Summary])[] = [
  ["l1", "hit", "l1_hits"],
  ["l1", "stale", "stale"],
  ["l2", "hit", "l2_hits"],
  ["none", "load", "loaded"],
  ["none", "shared", "shared"],
  ["none", "bypass", "bypassed"],
];

/** Things that happened inside a tier, beside the lookups. */
const events: readonly (readonly [tier: string, event: string, of: keyof Summary])[] = [
  ["l1", "fenced", "l1_fenced"],
  ["l1", "oversize", "l1_oversize"],
  ["l1", "evicted", "evictions"],
  ["l2", "fenced", "l2_fenced"],
  ["l2", "oversize", "l2_oversize"],
  ["l2", "corrupt", "corrupt"],
  ["any", "shadowed", "shadowed"],
  ["any", "shadow_wrong", "shadow_wrong"],
  ["l2", "check", "checks"],
  ["l2", "lease_wait", "lease_waits"],
];

/** What the gauges hold in milliseconds is told in seconds. Absent while nobody knows it. */
const ages: readonly (readonly [name: string, help: string, of: Level])[] = [
  ["cache_proof_age_seconds", "Age of the oldest proof that no bump was missed", "proof_age_ms"],
  ["cache_bus_lag_seconds", "Time since the last beat was heard", "bus_lag_ms"],
  ["cache_outbox_age_seconds", "Age of the oldest undelivered bump; on the relay only", "outbox_age_ms"],
];

type Level = { [K in keyof Gauges]: Gauges[K] extends number | null ? K : never }[keyof Gauges];
const levels: readonly (readonly [name: string, help: string, of: Level])[] = [
  ["cache_cells", "Cells, each with an order of its own", "cells"],
  ["cache_cells_live", "Cells that hold their lease", "cells_live"],
  ["cache_cells_unreached", "Cells whose Redis cannot be reached", "cells_unreached"],
  ["cache_breakers_open", "Redis nodes behind an open breaker", "breakers_open"],
  ["cache_redis_calls", "Calls to Redis in flight", "calls_in_flight"],
  ["cache_flights", "Loads that others may join", "flights"],
  ["cache_loads_running", "Loads that read the database", "loads_running"],
  ["cache_loads_waiting", "Loads that wait for their turn", "loads_waiting"],
  ["cache_warm_waiting", "Answers that are to be read before anybody asks", "warm_waiting"],
  ["cache_l1_bytes", "Bytes held in the process, keys included", "l1_bytes"],
  ["cache_l1_max_bytes", "Bound of these bytes", "l1_max_bytes"],
];

/** Adds the metrics of the cache. `own` is asked at most once a scrape. */
export function addCache(
  register: Readonly<{ gauge: Register; counter: Register }>,
  own: () => OwnStats,
): void {
  const { gauge, counter } = register;
  const stats = oncePerTurn(own);
  const each = (visit: (definition: string, summary: Summary) => void): void => {
    for (const [definition, summary] of Object.entries(stats().definitions)) visit(definition, summary);
  };
  counter("cache_lookups_total", "Lookups by how they ended", ["definition", "tier", "outcome"], (add) =>
    each((definition, summary) => {
      for (const [tier, outcome, of] of outcomes) add({ definition, tier, outcome }, Number(summary[of]));
    }),
  );
  counter("cache_bypasses_total", "Lookups that the cache did not answer", ["definition", "reason"], (add) =>
    each((definition, { bypasses }) => {
      for (const [reason, count] of Object.entries(bypasses)) add({ definition, reason }, count);
    }),
  );
  counter("cache_events_total", "What else happened in a tier", ["definition", "tier", "event"], (add) =>
    each((definition, summary) => {
      for (const [tier, event, of] of events) add({ definition, tier, event }, Number(summary[of]));
    }),
  );
  counter("cache_loads_total", "Loads, refreshes and bypasses included", ["definition", "outcome"], (add) =>
    each((definition, { loads, load_failures }) => {
      add({ definition, outcome: "ok" }, Math.max(loads - load_failures, 0));
      add({ definition, outcome: "error" }, load_failures);
    }),
  );
  gauge("cache_entries", "Answers held in the process", ["definition", "state"], (add) =>
    each((definition, { l1_entries, l1_expired }) => {
      add({ definition, state: "active" }, l1_entries - l1_expired);
      add({ definition, state: "expired" }, l1_expired);
    }),
  );
  addGauges(register, () => stats().gauges);
}

function addGauges(
  { gauge, counter }: Readonly<{ gauge: Register; counter: Register }>,
  gauges: () => Gauges,
): void {
  counter("cache_generations_total", "New generations of the order", [], (add) =>
    // A process that has never been alone on its database has had no generation yet, and says one less than it had.
    add({}, Math.max(gauges().generation_changes, 0)),
  );
  counter(
    "cache_warmed_total",
    "Answers read before anybody asked, by what became of it",
    ["outcome"],
    (add) => {
      for (const [outcome, count] of Object.entries(gauges().warm)) add({ outcome }, count);
    },
  );
  counter("cache_lease_changes_total", "Leases begun and ended", [], (add) =>
    add({}, gauges().lease_changes),
  );
  for (const [name, help, of] of levels) gauge(name, help, [], (add) => add({}, gauges()[of] ?? 0));
  for (const [name, help, of] of ages) {
    gauge(name, help, [], (add) => {
      const age_ms = gauges()[of];
      if (age_ms !== null) add({}, age_ms / 1000);
    });
  }
}

/** All metrics of a scrape are read in one turn of the event loop, and should say the same. */
function oncePerTurn<T>(read: () => T): () => T {
  let known: { value: T } | null = null;
  return () => {
    if (known === null) {
      known = { value: read() };
      setImmediate(() => (known = null));
    }
    return known.value;
  };
}
