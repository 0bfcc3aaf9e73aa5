import { openBulkConnection } from "./bulk-connection.ts";
import { encodeParameters } from "./encode.ts";
import type { Parameters, Statement } from "./statement.ts";

export type StreamRowsOptions = Readonly<{
  /** Rows fetched at once; as many are in memory at most. */
  batch_size?: number | undefined;
  /** Ends the stream and its connection. */
  signal?: AbortSignal | undefined;
  /** Each batch is there within this time (10 s), waiting for the consumer not counted. */
  step_timeout_ms?: number | undefined;
  /** The whole stream, slow consumers included, ends by then (10 min): it keeps a snapshot, which keeps dead rows. */
  deadline_ms?: number | undefined;
}>;

/**
 * The rows of a read of any size in constant memory, from one snapshot, on a connection of its own: an SQL cursor. A
 * lost connection is an error and never a short answer, because a cursor does not exist on another backend.
 *
 * @throws as `Lane.query`; the connection is closed however the iteration ends
 */
export async function* streamRows<P extends Parameters, R>(
  url: string,
  statement: Statement<P, R>,
  parameters: P,
  options: StreamRowsOptions = {},
): AsyncGenerator<R, void, undefined> {
  const { batch_size = 500, step_timeout_ms = 10_000, deadline_ms = 600_000 } = options;
  const values = encodeParameters(statement, parameters);
  const connection = openBulkConnection(url, {
    application_name: "countinghouse/stream",
    signal: options.signal,
    deadline_ms,
    parameters: {
      statement_timeout: String(step_timeout_ms),
      // All rows will be wanted: plan for the last one, not for the first.
      cursor_tuple_fraction: "1",
      jit: "off",
    },
  });
  const { sql } = connection;
  try {
    await connection.within(sql.unsafe("begin isolation level repeatable read read only"), step_timeout_ms);
    const declare = `declare streamed_rows no scroll cursor for ${statement.text}`;
    await connection.within(sql.unsafe(declare, values), step_timeout_ms);
    for (;;) {
      const fetch = sql.unsafe<(R & object)[]>(`fetch ${batch_size} from streamed_rows`);
      const rows = await connection.within(fetch, step_timeout_ms);
      yield* rows as R[];
      if (rows.length < batch_size) return;
    }
  } finally {
    await connection.end();
  }
}
