import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { operation } from "../http/operation.ts";
import { fresh } from "../http/respond.ts";
import { Nullable, OneOf, strict } from "../http/schema.ts";
import { publicEdge } from "../http/scope.ts";
import { eventReasons, eventResults } from "../platform/enums.ts";
import { takeEvent } from "./webhooks.ts";
import { createSignatures } from "./webhook-signature.ts";

/** A provider's event is a few kilobytes. */
const body_bytes = 65_536;

const example = {
  event_id: "evt_30296145",
  type: "payment.succeeded",
  reference: "01987c3e-6b20-7d11-8c3a-5a2f9e4b7c06",
  amount: 500_000,
  currency: "NGN",
  paid_at: "2026-11-20T08:15:00.000Z",
};

const text = (description: string) => ({ type: "string", description });

/** The canonical form, for the document alone: what arrives is bytes, and judged after its signature. */
const Event = t.Any({
  title: "PaymentEvent",
  type: "object",
  required: ["event_id", "type"],
  properties: {
    event_id: text("The provider's id of this event; the same when it is sent again"),
    type: text("`payment.succeeded`; anything else is kept and ignored"),
    reference: text("`provider_ref` of the collection, as it was given to the checkout"),
    amount: { type: "integer", minimum: 1, description: "What was paid, minor units" },
    currency: text("ISO 4217"),
    paid_at: text("RFC 3339"),
  },
});

const Received = t.Object({
  event_id: t.String(),
  result: OneOf([...eventResults, "received"], {
    description:
      "confirmed: the collection is, and its slots are filled. parked: booked to `clearing:unapplied`, staff are told. " +
      "unassigned: nobody can tell whose it is. ignored: no payment. received: kept, and worked on soon",
  }),
  reason: Nullable(OneOf(eventReasons, { description: "Why the money is parked or unassigned" })),
});

/** What payment providers tell us: signed, and public otherwise. */
export const webhookRoutes = (deps: Deps) => {
  const signatures = createSignatures(deps.config.payments.webhook_secrets);
  return new Elysia({ name: "savings.webhooks", prefix: "/api/v1", normalize: false }).use(publicEdge).post(
    "/webhooks/:provider",
    async ({ scope, params, body }) =>
      fresh(
        await takeEvent(deps, signatures, scope, {
          provider: params.provider,
          bytes: body as Uint8Array<ArrayBuffer>,
        }),
      ),
    {
      params: strict({ provider: t.String({ maxLength: 40, examples: ["paystack"] }) }),
      body: Event,
      response: { 200: Received },
      detail: operation({
        id: "receiveWebhook",
        permission: "public",
        tag: "Savings: online payments",
        limit: "webhook",
        raw_body: true,
        body_bytes,
        summary: "Tell of a payment",
        description:
          "For payment providers. The raw body is signed with HMAC-SHA512 and the provider's secret, in hexadecimal, in " +
          "`X-Signature` (`paystack`: `X-Paystack-Signature`, and Paystack's own events); the signature is checked before " +
          "anything is parsed. Each event id counts once: sent again, it is answered with the first result. Money that does " +
          "not fit its collection any more (another amount, paid twice, reversed, account full or closed) is never credited " +
          "to it, and never lost: it is parked.",
        errors: ["bad_signature", "not_found"],
        examples: {
          request: example,
          response: { event_id: example.event_id, result: "confirmed", reason: null },
        },
      }),
    },
  );
};
