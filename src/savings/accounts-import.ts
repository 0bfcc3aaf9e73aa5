import { act } from "../core/act.ts";
import { type Fault, importCsv, readText, type Values } from "../core/csv-import.ts";
import type { Deps } from "../http/deps.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { importAccounts as importStatement } from "./statements.ts";
import { savingsAccountsTag } from "./tags.ts";
import { isTrackingNumber } from "./tracking-number.ts";

type Row = Readonly<{
  customer_code: string | null;
  customer_phone: string | null;
  product: string;
  /** Minor units. */
  marking_amount: number;
  cycles: number;
  starts_on: string;
  agent: string | null;
  unit: string | null;
  tracking_number: string | null;
}>;

const columns = new Set([
  "customer_code",
  "customer_phone",
  "product",
  "marking_amount",
  "cycles",
  "starts_on",
  "agent",
  "unit",
  "tracking_number",
]);

/** Each one is opened with its ledger account, by itself: so many take seconds, and no longer. */
export const importRowsMax = 2_000;

/**
 * Opens savings accounts from CSV text, without markings. Customers are named by their code or their phone number, products
 * and units by their name, agents by their username; a card that is printed already keeps its number. See `importCsv`.
 */
export const importSavingsAccounts = (
  deps: Deps,
  caller: Caller,
  input: Readonly<{ csv: string; dry_run: boolean }>,
): Promise<Written> =>
  importCsv<Row>(deps, caller, input, {
    noun: "savings accounts",
    max_rows: importRowsMax,
    isKnown: (name) => columns.has(name),
    required: ["product", "marking_amount", "starts_on"],
    read: readRow,
    unique: [{ column: "tracking_number", of: ({ tracking_number }) => tracking_number }],
    write(actor, rows, dry_run) {
      const tags = dry_run ? [] : [savingsAccountsTag(actor.business_id)];
      return act(deps, actor, importStatement, { accounts: JSON.stringify(rows), dry_run }, tags);
    },
  });

function readRow(values: Values, fault: Fault): Row {
  const code = readText(values, "customer_code", 64, fault);
  const phone = values.get("customer_phone")?.replaceAll(/[\s().-]/g, "") ?? "";
  if (code === null && phone === "") fault("customer_code", "name the customer, by code or by phone number");
  if (phone !== "" && !/^\+[1-9][0-9]{6,14}$/.test(phone))
    fault("customer_phone", "must be E.164: +2348012345678");
  const product = readText(values, "product", 100, fault) ?? "";
  if (values.get("product") === "") fault("product", "is required");
  const number = values.get("tracking_number") ?? "";
  if (number !== "" && !isTrackingNumber(number)) fault("tracking_number", "is no number of an account");
  return {
    customer_code: code,
    customer_phone: phone === "" ? null : phone,
    product,
    marking_amount: readInteger(values, "marking_amount", Number.MAX_SAFE_INTEGER, null, fault),
    cycles: readInteger(values, "cycles", 60, 1, fault),
    starts_on: readDate(values, "starts_on", fault),
    agent: readText(values, "agent", 64, fault),
    unit: readText(values, "unit", 200, fault),
    tracking_number: number === "" ? null : number,
  };
}

/** A whole number from 1; where the column is empty, `fallback`, or a fault where there is none. */
function readInteger(
  values: Values,
  column: string,
  max: number,
  fallback: number | null,
  fault: Fault,
): number {
  const text = values.get(column) ?? "";
  if (text === "" && fallback !== null) return fallback;
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max) fault(column, `must be a whole number from 1 to ${max}`);
  return value;
}

function readDate(values: Values, column: string, fault: Fault): string {
  const text = values.get(column) ?? "";
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : null;
  // A day that no month has becomes another one.
  if (day === null || Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== text)
    fault(column, "must be a date: 2026-01-31");
  return text;
}
