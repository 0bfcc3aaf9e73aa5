import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Registry } from "prom-client";
import type { OwnStats } from "./cache/index.ts";
import type { LaneObserver, LaneStats } from "./db/lane-stats.ts";
import { Histogram, type Series } from "./histogram.ts";
import type { AnyLaneName } from "./db/settings.ts";
import type { StandbyStats } from "./db/standby-lane.ts";
import { addCache } from "./metrics-cache.ts";
import { addPayments, type PaymentOutcome } from "./metrics-payments.ts";
import { addSockets, type SocketMetrics } from "./metrics-sockets.ts";
import { addStandby } from "./metrics-standby.ts";
import type { RateLimiterStats } from "./rate-limit/limiter.ts";
import type { RedisFailure, RedisObserver } from "./redis.ts";

/** Seconds: from a cache hit (tenths of a millisecond) to what no request should take. */
const REQUEST_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const CALL_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5];

/** Anything else a client sends as a method shares one label: clients do not decide how many series there are. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Requests of one route: resolved once, then no label is looked up again. */
export type RouteMetrics = { observe(status: number, seconds: number): void };

/** How a login ended that was tried. Those over the limit are in `rate_limit_refusals_total`. */
export type LoginOutcome = "success" | "invalid_credentials" | "no_membership" | "unavailable";

/** How a try to deliver a one-time code ended; `given_up`: nobody could use it any more. */
export type CodeDeliveryOutcome = "delivered" | "failed" | "given_up";

/** What a job proves again and again of the data of one business after the other. */
const integrityChecks = ["counters", "ledger"] as const;
export type IntegrityCheck = (typeof integrityChecks)[number];

/** Where everything that is counted is counted. Seconds and bytes, as Prometheus has it. */
export interface Metrics {
  /** The content type of `render`. */
  readonly content_type: string;
  /** The metrics of a route by its template (`/api/v1/customers/{id}`), never by a path that a client chose. */
  route(method: string, template: string): RouteMetrics;
  /** Fits the observer of the database lanes. */
  readonly statement: LaneObserver;
  /** Fits the observer of the Redis connection. */
  readonly redis: RedisObserver;
  login(outcome: LoginOutcome): void;
  rateLimitRefused(limit: string): void;
  codeDelivery(outcome: CodeDeliveryOutcome): void;
  payment(outcome: PaymentOutcome): void;
  readonly sockets: SocketMetrics;
  /** Data of a business was checked. */
  integrity(check: IntegrityCheck, outcome: "held" | "broken"): void;
  /** An error that reached the process instead of a handler. */
  uncaught(): void;
  /** Read at every scrape. */
  watchLanes(stats: () => readonly LaneStats<AnyLaneName>[]): void;
  watchStandby(stats: () => StandbyStats): void;
  watchRedis(state: () => "connected" | "disconnected"): void;
  watchRateLimits(stats: () => RateLimiterStats): void;
  watchCache(own: () => OwnStats): void;
  /** Prometheus text, format 0.0.4. */
  render(): Promise<string>;
  /** Stops measuring the event loop. */
  close(): void;
}

/** A registry of its own: nothing is global, so a test may have as many servers as it likes. */
export function createMetrics(options: { replica: string; version: string }): Metrics {
  const registry = new Registry();
  addBuild(registry, options);
  const closeProcess = addProcess(registry);
  const refusals = new Counter({
    name: "rate_limit_refusals_total",
    help: "Requests refused by a rate limit",
    labelNames: ["limit"],
    registers: [registry],
  });
  const logins = new Counter({
    name: "login_attempts_total",
    help: "Logins by outcome",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const deliveries = new Counter({
    name: "one_time_code_deliveries_total",
    help: "Tries to deliver a one-time code by outcome",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const integrity = new Counter({
    name: "integrity_checks_total",
    help: "Businesses whose data was checked, by outcome",
    labelNames: ["check", "outcome"],
    registers: [registry],
  });
  // A series that begins with its first failure shows no increase.
  for (const check of integrityChecks) integrity.inc({ check, outcome: "broken" }, 0);
  const uncaught = new Counter({
    name: "uncaught_errors_total",
    help: "Errors and rejections that nobody handled",
    registers: [registry],
  });
  return {
    content_type: registry.contentType,
    route: addRequests(registry),
    statement: addStatements(registry),
    redis: addRedis(registry),
    login: (outcome) => logins.inc({ outcome }),
    rateLimitRefused: (limit) => refusals.inc({ limit }),
    codeDelivery: (outcome) => deliveries.inc({ outcome }),
    payment: addPayments(registry),
    sockets: addSockets(registry),
    integrity: (check, outcome) => integrity.inc({ check, outcome }),
    uncaught: () => uncaught.inc(),
    watchLanes: (stats) => addLanes(registry, stats),
    watchRedis(state) {
      const up = () => (state() === "connected" ? 1 : 0);
      gauge(registry, "redis_up", "Whether Redis answers", [], (add) => add({}, up()));
    },
    watchRateLimits: (stats) => addRateLimits(registry, stats),
    watchStandby: (stats) => addStandby(registerIn(registry), stats),
    watchCache: (own) => addCache(registerIn(registry), own),
    render: () => registry.metrics(),
    close: closeProcess,
  };
}

/** What `GET /metrics` shows of Redis as JSON, from the fields of INFO. */
export type RedisSummary = {
  connected_clients: number;
  used_memory_human: string;
  keyspace_hits: number;
  keyspace_misses: number;
  /** Of all look-ups since the server started, 0 to 1; 0 before the first. */
  hit_rate: number;
};

/** Fields that the server does not tell count as 0. */
export function redisSummary(info: Readonly<Record<string, string>>): RedisSummary {
  const number = (name: string) => Number(info[name] ?? 0) || 0;
  const hits = number("keyspace_hits");
  const misses = number("keyspace_misses");
  return {
    connected_clients: number("connected_clients"),
    used_memory_human: info["used_memory_human"] ?? "0B",
    keyspace_hits: hits,
    keyspace_misses: misses,
    hit_rate: hits + misses === 0 ? 0 : Math.round((hits / (hits + misses)) * 10_000) / 10_000,
  };
}

function addRequests(registry: Registry): Metrics["route"] {
  const durations = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time from the first byte read to the response, by route template and status",
    bounds: REQUEST_BOUNDS,
    registry,
  });
  counter(
    registry,
    "http_requests_total",
    "Requests by route template and status",
    ["method", "route", "status"],
    (add) => {
      for (const series of durations.all()) add(series.labels, series.count());
    },
  );
  const templates = new Map<string, Map<string, RouteMetrics>>();
  return (method, template) => {
    const known = templates.get(template)?.get(method);
    if (known !== undefined) return known;
    const methods = templates.get(template) ?? new Map<string, RouteMetrics>();
    templates.set(template, methods);
    const label = METHODS.has(method) ? method : "other";
    const route = methods.get(label) ?? createRoute(durations, label, template);
    methods.set(label, route);
    return route;
  };
}

function createRoute(durations: Histogram, method: string, template: string): RouteMetrics {
  const byStatus = new Map<number, Series>();
  let lastStatus = 0;
  let last: Series | null = null;
  return {
    observe(status, seconds) {
      if (last === null || status !== lastStatus) {
        last = byStatus.get(status) ?? durations.series({ method, route: template, status: String(status) });
        byStatus.set(status, last);
        lastStatus = status;
      }
      last.observe(seconds);
    },
  };
}

function addStatements(registry: Registry): LaneObserver {
  const waits = new Histogram({
    name: "db_wait_seconds",
    help: "Time of calls before they had a connection, by lane",
    bounds: CALL_BOUNDS,
    registry,
  });
  const runs = new Histogram({
    name: "db_query_seconds",
    help: "Time of calls on a connection, by lane",
    bounds: CALL_BOUNDS,
    registry,
  });
  const lanes = new Map<string, { wait: Series; run: Series }>();
  const statements = new Map<string, { calls: number; seconds: number }>();
  counter(registry, "db_statement_calls_total", "Calls of a statement", ["statement"], (add) => {
    for (const [statement, { calls }] of statements) add({ statement }, calls);
  });
  counter(
    registry,
    "db_statement_seconds_total",
    "Time of a statement on connections",
    ["statement"],
    (add) => {
      for (const [statement, { seconds }] of statements) add({ statement }, seconds);
    },
  );
  return (lane, statement, outcome, wait_ms, run_ms) => {
    if (outcome === "rejected") return;
    let series = lanes.get(lane);
    if (series === undefined) {
      series = { wait: waits.series({ lane }), run: runs.series({ lane }) };
      lanes.set(lane, series);
    }
    series.wait.observe(wait_ms / 1000);
    series.run.observe(run_ms / 1000);
    let totals = statements.get(statement);
    if (totals === undefined) {
      totals = { calls: 0, seconds: 0 };
      statements.set(statement, totals);
    }
    totals.calls += 1;
    totals.seconds += run_ms / 1000;
  };
}

function addLanes(registry: Registry, stats: () => readonly LaneStats<AnyLaneName>[]): void {
  gauge(registry, "db_lane_connections", "Connections of a lane by state", ["lane", "state"], (add) => {
    for (const { name: lane, in_use, idle, max } of stats()) {
      add({ lane, state: "in_use" }, in_use);
      add({ lane, state: "idle" }, idle);
      add({ lane, state: "max" }, max);
    }
  });
  gauge(registry, "db_lane_waiting", "Calls waiting for a connection", ["lane"], (add) => {
    for (const { name: lane, waiting } of stats()) add({ lane }, waiting);
  });
  counter(registry, "db_calls_total", "Calls by how they ended", ["lane", "outcome"], (add) => {
    for (const { name: lane, queries, errors, timeouts, rejected, lost, aborted } of stats()) {
      const outcomes = { ok: queries, error: errors, timeout: timeouts, rejected, connection: lost, aborted };
      for (const [outcome, count] of Object.entries(outcomes)) add({ lane, outcome }, count);
    }
  });
  counter(registry, "db_slow_queries_total", "Queries slower than SLOW_QUERY_MS", ["lane"], (add) => {
    for (const { name: lane, slow } of stats()) add({ lane }, slow);
  });
}

function addRedis(registry: Registry): RedisObserver {
  const calls = new Histogram({
    name: "redis_call_seconds",
    help: "Time of answered calls",
    bounds: CALL_BOUNDS,
    registry,
  }).series({});
  const failures = new Map<RedisFailure, number>();
  counter(registry, "redis_failures_total", "Calls without an answer, by reason", ["reason"], (add) => {
    for (const [reason, count] of failures) add({ reason }, count);
  });
  return {
    observe: (seconds) => calls.observe(seconds),
    failed: (reason) => void failures.set(reason, (failures.get(reason) ?? 0) + 1),
  };
}

function addRateLimits(registry: Registry, stats: () => RateLimiterStats): void {
  counter(registry, "rate_limit_exchanges_total", "Script calls of the rate limits", [], (add) =>
    add({}, stats().exchanges),
  );
  gauge(registry, "rate_limit_subjects", "Subjects that are remembered", [], (add) =>
    add({}, stats().subjects),
  );
  gauge(registry, "rate_limit_local", "1 while limits are local shares", [], (add) =>
    add({}, stats().local ? 1 : 0),
  );
}

function addBuild(registry: Registry, { replica, version }: { replica: string; version: string }): void {
  gauge(registry, "build_info", "Always 1; says what runs", ["version", "bun", "replica"], (add) =>
    add({ version, bun: Bun.version, replica }, 1),
  );
}

/**
 * The process. prom-client's default metrics are not used: on Bun 1.4.5 handles, requests and resources are always 0,
 * heap spaces and garbage collection are empty, `process_heap_bytes` is the address space, and the version is Node's.
 */
function addProcess(registry: Registry): () => void {
  const started_s = Date.now() / 1000 - process.uptime();
  const delay = monitorEventLoopDelay({ resolution: 100 });
  delay.enable();
  gauge(registry, "event_loop_lag_seconds", "Delay of timers since the last scrape", ["quantile"], (add) => {
    add({ quantile: "0.5" }, delay.percentile(50) / 1e9);
    add({ quantile: "0.99" }, delay.percentile(99) / 1e9);
    add({ quantile: "1" }, delay.max / 1e9);
    delay.reset();
  });
  gauge(registry, "process_resident_memory_bytes", "Resident memory", [], (add) =>
    add({}, process.memoryUsage.rss()),
  );
  gauge(registry, "process_heap_used_bytes", "JavaScript heap in use", [], (add) =>
    add({}, process.memoryUsage().heapUsed),
  );
  gauge(registry, "process_start_time_seconds", "Start, since 1970", [], (add) => add({}, started_s));
  gauge(
    registry,
    "process_open_fds",
    "Open file descriptors; absent where the system does not tell",
    [],
    (add) => {
      const open = openDescriptors();
      if (open !== null) add({}, open);
    },
  );
  counter(registry, "process_cpu_seconds_total", "Processor time, user and system", [], (add) => {
    const { user, system } = process.cpuUsage();
    add({}, (user + system) / 1e6);
  });
  return () => void delay.disable();
}

function openDescriptors(): number | null {
  try {
    // One of them is the listing itself.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return null;
  }
}

/** For metrics that stand in files of their own. */
const registerIn = (registry: Registry) => ({
  gauge: (name: string, help: string, labels: string[], read: (add: Add) => void) =>
    gauge(registry, name, help, labels, read),
  counter: (name: string, help: string, labels: string[], read: (add: Add) => void) =>
    counter(registry, name, help, labels, read),
});

type Add = (labels: Record<string, string>, value: number) => void;

/** A gauge that is read when it is scraped. */
function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  read: (add: Add) => void,
): void {
  const metric = new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      read((labels, value) => metric.set(labels, value));
    },
  });
}

/** A counter whose truth is kept elsewhere and read when it is scraped. */
function counter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  read: (add: Add) => void,
): void {
  const metric = new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      read((labels, value) => metric.inc(labels, value));
    },
  });
}
