import type { Deps } from "../http/deps.ts";
import { csvText, parseCsv } from "../http/csv.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import { type Caller, withIdempotency } from "../http/scope.ts";

/** One fault: the line of the file where its row begins, from 1, and the column; `detail` says what is wrong. */
export type ImportError = Readonly<{ line: number; column: string; detail: string }>;

/** What an import found and did. `errors` holds the first thousand, `error_count` counts all. */
export type ImportReport = Readonly<{
  dry_run: boolean;
  rows: number;
  valid: number;
  created: number;
  error_count: number;
  errors: readonly ImportError[];
}>;

const maxErrors = 1_000;
/** Every column that has a name of its own, and many lines of an address. */
const maxColumns = 60;

/** Says what is wrong with a column of the row that is being read. */
export type Fault = (column: string, detail: string) => void;

/** A row of the file by its columns, trimmed. */
export type Values = ReadonlyMap<string, string>;

/** What a file brings: its columns, and how one of its rows is read. */
export type Importer<Row> = Readonly<{
  /** In the plural, as messages say it. */
  noun: string;
  /** Rows that one call may bring: they are one statement, and one entry each in the audit trail. */
  max_rows: number;
  isKnown(column: string): boolean;
  required: readonly string[];
  /** What stands in the file; what only the database knows is looked at by the statement. */
  read(values: Values, fault: Fault): Row;
  /** What no two rows may share: the column that is to blame, and what they share; null: nothing. */
  unique: readonly Readonly<{ column: string; of(row: Row): string | null }>[];
  /**
   * Writes the rows, or only looks. `actor` keeps the idempotency key where something is written; null never comes.
   * Answers an `ImportReport`: 201, 200 after a look, 422 where a row is wrong.
   */
  write(actor: Caller, rows: readonly Numbered<Row>[], dry_run: boolean): Promise<Written | null>;
}>;

export type Numbered<Row> = Row & Readonly<{ line: number; id: string }>;

/**
 * Imports CSV text: every row or none. The first record names the columns.
 *
 * @returns the report; 201 when the rows were created, 200 after a dry run
 * @throws {Problem} `import_refused` with the report when any row is wrong, `validation` when it is no such file
 */
export async function importCsv<Row extends object>(
  deps: Pick<Deps, "id">,
  caller: Caller,
  input: Readonly<{ csv: string; dry_run: boolean }>,
  importer: Importer<Row>,
): Promise<Written> {
  const { rows, count, errors } = readRows(deps, input.csv, importer);
  // Rows that the file alone shows to be wrong let nothing in; the others are looked at, so that one report says all.
  const dry_run = input.dry_run || errors.length > 0;
  const result = await importer.write(dry_run ? withIdempotency(caller, null) : caller, rows, dry_run);
  if (result === null) throw new Error("an import always has a report");
  const isRefused = result.status === 422 || (errors.length > 0 && !input.dry_run);
  if (errors.length === 0 && !isRefused) return result;
  const found = JSON.parse(result.body) as ImportReport;
  const all = [...errors, ...found.errors].sort(
    (a, b) => a.line - b.line || a.column.localeCompare(b.column),
  );
  const report: ImportReport = {
    dry_run: input.dry_run,
    rows: count,
    valid: count - new Set(all.map(({ line }) => line)).size,
    created: 0,
    error_count: all.length,
    errors: all.slice(0, maxErrors),
  };
  if (input.dry_run) return { ...result, status: 200, body: JSON.stringify(report) };
  const pointers = report.errors.map((error) => ({ pointer: `/${error.line}/${error.column}`, ...error }));
  throw new Problem("import_refused", { extra: report, errors: pointers });
}

/** The rows that are right as far as the file itself shows, and what is wrong with the others. */
function readRows<Row extends object>(deps: Pick<Deps, "id">, csv: string, importer: Importer<Row>) {
  const { columns, records } = parseCsv(csv, importer.max_rows);
  requireColumns(columns, importer);
  const errors: ImportError[] = [];
  const rows: Numbered<Row>[] = [];
  const seen = importer.unique.map(() => new Map<string, number>());
  for (const { line, fields } of records) {
    const before = errors.length;
    const fault: Fault = (column, detail) => void errors.push({ line, column, detail });
    if (fields.length !== columns.length) {
      fault("", `the line has ${fields.length} fields, the header has ${columns.length}`);
      continue;
    }
    const values = new Map(columns.map((column, at) => [column, csvText(fields[at] ?? "").trim()]));
    const row = importer.read(values, fault);
    for (const [at, { column, of }] of importer.unique.entries()) {
      const value = of(row);
      const first = value === null ? undefined : seen[at]?.get(value);
      if (first !== undefined) fault(column, `is a duplicate of line ${first}`);
      else if (value !== null) seen[at]?.set(value, line);
    }
    if (errors.length === before) rows.push({ ...row, line, id: deps.id() });
  }
  return { rows, count: records.length, errors };
}

function requireColumns<Row>(columns: readonly string[], { noun, isKnown, required }: Importer<Row>): void {
  if (columns.length > maxColumns) {
    throw new Problem("validation", { detail: `The first line may name ${maxColumns} columns at most` });
  }
  const errors = columns.flatMap((name, at) => {
    if (!isKnown(name)) return [{ pointer: `/1/${name}`, detail: `is not a column of ${noun}` }];
    return columns.indexOf(name) < at ? [{ pointer: `/1/${name}`, detail: "is there twice" }] : [];
  });
  const missing = required.filter((name) => !columns.includes(name));
  errors.unshift(...missing.map((name) => ({ pointer: `/1/${name}`, detail: "is required" })));
  if (errors.length === 0) return;
  throw new Problem("validation", {
    detail: "The first line must name the columns",
    errors: errors.slice(0, 20),
  });
}

// What PostgreSQL cannot store or a terminal would obey; line breaks and tabs are text.
// oxlint-disable-next-line no-control-regex
export const controlCharacter = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** The text of a column; null where it is empty, or wrong, which is told. */
export function readText(values: Values, column: string, max: number, fault: Fault): string | null {
  const text = values.get(column) ?? "";
  if (text === "") return null;
  if (text.length > max && [...text].length > max) fault(column, `is longer than ${max} characters`);
  else if (controlCharacter.test(text)) fault(column, "has a control character");
  else return text;
  return null;
}

/** The whole number of a column, by default at most what JSON keeps exact; null where it is empty, or wrong, which is told. */
export function readInteger(
  values: Values,
  column: string,
  { min, max = Number.MAX_SAFE_INTEGER }: Readonly<{ min: number; max?: number }>,
  fault: Fault,
): number | null {
  const text = values.get(column) ?? "";
  if (text === "") return null;
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : -1;
  if (value >= min && value <= max) return value;
  fault(column, `must be a whole number from ${min} to ${max}`);
  return null;
}

/** The day of a column, `YYYY-MM-DD`; null where it is empty, or wrong, which is told. */
export function readDate(values: Values, column: string, fault: Fault): string | null {
  const text = values.get(column) ?? "";
  if (text === "") return null;
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : null;
  // A day that no month has becomes another one.
  if (day !== null && !Number.isNaN(day.getTime()) && day.toISOString().slice(0, 10) === text) return text;
  fault(column, "must be a date: 2026-01-31");
  return null;
}

/** The telephone number of a column in E.164; null where it is empty, or wrong, which is told. */
export function readPhone(values: Values, column: string, fault: Fault): string | null {
  const text = values.get(column)?.replaceAll(/[\s().-]/g, "") ?? "";
  if (text === "" || /^\+[1-9][0-9]{6,14}$/.test(text)) return text === "" ? null : text;
  fault(column, "must be E.164: +2348012345678");
  return null;
}
