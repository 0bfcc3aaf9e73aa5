import { cacheDatabase } from "./cache-database.ts";
import { type Cache, createCache } from "./cache/index.ts";
import { createLoneOrder } from "./cache/lone.ts";
import { createRedisOrder } from "./cache/order.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { createDatabase, type Database } from "./db/database.ts";
import { openSession } from "./db/session.ts";
import type { PlatformDeps } from "./deps.ts";
import { newId } from "./id.ts";
import type { Log } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { rate_limit_hash_tag } from "./rate-limit/exchange.ts";
import { createRateLimiter } from "./rate-limit/limiter.ts";
import { connectRedis, type RedisConnection, type RedisOptions } from "./redis.ts";
import { connectRedisCluster } from "./redis-cluster.ts";
import { version } from "./version.ts";

export type Platform = Readonly<{
  deps: PlatformDeps;
  /** Ends what was opened, last opened first: limits are settled while Redis is there, queries end before the pools. */
  close(): Promise<void>;
}>;

export type PlatformOptions = Readonly<{
  database_url: string;
  log: Log;
  /** Names the statements that this program was built with; see createCache. */
  release: string;
}>;

/** Opens everything outside this process that the configuration names. Nothing waits: what is absent may come later. */
export function openPlatform(config: Config, options: PlatformOptions): Platform {
  const { log, database_url } = options;
  const metrics = createMetrics({ replica: config.replica, version });
  const redis = openRedis(config, { log, clock: systemClock, observer: metrics.redis });
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
  watchDatabase(metrics, db);
  const cache = openCache(config, { ...options, db });
  metrics.watchCache(() => cache.own());
  if (redis !== null) metrics.watchRedis(() => redis.state());
  if (rateLimiter !== null) metrics.watchRateLimits(() => rateLimiter.stats());
  return {
    deps: { config, db, cache, redis, rateLimiter, log, metrics, clock: systemClock, id: newId },
    async close() {
      await Promise.all([rateLimiter?.close(), cache.close()]);
      redis?.close();
      await db.close();
      metrics.close();
    },
  };
}

function watchDatabase(metrics: Metrics, { stats, standby }: Database): void {
  metrics.watchLanes(() => {
    const lanes = Object.values(stats());
    return standby === null ? lanes : [...lanes, standby().lane];
  });
  if (standby !== null) metrics.watchStandby(standby);
}

/** What the rate limits and the health checks ask: the one Redis, or the master that has the limits' slot. */
function openRedis(config: Config, parts: Omit<RedisOptions, "url">): RedisConnection | null {
  const { redis_url, redis_cluster_urls } = config;
  if (redis_url !== null) return connectRedis({ ...parts, url: redis_url });
  if (redis_cluster_urls.length === 0) return null;
  return connectRedisCluster({ ...parts, urls: redis_cluster_urls, hash_tag: rate_limit_hash_tag });
}

const timer = {
  after(delay_ms: number, run: () => void): () => void {
    const timeout = setTimeout(run, delay_ms);
    timeout.unref();
    return () => clearTimeout(timeout);
  },
};

/** The cache over the order that Redis keeps, or, without Redis, over the one a lone process keeps by itself. */
function openCache(config: Config, options: PlatformOptions & { db: Database }): Cache {
  const { log, db, database_url } = options;
  const application_name = `countinghouse/${config.replica}/cache`;
  const database = cacheDatabase(db.write, () => openSession(database_url, { application_name }));
  const common = { database, clock: systemClock, timer, token: newId, log };
  const { redis_url, redis_cluster_urls } = config;
  const cluster = redis_cluster_urls.length > 0;
  const urls = redis_url === null ? redis_cluster_urls : [redis_url];
  const order =
    urls.length === 0
      ? createLoneOrder(common)
      : createRedisOrder({ ...common, random: Math.random }, { urls, cluster });
  return createCache(
    { order, clock: systemClock, timer, random: Math.random, log },
    { ...config.cache, release: options.release, lane: laneOf(config) },
  );
}

/** Pages and dashboards (`….page`, `….dashboard.…`) load on the lane of lists, everything else on the one of point reads. */
function laneOf({ database }: Config): (definition: string) => { name: string; slots: number } {
  const fast = { name: "fast", slots: database.fast_max * 8 };
  const report = { name: "report", slots: database.report_max };
  return (definition) => (/\.page$|\.dashboard\./.test(definition) ? report : fast);
}
