import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { Problem } from "../http/problem.ts";

/** What an event says, whatever its provider calls it. */
export type PaymentEvent = Readonly<{
  event_id: string;
  /** Null: something else than money that has come. */
  payment: Readonly<{
    /** The collection's id, as it was given to the checkout. */
    reference: string;
    /** Minor units. */
    amount: number;
    /** ISO 4217. */
    currency: string;
    /** RFC 3339; null where the provider does not say. */
    paid_at: string | null;
  }> | null;
}>;

/** How a provider signs and says things. */
export type WebhookForm = Readonly<{
  /** Its header with the HMAC-SHA512 of the body, in hexadecimal. */
  signature_header: string;
  /** @throws {Problem} `validation` when it is not what this provider sends */
  read(body: unknown, text: string): PaymentEvent;
}>;

const Name = Type.String({ pattern: "^[\\x21-\\x7e]{1,150}$" });
const Payment = {
  // PostgreSQL's text holds no U+0000.
  reference: Type.String({ minLength: 1, maxLength: 200, pattern: "^[^\\u0000]*$" }),
  amount: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  currency: Type.String({ pattern: "^[A-Z]{3}$" }),
};

export const CanonicalHead = Type.Object({ event_id: Name, type: Name });
export const CanonicalPayment = Type.Object({ ...Payment, paid_at: Type.Optional(Type.String()) });

/** What a provider sends, or the gateway before it, that has no form of its own here. */
const canonical: WebhookForm = {
  signature_header: "x-signature",
  read(body) {
    const { event_id, type } = checked(CanonicalHead, body);
    if (type !== "payment.succeeded") return { event_id, payment: null };
    return { event_id, payment: paymentOf(checked(CanonicalPayment, body)) };
  },
};

const PaystackHead = Type.Object({ event: Name, data: Type.Object({}) });
const PaystackPayment = Type.Object({ ...Payment, paid_at: Type.Optional(Type.Unknown()) });

/**
 * Paystack (https://paystack.com/docs/payments/webhooks/) signs with its secret key and has no id of an event: a charge
 * succeeds once, so that the id of its transaction is one; of anything else it is the content.
 */
const paystack: WebhookForm = {
  signature_header: "x-paystack-signature",
  read(body, text) {
    const { event, data } = checked(PaystackHead, body);
    const { id, status } = data as { id?: unknown; status?: unknown };
    const event_id = `${event}:${typeof id === "number" || typeof id === "string" ? id : digestOf(text)}`;
    if (event !== "charge.success" || status !== "success")
      return { event_id: checked(Name, event_id), payment: null };
    return { event_id: checked(Name, event_id), payment: paymentOf(checked(PaystackPayment, data, "/data")) };
  },
};

const forms: Readonly<Record<string, WebhookForm>> = { paystack };

/** The form of a provider: its own where it is known, else the canonical one. */
export const formOf = (provider: string): WebhookForm =>
  (Object.hasOwn(forms, provider) ? forms[provider] : undefined) ?? canonical;

const paymentOf = ({
  reference,
  amount,
  currency,
  paid_at,
}: Static<typeof PaystackPayment>): PaymentEvent["payment"] => {
  const at = typeof paid_at === "string" ? Date.parse(paid_at) : Number.NaN;
  return { reference, amount, currency, paid_at: Number.isNaN(at) ? null : new Date(at).toISOString() };
};

const digestOf = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");

function checked<S extends TSchema>(schema: S, value: unknown, at = ""): Static<S> {
  if (Value.Check(schema, value)) return value;
  const errors = [...Value.Errors(schema, value)].slice(0, 10);
  throw new Problem("validation", {
    errors: errors.map(({ path, message }) => ({ pointer: `${at}${path}`, detail: message })),
  });
}
