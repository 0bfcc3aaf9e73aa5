import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams } from "../http/schema.ts";
import { csvOf, CsvUpload, ImportQuery, ImportReport } from "./csv-import.routes.ts";
import { importCustomers } from "./customers-import.ts";
import { archiveCustomer, restoreCustomer } from "./customers.ts";
import { Customer } from "./customers.routes.ts";

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
        query: ImportQuery,
        body: CsvUpload,
        response: { 200: ImportReport, 201: ImportReport },
        detail: importOperation(deps.config.limits.upload_bytes),
      },
    );
