import type { SQL } from "bun";
import { Call, type CallBody, type Queryable } from "./call.ts";
import type { Connection } from "./connection.ts";
import { encodeParameters } from "./encode.ts";
import { DatabaseError, DatabaseUnavailable } from "./errors.ts";
import { type Failure, failureOf, unavailable } from "./failures.ts";
import { Gate, type GateOwner, type JobState } from "./gate.ts";
import { addDuration, LaneCounters, type LaneObserver, type LaneStats, type Outcome } from "./lane-stats.ts";
import { type DatabaseLog, Pool } from "./pool.ts";
import type { AnyLaneName, LaneName, LaneSettings } from "./settings.ts";
import type { Parameters, QueryContext, Statement } from "./statement.ts";

/** A statement that the server undid is sent again at most this often; the deadline often comes first. */
const transient_retries_max = 10;
const transient_pause_max_ms = 400;

/** Connections for one kind of query, with a bounded queue and a deadline for every call. */
export interface Lane<N extends AnyLaneName = LaneName> extends Queryable {
  readonly name: N;
  /**
   * Runs a statement, prepared, and gives its rows. It is sent again, within its deadline, when it provably had no
   * effect: PostgreSQL undid it (deadlock, serialisation failure, lock timeout), or it only reads and lost its
   * connection (once).
   *
   * @throws {DatabaseError} PostgreSQL refused the statement
   * @throws {DatabaseUnavailable} no answer could be had; a write may have happened, when it was sent
   * @throws {TypeError} a parameter is undefined or not finite
   * @throws the signal's reason, when the caller went away first
   */
  query<P extends Parameters, R>(
    statement: Statement<P, R>,
    parameters: P,
    context?: QueryContext,
  ): Promise<R[]>;
  stats(): LaneStats<N>;
  /** Refuses new calls, lets running ones end for at most `timeout_s` (5), closes the connections. */
  close(options?: { timeout_s?: number }): Promise<void>;
}

/** A lane of which a call may have a connection to itself. */
export interface SequentialLane<N extends AnyLaneName = LaneName> extends Lane<N> {
  /**
   * Runs several statements one after the other on one connection, which nobody else can use meanwhile. Each is by
   * itself, with a snapshot of its own. Never run again; the deadline of the lane covers all of it. For lanes with one
   * query in flight per connection.
   *
   * @param name what counts as its statement in metrics and in the log
   * @throws as `query`, and whatever `run` throws
   */
  sequence<T>(name: string, run: (on: Queryable) => Promise<T>, context?: QueryContext): Promise<T>;
  /** The server is known not to answer: what waits and what runs fails now, and new calls make new connections. */
  abandon(): void;
}

/** The lane that writes. */
export interface WriteLane<N extends AnyLaneName = LaneName> extends SequentialLane<N> {
  /**
   * Runs several statements as one transaction on one connection, which nobody else can use meanwhile: one round trip
   * each, locks held across them, and half of it undone when anything breaks. Writes are single statements instead;
   * whoever calls this says why one statement will not do. It is never run again by itself; the deadline of the lane
   * covers all of it, after which its statements are refused and it is rolled back.
   *
   * @throws as `query`, and whatever `run` throws
   */
  begin<T>(run: (transaction: Queryable) => Promise<T>, context?: QueryContext): Promise<T>;
}

export type LaneDependencies<N extends AnyLaneName = LaneName> = Readonly<{
  url: string;
  settings: LaneSettings<N>;
  log: DatabaseLog;
  slow_query_ms: number;
  observer?: LaneObserver | undefined;
}>;

/** Opens nothing until the first query. */
export function createLane<N extends AnyLaneName>(dependencies: LaneDependencies<N>): WriteLane<N> {
  return new SqlLane(dependencies);
}

class SqlLane<N extends AnyLaneName> implements WriteLane<N>, GateOwner<Call> {
  readonly name: N;
  readonly #settings: LaneSettings<N>;
  readonly #log: DatabaseLog;
  readonly #slow_query_ms: number;
  readonly #observer: LaneObserver | undefined;
  readonly #gate: Gate<Call>;
  readonly #pool: Pool;
  readonly #counters = new LaneCounters();

  constructor({ url, settings, log, slow_query_ms, observer }: LaneDependencies<N>) {
    this.name = settings.name;
    this.#settings = settings;
    this.#log = log;
    this.#slow_query_ms = slow_query_ms;
    this.#observer = observer;
    this.#gate = new Gate<Call>(this, settings);
    this.#pool = new Pool({
      url,
      settings,
      log,
      available: () => this.#gate.drain(performance.now()),
      lost: (error) => this.#gate.refuseWaiting(error),
    });
  }

  query<P extends Parameters, R>(
    statement: Statement<P, R>,
    parameters: P,
    context?: QueryContext,
  ): Promise<R[]> {
    return new Promise((resolve, reject) => {
      const values = encodeParameters(statement, parameters);
      const call = new Call({
        name: statement.name,
        text: statement.text,
        values,
        context,
        body: null,
        abortable: this.#settings.cancels_on_abort,
        // The generated row type is what PostgreSQL described.
        resolve: resolve as (rows: unknown) => void,
        reject,
      });
      this.#gate.enter(call, performance.now());
    });
  }

  begin<T>(run: (transaction: Queryable) => Promise<T>, context?: QueryContext): Promise<T> {
    return this.#runOn("transaction", { run, transacts: true }, context);
  }

  sequence<T>(name: string, run: (on: Queryable) => Promise<T>, context?: QueryContext): Promise<T> {
    return this.#runOn(name, { run, transacts: false }, context);
  }

  abandon(): void {
    this.#gate.refuseWaiting(unavailable("connection"));
    this.#pool.drop();
  }

  stats(): LaneStats<N> {
    const { queries, errors, timeouts, rejected, lost, aborted, slow, retries } = this.#counters;
    return {
      name: this.name,
      max: this.#settings.max,
      ...this.#pool.count(),
      waiting: this.#gate.waiting,
      wait_ms: { ...this.#counters.wait_ms },
      run_ms: { ...this.#counters.run_ms },
      queries,
      errors,
      timeouts,
      rejected,
      lost,
      aborted,
      slow,
      retries,
      opened: this.#pool.opened,
    };
  }

  async close({ timeout_s = 5 }: { timeout_s?: number } = {}): Promise<void> {
    this.#gate.close();
    await this.#pool.close(timeout_s);
    this.#gate.stop();
  }

  // What the gate asks of its owner.

  start(call: Call, now_ms: number): boolean | Error {
    // One that waits counts itself; one that comes and finds nobody waiting does not.
    const connection = this.#pool.pick(now_ms, Math.max(1, this.#gate.waiting));
    if (connection === null) return this.#pool.refusal(now_ms) ?? false;
    const client = connection.client as SQL;
    if (call.body === null) this.#send(call, connection, client, now_ms);
    else this.#perform(call, call.body, connection, client, now_ms);
    return true;
  }

  ended(call: Call, why: "deadline" | "aborted" | "refused", error: Error | null, was: JobState): void {
    if (why === "deadline") {
      if (was === "running" && this.#settings.cancels_on_deadline) void call.query?.cancel();
      this.#observe(call, "timeout", was, performance.now());
    } else if (why === "aborted") {
      if (was === "running") void call.query?.cancel();
      this.#observe(call, "aborted", was, performance.now());
    } else {
      this.#observe(call, "rejected", was, performance.now());
    }
    call.reject(error ?? call.context?.signal?.reason);
  }

  tick(now_ms: number): void {
    this.#pool.replaceStuck(now_ms);
  }

  #runOn<T>(name: string, body: CallBody, context: QueryContext | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = new Call({
        name,
        text: "",
        values: [],
        context,
        body,
        abortable: this.#settings.cancels_on_abort,
        resolve: resolve as (result: unknown) => void,
        reject,
      });
      this.#gate.enter(call, performance.now());
    });
  }

  #send(call: Call, connection: Connection, client: SQL, now_ms: number): void {
    connection.sent(now_ms, this.#settings.statement_timeout_ms);
    const query: SQL.Query<unknown> = client.unsafe(call.text, call.values as unknown[]);
    call.query = query;
    query.then(
      (rows) => this.#succeeded(call, connection, client, rows),
      (error: unknown) => this.#failed(call, connection, client, error),
    );
  }

  #perform(call: Call, body: CallBody, connection: Connection, client: SQL, now_ms: number): void {
    connection.sent(now_ms, this.#settings.deadline_ms + this.#settings.statement_timeout_ms);
    const run = (on: SQL) =>
      body.run({ query: (statement, parameters) => this.#queryWithin(call, on, statement, parameters) });
    const done: Promise<unknown> = body.transacts ? client.begin(run) : run(client);
    done.then(
      (result) => this.#succeeded(call, connection, client, result),
      (error: unknown) => this.#failed(call, connection, client, error),
    );
  }

  async #queryWithin<P extends Parameters, R>(
    call: Call,
    on: SQL,
    statement: Statement<P, R>,
    parameters: P,
  ): Promise<R[]> {
    const values = encodeParameters(statement, parameters);
    // Throwing here makes the callback end, and with it a transaction, which nobody waits for any more.
    if (call.state === "done") throw unavailable("deadline");
    const query: SQL.Query<R[]> = on.unsafe(statement.text, values);
    call.query = query;
    try {
      return await query;
    } catch (error) {
      throw failureOf(error, statement.name).error;
    }
  }

  #succeeded(call: Call, connection: Connection, client: SQL, result: unknown): void {
    const now_ms = performance.now();
    connection.returned(client, now_ms);
    if (call.state === "running") {
      this.#gate.finish(call);
      this.#observe(call, "ok", "running", now_ms);
      call.resolve(result);
    }
    if (this.#gate.waiting > 0) this.#gate.drain(now_ms);
  }

  #failed(call: Call, connection: Connection, client: SQL, cause: unknown): void {
    const now_ms = performance.now();
    const failure = failureOf(cause, call.name);
    connection.returned(client, now_ms);
    if (connection.client === client && (failure.connection_lost || this.#isStandby(failure.error))) {
      connection.drop();
    }
    if (failure.unanswered) connection.suspect();
    if (call.state === "running") this.#settle(call, failure, now_ms);
    this.#gate.drain(now_ms);
  }

  #settle(call: Call, failure: Failure, now_ms: number): void {
    const { error } = failure;
    if (failure.transient && call.body === null && call.transient_failures < transient_retries_max) {
      const pause_ms = Math.min(transient_pause_max_ms, 5 * 2 ** ++call.transient_failures);
      this.#counters.retries++;
      // Anywhere within the pause, or those who met would meet again.
      return this.#gate.delay(call, 1 + pause_ms * Math.random());
    }
    if (call.body === null && !call.resent && this.#hadNoEffect(call, failure, now_ms)) {
      call.resent = true;
      this.#counters.retries++;
      return this.#gate.requeue(call);
    }
    this.#gate.finish(call);
    this.#observe(call, outcomeOf(error), "running", now_ms);
    call.reject(this.#isStandby(error) ? unavailable("connection", error) : error);
  }

  #hadNoEffect(call: Call, failure: Failure, now_ms: number): boolean {
    if (failure.connection_lost) return this.#settings.read_only;
    // Cancelled before its time, and not by us: the request was meant for the query before it on the connection, and
    // came late. PostgreSQL knows only connections: https://www.postgresql.org/docs/18/protocol-flow.html
    return failure.cancelled && now_ms - call.started_ms < 0.9 * this.#settings.statement_timeout_ms;
  }

  /** After a failover a connection may be to what is now a standby; the next one finds the primary. */
  #isStandby(error: Error): boolean {
    return !this.#settings.read_only && error instanceof DatabaseError && error.sqlstate === "25006";
  }

  #observe(call: Call, outcome: Outcome, was: JobState, now_ms: number): void {
    const started = was === "running";
    const wait_ms = (started ? call.started_ms : now_ms) - call.entered_ms;
    const run_ms = started ? now_ms - call.started_ms : 0;
    this.#counters.count(outcome);
    addDuration(this.#counters.wait_ms, wait_ms);
    if (started) addDuration(this.#counters.run_ms, run_ms);
    const timings = call.context?.timings;
    if (timings !== undefined) timings.db_ms += wait_ms + run_ms;
    if (run_ms >= this.#slow_query_ms) this.#slow(call, outcome, wait_ms, run_ms);
    this.#observer?.(this.name, call.name, outcome, wait_ms, run_ms);
  }

  /** Names the statement, never its parameters. */
  #slow(call: Call, outcome: Outcome, wait_ms: number, run_ms: number): void {
    this.#counters.slow++;
    const fields = { lane: this.name, statement: call.name, outcome };
    this.#log.warn(
      { ...fields, duration_ms: Math.round(run_ms), wait_ms: Math.round(wait_ms) },
      "slow query",
    );
  }
}

function outcomeOf(error: Error): Outcome {
  if (!(error instanceof DatabaseUnavailable)) return "error";
  return error.reason === "deadline" ? "timeout" : error.reason === "connection" ? "connection" : "rejected";
}
