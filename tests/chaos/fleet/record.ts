import type { Fate } from "./client.ts";

/** What a request was. Idempotent ones and those with a key may be sent twice by the proxy; the others must not. */
export type Kind = "get" | "cached" | "dashboard" | "keyed" | "unkeyed" | "login" | "refresh";

export type Entry = Readonly<{
  kind: Kind;
  /** When it should have left, since the beginning of the run. */
  at_ms: number;
  /** From when it should have left until it was answered: a late departure counts. */
  took_ms: number;
  /** From when it left. */
  answered_ms: number;
  status: number;
  failure: Fate["failure"];
  retry_after: string | null;
  /** The code of the problem that it was answered with. */
  code: string | null;
  replica: string | null;
  /**
   * What the replica spent on the answer without the database, by its `Server-Timing`. Not who asks: that part may have
   * statements of the database in it.
   */
  beside_database_ms: number | null;
  /** Of a keyed request. */
  key: string | null;
}>;

/** Every request and its fate. */
export class Recorder {
  readonly entries: Entry[] = [];
  readonly #began = performance.now();

  now_ms(): number {
    return performance.now() - this.#began;
  }

  add(kind: Kind, at_ms: number, fate: Fate, key: string | null = null): void {
    this.entries.push({
      kind,
      at_ms,
      took_ms: this.now_ms() - at_ms,
      answered_ms: fate.answered_ms,
      status: fate.status,
      failure: fate.failure,
      retry_after: fate.headers["retry-after"] ?? null,
      code: fate.status < 400 ? null : (/"code":"(\w+)"/.exec(fate.body)?.[1] ?? "no problem"),
      replica: fate.headers["x-replica"] ?? null,
      beside_database_ms: besideDatabase(fate.headers["server-timing"]),
      key,
    });
  }

  /** Those that were to leave in this part of the run. */
  between(from_ms: number, to_ms: number): Entry[] {
    return this.entries.filter(({ at_ms }) => at_ms >= from_ms && at_ms < to_ms);
  }
}

function besideDatabase(server_timing: string | undefined): number | null {
  if (server_timing === undefined) return null;
  const parts = [...server_timing.matchAll(/(\w+);dur=([\d.]+)/g)];
  return parts.reduce(
    (sum, [, name, dur]) => (name === "cache" || name === "app" ? sum + Number(dur) : sum),
    0,
  );
}

/** Answered as asked for. */
export const isGood = ({ status }: Entry): boolean => status >= 200 && status < 400;

/** `get 503 overloaded, keyed closed ×3`: what went wrong, for people. */
export function describeBad(entries: readonly Entry[]): string {
  const counts = new Map<string, number>();
  for (const { kind, status, failure, code } of entries) {
    const what = `${kind} ${failure ?? `${status} ${code}`}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => (count === 1 ? what : `${what} ×${count}`)).join(", ");
}

/** The share of good answers. @returns 1 for none */
export function goodShare(entries: readonly Entry[]): number {
  return entries.length === 0 ? 1 : entries.filter(isGood).length / entries.length;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** `4,021 requests, 99.98 % good, p50 2.1 ms, p99 14.0 ms, longest 210 ms` */
export function summary(entries: readonly Entry[]): string {
  const times = entries.map(({ took_ms }) => took_ms);
  const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
  return (
    `${entries.length.toLocaleString("en")} requests, ${(goodShare(entries) * 100).toFixed(3)} % good, ` +
    `p50 ${ms(percentile(times, 0.5))}, p99 ${ms(percentile(times, 0.99))}, longest ${ms(Math.max(0, ...times))}`
  );
}
