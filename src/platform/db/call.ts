import type { SQL } from "bun";
import { Job } from "./gate.ts";
import type { Encoded } from "./encode.ts";
import type { Parameters, QueryContext, Statement } from "./statement.ts";

/** Something that runs queries: a lane, or a transaction of one. */
export type Queryable = {
  query<P extends Parameters, R>(
    statement: Statement<P, R>,
    parameters: P,
    context?: QueryContext,
  ): Promise<R[]>;
};

/** What is done on one connection: between BEGIN and COMMIT, or without. */
export type CallBody = Readonly<{ run: (on: Queryable) => Promise<unknown>; transacts: boolean }>;

/** One query, one sequence of queries, or one transaction, of a lane. */
export class Call extends Job {
  readonly name: string;
  readonly text: string;
  readonly values: readonly Encoded[];
  readonly context: QueryContext | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Set for a sequence or a transaction, which have no text of their own. */
  readonly body: CallBody | null;
  /** Whether its caller's leaving ends it while it runs. */
  readonly abortable: boolean;
  /** The query that runs, for cancelling it. */
  query: SQL.Query<unknown> | null = null;
  /** How often the server undid it and it was sent again. */
  transient_failures = 0;
  /** Whether it was sent once more after its connection broke. */
  resent = false;

  constructor(options: {
    name: string;
    text: string;
    values: readonly Encoded[];
    context: QueryContext | undefined;
    body: CallBody | null;
    abortable: boolean;
    resolve: (result: unknown) => void;
    reject: (error: unknown) => void;
  }) {
    super();
    this.name = options.name;
    this.text = options.text;
    this.values = options.values;
    this.context = options.context;
    this.body = options.body;
    this.abortable = options.abortable;
    this.resolve = options.resolve;
    this.reject = options.reject;
  }

  aborted(): boolean {
    // The signal last: to ask a request for it makes one.
    return (this.abortable || this.state !== "running") && this.context?.signal?.aborted === true;
  }
}
