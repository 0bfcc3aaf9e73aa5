import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { Problem } from "../http/problem.ts";
import { written } from "../http/respond.ts";
import { IdParams, strict } from "../http/schema.ts";
import { importCustomers } from "./customers-import.ts";
import { archiveCustomer, restoreCustomer } from "./customers.ts";
import { Customer } from "./customers.routes.ts";

const ImportReport = t.Object(
  {
    dry_run: t.Boolean(),
    rows: t.Integer({ description: "Rows of the file" }),
    valid: t.Integer({ description: "Rows without a fault" }),
    created: t.Integer({ description: "Customers created: all rows, or none" }),
    error_count: t.Integer(),
    errors: t.Array(
      t.Object({
        line: t.Integer({ description: "Line of the file where the row begins, from 1" }),
        column: t.String({ description: "Column at fault; empty for the line as a whole" }),
        detail: t.String(),
      }),
      { description: "The first thousand faults, by line" },
    ),
  },
  { examples: [{ dry_run: false, rows: 2, valid: 2, created: 2, error_count: 0, errors: [] }] },
);

/** The body is text (CSV) or a form with a file; which one, and whether it is well-formed, is looked at by hand. */
const CsvUpload = t.Any({
  type: "object",
  properties: { file: { type: "string", format: "binary", description: "A CSV file" } },
  required: ["file"],
  additionalProperties: false,
});

const csvExample = "name,phone,code,address.city\r\nAdaeze Okafor,+2348012345678,C-1001,Lagos\r\n";

const archiveOperation = operation({
  id: "archiveCustomer",
  permission: "customers.write",
  tag: "Customers",
  idempotency: "optional",
  if_match: "optional",
  summary: "Archive a customer",
  description: "Nothing is removed: an archived customer can be read, found and restored.",
  errors: ["not_found", "illegal_transition"],
});

const restoreOperation = operation({
  id: "restoreCustomer",
  permission: "customers.write",
  tag: "Customers",
  idempotency: "optional",
  if_match: "optional",
  summary: "Restore an archived customer",
  description: "Takes back `archive`.",
  errors: ["not_found", "illegal_transition"],
});

const importOperation = (body_bytes: number) =>
  operation({
    id: "importCustomers",
    permission: "customers.import",
    tag: "Customers",
    idempotency: "optional",
    consumes: ["text/csv", "multipart/form-data"],
    body_bytes,
    success: 201,
    summary: "Import customers from CSV",
    description:
      "All rows or none, 10,000 at most. The first line names the columns: `name` (required), `phone`, `email`, `code`, " +
      "`tax_no`, `notes`, `unit` (its name), `is_active`, `address.<line>`. A file that was exported can be imported again. " +
      "`dry_run=true` changes nothing and answers 200 with the report; without it a file with faults is refused " +
      "(`import_refused`) with the same report. A phone number counts as a duplicate where the name is the same too.",
    errors: ["import_refused", "already_exists"],
    examples: { request: csvExample },
  });

/** What happens to customers beside being written: archive, restore, import. */
export const customerActionRoutes = (deps: Deps) =>
  new Elysia({ name: "core.customer-actions", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/customers/:id/archive",
      async ({ caller, params }) => written(await archiveCustomer(deps, caller, params.id)),
      { params: IdParams, response: { 200: Customer }, detail: archiveOperation },
    )
    .post(
      "/customers/:id/restore",
      async ({ caller, params }) => written(await restoreCustomer(deps, caller, params.id)),
      { params: IdParams, response: { 200: Customer }, detail: restoreOperation },
    )
    .post(
      "/customers/import",
      async ({ caller, body, query }) => {
        const csv = await csvOf(body);
        return written(await importCustomers(deps, caller, { csv, dry_run: query.dry_run ?? false }));
      },
      {
        query: strict({ dry_run: t.Optional(t.Boolean({ default: false, description: "Only look" })) }),
        body: CsvUpload,
        response: { 200: ImportReport, 201: ImportReport },
        detail: importOperation(deps.config.limits.upload_bytes),
      },
    );

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The text of the upload: the body itself, or the file of the form. */
async function csvOf(body: unknown): Promise<string> {
  if (typeof body === "string") return body;
  const members = typeof body === "object" && body !== null ? Object.entries(body) : [];
  const wrong = members
    .filter(([name]) => name !== "file")
    .map(([name]) => ({ pointer: `/${name}`, detail: "is not known" }));
  const file: unknown = members.find(([name]) => name === "file")?.[1];
  if (!(file instanceof Blob)) wrong.push({ pointer: "/file", detail: "must be a file" });
  if (wrong.length > 0) throw new Problem("validation", { errors: wrong });
  try {
    return utf8.decode(await (file as Blob).arrayBuffer());
  } catch {
    throw new Problem("validation", { detail: "The file is not valid UTF-8" });
  }
}
