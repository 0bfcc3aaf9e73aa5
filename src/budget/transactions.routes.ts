import { Elysia } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import { csvResponse, wantsCsv } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, ListOf } from "../http/schema.ts";
import { spendingPage } from "./spending.ts";
import { transactionCache } from "./transactions.cache.ts";
import {
  Filters,
  NewTransaction,
  Spending,
  SpendingFilters,
  Transaction,
  TransactionParams,
  TransactionPatch,
} from "./transactions.shapes.routes.ts";
import {
  createTransaction,
  deleteTransaction,
  exportTransactions,
  transactionColumns,
  transactionPage,
  updateTransaction,
} from "./transactions.ts";

const shared = { permission: "budgets.own", tag: "Budget: transactions" } as const;

const documented = {
  list: operation({
    ...shared,
    id: "listBudgetTransactions",
    cache: "budget.transactions.page",
    limit: "search",
    produces: ["application/json", "text/csv"],
    summary: "List transactions of a budget",
    description:
      "The latest day first unless `sort` says otherwise. With `Accept: text/csv` all that match come as one file, whatever " +
      "`limit` and `cursor` say.",
    errors: ["not_found", "invalid_cursor"],
  }),
  create: operation({
    ...shared,
    id: "createBudgetTransaction",
    idempotency: "optional",
    success: 201,
    summary: "Write a transaction down",
    description:
      "An `import_id` that the budget has already is answered 200 with the transaction that it had become, as it is now: " +
      "changed, or deleted.",
    errors: ["not_found", "unknown_category"],
    examples: {
      request: { amount: -450_000, occurred_on: "2026-11-20", payee: "Market", import_id: "stmt-118" },
    },
  }),
  get: operation({
    ...shared,
    id: "getBudgetTransaction",
    cache: "budget.transaction",
    summary: "One transaction of a budget",
    description: "The `ETag` holds its version: send it as `If-Match` with a change or to delete it.",
    errors: ["not_found"],
  }),
  change: operation({
    ...shared,
    id: "updateBudgetTransaction",
    if_match: "required",
    summary: "Change a transaction of a budget",
    description: "JSON Merge Patch (RFC 7396): members that are absent stay, null clears.",
    errors: ["not_found", "unknown_category"],
    examples: { request: { memo: "For the week", payee: null } },
  }),
  remove: operation({
    ...shared,
    id: "deleteBudgetTransaction",
    if_match: "required",
    success: 204,
    summary: "Delete a transaction of a budget",
    description:
      "It leaves every list and figure. Its `import_id` stays taken: an import does not bring it back.",
    errors: ["not_found"],
  }),
  spending: operation({
    ...shared,
    id: "getBudgetSpending",
    cache: "budget.spending",
    summary: "What was spent, by category, payee or month",
    description:
      "Money of all categories that are not income, the most first; months in their order, those without transactions left " +
      "out. In tracking mode hidden categories do not count.",
    errors: ["not_found", "invalid_cursor"],
  }),
};

/** What a budget is made of: money in and out, and what of it was spent. */
export const transactionRoutes = (deps: Deps) => {
  const cached = transactionCache(deps);
  const one = { params: TransactionParams };
  return new Elysia({ name: "budget.transactions", prefix: "/api/v1/budgets/:id", normalize: false })
    .use(edge)
    .get(
      "/transactions",
      async ({ caller, scope, params: { id }, query }) => {
        if (!wantsCsv(scope.request.headers.get("accept")))
          return cached.page.answer(scope, query.cursor, transactionPage(caller, id, query));
        const rows = await exportTransactions(deps, caller, id, query);
        return csvResponse(transactionColumns, rows, {
          filename: "transactions.csv",
          signal: scope.signal,
        });
      },
      { params: IdParams, query: Filters, response: { 200: ListOf(Transaction) }, detail: documented.list },
    )
    .post(
      "/transactions",
      async ({ caller, params: { id }, body }) => written(await createTransaction(deps, caller, id, body)),
      {
        params: IdParams,
        body: NewTransaction,
        response: { 200: Transaction, 201: Transaction },
        detail: documented.create,
      },
    )
    .get(
      "/transactions/:transaction_id",
      ({ caller: { business_id, user_id }, scope, params }) => {
        const parts = {
          business_id,
          user_id,
          budget_id: params.id.toLowerCase(),
          transaction_id: params.transaction_id.toLowerCase(),
        };
        return answered(scope, cached.transaction, parts, cachedBytes);
      },
      { ...one, response: { 200: Transaction }, detail: documented.get },
    )
    .patch(
      "/transactions/:transaction_id",
      async ({ caller, params, body }) => written(await updateTransaction(deps, caller, params, body)),
      { ...one, body: TransactionPatch, response: { 200: Transaction }, detail: documented.change },
    )
    .delete(
      "/transactions/:transaction_id",
      async ({ caller, params }) => written(await deleteTransaction(deps, caller, params)),
      { ...one, detail: documented.remove },
    )
    .get(
      "/insights/spending",
      ({ caller, scope, params: { id }, query }) =>
        cached.spending.answer(scope, query.cursor, spendingPage(caller, id, query)),
      { params: IdParams, query: SpendingFilters, response: { 200: Spending }, detail: documented.spending },
    );
};
