import type { PlatformDeps } from "../platform/deps.ts";
import { type ConnectionBudget, connectionBudget } from "../platform/db/connection-budget.ts";
import type { Duration, LaneStats } from "../platform/db/lane-stats.ts";
import type { AnyLaneName } from "../platform/db/settings.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { migrations } from "../platform/migration-files.ts";
import { listIndexes, listTableScans } from "../platform/statements.ts";
import { allLanes, type FleetAnswer, type ReplicaAnswer } from "./fleet-report.ts";

const schemas = ["core", "ledger", "savings", "bank", "budget", "shop"];
const indexName = /^create index concurrently if not exists (\w+)/gim;

/** The lanes of one replica; null when it did not tell. */
export type ReplicaLanes = Readonly<{
  replica: string;
  state: ReplicaAnswer["state"];
  lanes: Record<string, LaneStats<AnyLaneName>> | null;
}>;

/** What `GET /api/v1/health/db` says: the pools now, and what an operator should look at. */
export type DatabaseReport = {
  status: "healthy" | "warning" | "unhealthy";
  pool_stats: {
    min_connections: number;
    max_connections: number;
    available: number;
    in_use: number;
    total: number;
    waiting: number;
    lanes: Record<string, LaneStats<AnyLaneName>>;
  };
  replicas: ReplicaLanes[];
  partial: boolean;
  /** Null when the database does not answer. */
  server: ConnectionBudget["server"] | null;
  indexes: { missing: string[]; invalid: string[]; unused: string[] };
  /** Large tables that are read in sequence more often than by an index. */
  scanned_tables: string[];
  warnings: string[];
  recommendations: string[];
};

type Index = { index: string; scans: number; unique: boolean; valid: boolean };

/**
 * Adds up the pools of the replicas, and reads the server's connection budget and the performance indexes. Bounded by the
 * lane.
 *
 * @param fleet what the replicas answered; without it this process speaks for itself alone
 */
export async function databaseReport(
  deps: PlatformDeps,
  context: QueryContext,
  fleet: FleetAnswer | null = null,
): Promise<DatabaseReport> {
  const replicas = fleet === null ? [ownLanes(deps)] : fleet.replicas.map(lanesOf);
  const running = replicas.filter(({ lanes }) => lanes !== null).length;
  const [budget, indexes, scanned_tables] = await Promise.all([
    connectionBudget(deps.db, { replicas: Math.max(deps.config.replicas, running) }, context),
    readIndexes(deps, context),
    readScans(deps, context),
  ]).catch(() => [null, null, []] as const);
  const advice = { warnings: [] as string[], recommendations: [] as string[] };
  adviseReplicas(replicas, deps.config.replicas, advice);
  if (budget === null || indexes === null) advice.warnings.push("the database does not answer");
  else {
    adviseBudget(budget, advice);
    adviseIndexes(indexes, advice);
    for (const table of scanned_tables) {
      advice.recommendations.push(`${table} is mostly read in sequence; look for a query without an index`);
    }
  }
  const isAway = budget === null || fleet?.replicas.some(({ database }) => database === "unhealthy") === true;
  const none = { missing: [], invalid: [], unused: [] };
  return {
    status: isAway ? "unhealthy" : advice.warnings.length > 0 ? "warning" : "healthy",
    pool_stats: poolStats(addLanes(replicas.flatMap(({ lanes }) => (lanes === null ? [] : [lanes])))),
    replicas,
    partial: fleet === null || fleet.partial,
    server: budget?.server ?? null,
    indexes: indexes ?? none,
    scanned_tables: [...scanned_tables],
    ...advice,
  };
}

const ownLanes = (deps: PlatformDeps): ReplicaLanes => ({
  replica: deps.config.replica,
  state: "ready",
  lanes: allLanes(deps),
});

const lanesOf = ({ replica, state, report }: ReplicaAnswer): ReplicaLanes => ({
  replica,
  state,
  lanes: report?.lanes ?? null,
});

const addDurations = (one: Duration, other: Duration): Duration => ({
  count: one.count + other.count,
  sum: one.sum + other.sum,
  max: Math.max(one.max, other.max),
});

/** The same lanes of several replicas as one. */
export function addLanes(
  all: readonly Record<string, LaneStats<AnyLaneName>>[],
): Record<string, LaneStats<AnyLaneName>> {
  const sums: Record<string, LaneStats<AnyLaneName>> = {};
  for (const [name, lane] of all.flatMap((lanes) => Object.entries(lanes))) {
    const sum = sums[name];
    if (sum === undefined) sums[name] = { ...lane };
    else {
      for (const [figure, value] of Object.entries(lane)) {
        if (typeof value === "number") sum[figure as CountOfLane] += value;
      }
      sum.wait_ms = addDurations(sum.wait_ms, lane.wait_ms);
      sum.run_ms = addDurations(sum.run_ms, lane.run_ms);
    }
  }
  return sums;
}

type CountOfLane = Exclude<keyof LaneStats<AnyLaneName>, "name" | "wait_ms" | "run_ms">;

type Advice = Pick<DatabaseReport, "warnings" | "recommendations">;

/** The lanes added up, as one pool. */
export function poolStats(lanes: Record<string, LaneStats<AnyLaneName>>): DatabaseReport["pool_stats"] {
  const all = Object.values(lanes);
  const total = (of: (lane: LaneStats<AnyLaneName>) => number) =>
    all.reduce((sofar, lane) => sofar + of(lane), 0);
  const max_connections = total((lane) => lane.max);
  const in_use = total((lane) => lane.in_use);
  return {
    min_connections: 0,
    max_connections,
    available: max_connections - in_use,
    in_use,
    total: total((lane) => lane.size),
    waiting: total((lane) => lane.waiting),
    lanes,
  };
}

/**
 * Compares the indexes that the performance migration promises with those that are there. Each server counts its own use of
 * them; asked is the primary, which knows of all but what a standby reports.
 */
async function readIndexes(deps: PlatformDeps, context: QueryContext): Promise<DatabaseReport["indexes"]> {
  const [row] = await deps.db.fast.query(listIndexes, { schemas }, context);
  const found = JSON.parse(row?.data ?? "[]") as Index[];
  const names = new Set(found.map(({ index }) => index));
  const promised = migrations.flatMap(({ text }) =>
    [...text.matchAll(indexName)].map((match) => match[1] ?? ""),
  );
  return {
    missing: promised.filter((name) => !names.has(name)),
    invalid: found.filter(({ valid }) => !valid).map(({ index }) => index),
    unused: found
      .filter(({ index, scans }) => scans === 0 && promised.includes(index))
      .map(({ index }) => index),
  };
}

const scanMinRows = 10_000;

type TableScans = { schema: string; table: string; sequential_scans: number; index_scans: number };

async function readScans(deps: PlatformDeps, context: QueryContext): Promise<string[]> {
  const [row] = await deps.db.fast.query(listTableScans, { schemas, min_rows: scanMinRows }, context);
  const found = JSON.parse(row?.data ?? "[]") as TableScans[];
  return found
    .filter(({ sequential_scans, index_scans }) => sequential_scans > index_scans)
    .map(({ schema, table }) => `${schema}.${table}`);
}

function adviseReplicas(replicas: readonly ReplicaLanes[], planned: number, advice: Advice): void {
  for (const { replica, state, lanes } of replicas) {
    const place = replicas.length > 1 ? `replica ${replica}, lane` : "lane";
    if (lanes !== null) adviseLanes(place, Object.values(lanes), advice);
    else if (state === "missing") advice.warnings.push(`replica ${replica} does not answer`);
  }
  const running = replicas.filter(({ lanes }) => lanes !== null).length;
  if (running <= planned) return;
  advice.warnings.push(`${running} replicas run, and REPLICAS says ${planned}`);
  advice.recommendations.push(`set REPLICAS to ${running}, which rate limits without Redis go by, too`);
}

function adviseLanes(
  place: string,
  lanes: readonly LaneStats<AnyLaneName>[],
  { warnings, recommendations }: Advice,
): void {
  for (const lane of lanes) {
    if (lane.in_use > 0.8 * lane.max) {
      warnings.push(`${place} ${lane.name}: ${lane.in_use} of ${lane.max} connections in use`);
      recommendations.push(
        `raise DB_${lane.name === "standby" ? "REPORT" : lane.name.toUpperCase()}_MAX or add a replica; look for slow queries first`,
      );
    }
    if (lane.waiting > 0) warnings.push(`${place} ${lane.name}: ${lane.waiting} calls wait for a connection`);
    if (lane.slow > 0)
      recommendations.push(`${place} ${lane.name}: ${lane.slow} slow queries since the start; see the log`);
  }
}

function adviseBudget(
  { sufficient, arithmetic }: ConnectionBudget,
  { warnings, recommendations }: Advice,
): void {
  if (sufficient) return;
  warnings.push(arithmetic);
  recommendations.push("lower DB_FAST_MAX, DB_WRITE_MAX or DB_REPORT_MAX, or raise max_connections");
}

function adviseIndexes(indexes: DatabaseReport["indexes"], { warnings, recommendations }: Advice): void {
  if (indexes.missing.length > 0) {
    warnings.push(`missing indexes: ${indexes.missing.join(", ")}`);
    recommendations.push("run `migrate`: it builds what is missing without blocking writes");
  }
  if (indexes.invalid.length > 0) warnings.push(`invalid indexes: ${indexes.invalid.join(", ")}`);
  if (indexes.unused.length > 0) {
    recommendations.push(`never used since the statistics were reset: ${indexes.unused.join(", ")}`);
  }
}
