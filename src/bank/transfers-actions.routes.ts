import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, strict, Text, Uuid } from "../http/schema.ts";
import {
  Amount,
  Category,
  Currency,
  Memo,
  movementErrors,
  Transfer,
  transferExample,
} from "./transfers.shapes.routes.ts";
import { batchItemsMax, postTransferBatch, reverseTransfer } from "./transfers.ts";

const TransferBatch = strict({
  atomic: t.Boolean({ description: "All or nothing; otherwise each item by itself" }),
  items: t.Array(
    strict({
      from_account_id: Uuid,
      to_account_id: Uuid,
      amount: Amount,
      currency: Currency,
      memo: t.Optional(Memo),
      category: t.Optional(Category),
    }),
    { minItems: 1, maxItems: batchItemsMax },
  ),
});

const TransferBatchAnswer = t.Object({
  posted: t.Integer(),
  refused: t.Integer(),
  data: t.Array(
    t.Object({
      status: t.Integer({ description: "What the item would have been answered alone: 201 or 422" }),
      transfer: t.Optional(Transfer),
      problem: t.Optional(t.Object({}, { additionalProperties: true, description: "RFC 9457" })),
    }),
    { description: "In the order of the items" },
  ),
});

const { from_account_id, to_account_id, amount, currency } = transferExample;
const item = { from_account_id, to_account_id, amount, currency };

/** Movements of money in numbers, and back. */
export const transferActionRoutes = (deps: Deps) =>
  new Elysia({ name: "bank.transfers-actions", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/transfers/batch",
      async ({ caller, scope, body: { atomic, items } }) => {
        const movements = items.map((each) => ({ ...each, kind: "internal" as const }));
        return written(await postTransferBatch(deps, caller, { atomic, movements }, scope.path));
      },
      {
        body: TransferBatch,
        response: { 200: TransferBatchAnswer },
        detail: operation({
          id: "createTransferBatch",
          permission: "transfers.write",
          tag: "Bank: transfers",
          idempotency: "required",
          summary: "Move money many times in one request",
          description:
            `At most ${batchItemsMax} items, judged in their order, each on what those before it left. With \`atomic\` one ` +
            "refusal refuses all (`batch_refused`, whose `errors` name each refused item); without, the answer says of " +
            "each item what became of it.",
          errors: ["batch_refused"],
          examples: {
            request: { atomic: false, items: [item] },
            response: { posted: 1, refused: 0, data: [{ status: 201, transfer: transferExample }] },
          },
        }),
      },
    )
    .post(
      "/transfers/:id/reverse",
      async ({ caller, params, body }) =>
        written(await reverseTransfer(deps, caller, params.id, body.reason)),
      {
        params: IdParams,
        body: strict({ reason: Text(500, "Why it is undone") }),
        response: { 201: Transfer },
        detail: operation({
          id: "reverseTransfer",
          permission: "transfers.reverse",
          tag: "Bank: transfers",
          idempotency: "required",
          success: 201,
          summary: "Undo a transfer",
          description:
            "Moves the same money back, once; a reversal is not reversed, and a wire is returned instead. What it used " +
            "of the limits is given back. Refused when the money has gone on.",
          errors: ["not_found", "already_reversed", "not_reversible", ...movementErrors],
          examples: {
            request: { reason: "Paid twice" },
            response: { ...transferExample, status: "reversed" },
          },
        }),
      },
    );
