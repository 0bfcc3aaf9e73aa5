import type { Deps } from "../http/deps.ts";
import { csvText, parseCsv } from "../http/csv.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import { type Caller, withIdempotency } from "../http/scope.ts";
import { act } from "./act.ts";
import { addressLinesMax } from "./customers.ts";
import { readOnlyColumns } from "./customers-csv.ts";
import { importCustomers as importStatement } from "./statements.ts";
import { customersTag } from "./tags.ts";

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

/** Rows that one call may bring: they are one statement, and one entry each in the audit trail. */
const maxRows = 10_000;
const maxErrors = 1_000;

type Row = { line: number; id: string; name: string; address: Record<string, string>; is_active: boolean } & {
  [column in "code" | "phone" | "email" | "tax_no" | "unit" | "notes"]: string | null;
};

type Fault = (column: string, detail: string) => void;

/**
 * Imports customers from CSV text: every row or none. The first record names the columns, of which only `name` must be
 * there. What an export writes can be imported again, also into another business.
 *
 * @returns the report; 201 when the customers were created, 200 after a dry run
 * @throws {Problem} `import_refused` with the report when any row is wrong, `validation` when it is no such file
 */
export async function importCustomers(
  deps: Deps,
  caller: Caller,
  input: { csv: string; dry_run: boolean },
): Promise<Written> {
  const { rows, count, errors } = readRows(deps, input.csv);
  // Rows that the file alone shows to be wrong let nothing in; the others are looked at, so that one report says all.
  const dry_run = input.dry_run || errors.length > 0;
  const actor = dry_run ? withIdempotency(caller, null) : caller;
  const tags = dry_run ? [] : [customersTag(caller.business_id)];
  const result = await act(deps, actor, importStatement, { customers: JSON.stringify(rows), dry_run }, tags);
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
function readRows(deps: Deps, csv: string): { rows: Row[]; count: number; errors: ImportError[] } {
  const { columns, records } = parseCsv(csv, maxRows);
  requireColumns(columns);
  const errors: ImportError[] = [];
  const rows: Row[] = [];
  const seen = { code: new Map<string, number>(), person: new Map<string, number>() };
  for (const { line, fields } of records) {
    const before = errors.length;
    const fault: Fault = (column, detail) => void errors.push({ line, column, detail });
    if (fields.length !== columns.length) {
      fault("", `the line has ${fields.length} fields, the header has ${columns.length}`);
      continue;
    }
    const values = new Map(columns.map((column, at) => [column, csvText(fields[at] ?? "").trim()]));
    const row = { line, id: deps.id(), ...readRow(values, fault) };
    refuseDuplicate(seen.code, row.code, row, "code", fault);
    const person = row.phone === null ? null : `${row.phone} ${row.name.toLowerCase()}`;
    refuseDuplicate(seen.person, person, row, "phone", fault);
    if (errors.length === before) rows.push(row);
  }
  return { rows, count: records.length, errors };
}

const addressColumn = /^address\.[a-z][a-z0-9_]{0,39}$/;
const knownColumns = new Set([
  "name",
  "code",
  "phone",
  "email",
  "tax_no",
  "unit",
  "notes",
  "is_active",
  "address",
]);

/** Every column that has a name of its own, and many lines of an address. */
const maxColumns = 60;

function requireColumns(columns: readonly string[]): void {
  if (columns.length > maxColumns) {
    throw new Problem("validation", { detail: `The first line may name ${maxColumns} columns at most` });
  }
  const isKnown = (name: string) =>
    knownColumns.has(name) || readOnlyColumns.has(name) || addressColumn.test(name);
  const errors = columns.flatMap((name, at) => {
    if (!isKnown(name)) return [{ pointer: `/1/${name}`, detail: "is not a column of customers" }];
    return columns.indexOf(name) < at ? [{ pointer: `/1/${name}`, detail: "is there twice" }] : [];
  });
  if (!columns.includes("name")) errors.unshift({ pointer: "/1/name", detail: "is required" });
  if (errors.length === 0) return;
  throw new Problem("validation", {
    detail: "The first line must name the columns",
    errors: errors.slice(0, 20),
  });
}

function refuseDuplicate(
  seen: Map<string, number>,
  value: string | null,
  row: Row,
  column: string,
  fault: Fault,
): void {
  if (value === null) return;
  const first = seen.get(value);
  if (first === undefined) seen.set(value, row.line);
  else fault(column, `is a duplicate of line ${first}`);
}

type Values = ReadonlyMap<string, string>;

function readRow(values: Values, fault: Fault): Omit<Row, "line" | "id"> {
  const name = readText(values, "name", 200, fault);
  if (name === null && values.get("name") === "") fault("name", "is required");
  const phone = values.get("phone")?.replaceAll(/[\s().-]/g, "") ?? "";
  if (phone !== "" && !/^\+[1-9][0-9]{6,14}$/.test(phone)) fault("phone", "must be E.164: +2348012345678");
  const email = readText(values, "email", 254, fault);
  if (email !== null && !/^[^@\s]+@[^@\s]+$/.test(email)) fault("email", "is not an e-mail address");
  return {
    name: name ?? "",
    phone: phone === "" ? null : phone,
    email,
    code: readText(values, "code", 64, fault),
    tax_no: readText(values, "tax_no", 64, fault),
    unit: readText(values, "unit", 200, fault),
    notes: readText(values, "notes", 2_000, fault),
    address: readAddress(values, fault),
    is_active: readFlag(values, fault),
  };
}

// What PostgreSQL cannot store or a terminal would obey; line breaks and tabs are text.
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

function readText(values: Values, column: string, max: number, fault: Fault): string | null {
  const text = values.get(column) ?? "";
  if (text === "") return null;
  if (text.length > max && [...text].length > max) fault(column, `is longer than ${max} characters`);
  else if (control.test(text)) fault(column, "has a control character");
  else return text;
  return null;
}

function readFlag(values: Values, fault: Fault): boolean {
  const text = values.get("is_active")?.toLowerCase() ?? "";
  if (text !== "" && text !== "true" && text !== "false") fault("is_active", "must be true or false");
  return text !== "false";
}

function readAddress(values: Values, fault: Fault): Record<string, string> {
  const lines: [string, string][] = [];
  for (const column of values.keys()) {
    if (!column.startsWith("address.")) continue;
    const text = readText(values, column, 200, fault);
    if (text !== null) lines.push([column.slice("address.".length), text]);
  }
  const address = { ...readOtherLines(values.get("address") ?? "", fault), ...Object.fromEntries(lines) };
  if (Object.keys(address).length > addressLinesMax) {
    fault("address", `has more than ${addressLinesMax} lines`);
  }
  return address;
}

/** The column `address` of an export: a JSON object of the lines that have no column. */
function readOtherLines(text: string, fault: Fault): Record<string, string> {
  if (text === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isLines(value)) return value;
  } catch {
    // Told below, like any other text that is no such object.
  }
  fault("address", "must be a JSON object of lines of text; or use columns like address.city");
  return {};
}

function isLines(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, line]) => {
    return (
      name.length <= 40 &&
      typeof line === "string" &&
      line.length <= 200 &&
      line.isWellFormed() &&
      !control.test(line)
    );
  });
}
