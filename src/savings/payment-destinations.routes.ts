import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import {
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
import { paymentDestinationCache } from "./payment-destinations.cache.ts";
import {
  createPaymentDestination,
  deletePaymentDestination,
  paymentDestinationPage,
} from "./payment-destinations.ts";

const tag = "Savings: payments";

const NewDestination = strict({
  customer_id: Uuid,
  bank_name: t.Optional(Text(140, "Name of the bank")),
  bank_code: t.Optional(
    t.String({
      pattern: "^[A-Za-z0-9]{2,20}$",
      description: "Of the bank, in its country",
      examples: ["058"],
    }),
  ),
  account_number: t.Optional(
    t.String({
      pattern: "^[A-Za-z0-9 -]{4,50}$",
      description: "Account number or IBAN; spaces and dashes are taken away",
      examples: ["0123456789"],
    }),
  ),
  account_name: t.Optional(Text(140, "Whose account it is")),
  bank_account_id: t.Optional({
    ...Uuid,
    description: "A wallet: an account of this bank that belongs to the customer",
  }),
});

export const PaymentDestination = t.Object({
  id: Uuid,
  customer_id: Uuid,
  method: OneOf(["bank", "wallet"], { description: "By which requests are paid to it" }),
  bank_name: Nullable(t.String()),
  bank_code: Nullable(t.String()),
  account_number: Nullable(t.String({ description: "Capitals, no spaces" })),
  account_name: Nullable(t.String()),
  bank_account_id: Nullable(Uuid),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const example = {
  customer_id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05",
  bank_name: "Guaranty Trust Bank",
  bank_code: "058",
  account_number: "0123456789",
  account_name: "Adaeze Okafor",
};

const documented = {
  list: operation({
    id: "listPaymentDestinations",
    cache: "savings.payment_destinations.page",
    permission: "payment_destinations.read",
    tag,
    summary: "List where customers are paid",
    description: "Newest first. A customer sees their own.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createPaymentDestination",
    permission: "payment_destinations.write",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Add where a customer is paid",
    description:
      "Either an account at another bank (`bank_name`, `account_number`, `account_name`) or a wallet (`bank_account_id`): an " +
      "account of the bank in the business's currency that is the customer's and not closed.",
    errors: ["already_exists", "reference_not_found"],
    examples: { request: example },
  }),
  remove: operation({
    id: "deletePaymentDestination",
    permission: "payment_destinations.write",
    tag,
    if_match: "optional",
    success: 204,
    summary: "Remove where a customer is paid",
    description: "Not while a payment to it is under way. Payments that were made keep it.",
    errors: ["not_found", "in_use"],
  }),
};

/** Where customers are paid what they saved. */
export const paymentDestinationRoutes = (deps: Deps) => {
  const cached = paymentDestinationCache(deps);
  return new Elysia({ name: "savings.payment-destinations", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/payment-destinations",
      async ({ caller, scope, query }) =>
        cached.page.answer(scope, query.cursor, paymentDestinationPage(caller, query)),
      {
        query: strict({ ...listParameters, customer_id: t.Optional(Uuid) }),
        response: { 200: ListOf(PaymentDestination) },
        detail: documented.list,
      },
    )
    .post(
      "/payment-destinations",
      async ({ caller, body }) => written(await createPaymentDestination(deps, caller, body)),
      { body: NewDestination, response: { 201: PaymentDestination }, detail: documented.create },
    )
    .delete(
      "/payment-destinations/:id",
      async ({ caller, params }) => written(await deletePaymentDestination(deps, caller, params.id)),
      { params: IdParams, detail: documented.remove },
    );
};
