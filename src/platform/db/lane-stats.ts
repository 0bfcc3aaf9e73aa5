import type { AnyLaneName, LaneName } from "./settings.ts";

/** How a call ended, for observers. */
export type Outcome = "ok" | "error" | "timeout" | "rejected" | "connection" | "aborted";

/**
 * Told of every call that ended: metrics hang here. Positional, because it runs for every query.
 * Times in milliseconds; both 0 for a call that was refused on entry.
 */
export type LaneObserver = (
  lane: AnyLaneName,
  statement: string,
  outcome: Outcome,
  wait_ms: number,
  run_ms: number,
) => void;

export type Duration = { count: number; sum: number; max: number };

/** What a lane is doing and has done since the start. */
export type LaneStats<N extends AnyLaneName = LaneName> = {
  name: N;
  /** Connections at most. */
  max: number;
  /** Connections open. */
  size: number;
  /** Open connections with a query on them. */
  in_use: number;
  /** Open connections without. */
  idle: number;
  /** Queries sent and not answered; more than `in_use` when they are pipelined. */
  in_flight: number;
  /** Calls waiting for a connection. */
  waiting: number;
  /** Time from the call to its start on a connection. */
  wait_ms: Duration;
  /** Time on a connection. */
  run_ms: Duration;
  /** Calls that ended with rows. */
  queries: number;
  /** Calls that PostgreSQL refused. */
  errors: number;
  /** Calls that ended by a deadline, ours or the server's. */
  timeouts: number;
  /** Calls refused without being sent: queue full, database away, closed. */
  rejected: number;
  /** Calls that lost their connection. */
  lost: number;
  /** Calls whose caller went away. */
  aborted: number;
  slow: number;
  /** Queries sent again, after a deadlock or on another connection. */
  retries: number;
  /** Connections opened since the start. */
  opened: number;
};

/** Counters of one lane. */
export class LaneCounters {
  queries = 0;
  errors = 0;
  timeouts = 0;
  rejected = 0;
  lost = 0;
  aborted = 0;
  slow = 0;
  retries = 0;
  readonly wait_ms: Duration = { count: 0, sum: 0, max: 0 };
  readonly run_ms: Duration = { count: 0, sum: 0, max: 0 };

  count(outcome: Outcome): void {
    if (outcome === "ok") this.queries++;
    else if (outcome === "error") this.errors++;
    else if (outcome === "timeout") this.timeouts++;
    else if (outcome === "rejected") this.rejected++;
    else if (outcome === "connection") this.lost++;
    else this.aborted++;
  }
}

/** Adds one measurement. */
export function addDuration(duration: Duration, ms: number): void {
  duration.count++;
  duration.sum += ms;
  if (ms > duration.max) duration.max = ms;
}
