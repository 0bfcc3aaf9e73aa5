import { Elysia, t } from "elysia";
import { csvOf, CsvUpload, ImportQuery, ImportReport } from "../core/csv-import.routes.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams } from "../http/schema.ts";
import {
  LedgerImport,
  LedgerImportAnswer,
  TransactionBatch,
  TransactionBatchAnswer,
} from "./transactions.shapes.routes.ts";
import { importLinesMax, importTransactions } from "./transactions-import.ts";
import { batchItemsMax, createTransactions, importEntries } from "./transactions.ts";

const shared = { permission: "budgets.own", tag: "Budget: transactions", idempotency: "optional" } as const;

const batch = operation({
  ...shared,
  id: "createBudgetTransactionBatch",
  summary: "Write many transactions down in one request",
  description:
    `At most ${batchItemsMax} items, each judged by itself: the answer says of each what became of it. An item whose ` +
    "`import_id` is there already is counted among `duplicates` and answered with what it had become, so that a bank " +
    "statement may be sent as often as one likes.",
  errors: ["not_found"],
  examples: {
    request: {
      items: [{ amount: -450_000, occurred_on: "2026-11-20", payee: "Market", import_id: "stmt-118" }],
    },
  },
});

const ofLedger = operation({
  ...shared,
  id: "importBudgetLedgerEntries",
  summary: "Make transactions of the caller's own bank entries",
  description:
    `Posted entries of a bank account of the customer that the caller is, the oldest first, ${batchItemsMax} at a time. ` +
    "Each entry becomes one transaction (`import_id` is `ledger:` and its number), however often it is asked for; while " +
    "`has_more` is true the same request takes the next ones. The account is in the budget's currency.",
  errors: ["not_found", "account_not_found", "currency_mismatch", "unknown_category"],
  examples: {
    request: { account_id: "0191e7a0-0000-7000-8000-000000000001", from: "2026-11-01" },
    response: { created: 12, has_more: false },
  },
});

const Report = t.Composite([
  ImportReport,
  t.Object({
    duplicates: t.Optional(
      t.Integer({ description: "Rows whose `import_id` is there already, or twice in the file" }),
    ),
  }),
]);

const ofFile = (body_bytes: number) =>
  operation({
    ...shared,
    id: "importBudgetTransactions",
    consumes: ["text/csv", "multipart/form-data"],
    body_bytes,
    success: 201,
    summary: "Import bank lines from CSV",
    description:
      `All rows or none, ${importLinesMax.toLocaleString("en")} at most. The first line names the columns: \`occurred_on\` and ` +
      "`amount` (minor units of the budget's currency, below 0 for money out), which are required, `payee`, `memo`, `category` " +
      "(its name) and `import_id`: a row whose `import_id` is there already is left as it is. `dry_run=true` changes nothing " +
      "and answers 200 with the report; without it a file with faults is refused (`import_refused`) with the same report.",
    errors: ["not_found", "import_refused"],
    examples: {
      request:
        "occurred_on,amount,payee,category,import_id\r\n2026-11-20,-450000,Market,spending,stmt-118\r\n",
    },
  });

/** Transactions in numbers. */
export const transactionBatchRoutes = (deps: Deps) =>
  new Elysia({
    name: "budget.transactions-batch",
    prefix: "/api/v1/budgets/:id/transactions",
    normalize: false,
  })
    .use(edge)
    .post(
      "/batch",
      async ({ caller, scope, params: { id }, body: { items } }) =>
        written(await createTransactions(deps, caller, { budget_id: id, items }, scope.path)),
      { params: IdParams, body: TransactionBatch, response: { 200: TransactionBatchAnswer }, detail: batch },
    )
    .post(
      "/import",
      async ({ caller, params: { id }, body, query }) => {
        const csv = await csvOf(body);
        return written(await importTransactions(deps, caller, id, { csv, dry_run: query.dry_run ?? false }));
      },
      {
        params: IdParams,
        query: ImportQuery,
        body: CsvUpload,
        response: { 200: Report, 201: Report },
        detail: ofFile(deps.config.limits.upload_bytes),
      },
    );

/** What other modules know of a person's money. Without the bank there is nothing to import. */
export const ledgerImportRoutes = (deps: Deps) =>
  new Elysia({ name: "budget.ledger", prefix: "/api/v1/budgets/:id/transactions", normalize: false })
    .use(edge)
    .post(
      "/import-ledger",
      async ({ caller, params: { id }, body }) => written(await importEntries(deps, caller, id, body)),
      { params: IdParams, body: LedgerImport, response: { 200: LedgerImportAnswer }, detail: ofLedger },
    );
