import type { DatabaseUnavailable } from "../../src/platform/db/errors.ts";
import { createLane, type WriteLane } from "../../src/platform/db/lane.ts";
import type { LaneObserver } from "../../src/platform/db/lane-stats.ts";
import { type LaneName, laneSettings, type LaneSettings } from "../../src/platform/db/settings.ts";
import type { Parameters, Statement } from "../../src/platform/db/statement.ts";
import { failureOf } from "./failure.ts";

/** A line that a lane logged. */
export type LogLine = { message: string } & Record<string, unknown>;

/** A log that keeps its lines. */
export function keepLog(): { lines: LogLine[]; info: Log; warn: Log } {
  const lines: LogLine[] = [];
  const keep: Log = (fields, message) => void lines.push({ ...fields, message });
  return { lines, info: keep, warn: keep };
}
type Log = (fields: object, message: string) => void;

/** A lane as the server has it, with some settings changed. */
export function testLane(
  name: LaneName,
  options: {
    url: string;
    settings?: Partial<LaneSettings>;
    log?: ReturnType<typeof keepLog>;
    slow_query_ms?: number;
    observer?: LaneObserver;
  },
): WriteLane {
  const settings = laneSettings({
    fast_max: 4,
    write_max: 3,
    report_max: 2,
    queue_max: 200,
    replica: "test",
  });
  return createLane({
    url: options.url,
    settings: { ...settings[name], ...options.settings },
    log: options.log ?? keepLog(),
    slow_query_ms: options.slow_query_ms ?? 60_000,
    observer: options.observer,
  });
}

/** A statement for a test. */
export const statement = <P extends Parameters, R>(
  text: string,
  ...parameters: (keyof P & string)[]
): Statement<P, R> => ({ name: `test/${text.split(" ", 1)[0]}`, text, parameters });

export const echo = statement<{ id: number }, { id: number }>("select $1::int as id", "id");
export const sleep = statement<{ seconds: number }, { slept: string }>(
  "select pg_sleep($1::float8)::text as slept",
  "seconds",
);

/** Why the database was unavailable; null when there was another error or none. */
export const reasonOf = async (work: Promise<unknown>): Promise<DatabaseUnavailable["reason"] | null> => {
  const error = await failureOf(work);
  return error instanceof Error && error.name === "DatabaseUnavailable"
    ? (error as DatabaseUnavailable).reason
    : null;
};

/** Milliseconds that something took, with what it resolved to. */
export async function timed<T>(work: () => Promise<T>): Promise<{ took_ms: number; result: T }> {
  const started_ms = performance.now();
  const result = await work();
  return { took_ms: performance.now() - started_ms, result };
}
