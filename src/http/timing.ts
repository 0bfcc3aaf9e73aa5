// Server-Timing: https://www.w3.org/TR/server-timing/

import { Patience } from "../platform/cache/index.ts";

/** Milliseconds spent so far in each part of a request. `app` is what remains. Lookups in the cache take it as options. */
export class Timings {
  auth_ms = 0;
  cache_ms = 0;
  db_ms = 0;
  #patience: Patience | null = null;

  /** What the request may still wait for Redis. Made for whoever asks: most requests are answered from memory. */
  get patience(): Patience {
    return (this.#patience ??= new Patience());
  }
  /** Milliseconds waited for Redis, within the other parts. */
  get redis_ms(): number {
    return this.#patience?.spent_ms ?? 0;
  }
}

/** The `Server-Timing` value, milliseconds to two decimals. */
export function serverTiming({ auth_ms, cache_ms, db_ms }: Timings, total_ms: number): string {
  const app = hundredths(Math.max(0, total_ms - auth_ms - cache_ms - db_ms));
  // What is answered from memory spends its time in one part.
  if (auth_ms === 0 && cache_ms === 0 && db_ms === 0)
    return `auth;dur=0, cache;dur=0, db;dur=0, app;dur=${app}`;
  return (
    `auth;dur=${hundredths(auth_ms)}, cache;dur=${hundredths(cache_ms)}, ` +
    `db;dur=${hundredths(db_ms)}, app;dur=${app}`
  );
}

/** The `X-Process-Time` value: seconds with four decimals. */
export function processTime(total_ms: number): string {
  const tenths = Math.round(total_ms * 10);
  return shortTimes[tenths] ?? (tenths / 10_000).toFixed(4);
}

const hundredths = (ms: number): string => {
  const count = Math.round(ms * 100);
  return shortParts[count] ?? String(count / 100);
};

/** Most requests take less than ten milliseconds, and writing a fraction out costs more than the rest of the header. */
const shortParts = Array.from({ length: 1000 }, (_, count) => String(count / 100));
const shortTimes = Array.from({ length: 100 }, (_, count) => (count / 10_000).toFixed(4));
