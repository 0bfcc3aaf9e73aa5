// Server-Timing: https://www.w3.org/TR/server-timing/

/** Milliseconds spent so far in each part of a request. `app` is what remains. */
export type Timings = { auth_ms: number; cache_ms: number; db_ms: number };

/** The `Server-Timing` value, milliseconds with two decimals. */
export function serverTiming(timings: Timings, total_ms: number): string {
  const app = Math.max(0, total_ms - timings.auth_ms - timings.cache_ms - timings.db_ms);
  return (
    `auth;dur=${timings.auth_ms.toFixed(2)}, cache;dur=${timings.cache_ms.toFixed(2)}, ` +
    `db;dur=${timings.db_ms.toFixed(2)}, app;dur=${app.toFixed(2)}`
  );
}

/** The `X-Process-Time` value: seconds with four decimals. */
export function processTime(total_ms: number): string {
  return (total_ms / 1000).toFixed(4);
}
