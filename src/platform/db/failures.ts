import { SQL } from "bun";
import { DatabaseError, DatabaseUnavailable } from "./errors.ts";

/** A caller that is told to come back waits this long, seconds: longer than a restart of a small PostgreSQL. */
const retry_after_s = { overloaded: 1, deadline: 2, connection: 3, closed: 2 } as const;

/** A refusal of service with the hint that belongs to its reason. */
export function unavailable(reason: DatabaseUnavailable["reason"], cause?: unknown): DatabaseUnavailable {
  return new DatabaseUnavailable(reason, { retry_after_s: retry_after_s[reason], cause });
}

/** What an error of the driver means for the query and for its connection. */
export type Failure = {
  error: Error;
  /** The connection is of no more use: another one must take its place. */
  connection_lost: boolean;
  /** The server undid the statement and would take it again: a deadlock, a serialisation failure, a lock timeout. */
  transient: boolean;
  /** The server stopped the statement because it was told to, or because of its timeout. */
  cancelled: boolean;
  /** The driver gave the query up before the server had said anything: whether the connection lives is not known. */
  unanswered: boolean;
};

const plain = { connection_lost: false, transient: false, cancelled: false, unanswered: false } as const;

/** https://www.postgresql.org/docs/18/errcodes-appendix.html */
const transientStates = new Set(["40001", "40P01", "55P03"]);

/**
 * Turns what Bun.SQL throws into `DatabaseError` (the server refused) or `DatabaseUnavailable` (no answer). Errors that
 * are not the driver's, such as those a transaction's callback throws, are left as they are.
 */
export function failureOf(error: unknown, statement: string): Failure {
  if (error instanceof DatabaseUnavailable) {
    return { ...plain, error, connection_lost: error.reason === "connection" };
  }
  if (!(error instanceof SQL.PostgresError)) {
    const other = error instanceof Error ? error : new Error(String(error));
    return { ...plain, error: other };
  }
  const sqlstate = error.errno;
  if (typeof sqlstate !== "string" || !/^[0-9A-Z]{5}$/.test(sqlstate)) return driverFailure(error);
  return serverFailure({
    message: error.message,
    sqlstate,
    constraint: error.constraint ?? null,
    detail: error.detail ?? null,
    statement,
    cause: error,
  });
}

/** What an error that the server sent means; for whichever driver received it. */
export function serverFailure(refusal: {
  message: string;
  sqlstate: string;
  constraint: string | null;
  detail?: string | null;
  statement: string;
  cause: unknown;
}): Failure {
  const reason = unavailableReason(refusal.sqlstate);
  if (reason === null) {
    const transient = transientStates.has(refusal.sqlstate);
    return { ...plain, error: new DatabaseError(refusal), transient };
  }
  const error = unavailable(reason, refusal.cause);
  return { ...plain, error, connection_lost: reason === "connection", cancelled: reason === "deadline" };
}

/** The server did not speak: a closed socket, a refused or timed-out connection, a broken protocol. */
function driverFailure(error: SQL.PostgresError): Failure {
  if (error.code === "ERR_POSTGRES_QUERY_CANCELLED") {
    return { ...plain, error: unavailable("deadline", error), unanswered: true };
  }
  return { ...plain, error: unavailable("connection", error), connection_lost: true };
}

/** Which SQLSTATEs say that PostgreSQL could not serve us, and why; null for those that are about the statement. */
function unavailableReason(sqlstate: string): DatabaseUnavailable["reason"] | null {
  // Cancelled: by statement_timeout, by us when nobody waits any more, or by an administrator.
  if (sqlstate === "57014") return "deadline";
  // 08: connection exceptions. 57P01…57P05: shutdown, crash, starting up, database dropped, idle session ended.
  // 25P03, 25P04: the server ended an idle or too long transaction together with its connection.
  if (sqlstate.startsWith("08") || sqlstate.startsWith("57P")) return "connection";
  if (sqlstate === "25P03" || sqlstate === "25P04") return "connection";
  // Out of connections, memory or disk.
  return sqlstate.startsWith("53") ? "overloaded" : null;
}
