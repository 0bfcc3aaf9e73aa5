import { ping } from "../statements.ts";
import { createLane, type Lane, type WriteLane } from "./lane.ts";
import type { LaneObserver, LaneStats } from "./lane-stats.ts";
import type { DatabaseLog } from "./pool.ts";
import { openSession, type Session } from "./session.ts";
import { type LaneName, laneSettings, standbySettings } from "./settings.ts";
import { StandbyLane, type StandbyStats } from "./standby-lane.ts";

/** PostgreSQL as the server uses it: lanes, so that slow queries never delay quick ones. */
export type Database = {
  /** Point reads, short lists, dashboards from counters: pipelined, 1 s a statement, answered within 2 s. Read-only. */
  readonly fast: Lane;
  /** Single-statement writes: one in flight per connection, 5 s a statement, answered within 5 s. */
  readonly write: WriteLane;
  /**
   * Lists, searches, figures that are counted: one in flight per connection, 10 s a statement, answered within 11 s. Read-only. On the
   * standby, if there is one and it is as fresh as the primary; see StandbyLane.
   */
  readonly report: Lane;
  /** A connection of its own to the primary, for a job that takes longer than any lane lets it; close it. `name`: of the job. */
  session(name: string): Promise<Session>;
  /** Of the primary. */
  stats(): Record<LaneName, LaneStats>;
  /** How the standby does; null when none is configured. */
  readonly standby: (() => StandbyStats) | null;
  /** Milliseconds that each lane of the primary needs for a trivial query. @throws as `Lane.query` */
  ping(): Promise<Record<LaneName, number>>;
  /** Refuses new calls, lets running ones end for at most `timeout_s` (5), closes all connections. */
  close(options?: { timeout_s?: number }): Promise<void>;
};

export type DatabaseOptions = Readonly<{
  url: string;
  /** One physical standby of the same system that takes `report`; never an address behind which there are several. */
  replica_url?: string | null | undefined;
  fast_max: number;
  write_max: number;
  report_max: number;
  /** Calls that may wait in each lane. */
  queue_max: number;
  /** From this time on a query is logged, milliseconds. */
  slow_query_ms: number;
  /** Name of this replica, for `application_name`. */
  replica: string;
  log: DatabaseLog;
  observer?: LaneObserver | undefined;
}>;

/** Makes the lanes; without a standby no connection is opened before the first query. */
export function createDatabase(options: DatabaseOptions): Database {
  const settings = laneSettings(options);
  const { url, log, slow_query_ms, observer, replica_url } = options;
  const fast: Lane = createLane({ url, settings: settings.fast, log, slow_query_ms, observer });
  const write = createLane({ url, settings: settings.write, log, slow_query_ms, observer });
  const primary: Lane = createLane({ url, settings: settings.report, log, slow_query_ms, observer });
  const standby =
    replica_url === null || replica_url === undefined
      ? null
      : openStandby(options, { url: replica_url, fast, report: primary });
  const report = standby ?? primary;
  return {
    fast,
    write,
    report,
    session: (name) => openSession(url, { application_name: `countinghouse/${options.replica}/${name}` }),
    stats: () => ({ fast: fast.stats(), write: write.stats(), report: primary.stats() }),
    standby: standby === null ? null : () => standby.standby(),
    ping: async () => {
      const [fast_ms, write_ms, report_ms] = await Promise.all([fast, write, primary].map(timePing));
      return { fast: fast_ms ?? 0, write: write_ms ?? 0, report: report_ms ?? 0 };
    },
    close: async (close) => {
      await Promise.all([fast.close(close), write.close(close), report.close(close)]);
    },
  };
}

function openStandby(
  options: DatabaseOptions,
  { url, ...primary }: { url: string; fast: Lane; report: Lane },
): StandbyLane {
  const { log, slow_query_ms, observer } = options;
  const settings = standbySettings(options);
  return new StandbyLane({
    ...primary,
    standby: createLane({ url, settings: settings.reports, log, slow_query_ms, observer }),
    watch: createLane({ url, settings: settings.watch, log, slow_query_ms }),
    log,
  });
}

async function timePing(lane: Lane): Promise<number> {
  const started_ms = performance.now();
  await lane.query(ping, { token: 1 });
  return performance.now() - started_ms;
}
