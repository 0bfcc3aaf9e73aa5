import { Elysia, t } from "elysia";
import { answered, cachedResource } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { BusinessDate, IdParams, listParameters, ListOf, OneOf, strict, Text, Uuid } from "../http/schema.ts";
import { Reference } from "../ledger/transactions.shapes.routes.ts";
import { transferKinds, transferStatuses } from "../platform/enums.ts";
import { ownUserOf } from "./own.ts";
import type { Posting } from "./posting.ts";
import { transferCache } from "./transfers.cache.ts";
import { requireSearchBounds, transferPage, updateTransfer } from "./transfers.ts";
import {
  Amount,
  Category,
  Currency,
  Memo,
  movementErrors,
  Transfer,
  transferExample,
} from "./transfers.shapes.routes.ts";

const shared = { amount: Amount, currency: Currency, memo: t.Optional(Memo) };
const CounterMovement = strict({ account_id: Uuid, ...shared, reference: t.Optional(Reference) });
const NewTransfer = strict({
  from_account_id: Uuid,
  to_account_id: Uuid,
  ...shared,
  category: t.Optional(Category),
});

const account = "01929a3e-0000-7000-8000-0000000000a1";
const counterExample = { account_id: account, amount: 1_550_000, currency: "NGN", reference: "TELLER-4711" };

const movement = {
  idempotency: "required",
  success: 201,
  tag: "Bank: transfers",
  errors: movementErrors,
} as const;

const depositOperation = operation({
  ...movement,
  id: "createDeposit",
  permission: "deposits.write",
  summary: "Pay money in at the counter",
  description: "Moves it from the vault to the account. A `reference` is unique in the business.",
  examples: {
    request: counterExample,
    response: { ...transferExample, kind: "deposit", from_account_id: null },
  },
});

const withdrawalOperation = operation({
  ...movement,
  id: "createWithdrawal",
  permission: "deposits.write",
  summary: "Pay money out at the counter",
  description: "Counts against the day's and the month's limit of the account.",
  examples: {
    request: counterExample,
    response: { ...transferExample, kind: "withdrawal", to_account_id: null },
  },
});

const transferOperation = operation({
  ...movement,
  id: "createTransfer",
  permission: "transfers.write",
  summary: "Move money between two accounts",
  description:
    "Customers move money from their own accounts. It is posted when you are answered: durable, counted against the " +
    "limits of the paying account, and in the balance of both.",
  examples: {
    request: {
      from_account_id: account,
      to_account_id: account.replace("a1", "a2"),
      amount: 250_000,
      currency: "NGN",
    },
    response: transferExample,
  },
});

const TransferFilters = strict({
  ...listParameters,
  account_id: t.Optional(Uuid),
  kind: t.Optional(OneOf(transferKinds)),
  status: t.Optional(
    t.Array(OneOf(transferStatuses), { maxItems: 5, description: "Any of these, comma-separated" }),
  ),
  from: t.Optional(BusinessDate),
  to: t.Optional(BusinessDate),
  min: t.Optional(Amount),
  max: t.Optional(Amount),
  category: t.Optional(Category),
  q: t.Optional(Text(100, "Part of the memo, or the beginning of the reference")),
});

const listOperation = operation({
  id: "listTransfers",
  cache: "bank.transfers.page",
  permission: "transfers.read",
  tag: "Bank: transfers",
  limit: "search",
  summary: "List or search movements of money",
  description:
    "Newest first. Customers see those of their own accounts. Dates are days of the business's calendar, both bounds " +
    "included. Staff who search all of them by amount, category or text give `from`.",
  errors: ["invalid_cursor"],
});

const getOperation = operation({
  id: "getTransfer",
  cache: "bank.transfer",
  permission: "transfers.read",
  tag: "Bank: transfers",
  summary: "One movement of money",
  description: "The `ETag` holds the version: send it as `If-Match` with a change.",
  errors: ["not_found"],
});

const updateOperation = operation({
  id: "updateTransfer",
  permission: "transfers.file",
  tag: "Bank: transfers",
  if_match: "required",
  summary: "File a transfer",
  description:
    "Changes memo and category only (RFC 7396); what was moved never changes. Of customers, whoever paid may.",
  errors: ["not_found"],
  examples: { request: { category: "rent" } },
});

const TransferPatch = t.Object(
  {
    memo: t.Optional(t.Union([Memo, t.Null()])),
    category: t.Optional(t.Union([Category, t.Null()])),
  },
  { additionalProperties: false, minProperties: 1 },
);

/** Movements of money: what moves it, and what shows it. */
export const transferRoutes = (deps: Deps, { post }: Posting) => {
  const cached = transferCache(deps);
  const house = { from_account_id: null, to_account_id: null };
  return new Elysia({ name: "bank.transfers", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/deposits",
      async ({ caller, scope, body: { account_id, ...body } }) =>
        written(
          await post(caller, { ...house, ...body, kind: "deposit", to_account_id: account_id }, scope.path),
        ),
      { body: CounterMovement, response: { 201: Transfer }, detail: depositOperation },
    )
    .post(
      "/withdrawals",
      async ({ caller, scope, body: { account_id, ...body } }) =>
        written(
          await post(
            caller,
            { ...house, ...body, kind: "withdrawal", from_account_id: account_id },
            scope.path,
          ),
        ),
      { body: CounterMovement, response: { 201: Transfer }, detail: withdrawalOperation },
    )
    .post(
      "/transfers",
      async ({ caller, scope, body }) =>
        written(await post(caller, { ...body, kind: "internal" }, scope.path)),
      { body: NewTransfer, response: { 201: Transfer }, detail: transferOperation },
    )
    .get(
      "/transfers",
      ({ caller, scope, query }) => {
        const first = transferPage(caller, query);
        requireSearchBounds(first);
        return cached.page.answer(scope, query.cursor, first);
      },
      { query: TransferFilters, response: { 200: ListOf(Transfer) }, detail: listOperation },
    )
    .get(
      "/transfers/:id",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const parts = { business_id, transfer_id: params.id.toLowerCase(), own_user_id: ownUserOf(caller) };
        return answered(scope, cached.transfer, parts, cachedResource);
      },
      {
        params: IdParams,
        response: { 200: Transfer },
        detail: getOperation,
      },
    )
    .patch(
      "/transfers/:id",
      async ({ caller, params, body }) => written(await updateTransfer(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: TransferPatch,
        response: { 200: Transfer },
        detail: updateOperation,
      },
    );
};
