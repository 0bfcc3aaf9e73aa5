import { Elysia } from "elysia";
import { csvOf, CsvUpload, ImportQuery, ImportReport } from "../core/csv-import.routes.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { importRowsMax, importSavingsAccounts } from "./accounts-import.ts";

const csvExample =
  "customer_code,product,marking_amount,cycles,starts_on,agent,tracking_number\r\n" +
  "C-1001,Daily 31,50000,1,2026-11-01,agent,\r\n";

const importOperation = (body_bytes: number) =>
  operation({
    id: "importSavingsAccounts",
    permission: "savings.import",
    tag: "Savings: accounts",
    idempotency: "optional",
    consumes: ["text/csv", "multipart/form-data"],
    body_bytes,
    success: 201,
    summary: "Import savings accounts from CSV",
    description:
      `All rows or none, ${importRowsMax.toLocaleString("en")} at most; they are opened without markings. The first line names the ` +
      "columns: `product` (its name), `marking_amount` (minor units) and `starts_on` are required, `customer_code` or " +
      "`customer_phone` names the customer, `agent` is a username, `unit` a name, `cycles` 1 where it is empty; a card that is " +
      "printed already keeps its `tracking_number`. `dry_run=true` changes nothing and answers 200 with the report; without it " +
      "a file with faults is refused (`import_refused`) with the same report.",
    errors: ["import_refused", "active_account_exists", "already_exists"],
    examples: { request: csvExample },
  });

/** Savings accounts of another system. */
export const accountImportRoutes = (deps: Deps) =>
  new Elysia({ name: "savings.account-import", prefix: "/api/v1", normalize: false }).use(edge).post(
    "/savings/import",
    async ({ caller, body, query }) => {
      const csv = await csvOf(body);
      return written(await importSavingsAccounts(deps, caller, { csv, dry_run: query.dry_run ?? false }));
    },
    {
      query: ImportQuery,
      body: CsvUpload,
      response: { 200: ImportReport, 201: ImportReport },
      detail: importOperation(deps.config.limits.upload_bytes),
    },
  );
