import { Elysia, t } from "elysia";
import { answered, cachedBytes, respond } from "../http/cached.ts";
import { csvResponse, wantsCsv } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { entityTag } from "../http/etag.ts";
import { operation } from "../http/operation.ts";
import { Problem } from "../http/problem.ts";
import type { Caller, RequestScope } from "../http/scope.ts";
import {
  BusinessDate,
  IdParams,
  Instant,
  listParameters,
  ListOf,
  Nullable,
  OneOf,
  strict,
  Uuid,
} from "../http/schema.ts";
import { sides } from "../platform/enums.ts";
import { getBalanceAsOf } from "./statements.ts";
import { moneyCache } from "./money.cache.ts";
import { ownUserOf } from "./own.ts";
import {
  exportTransactions,
  requireBounded,
  transactionColumns,
  transactionPage,
  type TransactionQuery,
} from "./transactions.ts";

const Balance = t.Object({
  account_id: Uuid,
  currency: t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217" }),
  posted: t.Integer({ description: "What is in it; minor units" }),
  pending: Nullable(t.Integer({ description: "What will be in it when every hold is posted" })),
  available: Nullable(
    t.Integer({ description: "What may leave it now: posted, less what is held, and the overdraft limit" }),
  ),
  as_of: t.String({
    format: "date-time",
    description: "Since when this holds: the last movement; or the instant that was asked for",
    examples: ["2026-11-20T08:15:00.000Z"],
  }),
  version: Nullable(t.Integer({ description: "Transactions that have moved it" })),
});

const Transaction = t.Object({
  id: t.Integer({ description: "Of an account: in the order in which its balance moved" }),
  account_id: Uuid,
  transaction_id: t.String({ format: "uuid", description: "In the ledger" }),
  transfer_id: Nullable(Uuid),
  kind: t.String({ examples: ["bank.deposit"] }),
  side: OneOf(sides, { description: "credit: money in, debit: money out" }),
  amount: t.Integer({ description: "Minor units" }),
  currency: t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217" }),
  balance_after: Nullable(t.Integer({ description: "What was in the account right after it was posted" })),
  reference: Nullable(t.String()),
  memo: Nullable(t.String()),
  category: Nullable(t.String()),
  counterparty_account_id: Nullable(t.String({ format: "uuid", description: "Null: the house" })),
  effective_at: Instant,
  posted_at: Instant,
});

const Amount = (description: string) =>
  t.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: `${description}; minor units` });
const filters = {
  ...listParameters,
  from: t.Optional(BusinessDate),
  to: t.Optional(BusinessDate),
  side: t.Optional(OneOf(sides)),
  min: t.Optional(Amount("Least amount")),
  max: t.Optional(Amount("Largest amount")),
  q: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 100,
      pattern: "\\S",
      description: "Beginning of the reference, or part of the memo",
    }),
  ),
};

const balanceOperation = operation({
  id: "getBalance",
  cache: "bank.balance",
  permission: "balances.read",
  tag: "Bank: accounts",
  summary: "The balance of an account",
  description:
    "Never older than the last movement that was answered, on any replica. With `as_of` what had been posted at that " +
    "instant, itself included; what was held then is not known any more (`pending` and `available` are null).",
  errors: ["not_found"],
});

const listing =
  "Newest first, each account's entries on their own. Dates are days of the business's calendar, both included. " +
  "With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.";

const ofAccountOperation = operation({
  id: "listAccountTransactions",
  cache: "bank.account.transactions",
  permission: "balances.read",
  tag: "Bank: accounts",
  limit: "search",
  produces: ["application/json", "text/csv"],
  summary: "What moved an account",
  description: `What was posted, not what is held. ${listing}`,
  errors: ["not_found", "invalid_cursor"],
});

const ofAllOperation = operation({
  id: "listTransactions",
  cache: "bank.transactions",
  permission: "transactions.read",
  tag: "Bank: accounts",
  limit: "search",
  produces: ["application/json", "text/csv"],
  summary: "What moved the accounts of a customer, or all",
  description: `Customers see those of their own accounts. Staff who search all accounts by amount or text give \`from\`. ${listing}`,
  errors: ["invalid_cursor"],
});

/** 200 with a balance: kept by us, who prove it at every use, and by nobody else. */
const unstored = (response: Response): Response => {
  response.headers.set("cache-control", "no-store");
  return response;
};

/** Balances of accounts, and what moved them. */
export const moneyRoutes = (deps: Deps) => {
  const cached = moneyCache(deps);
  const csv = async (
    { caller, scope }: { caller: Caller; scope: RequestScope },
    account_id: string | null,
    query: TransactionQuery,
  ) => {
    const rows = await exportTransactions(deps, caller, account_id, query);
    return csvResponse(transactionColumns, rows, { filename: "transactions.csv", signal: scope.signal });
  };
  return new Elysia({ name: "bank.money", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/accounts/:id/balance",
      async ({ caller, scope, params, query: { as_of } }) => {
        const account_id = params.id.toLowerCase();
        const parts = { business_id: caller.business_id, account_id, own_user_id: ownUserOf(caller) };
        if (as_of === undefined) {
          return answered(scope, cached.balance, parts, (lookup, of) => unstored(cachedBytes(lookup, of)));
        }
        const [row] = await deps.db.report.query(getBalanceAsOf, { ...parts, as_of }, caller);
        if (row === undefined) throw new Problem("not_found");
        const bypass = { value: row.body, etag: entityTag(row.body), age_ms: 0, from: "bypass" } as const;
        return unstored(respond(scope, row.body, bypass, bypass.etag));
      },
      {
        params: IdParams,
        query: strict({ as_of: t.Optional(Instant) }),
        response: { 200: Balance },
        detail: balanceOperation,
      },
    )
    .get(
      "/accounts/:id/transactions",
      async ({ caller, scope, params, query }) => {
        if (wantsCsv(scope.request.headers.get("accept"))) return csv({ caller, scope }, params.id, query);
        const first = transactionPage(caller, params.id, query);
        const account_id = params.id.toLowerCase();
        return cached.ofAccount.answer(scope, query.cursor, { ...first, account_id });
      },
      {
        params: IdParams,
        query: strict(filters),
        response: { 200: ListOf(Transaction) },
        detail: ofAccountOperation,
      },
    )
    .get(
      "/transactions",
      async ({ caller, scope, query }) => {
        if (wantsCsv(scope.request.headers.get("accept"))) return csv({ caller, scope }, null, query);
        const first = transactionPage(caller, null, query);
        requireBounded(first);
        return cached.ofAll.answer(scope, query.cursor, first);
      },
      {
        query: strict({ ...filters, customer_id: t.Optional(Uuid) }),
        response: { 200: ListOf(Transaction) },
        detail: ofAllOperation,
      },
    );
};
