import { Elysia, t } from "elysia";
import type { PlatformDeps } from "../platform/deps.ts";
import { version } from "../platform/version.ts";
import { databaseReport } from "./database-report.ts";
import type { Deps } from "./deps.ts";
import { edge } from "./edge.ts";
import {
  createFleetQuestion,
  type FleetAnswer,
  Lanes,
  ownAnswer,
  Partial,
  Replica,
  replicaMembers,
} from "./fleet-report.ts";
import { cacheHealthRoutes } from "./health-cache.ts";
import { databaseExample, healthExample, testExample } from "./health-examples.ts";
import type { Lifecycle } from "./health-lifecycle.ts";
import { Health } from "./health.ts";
import { operation } from "./operation.ts";
import { Problem } from "./problem.ts";
import { fresh } from "./respond.ts";
import { Nullable, OneOf } from "./schema.ts";

const Count = t.Integer({ minimum: 0 });
const Names = t.Array(t.String());
const FleetHealth = t.Object({ ...Health.properties, replicas: t.Array(Replica), partial: Partial });
const Report = t.Object({
  status: OneOf(["healthy", "warning", "unhealthy"]),
  pool_stats: t.Object({
    min_connections: Count,
    max_connections: Count,
    available: Count,
    in_use: Count,
    total: Count,
    waiting: Count,
    lanes: Lanes,
  }),
  replicas: t.Array(t.Object({ ...replicaMembers, lanes: Nullable(Lanes) })),
  partial: Partial,
  server: Nullable(
    t.Object({
      max_connections: Count,
      reserved_connections: Count,
      open_connections: Count,
      our_connections: Count,
    }),
  ),
  indexes: t.Object({ missing: Names, invalid: Names, unused: Names }),
  scanned_tables: Names,
  warnings: Names,
  recommendations: Names,
});
const Timing = t.Object({ query_ms: t.Number({ minimum: 0 }) });
const Test = t.Object({
  status: OneOf(["ok", "failed"], {
    description: "`failed`: somewhere a query failed, or a replica is missing",
  }),
  lanes: t.Record(t.String(), Timing, { description: "The slowest replica's" }),
  replicas: t.Array(
    t.Object({
      ...replicaMembers,
      lanes: t.Record(t.String(), Nullable(Timing), { description: "Null where the query failed" }),
    }),
  ),
  partial: Partial,
});

/** Health for those who run the service, of all replicas: their state, pools, indexes, a real query, the cache. */
export const healthDetailRoutes = (deps: Deps, lifecycle: Lifecycle) => {
  const ask = createFleetQuestion(deps, lifecycle);
  return new Elysia({ name: "http.health-details" })
    .use(fleetHealthRoutes(deps, ask))
    .use(cacheHealthRoutes(deps, ask));
};

const fleetHealthRoutes = (deps: Deps, ask: () => Promise<FleetAnswer>) =>
  new Elysia({ name: "http.health-database", prefix: "/api/v1/health", normalize: false })
    .use(edge)
    .get("", async () => fresh(fleetHealth(deps, await ask())), {
      response: { 200: FleetHealth },
      detail: operation({
        id: "getOperationsHealth",
        cache: { uncached: "the state of this moment" },
        permission: "operations.read",
        tag: "Health",
        summary: "Health of all replicas",
        description:
          "Every replica is asked, and what is told of all of them is the worst that any says. One that does not answer " +
          "within a second is named as `missing`, for five minutes; then the fleet is `degraded`. `version` and `replica` are " +
          "those of the replica that answers you.",
        examples: { response: healthExample },
      }),
    })
    .get("/db", async ({ caller }) => fresh(await databaseReport(deps, caller, await ask())), {
      response: { 200: Report },
      detail: operation({
        id: "getDatabaseHealth",
        cache: { uncached: "figures of this moment" },
        permission: "operations.read",
        tag: "Health",
        summary: "Connection pools and indexes",
        description:
          "What the lanes of all replicas are doing, together and each, whether the server's `max_connections` carries them, " +
          "and which performance indexes are missing, invalid or never used; with advice.",
        examples: { response: databaseExample },
      }),
    })
    .get("/db/test", async () => fresh(queryTimes(await ask())), {
      response: { 200: Test },
      detail: operation({
        id: "testDatabase",
        cache: { uncached: "it measures the database" },
        permission: "operations.read",
        tag: "Health",
        summary: "Run a real query",
        description:
          "One query on each lane of each replica, timed from the outside, in milliseconds: waiting for a connection " +
          "counts. 503 when no query was answered.",
        examples: { response: testExample },
      }),
    });

/** The worst that the replicas say. */
function fleetHealth(deps: PlatformDeps, fleet: FleetAnswer): typeof FleetHealth.static {
  const replicas = fleet.replicas.map((answer) => {
    const { report: _, ...seen } = answer;
    return seen;
  });
  const own = ownAnswer(deps, fleet);
  const any = (holds: (replica: (typeof replicas)[number]) => boolean) => replicas.some(holds);
  const database = any((replica) => replica.database === "unhealthy") ? "unhealthy" : "healthy";
  const redis = any((replica) => replica.redis === "disconnected") ? "disconnected" : own?.redis;
  const isDegraded =
    redis === "disconnected" || any(({ state }) => state === "missing" || state === "not_ready");
  return {
    status: database === "unhealthy" ? "unhealthy" : isDegraded ? "degraded" : "healthy",
    timestamp: new Date(deps.clock.now()).toISOString(),
    redis: redis ?? "disabled",
    database,
    version,
    replica: deps.config.replica,
    replicas,
    partial: fleet.partial,
  };
}

function queryTimes({ replicas, partial }: FleetAnswer): typeof Test.static {
  const slowest = new Map<string, number>();
  let failed = false;
  const each = replicas.map(({ replica, state, report }) => {
    failed ||= state === "missing";
    const lanes = Object.entries(report?.query_ms ?? {}).map(([lane, query_ms]) => {
      if (query_ms === null) failed = true;
      else slowest.set(lane, Math.max(slowest.get(lane) ?? 0, query_ms));
      return [lane, query_ms === null ? null : { query_ms }] as const;
    });
    return { replica, state, lanes: Object.fromEntries(lanes) };
  });
  if (slowest.size === 0) throw new Problem("database_unavailable", { headers: { "retry-after": "1" } });
  const lanes = Object.fromEntries([...slowest].map(([lane, query_ms]) => [lane, { query_ms }]));
  return { status: failed ? "failed" : "ok", lanes, replicas: each, partial };
}
