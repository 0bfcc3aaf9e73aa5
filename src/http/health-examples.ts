/** What the operators' health endpoints answer of two replicas of which one has just died, for the documentation. */
const started_at = "2026-11-20T08:00:00.000Z";
const timestamp = "2026-11-20T08:15:00.000Z";
const dead = { replica: "api-2", state: "missing" };
const alive = { replica: "api-1", state: "ready" };

export const healthExample = {
  status: "degraded",
  timestamp,
  redis: "connected",
  database: "healthy",
  version: "1.4.0",
  replica: "api-1",
  replicas: [
    {
      ...alive,
      reason: null,
      version: "1.4.0",
      started_at,
      uptime_s: 900,
      last_seen_at: timestamp,
      redis: "connected",
      database: "healthy",
    },
    {
      ...dead,
      reason: null,
      version: "1.4.0",
      started_at,
      uptime_s: null,
      last_seen_at: "2026-11-20T08:14:48.000Z",
      redis: null,
      database: null,
    },
  ],
  partial: false,
};

const lane = (name: string, max: number, size: number) => ({
  name,
  max,
  size,
  in_use: 0,
  idle: size,
  in_flight: 0,
  waiting: 0,
  wait_ms: { count: 1_200, sum: 36.5, max: 1.2 },
  run_ms: { count: 1_200, sum: 840.2, max: 12.5 },
  queries: 1_200,
  errors: 0,
  timeouts: 0,
  rejected: 0,
  lost: 0,
  aborted: 0,
  slow: 0,
  retries: 0,
  opened: size,
});
const lanes = { fast: lane("fast", 8, 4), write: lane("write", 8, 2), report: lane("report", 4, 1) };

export const databaseExample = {
  status: "warning",
  pool_stats: {
    min_connections: 0,
    max_connections: 20,
    available: 20,
    in_use: 0,
    total: 7,
    waiting: 0,
    lanes,
  },
  replicas: [
    { ...alive, lanes },
    { ...dead, lanes: null },
  ],
  partial: false,
  server: { max_connections: 100, reserved_connections: 3, open_connections: 9, our_connections: 8 },
  indexes: { missing: [], invalid: [], unused: [] },
  scanned_tables: [],
  warnings: ["replica api-2 does not answer"],
  recommendations: [],
};

const times = { fast: { query_ms: 0.4 }, write: { query_ms: 0.6 }, report: { query_ms: 0.7 } };

export const testExample = {
  status: "failed",
  lanes: times,
  replicas: [
    { ...alive, lanes: times },
    { ...dead, lanes: {} },
  ],
  partial: false,
};

export const clearExample = {
  cleared: ["b:01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05"],
  definitions: ["shop.dashboard.stats", "shop.jobs.page"],
  replicas: [alive, dead],
  partial: false,
};
