import type { Cache } from "./cache/index.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Database } from "./db/database.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { RateLimiter } from "./rate-limit/limiter.ts";
import type { RedisConnection } from "./redis.ts";

/** The outside world, as everything above it sees it. Made once at start, passed down, never global. */
export type PlatformDeps = Readonly<{
  config: Config;
  db: Database;
  cache: Cache;
  /** Null when no Redis is configured: one process, nothing shared. */
  redis: RedisConnection | null;
  /** Null when limits are switched off. */
  rateLimiter: RateLimiter | null;
  log: Log;
  metrics: Metrics;
  clock: Clock;
  /** A new UUIDv7. */
  id: () => string;
}>;
