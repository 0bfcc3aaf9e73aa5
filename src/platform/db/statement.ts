/** A value that a statement takes. Money, dates and JSON travel as text: the driver never interprets them. */
export type Parameter = string | number | boolean | null | Uint8Array | readonly string[] | readonly number[];

/** Parameters by name, as the header of the statement's file names them. */
export type Parameters = Readonly<Record<string, Parameter>>;

/**
 * One SQL file: its text, its parameters in the order of `$1…$n`, and (as types only) what goes in and what comes out.
 * Instances are generated from the database's own description of each file; nobody writes them by hand.
 */
export type Statement<P extends Parameters, R> = Readonly<{
  /** Path below `sql/` without the ending: `core/get_customer`. */
  name: string;
  text: string;
  parameters: readonly (keyof P & string)[];
  /** Never set: carries the row type. */
  row?: R;
}>;

/** What a query needs to know of the request it serves. */
export type QueryContext = {
  /** Ends the wait, and on the `report` lane the query itself. */
  readonly signal?: AbortSignal | undefined;
  /** Where the time spent in the database is added up, milliseconds. */
  readonly timings?: { db_ms: number } | undefined;
};
