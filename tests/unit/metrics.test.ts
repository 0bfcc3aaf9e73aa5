import { afterEach, expect, test } from "bun:test";
import { createMetrics, type Metrics, redisSummary } from "../../src/platform/metrics.ts";

let open: Metrics[] = [];

function metrics(): Metrics {
  const made = createMetrics({ replica: "r1", version: "1.2.3" });
  open.push(made);
  return made;
}

afterEach(() => {
  for (const made of open) made.close();
  open = [];
});

const lane = {
  name: "fast" as const,
  max: 4,
  size: 3,
  in_use: 2,
  idle: 1,
  in_flight: 5,
  waiting: 7,
  wait_ms: { count: 0, sum: 0, max: 0 },
  run_ms: { count: 0, sum: 0, max: 0 },
  queries: 10,
  errors: 1,
  timeouts: 2,
  rejected: 3,
  lost: 0,
  aborted: 0,
  slow: 6,
  retries: 0,
  opened: 3,
};

test("requests are counted by template and status, in cumulative buckets", async () => {
  const made = metrics();
  const customers = made.route("GET", "/api/v1/customers/:id");
  customers.observe(200, 0.0004);
  customers.observe(200, 0.02);
  customers.observe(404, 60);
  const text = await made.render();
  const labels = 'method="GET",route="/api/v1/customers/:id"';
  expect(text).toContain(`http_requests_total{${labels},status="200"} 2\n`);
  expect(text).toContain(`http_request_duration_seconds_bucket{${labels},status="200",le="0.0005"} 1\n`);
  expect(text).toContain(`http_request_duration_seconds_bucket{${labels},status="200",le="0.025"} 2\n`);
  expect(text).toContain(`http_request_duration_seconds_bucket{${labels},status="404",le="5"} 0\n`);
  expect(text).toContain(`http_request_duration_seconds_bucket{${labels},status="404",le="+Inf"} 1\n`);
  expect(text).toContain(`http_request_duration_seconds_sum{${labels},status="200"} 0.0204\n`);
});

test("a route is resolved once", () => {
  const made = metrics();
  expect(made.route("GET", "/health")).toBe(made.route("GET", "/health"));
  expect(made.route("GET", "/health")).not.toBe(made.route("HEAD", "/health"));
});

test("a client that invents methods adds one series", async () => {
  const made = metrics();
  for (let at = 0; at < 100; at += 1) made.route(`METHOD${at}`, "none").observe(405, 0.001);
  expect((await made.render()).match(/http_requests_total\{.*/g)).toEqual([
    'http_requests_total{method="other",route="none",status="405"} 100',
  ]);
});

test("lanes, statements, Redis, limits and logins are read at the scrape, and again at the next", async () => {
  const made = metrics();
  made.watchLanes(() => [lane]);
  made.watchRedis(() => "disconnected");
  made.watchRateLimits(() => ({ exchanges: 3, settled: 30, failures: 0, subjects: 20, local: true }));
  made.statement("fast", "core/get_customer", "ok", 0.5, 2);
  made.statement("fast", "core/get_customer", "rejected", 0, 0);
  made.redis.observe(0.0002);
  made.redis.failed("deadline");
  made.login("success");
  made.rateLimitRefused("login");
  made.codeDelivery("failed");
  for (let scrape = 0; scrape < 2; scrape += 1) {
    const lines = (await made.render()).split("\n");
    for (const line of [
      'db_lane_connections{lane="fast",state="in_use"} 2',
      'db_lane_waiting{lane="fast"} 7',
      'db_calls_total{lane="fast",outcome="timeout"} 2',
      'db_slow_queries_total{lane="fast"} 6',
      'db_statement_calls_total{statement="core/get_customer"} 1',
      'db_statement_seconds_total{statement="core/get_customer"} 0.002',
      'db_query_seconds_count{lane="fast"} 1',
      "redis_up 0",
      "redis_call_seconds_count 1",
      'redis_failures_total{reason="deadline"} 1',
      "rate_limit_exchanges_total 3",
      "rate_limit_subjects 20",
      "rate_limit_local 1",
      'login_attempts_total{outcome="success"} 1',
      'rate_limit_refusals_total{limit="login"} 1',
      'one_time_code_deliveries_total{outcome="failed"} 1',
      'integrity_checks_total{check="ledger",outcome="broken"} 0',
      `build_info{version="1.2.3",bun="${Bun.version}",replica="r1"} 1`,
    ]) {
      expect(lines).toContain(line);
    }
  }
});

test("the process says what is true of it: memory, descriptors, and a loop that was held up", async () => {
  const made = metrics();
  // It looks ten times a second.
  await Bun.sleep(250);
  Bun.sleepSync(300);
  await Bun.sleep(150);
  const text = await made.render();
  const value = (name: string) => Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1]);
  expect(value('event_loop_lag_seconds\\{quantile="1"\\}')).toBeGreaterThan(0.08);
  expect(value("process_resident_memory_bytes")).toBeGreaterThan(1e6);
  expect(value("process_start_time_seconds")).toBeLessThanOrEqual(Date.now() / 1000);
  expect(value("process_cpu_seconds_total")).toBeGreaterThan(0);
});

test("the summary of Redis reads INFO, and survives an empty one", () => {
  const info = {
    connected_clients: "3",
    used_memory_human: "1.50M",
    keyspace_hits: "30",
    keyspace_misses: "10",
  };
  expect(redisSummary(info)).toEqual({
    connected_clients: 3,
    used_memory_human: "1.50M",
    keyspace_hits: 30,
    keyspace_misses: 10,
    hit_rate: 0.75,
  });
  expect(redisSummary({})).toEqual({
    connected_clients: 0,
    used_memory_human: "0B",
    keyspace_hits: 0,
    keyspace_misses: 0,
    hit_rate: 0,
  });
});
