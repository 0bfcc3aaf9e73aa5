import type { Writable } from "node:stream";
import { bulkFailureOf, openBulkConnection, type BulkConnection } from "./bulk-connection.ts";

/** A field of a row for COPY; PostgreSQL reads the text with the type of the column. */
export type CopyValue = string | number | boolean | null;

export type CopyProgress = Readonly<{ rows: number; bytes: number }>;

export type CopyTarget = Readonly<{
  /** `schema.table`. From code, never from input. */
  table: string;
  columns: readonly string[];
  /** Parameters of the session: `app.import: "on"` for a seed, `synchronous_commit: "off"`. */
  parameters?: Readonly<Record<string, string>> | undefined;
}>;

export type CopyOptions = Readonly<{
  /** Called after each chunk of about 64 KiB that the server's socket has taken. */
  progress?: ((progress: CopyProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** A chunk, and the server's answer at the end, are waited for at most this long (60 s). */
  step_timeout_ms?: number | undefined;
}>;

const chunk_bytes = 65_536;
const default_step_timeout_ms = 60_000;
const identifier = /^[a-z_][a-z0-9_]*$/;

/**
 * Writes rows into a table with COPY, all or none, on a connection of its own. `lines` are pieces of COPY's text format
 * (`copyLine` makes one line); they are taken no faster than PostgreSQL reads them, so memory stays flat.
 *
 * Returns the number of rows as the server counted them, and the bytes sent.
 *
 * @throws {DatabaseError} a line or a constraint was refused: nothing was written
 * @throws {DatabaseUnavailable} the connection was lost or too slow: nothing was written, unless it was the answer that
 *   was lost
 * @throws the signal's reason, or what `lines` throws: nothing was written
 */
export async function copyInto(
  url: string,
  target: CopyTarget,
  lines: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  options: CopyOptions = {},
): Promise<CopyProgress> {
  const connection = openBulkConnection(url, {
    application_name: "countinghouse/copy",
    parameters: target.parameters,
    signal: options.signal,
  });
  try {
    const copy = await startCopy(
      connection,
      copyText(target),
      options.step_timeout_ms ?? default_step_timeout_ms,
    );
    const progress = { rows: 0, bytes: 0 };
    for await (const chunk of chunksOf(lines)) {
      await copy.write(chunk);
      progress.bytes += chunk.byteLength;
      progress.rows += countLines(chunk);
      options.progress?.(progress);
    }
    return { rows: await copy.finish(), bytes: progress.bytes };
  } catch (error) {
    // Whatever it was: a connection in the middle of a COPY is of no use, and would wait for its end.
    connection.fail(error);
    throw error;
  } finally {
    await connection.end();
  }
}

/** One line of COPY's text format: https://www.postgresql.org/docs/18/sql-copy.html#SQL-COPY-FILE-FORMATS */
export function copyLine(values: readonly CopyValue[]): string {
  let line = "";
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? null;
    if (index > 0) line += "\t";
    line += typeof value === "string" ? escapeCopyText(value) : value === null ? "\\N" : String(value);
  }
  return `${line}\n`;
}

/** A field of COPY's text format: backslash, tab, line feed and carriage return are escaped. */
export function escapeCopyText(text: string): string {
  return special.test(text)
    ? text.replace(/[\\\t\n\r]/g, (character) => escapes[character] ?? character)
    : text;
}

const special = /[\\\t\n\r]/;
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function copyText({ table, columns }: CopyTarget): string {
  for (const name of [...table.split("."), ...columns]) {
    if (!identifier.test(name)) throw new TypeError(`copy: ${name} is not an identifier`);
  }
  return `copy ${table} (${columns.join(", ")}) from stdin`;
}

type Copy = { write(chunk: Uint8Array): Promise<void>; finish(): Promise<number> };

/**
 * The driver resolves a COPY with its stream, and then has nobody to tell of the end: an error after the last byte (a
 * foreign key, a trigger) reaches neither the stream nor the promise, which settled long ago. It still calls `resolve`
 * and `reject` of the query, so those are taken over. Holds for postgres 3.4.9; the tests of refused rows show it.
 */
type Settling = { resolve: (result: { count: number }) => void; reject: (error: unknown) => void };

async function startCopy(connection: BulkConnection, text: string, step_timeout_ms: number): Promise<Copy> {
  const query = connection.sql.unsafe(text);
  const stream = await connection.within<Writable>(query.writable(), step_timeout_ms);
  const completed = new Promise<number>((resolve) => {
    void Object.assign(query, {
      resolve: ({ count }) => resolve(count),
      reject: (error) => connection.fail(bulkFailureOf(error, "copy")),
    } satisfies Settling);
  });
  stream.on("error", (error) => connection.fail(bulkFailureOf(error, "copy")));
  return {
    // One chunk at a time: what the stream keeps back is written from a tick where nothing catches its errors.
    write: (chunk) => connection.within(writeChunk(stream, chunk), step_timeout_ms),
    finish: () => {
      stream.end();
      return connection.within(completed, step_timeout_ms);
    },
  };
}

/** The error of a stream that has been destroyed is not why: the driver tells the reason through the query. */
function writeChunk(stream: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => {
      if (error === null || error === undefined) resolve();
      else if (!stream.destroyed) reject(error);
    });
  });
}

/** Gathers lines, so that a system call carries many; and hands over bytes, whose length is known. */
async function* chunksOf(
  lines: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let text = "";
  for await (const line of lines) {
    if (typeof line === "string") {
      text += line;
      if (text.length < chunk_bytes) continue;
      yield Buffer.from(text);
    } else {
      if (text !== "") yield Buffer.from(text);
      if (line.byteLength > 0) yield line;
    }
    text = "";
  }
  if (text !== "") yield Buffer.from(text);
}

function countLines(chunk: Uint8Array): number {
  let lines = 0;
  for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++;
  return lines;
}
