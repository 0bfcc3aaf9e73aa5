import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import { csvResponse, wantsCsv } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import {
  BusinessDate,
  IdParams,
  Instant,
  listParameters,
  ListOf,
  Nullable,
  OneOf,
  strict,
  Text,
  Uuid,
  Version,
} from "../http/schema.ts";
import { expenseSources, expenseStatuses } from "../platform/enums.ts";
import { expenseMoves } from "./expense-moves.ts";
import { expenseCache } from "./expenses.cache.ts";
import { createExpense, decideExpense, expenseColumns, expensePage, expenseRecords } from "./expenses.ts";
import { describeMoves } from "../core/moves.ts";
import { ownOf } from "./own.ts";

const tag = "Savings: cash";
const Category = t.String({
  pattern: "^[a-z][a-z0-9_]{0,39}$",
  description: "One of the setting `savings.expense_categories`",
  examples: ["transport"],
});
const PaidFrom = OneOf(expenseSources, {
  description: "`agent_cash`: from cash that the caller has collected and still has to hand over",
});

const required = {
  category: Category,
  amount: t.Integer({
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "Minor units of the business's currency",
  }),
};
const optional = {
  paid_from: t.Optional(PaidFrom),
  spent_on: t.Optional({ ...BusinessDate, description: "Default: today; not a day that is to come" }),
  description: t.Optional(Nullable(Text(500, "What it was for"))),
  file_id: t.Optional(
    Nullable({ ...Uuid, description: "Receipt: a file that the caller uploaded, and no other record's" }),
  ),
  unit_id: t.Optional(Nullable({ ...Uuid, description: "Default: the caller's own" })),
};
const NewExpense = strict({ ...required, ...optional });
const ExpensePatch = t.Object(
  { category: t.Optional(Category), amount: t.Optional(required.amount), ...optional },
  { additionalProperties: false, minProperties: 1 },
);

const Expense = t.Object({
  id: Uuid,
  unit_id: Nullable(Uuid),
  member_id: { ...Uuid, description: "Who spent it" },
  category: t.String({ examples: ["transport"] }),
  amount: t.Integer({ description: "Minor units" }),
  currency: t.String({ description: "Of the business", examples: ["NGN"] }),
  paid_from: OneOf(expenseSources),
  status: OneOf(expenseStatuses),
  spent_on: BusinessDate,
  description: Nullable(t.String()),
  file_id: Nullable(Uuid),
  remittance_id: Nullable({
    ...Uuid,
    description: "Which one expects so much less: it was paid from its cash",
  }),
  ledger_transaction_id: Nullable(Uuid),
  decided_by: Nullable(Uuid),
  decided_at: Nullable(Instant),
  reason: Nullable(t.String({ description: "Why it was rejected" })),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const Filters = strict({
  ...listParameters,
  from: t.Optional({ ...BusinessDate, description: "Spent on this day or later" }),
  to: t.Optional({ ...BusinessDate, description: "Spent on this day or earlier" }),
  unit_id: t.Optional(Uuid),
  category: t.Optional(Category),
  member_id: t.Optional(Uuid),
  status: t.Optional(
    t.Array(OneOf(expenseStatuses), { maxItems: 3, description: "Any of these, comma-separated" }),
  ),
  sort: t.Optional(OneOf(["-spent_on", "spent_on"])),
});

const example = {
  category: "transport",
  amount: 150_000,
  paid_from: "agent_cash",
  spent_on: "2026-11-20",
  description: "Fuel for the round",
};
const movesOf = (action: string) => describeMoves(expenseMoves, action, "who spent it");

const documented = {
  list: operation({
    id: "listExpenses",
    cache: "savings.expenses.page",
    permission: "expenses.read",
    tag,
    limit: "search",
    produces: ["application/json", "text/csv"],
    summary: "List expenses",
    description:
      "The latest day first unless `sort` says otherwise. An agent sees their own and their sub-agents', a sub-agent their own. " +
      "With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createExpense",
    permission: "expenses.write",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Record an expense",
    description:
      "Of the caller. Nothing is booked before somebody else approves it. The receipt goes with the expense from then on.",
    errors: ["reference_not_found"],
    examples: { request: example },
  }),
  get: operation({
    id: "getExpense",
    cache: "savings.expense",
    permission: "expenses.read",
    tag,
    summary: "One expense",
    description: "The `ETag` holds the version: send it as `If-Match` with a change or a decision.",
    errors: ["not_found"],
  }),
  change: operation({
    id: "updateExpense",
    permission: "expenses.write",
    tag,
    if_match: "required",
    summary: "Change an expense",
    description: `JSON Merge Patch (RFC 7396): members that are absent stay, null clears. ${movesOf("change")}.`,
    errors: ["not_found", "illegal_transition", "reference_not_found"],
    examples: { request: { amount: 120_000 } },
  }),
  approve: operation({
    id: "approveExpense",
    permission: "expenses.decide",
    tag,
    idempotency: "optional",
    if_match: "required",
    summary: "Approve an expense",
    description:
      `${movesOf("approve")}. It is booked: from the vault, or from the cash of who spent it. Then a remittance of theirs ` +
      "expects so much less: one that is open and has enough, else the newest that is not confirmed yet.",
    errors: ["not_found", "illegal_transition", "maker_checker", "insufficient_funds"],
  }),
  reject: operation({
    id: "rejectExpense",
    permission: "expenses.decide",
    tag,
    idempotency: "optional",
    if_match: "required",
    summary: "Reject an expense",
    description: `${movesOf("reject")}. Nothing is booked; who spent it is told the reason.`,
    errors: ["not_found", "illegal_transition", "maker_checker"],
    examples: { request: { reason: "There is no receipt" } },
  }),
};

/** Expenses: what members spend, approved by somebody else. */
export const expenseRoutes = (deps: Deps) => {
  const cached = expenseCache(deps);
  const settings = { params: IdParams, response: { 200: Expense } };
  return new Elysia({ name: "savings.expenses", prefix: "/api/v1/expenses", normalize: false })
    .use(edge)
    .get(
      "",
      ({ caller, scope, query }) => {
        if (!wantsCsv(scope.request.headers.get("accept")))
          return cached.page.answer(scope, query.cursor, expensePage(caller, query));
        const rows = expenseRecords(deps, caller, query);
        return csvResponse(expenseColumns, rows, { filename: "expenses.csv", signal: scope.signal });
      },
      { query: Filters, response: { 200: ListOf(Expense) }, detail: documented.list },
    )
    .post("", async ({ caller, body }) => written(await createExpense(deps, caller, body)), {
      body: NewExpense,
      response: { 201: Expense },
      detail: documented.create,
    })
    .get(
      "/:id",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const parts = { business_id, ...ownOf(caller), expense_id: params.id.toLowerCase() };
        return answered(scope, cached.expense, parts, cachedBytes);
      },
      { ...settings, detail: documented.get },
    )
    .patch(
      "/:id",
      async ({ caller, params: { id }, body }) =>
        written(await decideExpense(deps, caller, { id, action: "change", given: body })),
      { ...settings, body: ExpensePatch, detail: documented.change },
    )
    .post(
      "/:id/approve",
      async ({ caller, params: { id } }) =>
        written(await decideExpense(deps, caller, { id, action: "approve", given: {} })),
      { ...settings, detail: documented.approve },
    )
    .post(
      "/:id/reject",
      async ({ caller, params: { id }, body }) =>
        written(await decideExpense(deps, caller, { id, action: "reject", given: body })),
      {
        ...settings,
        body: strict({ reason: Text(500, "Why; who spent it reads it") }),
        detail: documented.reject,
      },
    );
};
