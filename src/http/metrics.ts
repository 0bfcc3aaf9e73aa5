// Prometheus text format: https://prometheus.io/docs/instrumenting/exposition_formats/
import { Elysia, t } from "elysia";
import type { PlatformDeps } from "../platform/deps.ts";
import { redisSummary } from "../platform/metrics.ts";
import { version } from "../platform/version.ts";
import { poolStats } from "./database-report.ts";
import { outcomes } from "./health-cache.ts";
import { operation } from "./operation.ts";
import { Problem } from "./problem.ts";
import { fresh } from "./respond.ts";
import { publicEdge } from "./scope.ts";

/** Metrics in the format that `Accept` asks for: JSON when it names it, else Prometheus text. */
export async function metricsResponse(deps: PlatformDeps, accept: string | null): Promise<Response> {
  if (accept?.includes("application/json") === true) return fresh(await metricsReport(deps));
  return new Response(await deps.metrics.render(), {
    headers: { "content-type": deps.metrics.content_type, "cache-control": "no-store" },
  });
}

/** The figures that the replaced back ends showed, under the names their dashboards know. */
async function metricsReport(deps: PlatformDeps) {
  const pool = poolStats(deps.db.stats());
  const info = await deps.redis?.info().catch(() => null);
  return {
    timestamp: new Date(deps.clock.now()).toISOString(),
    replica: deps.config.replica,
    version,
    uptime_s: Math.floor(process.uptime()),
    database: {
      pool_size: pool.max_connections,
      connections_checked_in: pool.total - pool.in_use,
      connections_checked_out: pool.in_use,
      // Our pools never exceed their size: what does not fit waits, and is counted there.
      overflow: 0,
      waiting: pool.waiting,
      total_connections: pool.total,
      lanes: pool.lanes,
    },
    redis: info === null || info === undefined ? null : redisSummary(info),
    cache: cacheFigures(deps),
  };
}

/** This replica's own: a scraper asks each. `GET /api/v1/health/cache` adds the replicas up. */
function cacheFigures({ cache }: PlatformDeps) {
  const { total, definitions, gauges } = cache.own();
  return {
    ...outcomes(total),
    gauges,
    definitions: Object.fromEntries(
      Object.entries(definitions).map(([name, summary]) => [name, outcomes(summary)]),
    ),
  };
}

const loopback = /^(127\.|::1$)/;
/** What a proxy on this machine adds to a request of somebody else's. */
const proxied = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via"];

/** `/metrics` on the public port: for a scraper on this machine only. Everybody else is told nothing. */
export const metricsRoutes = (deps: PlatformDeps) =>
  new Elysia({ name: "http.metrics" }).use(publicEdge).get(
    "/metrics",
    async ({ scope }) => {
      const { headers } = scope.request;
      const isProxied = proxied.some((name) => headers.has(name));
      if (isProxied || !loopback.test(scope.ip)) throw new Problem("not_found");
      return metricsResponse(deps, headers.get("accept"));
    },
    {
      response: { 200: t.String() },
      detail: operation({
        id: "getMetrics",
        cache: { uncached: "figures of this moment" },
        permission: "public",
        tag: "Health",
        limit: "none",
        produces: ["text/plain", "application/openmetrics-text", "application/json"],
        errors: ["not_found"],
        summary: "Metrics",
        description:
          "Prometheus text, or JSON with `Accept: application/json`. Answered to this machine only; from elsewhere use the admin port.",
      }),
    },
  );
