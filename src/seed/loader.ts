import { copyInto } from "../platform/db/copy.ts";
import { Pipe } from "./pipe.ts";
import { type Rows, type TableName, tables } from "./rows.ts";

/** A seed brings its own stamps, and the audit trail does not tell of rows that nobody entered. */
const importing = { "app.import": "on", synchronous_commit: "off" };

/**
 * Seeds are consistent by construction, so the checks of foreign keys are skipped where the role may (a superuser, or
 * `grant set on parameter session_replication_role`); they are more than half of the work of a load.
 */
const trusting = { ...importing, session_replication_role: "replica" };

const unread_max_length = 4_000_000;
const answer_timeout_ms = 600_000;

/** Where rows go. */
export type Loader = {
  /** Takes what was collected. */
  flush(rows: Rows): Promise<void>;
  /** Waits until everything is committed. */
  finish(): Promise<void>;
  /** Gives up what is not committed. */
  abort(reason: unknown): void;
};

/** Loads table after table, in the order of their foreign keys, one COPY for each table of each flush. */
export function createCheckedLoader(url: string): Loader {
  return {
    async flush(rows) {
      for (const { table, text } of rows.take()) await copy(url, table, [text], importing);
    },
    finish: async () => {},
    abort: () => {},
  };
}

/** Loads the tables side by side, one COPY and one connection for each. */
export function createTrustingLoader(url: string): Loader {
  const pipes = new Map<TableName, { pipe: Pipe; copied: Promise<void> }>();
  const open = (table: TableName) => {
    const pipe = new Pipe(unread_max_length);
    const copied = copy(url, table, pipe, { ...trusting, gin_pending_list_limit: "256MB" });
    copied.catch((reason: unknown) => pipe.fail(reason));
    const opened = { pipe, copied };
    pipes.set(table, opened);
    return opened;
  };
  return {
    async flush(rows) {
      await Promise.all(
        rows.take().map(({ table, text }) => (pipes.get(table) ?? open(table)).pipe.write(text)),
      );
    },
    async finish() {
      for (const { pipe } of pipes.values()) pipe.end();
      await Promise.all([...pipes.values()].map(({ copied }) => copied));
      pipes.clear();
    },
    abort(reason) {
      for (const { pipe } of pipes.values()) pipe.fail(reason);
    },
  };
}

async function copy(
  url: string,
  table: TableName,
  lines: Iterable<string> | AsyncIterable<string>,
  parameters: Readonly<Record<string, string>>,
): Promise<void> {
  const columns = tables[table].split(" ");
  await copyInto(url, { table, columns, parameters }, lines, { step_timeout_ms: answer_timeout_ms });
}
