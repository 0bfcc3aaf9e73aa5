import type { Samples } from "./samples.ts";

/** Values for the statements of online payments. */
export function ofSavingsOnline(): Samples["statements"] {
  const event = { provider: "acme", event_id: "evt_1" };
  const payment = { is_payment: true, reference: "a", amount: "1", currency: "NGN", paid_at: null };
  return {
    "savings/handle_due_event": [{ grace_s: 5 }],
    "savings/handle_event": [{ ...event, outbox_id: "7" }],
    "savings/receive_event": [
      { ...event, ...payment, business_code: null, body: "{}" },
      { ...event, ...payment, business_code: "ALPHA", body: "{}" },
    ],
  };
}
