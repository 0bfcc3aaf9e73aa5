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
import { type JobPriority, jobPriorities } from "../platform/enums.ts";
import { importJobs as importStatement } from "./statements.ts";
import { jobsTag, stepsTag } from "./tags.ts";

type Row = Readonly<{
  title: string;
  customer_code: string | null;
  customer_phone: string | null;
  description: string | null;
  priority: JobPriority | null;
  due_on: string | null;
  /** A decimal number, as it was written. */
  quantity: string | null;
  unit: string | null;
  /** Minor units of the business's currency. */
  price: number | null;
  routing: string | null;
}>;

const columns = new Set([
  "title",
  "customer_code",
  "customer_phone",
  "description",
  "priority",
  "due_on",
  "quantity",
  "unit",
  "price",
  "routing",
]);

/** Each one is made with its steps and its number, by itself: so many take seconds, and no longer. */
export const importRowsMax = 2_000;

/**
 * Makes jobs from CSV text, as drafts that are numbered in the order of the lines. Customers are named by their code or their
 * phone number, routings by their name. See `importCsv`.
 */
export const importJobs = (
  deps: Deps,
  caller: Caller,
  input: Readonly<{ csv: string; dry_run: boolean }>,
): Promise<Written> =>
  importCsv<Row>(deps, caller, input, {
    noun: "jobs",
    max_rows: importRowsMax,
    isKnown: (name) => columns.has(name),
    required: ["title"],
    read: readRow,
    unique: [],
    write(actor, rows, dry_run) {
      const tags = dry_run ? [] : [jobsTag(actor.business_id), stepsTag(actor.business_id)];
      return act(deps, actor, importStatement, { jobs: JSON.stringify(rows), dry_run }, tags);
    },
  });

function readRow(values: Values, fault: Fault): Row {
  if (values.get("title") === "") fault("title", "is required");
  const customer_code = readText(values, "customer_code", 64, fault);
  const customer_phone = readPhone(values, "customer_phone", fault);
  if (customer_code !== null && customer_phone !== null)
    fault("customer_phone", "name the customer by code or by phone number, not by both");
  return {
    title: readText(values, "title", 200, fault) ?? "",
    customer_code,
    customer_phone,
    description: readText(values, "description", 4_000, fault),
    priority: readPriority(values, fault),
    due_on: readDate(values, "due_on", fault),
    quantity: readQuantity(values, fault),
    unit: readText(values, "unit", 32, fault),
    price: readInteger(values, "price", { min: 0 }, fault),
    routing: readText(values, "routing", 200, fault),
  };
}

function readPriority(values: Values, fault: Fault): JobPriority | null {
  const text = values.get("priority") ?? "";
  const priority = jobPriorities.find((one) => one === text) ?? null;
  if (text !== "" && priority === null) fault("priority", `must be one of ${jobPriorities.join(", ")}`);
  return priority;
}

/** As `shop.jobs` keeps it: eleven digits, and three behind the point. */
function readQuantity(values: Values, fault: Fault): string | null {
  const text = values.get("quantity") ?? "";
  if (text === "") return null;
  if (/^[0-9]{1,11}(\.[0-9]{1,3})?$/.test(text) && Number(text) > 0) return text;
  fault("quantity", "must be a number above 0 with at most three decimals");
  return null;
}
