// Health checks; liveness and readiness as orchestrators understand them
import { Elysia, t } from "elysia";
import type { PlatformDeps } from "../platform/deps.ts";
import { version } from "../platform/version.ts";
import { answerForFleet, redisState } from "./fleet-report.ts";
import { type Lifecycle, unreadiness } from "./health-lifecycle.ts";
import { fresh } from "./respond.ts";
import { operation } from "./operation.ts";
import { Nullable, OneOf } from "./schema.ts";

export type { Lifecycle } from "./health-lifecycle.ts";

export const Health = t.Object({
  status: OneOf(["healthy", "degraded", "unhealthy"]),
  timestamp: t.String({ format: "date-time" }),
  redis: OneOf(["connected", "disconnected", "disabled"]),
  database: OneOf(["healthy", "unhealthy"]),
  version: t.String(),
  replica: t.String(),
});
const Probe = t.Object({ status: t.String(), reason: Nullable(t.String()) });

/** The state of this replica's parts, asked now and bounded by the lane's own deadline. */
export async function healthReport(deps: PlatformDeps): Promise<typeof Health.static> {
  const database = await deps.db.ping().then(
    () => "healthy" as const,
    () => "unhealthy" as const,
  );
  const redis = redisState(deps);
  const status = database === "unhealthy" ? "unhealthy" : redis === "disconnected" ? "degraded" : "healthy";
  return {
    status,
    timestamp: new Date(deps.clock.now()).toISOString(),
    redis,
    database,
    version,
    replica: deps.config.replica,
  };
}

/**
 * Public health endpoints: nothing here tells more than an outsider may know. From now on this replica also answers when
 * another one is asked about the fleet.
 */
export const healthRoutes = (deps: PlatformDeps, lifecycle: Lifecycle) => {
  answerForFleet(deps, lifecycle);
  return new Elysia({ name: "http.health" })
    .get(
      "/health",
      async () => {
        const report = await healthReport(deps);
        return fresh(report, report.status === "unhealthy" ? 503 : 200);
      },
      {
        response: { 200: Health, 503: Health },
        detail: operation({
          id: "getHealth",
          cache: { uncached: "the state of this moment" },
          permission: "public",
          tag: "Health",
          limit: "none",
          summary: "Health of this replica",
          description:
            "`degraded` (Redis is away) is still 200: every request is answered. `unhealthy` is 503.",
        }),
      },
    )
    .get("/livez", () => fresh({ status: "alive", reason: null }), {
      response: { 200: Probe },
      detail: operation({
        id: "getLiveness",
        cache: { uncached: "the state of this moment" },
        permission: "public",
        tag: "Health",
        limit: "none",
        summary: "Is the process alive",
        description: "Asks nothing else: an orchestrator restarts the process when this fails.",
      }),
    })
    .get(
      "/readyz",
      async () => {
        const reason = await unreadiness(lifecycle);
        return fresh(
          { status: reason === null ? "ready" : "not_ready", reason },
          reason === null ? 200 : 503,
        );
      },
      {
        response: { 200: Probe, 503: Probe },
        detail: operation({
          id: "getReadiness",
          cache: { uncached: "the state of this moment" },
          permission: "public",
          tag: "Health",
          limit: "none",
          summary: "May traffic be sent here",
          description:
            "503 while starting, while draining, without the database, and while a migration is missing.",
        }),
      },
    );
};
