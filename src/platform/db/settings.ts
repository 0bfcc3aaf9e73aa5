/** The names of the lanes that are always there. */
export type LaneName = "fast" | "write" | "report";
/** `standby` takes reports on another server, when there is one. */
export type AnyLaneName = LaneName | "standby";

/** How one lane behaves. Times in the unit of their name. */
export type LaneSettings<N extends AnyLaneName = LaneName> = Readonly<{
  name: N;
  /** Connections at most. */
  max: number;
  /** Queries in flight on one connection at most; 1 keeps one slow query from delaying another. */
  pipeline_max: number;
  /** Calls that may wait for a connection; the next one is refused at once. */
  queue_max: number;
  /** A call is answered within this time, waiting included. */
  deadline_ms: number;
  /** The server ends a statement after this time. */
  statement_timeout_ms: number;
  /** Whether the lane only reads: then a query whose connection broke is sent once more. */
  read_only: boolean;
  /** Whether a running query is cancelled when its deadline has passed. */
  cancels_on_deadline: boolean;
  /** Whether a running query is cancelled when its caller has gone; otherwise it ends as if nothing had happened. */
  cancels_on_abort: boolean;
  /** A connection is replaced after about this time (±10 %, so that not all are replaced at once). */
  lifetime_ms: number;
  /** A connection that did nothing for this long is closed. */
  idle_timeout_ms: number;
  /** A connection that did nothing for this long must answer a probe before it is used. */
  probe_after_ms: number;
  connect_timeout_ms: number;
  /** While PostgreSQL is away, calls wait for its return until it has been away for this long; then they are refused. */
  patience_ms: number;
  /** Parameters of each connection, sent when it is opened. */
  connection: Readonly<Record<string, string>>;
}>;

export type LaneOptions = Readonly<{
  fast_max: number;
  write_max: number;
  report_max: number;
  queue_max: number;
  /** Name of this replica, for `application_name`. */
  replica: string;
}>;

const common = {
  lifetime_ms: 3_600_000,
  idle_timeout_ms: 600_000,
  probe_after_ms: 30_000,
  connect_timeout_ms: 5_000,
  patience_ms: 1_000,
} as const;

/** Single reads take microseconds: pipelining them saves system calls, 32 deep costs none of them a millisecond. */
const fast_pipeline_max = 32;

/**
 * The three lanes with their limits: `fast` for point reads and counters, `write` for single-statement writes, `report` for
 * lists and searches.
 */
export function laneSettings(options: LaneOptions): Readonly<Record<LaneName, LaneSettings>> {
  return {
    fast: {
      ...common,
      name: "fast",
      max: options.fast_max,
      pipeline_max: fast_pipeline_max,
      queue_max: options.queue_max,
      deadline_ms: 2_000,
      statement_timeout_ms: 1_000,
      read_only: true,
      cancels_on_deadline: false,
      cancels_on_abort: false,
      connection: parameters("fast", options, {
        statement_timeout: "1000",
        default_transaction_read_only: "on",
      }),
    },
    write: {
      ...common,
      name: "write",
      max: options.write_max,
      pipeline_max: 1,
      queue_max: options.queue_max,
      deadline_ms: 5_000,
      statement_timeout_ms: 5_000,
      read_only: false,
      cancels_on_deadline: true,
      cancels_on_abort: false,
      connection: parameters("write", options, { statement_timeout: "5000" }),
    },
    report: reportSettings("report", options),
  };
}

function reportSettings<N extends "report" | "standby">(name: N, options: LaneOptions): LaneSettings<N> {
  return {
    ...common,
    name,
    max: options.report_max,
    pipeline_max: 1,
    queue_max: options.queue_max,
    deadline_ms: 11_000,
    statement_timeout_ms: 10_000,
    read_only: true,
    cancels_on_deadline: true,
    cancels_on_abort: true,
    connection: parameters(name, options, {
      statement_timeout: "10000",
      default_transaction_read_only: "on",
      work_mem: "16MB",
      max_parallel_workers_per_gather: "2",
      // Optional filters and orderings chosen by a parameter fold away only when the planner sees the values.
      plan_cache_mode: "force_custom_plan",
    }),
  };
}

/**
 * The lane on a standby, like `report`, except that nobody waits for the server's return: the primary is asked instead.
 * And one connection beside it, which asks how far the server is, however busy the others are.
 */
export function standbySettings(
  options: LaneOptions,
): Readonly<Record<"reports" | "watch", LaneSettings<"standby">>> {
  const reports = { ...reportSettings("standby", options), patience_ms: 0 };
  const application_name = `${reports.connection["application_name"]}-watch`;
  return {
    reports,
    watch: {
      ...reports,
      max: 1,
      queue_max: 4,
      deadline_ms: 1_000,
      statement_timeout_ms: 1_000,
      connection: { ...reports.connection, application_name, statement_timeout: "1000" },
    },
  };
}

function parameters(
  lane: AnyLaneName,
  options: LaneOptions,
  own: Record<string, string>,
): Record<string, string> {
  return {
    // 63 bytes are kept by PostgreSQL; a long replica name must not hide the lane.
    application_name: `countinghouse/${options.replica.slice(0, 40)}/${lane}`,
    TimeZone: "UTC",
    lock_timeout: "2000",
    idle_in_transaction_session_timeout: "5000",
    random_page_cost: "1.1",
    // PostgreSQL's own default, spelt out because a server may have been given another one: plans are tested with it.
    effective_cache_size: "4GB",
    // Compiling costs more than any of our statements runs.
    jit: "off",
    ...own,
  };
}
