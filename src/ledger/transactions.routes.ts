import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { list, resource, written } from "../http/respond.ts";
import { IdParams, ListOf, listParameters, OneOf, strict, Text, Uuid } from "../http/schema.ts";
import {
  linesExample,
  NewTransaction,
  Outcome,
  Transaction,
  transactionExample,
  TransactionSummary,
} from "./transactions.shapes.routes.ts";
import {
  getTransaction,
  itemsMax,
  listTransactions,
  postingErrors,
  postTransaction,
  postTransactions,
} from "./transactions.ts";

const dry_run = t.Optional(
  t.Boolean({ description: "Only judge: nothing is kept, and the key stays free. Default: false" }),
);

const TransactionFilters = strict({
  ...listParameters,
  reference: t.Optional(Text(200, "With this reference")),
  source_type: t.Optional(Text(64, "Of this kind of record")),
  source_id: t.Optional(Uuid),
});

const DryRun = t.Object({ dry_run: t.Boolean(), ...Outcome });
const BulkAnswer = t.Object({
  dry_run: t.Boolean(),
  posted: t.Integer(),
  refused: t.Integer(),
  data: t.Array(t.Object(Outcome), { description: "In the order of the items" }),
});

const example = { reference: "CAPITAL-1", description: "Capital paid in", lines: linesExample };

const documented = {
  list: operation({
    id: "listLedgerTransactions",
    cache: { uncached: "every movement adds to it, and what it shows is evidence" },
    permission: "ledger.read",
    tag: "Ledger",
    limit: "search",
    summary: "List transactions of the ledger",
    description: "Newest first, without their entries. `source_id` also finds the transaction of that id.",
    errors: ["invalid_cursor"],
  }),
  get: operation({
    id: "getLedgerTransaction",
    cache: { uncached: "evidence: read as it is" },
    permission: "ledger.read",
    tag: "Ledger",
    summary: "One transaction of the ledger",
    description: "With its entries, and what became of it.",
    errors: ["not_found"],
  }),
  post: operation({
    id: "createLedgerTransaction",
    permission: "ledger.write",
    tag: "Ledger",
    idempotency: "required",
    success: 201,
    summary: "Post a transaction by hand",
    description:
      "Moves money between accounts that no module owns, or with `phase` pending sets it aside. An entry never changes: " +
      "a mistake is reversed. With `dry_run` the answer is 200 and says what would have become of it.",
    errors: [...postingErrors],
    examples: { request: example, response: transactionExample },
  }),
  bulk: operation({
    id: "createLedgerTransactions",
    permission: "ledger.write",
    tag: "Ledger",
    idempotency: "required",
    summary: "Post many transactions by hand",
    description:
      `At most ${itemsMax} items, judged in their order, each on what those before it left. With \`mode\` atomic one ` +
      "refusal refuses all (`batch_refused`, whose `errors` name each refused item); with independent the answer says " +
      "of each item what became of it. With `dry_run` nothing is kept.",
    errors: ["batch_refused"],
    examples: {
      request: { mode: "atomic", items: [example] },
      response: {
        dry_run: false,
        posted: 1,
        refused: 0,
        data: [{ status: 201, transaction: transactionExample }],
      },
    },
  }),
};

/** Transactions of the ledger, and posting them by hand. */
export const ledgerTransactionRoutes = (deps: Deps) =>
  new Elysia({ name: "ledger.transactions", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/ledger/transactions",
      async ({ caller, scope, query }) => list(deps, { caller, scope, query }, listTransactions),
      { query: TransactionFilters, response: { 200: ListOf(TransactionSummary) }, detail: documented.list },
    )
    .get(
      "/ledger/transactions/:id",
      async ({ caller, params }) => resource(await getTransaction(deps, caller, params.id)),
      { params: IdParams, response: { 200: Transaction }, detail: documented.get },
    )
    .post(
      "/ledger/transactions",
      async ({ caller, scope, body: { dry_run = false, ...input } }) =>
        written(await postTransaction(deps, caller, input, { dry_run, instance: scope.path })),
      {
        body: strict({ ...NewTransaction, dry_run }),
        response: { 200: DryRun, 201: Transaction },
        detail: documented.post,
      },
    )
    .post(
      "/ledger/transactions/bulk",
      async ({ caller, scope, body: { mode, dry_run = false, items } }) => {
        const options = { atomic: mode === "atomic", dry_run, instance: scope.path };
        return written(await postTransactions(deps, caller, items, options));
      },
      {
        body: strict({
          mode: OneOf(["atomic", "independent"], { description: "All or none, or each by itself" }),
          dry_run,
          items: t.Array(strict(NewTransaction), { minItems: 1, maxItems: itemsMax }),
        }),
        response: { 200: BulkAnswer },
        detail: documented.bulk,
      },
    );
