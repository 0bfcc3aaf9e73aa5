import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { createDatabase } from "./db/database.ts";
import type { PlatformDeps } from "./deps.ts";
import { newId } from "./id.ts";
import type { Log } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createRateLimiter } from "./rate-limit/limiter.ts";
import { connectRedis } from "./redis.ts";
import { version } from "./version.ts";

export type Platform = Readonly<{
  deps: PlatformDeps;
  /** Ends what was opened, last opened first: limits are settled while Redis is there, queries end before the pools. */
  close(): Promise<void>;
}>;

/** Opens everything outside this process that the configuration names. Nothing is contacted before it is used. */
export function openPlatform(config: Config, options: { database_url: string; log: Log }): Platform {
  const { log, database_url } = options;
  const metrics = createMetrics({ replica: config.replica, version });
  const redis =
    config.redis_url === null
      ? null
      : connectRedis({ url: config.redis_url, log, clock: systemClock, observer: metrics.redis });
  const rateLimiter = config.rate_limits.enabled
    ? createRateLimiter({ redis, replicas: config.replicas, clock: systemClock, log })
    : null;
  const db = createDatabase({
    ...config.database,
    url: database_url,
    replica: config.replica,
    log,
    observer: metrics.statement,
  });
  metrics.watchLanes(() => Object.values(db.stats()));
  if (redis !== null) metrics.watchRedis(() => redis.state());
  if (rateLimiter !== null) metrics.watchRateLimits(() => rateLimiter.stats());
  return {
    deps: { config, db, redis, rateLimiter, log, metrics, clock: systemClock, id: newId },
    async close() {
      await rateLimiter?.close();
      redis?.close();
      await db.close();
      metrics.close();
    },
  };
}
