// Server-Timing: https://www.w3.org/TR/server-timing/

/** Milliseconds spent so far in each part of a request. `app` is what remains. */
export type Timings = { auth_ms: number; cache_ms: number; db_ms: number };

/** The `Server-Timing` value, milliseconds to two decimals. */
export function serverTiming(timings: Timings, total_ms: number): string {
  const app = Math.max(0, total_ms - timings.auth_ms - timings.cache_ms - timings.db_ms);
  return (
    `auth;dur=${hundredths(timings.auth_ms)}, cache;dur=${hundredths(timings.cache_ms)}, ` +
    `db;dur=${hundredths(timings.db_ms)}, app;dur=${hundredths(app)}`
  );
}

/** The `X-Process-Time` value: seconds with four decimals. */
export function processTime(total_ms: number): string {
  return (total_ms / 1000).toFixed(4);
}

/** Without `toFixed`, which is most of the cost of this header; a part that took no time is `0`. */
const hundredths = (ms: number): number => Math.round(ms * 100) / 100;
