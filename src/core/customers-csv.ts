import type { exportCustomers } from "./customers.ts";

type Exported = ReturnType<typeof exportCustomers> extends AsyncGenerator<infer R, unknown> ? R : never;

/** Lines of an address that have a column of their own in an export; an import takes `address.<any name>`. */
const addressLines = ["street", "city", "state", "postal_code", "country"] as const;

/** Columns of an export, in order. `address` holds the lines that have no column, as a JSON object. */
export const customerColumns: readonly string[] = [
  "id",
  "code",
  "name",
  "phone",
  "email",
  "tax_no",
  "unit",
  "notes",
  "is_active",
  ...addressLines.map((line) => `address.${line}`),
  "address",
  "created_at",
  "updated_at",
];

/** Columns that an export has and an import leaves to the server. */
export const readOnlyColumns: ReadonlySet<string> = new Set(["id", "created_at", "updated_at"]);

type Field = string | boolean | null;

/** A customer as one record under `customerColumns`. */
export function customerRecord(customer: Exported): Field[] {
  const { id, code, name, phone, email, tax_no, unit, notes, is_active, address } = customer;
  const others = Object.entries(address).filter(
    ([line]) => !(addressLines as readonly string[]).includes(line),
  );
  const rest = others.length === 0 ? null : JSON.stringify(Object.fromEntries(others));
  const lines = addressLines.map((line) => textOf(address[line]));
  const stamps = [customer.created_at, customer.updated_at];
  return [id, code, name, phone, email, tax_no, unit, notes, is_active, ...lines, rest, ...stamps];
}

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** The records of an export. */
export async function* customerRecords(
  rows: AsyncIterable<Exported>,
): AsyncGenerator<Field[], void, undefined> {
  for await (const row of rows) yield customerRecord(row);
}
