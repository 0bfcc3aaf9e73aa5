import { act } from "../core/act.ts";
import {
  type Fault,
  importCsv,
  readDate,
  readInteger,
  readPhone,
  readText,
  type Values,
} from "../core/csv-import.ts";
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

const required = ["product", "marking_amount", "starts_on"] as const;

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
    required,
    read: readRow,
    unique: [{ column: "tracking_number", of: ({ tracking_number }) => tracking_number }],
    write(actor, rows, dry_run) {
      const tags = dry_run ? [] : [savingsAccountsTag(actor.business_id)];
      return act(deps, actor, importStatement, { accounts: JSON.stringify(rows), dry_run }, tags);
    },
  });

function readRow(values: Values, fault: Fault): Row {
  for (const column of required) if (values.get(column) === "") fault(column, "is required");
  const code = readText(values, "customer_code", 64, fault);
  const phone = readPhone(values, "customer_phone", fault);
  if (code === null && phone === null)
    fault("customer_code", "name the customer, by code or by phone number");
  const product = readText(values, "product", 100, fault) ?? "";
  const number = values.get("tracking_number") ?? "";
  if (number !== "" && !isTrackingNumber(number)) fault("tracking_number", "is no number of an account");
  return {
    customer_code: code,
    customer_phone: phone,
    product,
    marking_amount: readInteger(values, "marking_amount", { min: 1 }, fault) ?? 0,
    cycles: readInteger(values, "cycles", { min: 1, max: 60 }, fault) ?? 1,
    starts_on: readDate(values, "starts_on", fault) ?? "",
    agent: readText(values, "agent", 64, fault),
    unit: readText(values, "unit", 200, fault),
    tracking_number: number === "" ? null : number,
  };
}
