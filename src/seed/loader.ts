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

/** The tables with most work take two connections in turn, so that they do not hold the others back. */
const connections: Partial<Record<TableName, number>> = { "shop.job_steps": 2, "shop.time_logs": 2 };

/** Loads the tables side by side, one COPY for each connection. */
export function createTrustingLoader(url: string): Loader {
  const opened: { pipe: Pipe; copied: Promise<void> }[] = [];
  const pipes = new Map<TableName, Pipe[]>();
  const open = (table: TableName): Pipe => {
    const pipe = new Pipe(unread_max_length);
    const copied = copy(url, table, pipe, { ...trusting, gin_pending_list_limit: "256MB" });
    copied.catch((reason: unknown) => pipe.fail(reason));
    opened.push({ pipe, copied });
    return pipe;
  };
  const next = (table: TableName): Pipe => {
    const own = pipes.get(table) ?? [];
    pipes.set(table, own);
    if (own.length === (connections[table] ?? 1)) own.push(own.shift() ?? open(table));
    else own.push(open(table));
    return own.at(-1) ?? open(table);
  };
  return {
    async flush(rows) {
      await Promise.all(rows.take().map(({ table, text }) => next(table).write(text)));
      // pipes that have room take texts at once: connections that are being opened would wait until one is full
      await new Promise(setImmediate);
    },
    async finish() {
      for (const { pipe } of opened) pipe.end();
      await Promise.all(opened.map(({ copied }) => copied));
      opened.length = 0;
      pipes.clear();
    },
    abort(reason) {
      for (const { pipe } of opened) pipe.fail(reason);
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
