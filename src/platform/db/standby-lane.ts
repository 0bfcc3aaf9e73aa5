import { awaitWalReplay } from "../statements.ts";
import type { Queryable } from "./call.ts";
import { DatabaseUnavailable, DatabaseError } from "./errors.ts";
import type { Lane, SequentialLane } from "./lane.ts";
import type { LaneStats } from "./lane-stats.ts";
import type { DatabaseLog } from "./pool.ts";
import { type StandbyTrouble, StandbyWatch } from "./standby-watch.ts";
import type { Parameters, QueryContext, Statement } from "./statement.ts";
import { WalFence } from "./wal-fence.ts";

/** A report waits for the standby to catch up in at most so many steps of 2 ms: longer than a healthy one needs. */
const STEPS_MAX = 25;

/** Why a report went to the primary after all. */
export type Fallback = "untrusted" | "lagging" | "away" | "conflict" | "refused";

export type StandbyStats = Readonly<{
  lane: LaneStats<"standby">;
  /** Null while reports are sent there. */
  trouble: StandbyTrouble | null;
  /** How old the primary's state is that it shows, at most; null before it was seen at all. */
  lag_ms: number | null;
  /** Reports that it answered, and those that the primary answered, by reason, since the start. */
  answered: number;
  fallbacks: Readonly<Record<Fallback, number>>;
}>;

export type StandbyLaneOptions = Readonly<{
  /** Point reads of the primary. */
  fast: Queryable;
  /** The lane for reports on the primary. */
  report: Lane;
  /** The lane on the standby. */
  standby: SequentialLane<"standby">;
  /** A connection to the standby that nothing else keeps busy. */
  watch: SequentialLane<"standby">;
  log: DatabaseLog;
}>;

/**
 * Reports from a physical standby that are never older than the primary's would be. Each one asks the primary how far
 * its log is (one small query, shared by all that ask at the same time) and has the standby say, on the connection and
 * before the snapshot that answer it, that it has replayed as much. Whoever was told of a commit before, by an answer or
 * by an invalidation of the cache, finds it; so the cache's positions hold without knowing where a load was answered.
 *
 * A standby that lags, is away, cancels a report for its replay, or refuses it for whatever reason costs the report
 * a try: the primary answers it. Deadlines are not passed on, they are over.
 */
export class StandbyLane implements Lane {
  readonly name = "report";
  readonly #options: StandbyLaneOptions;
  readonly #fence: WalFence;
  readonly #watch: StandbyWatch;
  readonly #leaving = new Set<() => void>();
  #answered = 0;
  readonly #fallbacks: Record<Fallback, number> = {
    untrusted: 0,
    lagging: 0,
    away: 0,
    conflict: 0,
    refused: 0,
  };

  constructor(options: StandbyLaneOptions) {
    this.#options = options;
    this.#fence = new WalFence(options.fast);
    this.#watch = new StandbyWatch({
      primary: options.fast,
      standby: options.watch,
      fence: this.#fence,
      log: options.log,
      lost: () => {
        for (const leave of this.#leaving) leave();
        options.standby.abandon();
        options.watch.abandon();
      },
    });
  }

  async query<P extends Parameters, R>(
    statement: Statement<P, R>,
    parameters: P,
    context?: QueryContext,
  ): Promise<R[]> {
    const rows = await this.#fromStandby(statement, parameters, context);
    if (typeof rows !== "string") {
      this.#answered += 1;
      return rows;
    }
    this.#fallbacks[rows] += 1;
    return this.#options.report.query(statement, parameters, context);
  }

  /** Of the lane on the primary. */
  stats(): LaneStats {
    return this.#options.report.stats();
  }

  standby(): StandbyStats {
    const { trouble } = this.#watch;
    const fallbacks = { ...this.#fallbacks };
    const lane = this.#options.standby.stats();
    return { lane, trouble, lag_ms: this.#watch.lag_ms(), answered: this.#answered, fallbacks };
  }

  async close(options?: { timeout_s?: number }): Promise<void> {
    this.#watch.close();
    const { report, standby, watch } = this.#options;
    await Promise.all([report.close(options), standby.close(options), watch.close(options)]);
  }

  async #fromStandby<P extends Parameters, R>(
    statement: Statement<P, R>,
    parameters: P,
    context: QueryContext | undefined,
  ): Promise<R[] | Fallback> {
    if (this.#watch.timeline === null) return "untrusted";
    const position = await this.#fence.position().catch(() => null);
    if (position === null || position.timeline !== this.#watch.timeline) return "untrusted";
    const asked = this.#options.standby.sequence(
      statement.name,
      async (on): Promise<R[] | null> => {
        const [replay] = await on.query(awaitWalReplay, { wal: position.wal, steps_max: STEPS_MAX });
        return replay?.has_replayed === true ? on.query(statement, parameters) : null;
      },
      context,
    );
    return this.#settled(asked, context);
  }

  #settled<R>(asked: Promise<R[] | null>, context: QueryContext | undefined): Promise<R[] | Fallback> {
    return new Promise((resolve, reject) => {
      const leave = (): void => resolve("away");
      this.#leaving.add(leave);
      asked
        .finally(() => this.#leaving.delete(leave))
        .then(
          (rows) => {
            if (rows === null) this.#watch.distrust("lagging");
            resolve(rows ?? "lagging");
          },
          (error: unknown) => {
            const fallback = context?.signal?.aborted === true ? null : fallbackOf(error);
            if (fallback === "away") this.#watch.distrust("away");
            if (fallback === null) reject(error);
            else resolve(fallback);
          },
        );
    });
  }
}

/**
 * Whether the primary should be asked after this. 40001 and 40P01 are what a standby says to a query that stands in the
 * way of its replay: https://www.postgresql.org/docs/18/hot-standby.html#HOT-STANDBY-CONFLICT
 */
function fallbackOf(error: unknown): Fallback | null {
  if (error instanceof DatabaseError) {
    return error.sqlstate === "40001" || error.sqlstate === "40P01" ? "conflict" : "refused";
  }
  if (!(error instanceof DatabaseUnavailable)) return null;
  return error.reason === "connection" ? "away" : error.reason === "overloaded" ? "refused" : null;
}
