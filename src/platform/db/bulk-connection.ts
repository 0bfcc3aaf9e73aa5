import postgres from "postgres";
import { failureOf, serverFailure, unavailable } from "./failures.ts";

export type BulkConnectionOptions = Readonly<{
  /** Shown in `pg_stat_activity`. */
  application_name: string;
  /** Parameters of the session, such as `app.import`. */
  parameters?: Readonly<Record<string, string>> | undefined;
  signal?: AbortSignal | undefined;
  /** The whole job ends by then. */
  deadline_ms?: number | undefined;
}>;

/**
 * One postgres.js connection for one job. The driver may leave a promise pending for ever when its backend dies
 * (porsager/postgres#1186, #1193) and hang in `end()` (#1097), so nothing of it is awaited without `within`, which ends
 * with the connection, the caller's signal, the step's limit and the job's deadline. Never `begin` (#1189, #1066, #1215).
 */
export type BulkConnection = {
  readonly sql: postgres.Sql;
  /**
   * Waits for `work`, at most `limit_ms`; one step at a time.
   *
   * @throws {DatabaseError | DatabaseUnavailable} or the signal's reason
   */
  within<T>(work: PromiseLike<T>, limit_ms: number): Promise<T>;
  /** Ends the step under way, and every later one, with `reason`; the first reason stays. */
  fail(reason: unknown): void;
  /** Closes the connection: gracefully, or at once when the job failed. Never hangs, never throws. */
  end(): Promise<void>;
};

const connect_timeout_s = 5;
const end_timeout_s = 5;

/** Opens nothing yet: the driver connects with the first statement, and its failure is that of the step. */
export function openBulkConnection(url: string, options: BulkConnectionOptions): BulkConnection {
  let failure: { reason: unknown } | null = null;
  /** Of the step under way. No `Promise.race` with a promise of the job: it would keep every step in memory. */
  let rejectStep: ((reason: unknown) => void) | null = null;
  const fail = (reason: unknown): void => {
    failure ??= { reason };
    rejectStep?.(failure.reason);
  };
  const sql = postgres(url, {
    max: 1,
    prepare: false,
    fetch_types: false,
    connect_timeout: connect_timeout_s,
    max_lifetime: null,
    onnotice: () => {},
    onclose: () => fail(unavailable("connection")),
    types: textParameters,
    connection: { application_name: options.application_name, TimeZone: "UTC", ...options.parameters },
  });
  const aborted = (): void => fail(options.signal?.reason);
  if (options.signal?.aborted === true) aborted();
  options.signal?.addEventListener("abort", aborted, { once: true });
  const { deadline_ms } = options;
  const deadline =
    deadline_ms === undefined ? undefined : setTimeout(() => fail(unavailable("deadline")), deadline_ms);
  deadline?.unref();
  return {
    sql,
    fail,
    async within(work, limit_ms) {
      if (failure !== null) throw failure.reason;
      const timer = setTimeout(() => fail(unavailable("deadline")), limit_ms);
      try {
        return await new Promise<Awaited<typeof work>>((resolve, reject) => {
          rejectStep = reject;
          work.then(resolve as (result: unknown) => void, reject);
        });
      } catch (error) {
        const mapped = bulkFailureOf(error, options.application_name);
        fail(mapped);
        throw mapped;
      } finally {
        rejectStep = null;
        clearTimeout(timer);
      }
    },
    async end() {
      clearTimeout(deadline);
      options.signal?.removeEventListener("abort", aborted);
      const timeout = failure === null ? end_timeout_s : 0;
      const closed = sql.end({ timeout }).catch(() => {});
      await Promise.race([closed, Bun.sleep((timeout + 1) * 1000)]);
    },
  };
}

/** Turns what postgres.js throws into our errors; others stay as they are. */
export function bulkFailureOf(error: unknown, statement: string): Error {
  if (error instanceof postgres.PostgresError) {
    const constraint = error.constraint_name ?? null;
    return serverFailure({
      message: error.message,
      sqlstate: error.code,
      constraint,
      statement,
      cause: error,
    }).error;
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (/^(CONNECT|CONNECTION|E[A-Z]+$)/.test(code)) return unavailable("connection", error);
  return failureOf(error, statement).error;
}

/**
 * Parameters are encoded before they get here (`encodeParameters`); the driver's own serialisers would read the text
 * "true" as false, and cut instants to milliseconds. Type OIDs of `pg_type`.
 */
const asItIs = { serialize: (value: unknown): unknown => value, parse: (value: unknown): unknown => value };
const textParameters = {
  bool: { ...asItIs, to: 16, from: [16], parse: (value: string): boolean => value === "t" },
  json: { ...asItIs, to: 114, from: [114, 3802] },
  date: { ...asItIs, to: 1082, from: [1082] },
  timestamp: { ...asItIs, to: 1114, from: [1114] },
  timestamptz: { ...asItIs, to: 1184, from: [1184] },
};
