import { Value } from "@sinclair/typebox/value";
import { t } from "elysia";
import type { LaneStats } from "../platform/db/lane-stats.ts";
import type { AnyLaneName } from "../platform/db/settings.ts";
import type { PlatformDeps } from "../platform/deps.ts";
import { askFleet, type About, joinFleet, type RollEntry } from "../platform/fleet-roll.ts";
import { ping } from "../platform/statements.ts";
import { version } from "../platform/version.ts";
import { type Lifecycle, unreadiness } from "./health-lifecycle.ts";
import { Instant, Nullable, OneOf } from "./schema.ts";

const Count = t.Integer({ minimum: 0 });
const Milliseconds = Nullable(t.Number({ minimum: 0 }));
const Duration = t.Object({ count: Count, sum: t.Number(), max: t.Number() });

/** One lane of connections. */
export const Lane = t.Object({
  name: OneOf(["fast", "write", "report", "standby"]),
  max: t.Integer({ minimum: 0, description: "Connections at most" }),
  size: t.Integer({ minimum: 0, description: "Connections open" }),
  in_use: Count,
  idle: Count,
  in_flight: t.Integer({ minimum: 0, description: "Queries sent and not answered" }),
  waiting: t.Integer({ minimum: 0, description: "Calls waiting for a connection" }),
  wait_ms: Duration,
  run_ms: Duration,
  queries: Count,
  errors: Count,
  timeouts: Count,
  rejected: Count,
  lost: Count,
  aborted: Count,
  slow: Count,
  retries: Count,
  opened: Count,
});
export const Lanes = t.Record(t.String(), Lane);

/** The gauges of one replica's cache. */
export const CacheGauges = t.Object({
  cells: Count,
  cells_live: t.Integer({ minimum: 0, description: "Cells that hold their lease" }),
  cells_unreached: Count,
  proof_age_ms: Milliseconds,
  bus_lag_ms: Milliseconds,
  outbox_age_ms: Milliseconds,
  breakers_open: Count,
  generation_changes: Count,
  lease_changes: Count,
  calls_in_flight: Count,
  flights: Count,
  loads_running: Count,
  loads_waiting: Count,
  warm: t.Optional(
    t.Record(t.String(), Count, { description: "Answers read before anybody asked, by what became of it" }),
  ),
  warm_waiting: t.Optional(Count),
  l1_bytes: Count,
  l1_max_bytes: Count,
});

const RedisState = OneOf(["connected", "disconnected", "disabled"]);
const DatabaseState = OneOf(["healthy", "unhealthy"]);

/** What a replica tells of itself. Replicas of two releases read each other's: what is added later is optional. */
const Report = t.Object({
  state: OneOf(["starting", "ready", "not_ready", "draining"]),
  reason: Nullable(t.String()),
  redis: RedisState,
  database: DatabaseState,
  query_ms: t.Record(t.String(), Nullable(t.Number({ minimum: 0 }))),
  lanes: Lanes,
  cache: t.Object({ gauges: CacheGauges, definitions: t.Record(t.String(), t.Unknown()) }),
});
export type Report = typeof Report.static;

/** A replica in the list that every answer for the fleet has. */
export const replicaMembers = {
  replica: t.String(),
  state: OneOf(["starting", "ready", "not_ready", "draining", "missing"], {
    description: "`missing`: it did not answer in time, and did not leave in order",
  }),
};
export const Replica = t.Object({
  ...replicaMembers,
  reason: Nullable(t.String({ description: "Why it is not ready" })),
  version: t.String(),
  started_at: Instant,
  uptime_s: Nullable(t.Integer({ minimum: 0, description: "Null for a missing one" })),
  last_seen_at: Instant,
  redis: Nullable(RedisState),
  database: Nullable(DatabaseState),
});
export const Partial = t.Boolean({
  description: "Only this replica was asked: Redis does not carry the question, or there is none",
});

/** One replica's answer; `report` is null when it is missing, or of a release that says other things. */
export type ReplicaAnswer = typeof Replica.static & Readonly<{ report: Report | null }>;
export type FleetAnswer = Readonly<{ replicas: readonly ReplicaAnswer[]; partial: boolean }>;

/** A frozen or killed replica makes nobody wait for longer; who asks hears of it within a second. */
const ASK_DEADLINE_MS = 900;
/** With the look before it (200 ms) and the way back well within the deadline. */
const PART_DEADLINE_MS = 400;

/** Enters this process among the replicas that answer for the fleet; without Redis there are no others. */
export function answerForFleet(deps: PlatformDeps, lifecycle: Lifecycle): void {
  const { redis } = deps;
  if (redis === null) return;
  const report = createReporter(deps, lifecycle);
  joinFleet({ redis, report, about: () => aboutOf(deps, lifecycle) });
}

/** Asks all replicas. `ask` settles within a second, and never rejects: at the worst this replica speaks for itself. */
export function createFleetQuestion(deps: PlatformDeps, lifecycle: Lifecycle): () => Promise<FleetAnswer> {
  const reportOwn = createReporter(deps, lifecycle);
  const { redis, clock, config } = deps;
  const own = async (): Promise<ReplicaAnswer> =>
    answerOf({ ...aboutOf(deps, lifecycle), age_ms: 0, report: await reportOwn() }, clock.now());
  return async () => {
    const question = redis === null ? null : { redis, clock, deadline_ms: ASK_DEADLINE_MS };
    const roll = question === null ? null : await askFleet(question);
    if (roll === null) return { replicas: [await own()], partial: true };
    const replicas = roll.map((entry) => answerOf(entry, clock.now()));
    if (replicas.some(({ replica, report }) => replica === config.replica && report !== null))
      return { replicas, partial: false };
    // Whoever answers this request is here, whatever the roll says.
    const others = replicas.filter(({ replica }) => replica !== config.replica);
    return { replicas: [...others, await own()], partial: false };
  };
}

/** The one who answered a request. */
export function ownAnswer({ config }: PlatformDeps, { replicas }: FleetAnswer): ReplicaAnswer | undefined {
  return replicas.findLast(({ replica, report }) => replica === config.replica && report !== null);
}

const started_at = Date.now() - Math.round(process.uptime() * 1_000);

const aboutOf = ({ config }: PlatformDeps, { state }: Lifecycle): About => ({
  replica: config.replica,
  version,
  started_at,
  leaving: state === "draining",
});

function answerOf(entry: RollEntry, now: number): ReplicaAnswer {
  const { replica, age_ms, report: told } = entry;
  const report = Value.Check(Report, told) ? told : null;
  return {
    replica,
    state: report?.state ?? (told === undefined ? "missing" : entry.leaving ? "draining" : "ready"),
    reason: report?.reason ?? null,
    version: entry.version,
    started_at: new Date(entry.started_at).toISOString(),
    uptime_s: told === undefined ? null : Math.max(Math.floor((now - entry.started_at) / 1_000), 0),
    last_seen_at: new Date(now - age_ms).toISOString(),
    redis: report?.redis ?? null,
    database: report?.database ?? null,
    report,
  };
}

/** Two connections lead to Redis, ours and the cache's: the server is there when both say so. */
export function redisState({ redis, cache }: PlatformDeps): Report["redis"] {
  if (redis === null) return "disabled";
  const { cells_unreached, breakers_open } = cache.own().gauges;
  return cells_unreached === 0 && breakers_open === 0 ? redis.state() : "disconnected";
}

/** Reports on this process, within `PART_DEADLINE_MS`. */
function createReporter(deps: PlatformDeps, lifecycle: Lifecycle): () => Promise<Report> {
  const timeLanes = createLaneTimer(deps);
  return async () => {
    const slow = "database is unavailable";
    const [query_ms, reason] = await Promise.all([timeLanes(), within(unreadiness(lifecycle), slow)]);
    const { state } = lifecycle;
    const { gauges, definitions } = deps.cache.own();
    return {
      state: state === "ready" && reason !== null ? "not_ready" : state,
      reason,
      redis: redisState(deps),
      database: Object.values(query_ms).includes(null) ? "unhealthy" : "healthy",
      query_ms,
      lanes: allLanes(deps),
      cache: { gauges, definitions },
    };
  };
}

/** Times a trivial query on each lane; null where it failed or took too long. At most one waits on each lane. */
function createLaneTimer({ db }: PlatformDeps): () => Promise<Report["query_ms"]> {
  const underway = new Map<string, Promise<number | null>>();
  const time = async (name: "fast" | "write" | "report"): Promise<number | null> => {
    const began = performance.now();
    try {
      await db[name].query(ping, { token: 1 });
      return Math.round((performance.now() - began) * 100) / 100;
    } catch {
      return null;
    } finally {
      underway.delete(name);
    }
  };
  return async () => {
    const names = ["fast", "write", "report"] as const;
    const times = names.map((name) => {
      const running = underway.get(name) ?? time(name);
      underway.set(name, running);
      return within(running, null);
    });
    const [fast = null, write = null, report = null] = await Promise.all(times);
    return { fast, write, report };
  };
}

/** The value, or `otherwise` when there is none, or not in the time that a part of a report may take. */
function within<T, D>(value: Promise<T>, otherwise: D): Promise<T | D> {
  const { promise, resolve } = Promise.withResolvers<D>();
  const timeout = setTimeout(resolve, PART_DEADLINE_MS, otherwise);
  return Promise.race([value.catch(() => otherwise), promise]).finally(() => clearTimeout(timeout));
}

/** The lanes of the primary, and the one on the standby if there is one. */
export function allLanes({ db }: PlatformDeps): Record<string, LaneStats<AnyLaneName>> {
  return db.standby === null ? db.stats() : { ...db.stats(), standby: db.standby().lane };
}
