/** PostgreSQL refused a statement. The message may hold values and never leaves the process. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  /** Five characters, https://www.postgresql.org/docs/18/errcodes-appendix.html */
  readonly sqlstate: string;
  /** Name of the violated constraint; the vocabulary of refusals. */
  readonly constraint: string | null;
  /** What PostgreSQL adds to the message; may hold values. Functions of ours say there what a client may be told. */
  readonly detail: string | null;
  readonly statement: string;

  constructor(options: {
    message: string;
    sqlstate: string;
    constraint: string | null;
    detail?: string | null;
    statement: string;
    cause?: unknown;
  }) {
    super(options.message, { cause: options.cause });
    this.sqlstate = options.sqlstate;
    this.constraint = options.constraint;
    this.detail = options.detail ?? null;
    this.statement = options.statement;
  }
}

/** No answer could be had: the caller should come back later. Never says that a write did not happen. */
export class DatabaseUnavailable extends Error {
  override readonly name = "DatabaseUnavailable";
  readonly reason: "overloaded" | "deadline" | "connection" | "closed";
  readonly retry_after_s: number;

  constructor(
    reason: DatabaseUnavailable["reason"],
    options: { retry_after_s?: number; cause?: unknown } = {},
  ) {
    super(`database unavailable: ${reason}`, { cause: options.cause });
    this.reason = reason;
    this.retry_after_s = options.retry_after_s ?? 1;
  }
}
