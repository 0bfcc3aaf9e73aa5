import type { Log } from "../platform/log.ts";
import { DatabaseUnavailable } from "../platform/db/errors.ts";
import type { Problem } from "./problem.ts";
import type { RequestScope } from "./scope.ts";

const linesPerSecond = 100;
const sampleEvery = 100;

/** Asked every few hundred milliseconds by whoever keeps us running; that all is well need not be written down. */
const probes: ReadonlySet<string> = new Set(["/livez", "/readyz"]);

/**
 * One line per request. Under load successes are sampled: the first hundred of a second, then every hundredth, whose
 * line says `sampled: 100`. Refusals are sampled the same way, our own bugs (500) never. No body, no query, no header.
 */
export function createAccessLog(
  log: Log,
): (scope: RequestScope, status: number, total_ms: number, now_ms: number) => void {
  let second = 0;
  let lines = 0;
  return (scope, status, total_ms, now_ms) => {
    if (status === 200 && probes.has(scope.path)) return;
    const current = Math.floor(now_ms / 1000);
    if (current !== second) {
      second = current;
      lines = 0;
    }
    lines += 1;
    const sampled = lines > linesPerSecond;
    if (sampled && status !== 500 && lines % sampleEvery !== 0) return;
    const { principal, route, timings } = scope;
    const line = {
      request_id: scope.request_id,
      trace_id: scope.trace.trace_id,
      method: scope.request.method,
      route: route?.template ?? null,
      status,
      total_ms: round(total_ms),
      auth_ms: round(timings.auth_ms),
      cache_ms: round(timings.cache_ms),
      db_ms: round(timings.db_ms),
      redis_ms: round(timings.redis_ms),
      ip: scope.ip,
      business_id: principal?.business_id ?? null,
      member_id: principal?.member_id ?? null,
      ...(scope.problem === null ? {} : { code: scope.problem.code, ...causeOf(scope.problem) }),
      ...(sampled ? { sampled: sampleEvery } : {}),
    };
    if (status >= 500) log.error(line, "request");
    else log.info(line, "request");
  };
}

/** Why the database refused us; what it refused of the client's may hold values and is not logged. */
function causeOf(problem: Problem): { cause?: string } {
  return problem.cause instanceof DatabaseUnavailable ? { cause: problem.cause.reason } : {};
}

const round = (ms: number): number => Math.round(ms * 100) / 100;
