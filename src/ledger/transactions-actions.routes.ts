import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, strict, Text } from "../http/schema.ts";
import { Amount, Transaction, transactionExample } from "./transactions.shapes.routes.ts";
import { postingErrors, resolveTransaction, reverseTransaction } from "./transactions.ts";

const shared = { permission: "ledger.write", tag: "Ledger", idempotency: "required", success: 201 } as const;
const ends = ["not_found", "not_pending", "already_resolved", "account_owned"] as const;

const documented = {
  post: operation({
    ...shared,
    id: "postLedgerTransaction",
    summary: "Post a hold",
    description:
      "Moves the money that it holds, once. With `amount` only so much of it (a hold of two lines); what is left is " +
      "released. It does not ask whether the accounts are open: the money was set aside before.",
    errors: [...ends, "pending_expired", "partial_amount", "balance_ceiling"],
    examples: {
      request: { amount: 300_000 },
      response: { ...transactionExample, phase: "post", pending_id: "01929a3e-4b1c-7c3e-8e1f-5a2b3c4d5e71" },
    },
  }),
  void: operation({
    ...shared,
    id: "voidLedgerTransaction",
    summary: "Void a hold",
    description: "Releases all that it holds, once.",
    errors: ends,
    examples: {
      response: { ...transactionExample, phase: "void", pending_id: "01929a3e-4b1c-7c3e-8e1f-5a2b3c4d5e71" },
    },
  }),
  reverse: operation({
    ...shared,
    id: "reverseLedgerTransaction",
    summary: "Reverse a transaction",
    description: "Undoes what is posted by its mirror image, once; a reversal is not reversed.",
    errors: ["not_found", "not_reversible", "already_reversed", ...postingErrors],
    examples: {
      request: { description: "Posted to the wrong account" },
      response: { ...transactionExample, reverses_id: "01929a3e-4b1c-7c3e-8e1f-5a2b3c4d5e72" },
    },
  }),
};

/** What becomes of transactions of the ledger that were posted by hand. */
export const ledgerTransactionActionRoutes = (deps: Deps) =>
  new Elysia({ name: "ledger.transactions-actions", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/ledger/transactions/:id/post",
      async ({ caller, params, body }) => {
        const how = { phase: "post", amount: body.amount ?? null } as const;
        return written(await resolveTransaction(deps, caller, params.id, how));
      },
      {
        params: IdParams,
        body: strict({ amount: t.Optional(Amount) }),
        response: { 201: Transaction },
        detail: documented.post,
      },
    )
    .post(
      "/ledger/transactions/:id/void",
      async ({ caller, params }) =>
        written(await resolveTransaction(deps, caller, params.id, { phase: "void", amount: null })),
      { params: IdParams, response: { 201: Transaction }, detail: documented.void },
    )
    .post(
      "/ledger/transactions/:id/reverse",
      async ({ caller, params, body }) =>
        written(await reverseTransaction(deps, caller, params.id, body.description ?? null)),
      {
        params: IdParams,
        body: strict({ description: t.Optional(Text(500, "Why it is undone")) }),
        response: { 201: Transaction },
        detail: documented.reverse,
      },
    );
