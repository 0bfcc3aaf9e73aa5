import type { Deps } from "../http/deps.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { act } from "./act.ts";
import { controlCharacter, type Fault, importCsv, readPhone, readText, type Values } from "./csv-import.ts";
import { addressLinesMax } from "./customers.ts";
import { readOnlyColumns } from "./customers-csv.ts";
import { importCustomers as importStatement } from "./statements.ts";
import { customersTag } from "./tags.ts";

type Row = { name: string; address: Record<string, string>; is_active: boolean } & {
  [column in "code" | "phone" | "email" | "tax_no" | "unit" | "notes"]: string | null;
};

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

/**
 * Imports customers from CSV text, of whose columns only `name` must be there. What an export writes can be imported again,
 * also into another business. See `importCsv`.
 */
export const importCustomers = (
  deps: Deps,
  caller: Caller,
  input: Readonly<{ csv: string; dry_run: boolean }>,
): Promise<Written> =>
  importCsv<Row>(deps, caller, input, {
    noun: "customers",
    max_rows: 10_000,
    isKnown: (name) => knownColumns.has(name) || readOnlyColumns.has(name) || addressColumn.test(name),
    required: ["name"],
    read: readRow,
    unique: [
      { column: "code", of: ({ code }) => code },
      {
        column: "phone",
        of: ({ phone, name }) => (phone === null ? null : `${phone} ${name.toLowerCase()}`),
      },
    ],
    write(actor, rows, dry_run) {
      const tags = dry_run ? [] : [customersTag(actor.business_id)];
      return act(deps, actor, importStatement, { customers: JSON.stringify(rows), dry_run }, tags);
    },
  });

function readRow(values: Values, fault: Fault): Row {
  const name = readText(values, "name", 200, fault);
  if (name === null && values.get("name") === "") fault("name", "is required");
  const email = readText(values, "email", 254, fault);
  if (email !== null && !/^[^@\s]+@[^@\s]+$/.test(email)) fault("email", "is not an e-mail address");
  return {
    name: name ?? "",
    phone: readPhone(values, "phone", fault),
    email,
    code: readText(values, "code", 64, fault),
    tax_no: readText(values, "tax_no", 64, fault),
    unit: readText(values, "unit", 200, fault),
    notes: readText(values, "notes", 2_000, fault),
    address: readAddress(values, fault),
    is_active: readFlag(values, fault),
  };
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
      !controlCharacter.test(line)
    );
  });
}
