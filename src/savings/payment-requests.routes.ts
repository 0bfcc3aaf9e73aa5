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
  Uuid,
  Version,
} from "../http/schema.ts";
import { paymentMethods, paymentRequestStatuses } from "../platform/enums.ts";
import { ownOf } from "./own.ts";
import { PaymentDestination } from "./payment-destinations.routes.ts";
import { paymentRequestCache } from "./payment-requests.cache.ts";
import {
  createPaymentRequest,
  paymentRequestColumns,
  paymentRequestPage,
  paymentRequestRecords,
} from "./payment-requests.ts";

const tag = "Savings: payments";
const id = "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05";
const Minor = t.Integer({ description: "Minor units" });

export const PaymentRequest = t.Object({
  id: Uuid,
  reference: t.String({ examples: ["PR-5F0C2A9E71B4"] }),
  status: OneOf(paymentRequestStatuses),
  savings_account_id: Uuid,
  tracking_number: t.String({ examples: ["1234567897"] }),
  customer_id: Uuid,
  agent_id: { ...Uuid, description: "The member who is responsible for it, found by the server" },
  unit_id: Nullable(Uuid),
  method: OneOf(paymentMethods),
  destination_id: Nullable(Uuid),
  destination: Nullable(PaymentDestination),
  gross: t.Integer({ description: "What was saved, minor units" }),
  commission: Minor,
  fees: t.Integer({ description: "For closing early, minor units" }),
  net: t.Integer({ description: "What the customer gets, minor units" }),
  currency: t.String(),
  agent_amount: Nullable(
    t.Integer({ description: "The agent's part of the commission; customers are told null" }),
  ),
  parent_agent_id: Nullable({ ...Uuid, description: "Of a sub-agent's request; customers are told null" }),
  parent_amount: Nullable(
    t.Integer({ description: "Their part of the commission; customers are told null" }),
  ),
  requested_by: Uuid,
  decided_by: Nullable(Uuid),
  decided_at: Nullable(Instant),
  paid_by: Nullable(Uuid),
  paid_at: Nullable(Instant),
  reason: Nullable(t.String({ description: "Of the last rejection, failure or withdrawal" })),
  failure_code: Nullable(t.String()),
  provider: Nullable(t.String()),
  provider_ref: Nullable(t.String()),
  ledger_transaction_id: Nullable({ ...Uuid, description: "Of the payment, when it is paid" }),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const documented = {
  list: operation({
    id: "listPaymentRequests",
    cache: "savings.payment_requests.page",
    permission: "payment_requests.read",
    tag,
    limit: "search",
    produces: ["application/json", "text/csv"],
    summary: "List payment requests",
    description:
      "Newest first; `status` names a queue. An agent sees their own and their sub-agents', a customer their own. " +
      "With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createPaymentRequest",
    permission: "payment_requests.write",
    tag,
    idempotency: "required",
    success: 201,
    summary: "Ask for what was saved",
    description:
      "All of it, less commission and fees, on the terms of the account. It is held until the request is paid, rejected or " +
      "cancelled. An active account is closed early by it, and stays so. An account has one live request.",
    errors: [
      "reference_not_found",
      "payment_request_exists",
      "nothing_to_pay",
      "too_few_markings",
      "account_not_open",
    ],
    examples: { request: { savings_account_id: id, method: "bank", destination_id: id } },
  }),
  get: operation({
    id: "getPaymentRequest",
    cache: "savings.payment_request",
    permission: "payment_requests.read",
    tag,
    summary: "One payment request",
    description: "The `ETag` holds the version: send it as `If-Match` with a decision.",
    errors: ["not_found"],
  }),
};

/** Payment requests. What is decided about them is in payment-request-decisions.routes.ts. */
export const paymentRequestRoutes = (deps: Deps) => {
  const cached = paymentRequestCache(deps);
  return new Elysia({ name: "savings.payment-requests", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/payment-requests",
      ({ caller, scope, query }) => {
        if (!wantsCsv(scope.request.headers.get("accept")))
          return cached.page.answer(scope, query.cursor, paymentRequestPage(caller, query));
        const rows = paymentRequestRecords(deps, caller, query);
        return csvResponse(paymentRequestColumns, rows, {
          filename: "payment-requests.csv",
          signal: scope.signal,
        });
      },
      {
        query: strict({
          ...listParameters,
          status: t.Optional(
            t.Array(OneOf(paymentRequestStatuses), {
              maxItems: paymentRequestStatuses.length,
              description: "Any of these, comma-separated",
            }),
          ),
          from: t.Optional(BusinessDate),
          to: t.Optional(BusinessDate),
        }),
        response: { 200: ListOf(PaymentRequest) },
        detail: documented.list,
      },
    )
    .post(
      "/payment-requests",
      async ({ caller, body }) => written(await createPaymentRequest(deps, caller, body)),
      {
        body: strict({
          savings_account_id: Uuid,
          method: OneOf(paymentMethods),
          destination_id: t.Optional({
            ...Uuid,
            description: "Of the customer, of this method; not with cash",
          }),
        }),
        response: { 201: PaymentRequest },
        detail: documented.create,
      },
    )
    .get(
      "/payment-requests/:id",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const parts = { business_id, ...ownOf(caller), payment_request_id: params.id.toLowerCase() };
        return answered(scope, cached.request, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: PaymentRequest }, detail: documented.get },
    );
};
