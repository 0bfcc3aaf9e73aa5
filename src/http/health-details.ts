import { Elysia, t } from "elysia";
import { databaseReport } from "./database-report.ts";
import type { Deps } from "./deps.ts";
import { edge } from "./edge.ts";
import { cacheHealthRoutes } from "./health-cache.ts";
import { Health, healthReport } from "./health.ts";
import { operation } from "./operation.ts";
import { fresh } from "./respond.ts";
import { OneOf } from "./schema.ts";

const Count = t.Integer({ minimum: 0 });
const Names = t.Array(t.String());
const Report = t.Object({
  status: OneOf(["healthy", "warning", "unhealthy"]),
  pool_stats: t.Object({
    min_connections: Count,
    max_connections: Count,
    available: Count,
    in_use: Count,
    total: Count,
    waiting: Count,
    lanes: t.Record(t.String(), t.Record(t.String(), t.Any())),
  }),
  server: t.Union([
    t.Object({
      max_connections: Count,
      reserved_connections: Count,
      open_connections: Count,
      our_connections: Count,
    }),
    t.Null(),
  ]),
  indexes: t.Object({ missing: Names, invalid: Names, unused: Names }),
  scanned_tables: Names,
  warnings: Names,
  recommendations: Names,
});
const Test = t.Object({
  status: t.Literal("ok"),
  lanes: t.Record(t.String(), t.Object({ query_ms: t.Number() })),
});

/** Health for those who run the service: pools, indexes, a real query, the cache. */
export const healthDetailRoutes = (deps: Deps) =>
  new Elysia({ name: "http.health-details" }).use(databaseHealthRoutes(deps)).use(cacheHealthRoutes(deps));

const databaseHealthRoutes = (deps: Deps) =>
  new Elysia({ name: "http.health-database", prefix: "/api/v1/health", normalize: false })
    .use(edge)
    .get("", async () => fresh(await healthReport(deps)), {
      response: { 200: Health },
      detail: operation({
        id: "getOperationsHealth",
        cache: { uncached: "the state of this moment" },
        permission: "operations.read",
        tag: "Health",
        summary: "Health, for operators",
        description: "The same figures as `/health`, behind a login: monitors of the business use this one.",
      }),
    })
    .get("/db", async ({ caller }) => fresh(await databaseReport(deps, caller)), {
      response: { 200: Report },
      detail: operation({
        id: "getDatabaseHealth",
        cache: { uncached: "figures of this moment" },
        permission: "operations.read",
        tag: "Health",
        summary: "Connection pools and indexes",
        description:
          "What each lane is doing, whether the server's `max_connections` carries all replicas, and which performance " +
          "indexes are missing, invalid or never used; with advice.",
      }),
    })
    .get("/db/test", async () => fresh(await timeQueries(deps)), {
      response: { 200: Test },
      detail: operation({
        id: "testDatabase",
        cache: { uncached: "it measures the database" },
        permission: "operations.read",
        tag: "Health",
        summary: "Run a real query",
        description:
          "One query on each lane, timed from the outside, in milliseconds: waiting for a connection counts.",
      }),
    });

async function timeQueries({ db }: Deps): Promise<typeof Test.static> {
  const times = Object.entries(await db.ping());
  const lanes = times.map(([name, ms]) => [name, { query_ms: Math.round(ms * 100) / 100 }]);
  return { status: "ok", lanes: Object.fromEntries(lanes) };
}
