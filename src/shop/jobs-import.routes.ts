import { Elysia } from "elysia";
import { csvOf, CsvUpload, ImportQuery, ImportReport } from "../core/csv-import.routes.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { importJobs, importRowsMax } from "./jobs-import.ts";

const csvExample =
  "title,customer_code,priority,due_on,quantity,unit,price,routing\r\n" +
  '"Wall calendar, 4 colour",C-1001,high,2026-12-01,500,pcs,1250000,Printed matter\r\n';

const importOperation = (body_bytes: number) =>
  operation({
    id: "importJobs",
    permission: "jobs.import",
    tag: "Shop: jobs",
    idempotency: "optional",
    consumes: ["text/csv", "multipart/form-data"],
    body_bytes,
    success: 201,
    summary: "Import jobs from CSV",
    description:
      `All rows or none, ${importRowsMax.toLocaleString("en")} and 20,000 steps at most; they become drafts, numbered in the order of the lines. ` +
      "The first line names the columns: `title` (required), `description`, `priority` (normal where it is empty), `due_on`, " +
      "`quantity`, `unit`, `price` (minor units of the business's currency), `routing` (its name: the job gets its steps), and " +
      "`customer_code` or `customer_phone`. `dry_run=true` changes nothing and answers 200 with the report; without it a file " +
      "with faults is refused (`import_refused`) with the same report.",
    errors: ["import_refused"],
    examples: { request: csvExample },
  });

/** Jobs of another system. */
export const jobImportRoutes = (deps: Deps) =>
  new Elysia({ name: "shop.job-import", prefix: "/api/v1", normalize: false }).use(edge).post(
    "/jobs/import",
    async ({ caller, body, query }) => {
      const csv = await csvOf(body);
      return written(await importJobs(deps, caller, { csv, dry_run: query.dry_run ?? false }));
    },
    {
      query: ImportQuery,
      body: CsvUpload,
      response: { 200: ImportReport, 201: ImportReport },
      detail: importOperation(deps.config.limits.upload_bytes),
    },
  );
