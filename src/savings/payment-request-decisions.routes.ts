import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation, type OperationDetail } from "../http/operation.ts";
import type { Permission } from "../http/policy.ts";
import type { ProblemCode } from "../http/problem.ts";
import { written } from "../http/respond.ts";
import { IdParams, strict, Text } from "../http/schema.ts";
import { describeMoves } from "../core/moves.ts";
import { type PaymentRequestAction, paymentRequestMoves } from "./payment-request-moves.ts";
import { PaymentRequest } from "./payment-requests.routes.ts";
import { decidePaymentRequest } from "./payment-requests.ts";

const Reason = Text(500, "Told to the customer, to who asked and to the agent");
const Note = t.Optional(strict({ reason: t.Optional(Reason) }));
const Paid = t.Optional(
  strict({
    provider: t.Optional(
      t.String({
        pattern: "^[a-z][a-z0-9_]{0,39}$",
        description:
          "Who carries the money to the bank, as the account `clearing:{provider}` has it; default `bank`",
        examples: ["paystack"],
      }),
    ),
    provider_ref: t.Optional(Text(200, "What the bank or the provider calls the payment that has arrived")),
  }),
);
const Failed = strict({
  failure_code: t.String({
    pattern: "^[A-Za-z0-9_.-]{1,64}$",
    description: "What the bank or the provider says",
    examples: ["account_closed"],
  }),
  reason: t.Optional(Reason),
});

type Words = {
  summary: string;
  description: string;
  request: object;
  errors?: readonly ProblemCode[];
  idempotency?: "required";
};

/** What all decisions have in common; who may make which is in the table of moves. */
function decision(action: PaymentRequestAction, permission: Permission, words: Words): OperationDetail {
  const { summary, description, request, errors = [], idempotency = "optional" } = words;
  return operation({
    id: `${action}PaymentRequest`,
    permission,
    tag: "Savings: payments",
    idempotency,
    if_match: "required",
    summary,
    description: `${describeMoves(paymentRequestMoves, action, "who asked for it")}. ${description}`,
    errors: ["not_found", "illegal_transition", ...errors],
    examples: { request },
  });
}

const decide = "payment_requests.decide";
const documented = {
  approve: decision("approve", decide, {
    summary: "Approve a payment request",
    description:
      "Also a payment that failed, to have it tried again. The money stays held. The customer who is paid decides nothing, either.",
    request: {},
    errors: ["maker_checker"],
  }),
  reject: decision("reject", decide, {
    summary: "Reject a payment request",
    description: "What was held is free again; the account stays closed, and may ask again.",
    request: { reason: "The account number is wrong" },
    errors: ["maker_checker"],
  }),
  cancel: decision("cancel", "payment_requests.write", {
    summary: "Take back a payment request",
    description: "What was held is free again; the account stays closed, and may ask again.",
    request: { reason: "To another bank, please" },
  }),
  pay: decision("pay", decide, {
    summary: "Pay a payment request",
    description:
      "Cash and wallets are paid at once, a bank when `provider_ref` says that the money has arrived. Only then the " +
      "commission is earned.",
    request: { provider: "paystack", provider_ref: "TRF_1ptvuv321ahaa7q" },
    errors: ["maker_checker", "account_not_open"],
    idempotency: "required",
  }),
  fail: decision("fail", decide, {
    summary: "Say that a payment failed",
    description:
      "From `approved` only where a wallet takes nothing any more. The money stays held until the request is approved again, " +
      "or rejected.",
    request: { failure_code: "account_closed", reason: "The bank sent it back" },
    errors: ["maker_checker"],
  }),
};

/** Decisions about payment requests: each moves one from state to state, and its money with it. */
export const paymentRequestDecisionRoutes = (deps: Deps) => {
  const settings = { params: IdParams, response: { 200: PaymentRequest } };
  const name = "savings.payment-request-decisions";
  return new Elysia({ name, prefix: "/api/v1/payment-requests", normalize: false })
    .use(edge)
    .post(
      "/:id/approve",
      async ({ caller, params: { id } }) =>
        written(await decidePaymentRequest(deps, caller, { id, action: "approve", given: {} })),
      { ...settings, body: t.Optional(strict({})), detail: documented.approve },
    )
    .post(
      "/:id/reject",
      async ({ caller, params: { id }, body }) =>
        written(await decidePaymentRequest(deps, caller, { id, action: "reject", given: body })),
      { ...settings, body: strict({ reason: Reason }), detail: documented.reject },
    )
    .post(
      "/:id/cancel",
      async ({ caller, params: { id }, body }) =>
        written(await decidePaymentRequest(deps, caller, { id, action: "cancel", given: body ?? {} })),
      { ...settings, body: Note, detail: documented.cancel },
    )
    .post(
      "/:id/pay",
      async ({ caller, params: { id }, body }) =>
        written(await decidePaymentRequest(deps, caller, { id, action: "pay", given: body ?? {} })),
      { ...settings, body: Paid, detail: documented.pay },
    )
    .post(
      "/:id/fail",
      async ({ caller, params: { id }, body }) =>
        written(await decidePaymentRequest(deps, caller, { id, action: "fail", given: body })),
      { ...settings, body: Failed, detail: documented.fail },
    );
};
