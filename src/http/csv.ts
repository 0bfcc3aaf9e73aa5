// CSV: https://www.rfc-editor.org/rfc/rfc4180
import { prefers } from "./negotiation.ts";
import { Problem } from "./problem.ts";

/** Whether the client prefers CSV to JSON; a wildcard means JSON. */
export function wantsCsv(accept: string | null): boolean {
  return accept !== null && accept !== "*/*" && prefers(accept, "text/csv", "application/json");
}

const risky = /^'*[=+\-@\t\r]/; // with apostrophes before it, so that taking one away gives the text back
const plainNumber = /^[+-]?\d+(\.\d+)?$/; // E.164 phone numbers too

/**
 * One record. Fields with a comma, quote or line break are quoted; text that a spreadsheet would run as a formula gets
 * an apostrophe (https://owasp.org/www-community/attacks/CSV_Injection), numbers stay numbers.
 */
export function csvRecord(fields: readonly (string | number | boolean | null)[]): string {
  return `${fields.map(field).join(",")}\r\n`;
}

function field(value: string | number | boolean | null): string {
  if (value === null) return "";
  const text =
    typeof value === "string" && risky.test(value) && !plainNumber.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The text behind a field that `csvRecord` wrote: without the apostrophe that kept it from being a formula. */
export function csvText(field: string): string {
  return field.startsWith("'") && risky.test(field) ? field.slice(1) : field;
}

/**
 * Streams any number of rows in constant memory: rows are pulled as the client reads, and a client that leaves ends
 * the source. An error after the first byte breaks the connection, which is the only honest signal left.
 */
export function csvResponse(
  columns: readonly string[],
  rows: AsyncIterable<readonly (string | number | boolean | null)[]>,
  options: { filename: string; signal: AbortSignal },
): Response {
  const encoder = new TextEncoder();
  const iterator = rows[Symbol.asyncIterator]();
  const stop = () => void iterator.return?.();
  let header: string | null = csvRecord(columns);
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let chunk = header ?? "";
      header = null;
      while (chunk.length < 16_384) {
        const next = await iterator.next();
        if (next.done === true) {
          if (chunk !== "") controller.enqueue(encoder.encode(chunk));
          return controller.close();
        }
        chunk += csvRecord(next.value);
      }
      controller.enqueue(encoder.encode(chunk));
    },
    cancel: stop,
  });
  options.signal.addEventListener("abort", stop, { once: true });
  return new Response(stream, {
    headers: {
      "content-type": "text/csv; charset=utf-8; header=present",
      "content-disposition": `attachment; filename="${options.filename}"`,
    },
  });
}

/**
 * Parses CSV text (RFC 4180, also with LF line ends and a byte order mark) into records; the first names the columns.
 * Throws `validation` on an unclosed quote. Empty lines are left out. `line` is where the record begins, from 1.
 */
export function parseCsv(
  text: string,
  limit_rows: number,
): { columns: string[]; records: { line: number; fields: string[] }[] } {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const records: { line: number; fields: string[] }[] = [];
  let fields: string[] = [];
  let line = 1;
  let begun = 1;
  let at = 0;
  const endRecord = () => {
    if (fields.length > 1 || fields[0] !== "") records.push({ line: begun, fields });
    if (records.length > limit_rows + 1)
      throw new Problem("validation", { detail: `At most ${limit_rows} rows a call` });
    fields = [];
    begun = line;
  };
  while (at <= source.length) {
    const taken = source[at] === '"' ? quotedField(source, at, line) : plainField(source, at);
    fields.push(taken.value);
    line += taken.lines;
    at = taken.next;
    const separator = source[at];
    if (separator === ",") at += 1;
    else {
      if (separator === "\r") at += 1;
      if (source[at] === "\n") at += 1;
      line += 1;
      endRecord();
      if (separator === undefined) break;
      if (separator !== "\r" && separator !== "\n") {
        throw new Problem("validation", {
          detail: `Line ${line - 1}: a quoted field goes on after its quote`,
        });
      }
    }
  }
  const [head, ...rest] = records;
  return { columns: head?.fields.map((name) => name.trim()) ?? [], records: rest };
}

function plainField(source: string, from: number): { value: string; next: number; lines: number } {
  let next = from;
  while (next < source.length && !",\r\n".includes(source[next] ?? "")) next += 1;
  return { value: source.slice(from, next), next, lines: 0 };
}

function quotedField(
  source: string,
  from: number,
  line: number,
): { value: string; next: number; lines: number } {
  let value = "";
  let at = from + 1;
  for (;;) {
    const quote = source.indexOf('"', at);
    if (quote < 0) throw new Problem("validation", { detail: `Line ${line}: a quoted field is not closed` });
    value += source.slice(at, quote);
    if (source[quote + 1] !== '"') return { value, next: quote + 1, lines: value.split("\n").length - 1 };
    value += '"';
    at = quote + 2;
  }
}
