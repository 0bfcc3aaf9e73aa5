import type { PaymentRequestStatus } from "../platform/enums.ts";

const hour_ms = 3_600_000;

/** `counter`: paid in cash, or into a wallet; `rejected` and `cancelled`: asked for again later. */
export type RequestStory = "counter" | "bank" | "failed" | "rejected" | "cancelled";

/** A move of a payment request, so long after the one before. */
type Step = Readonly<{ to: PaymentRequestStatus; after_ms: number }>;

const approved: Step = { to: "approved", after_ms: 2.5 * hour_ms };
const paying: Step = { to: "paying", after_ms: hour_ms };
const paid: Step = { to: "paid", after_ms: 20 * hour_ms };

export const requestStories: Readonly<Record<RequestStory, readonly Step[]>> = {
  counter: [approved, { to: "paid", after_ms: 1.5 * hour_ms }],
  bank: [approved, paying, paid],
  failed: [approved, paying, { to: "failed", after_ms: 18 * hour_ms }, approved, paying, paid],
  rejected: [{ to: "rejected", after_ms: 3 * hour_ms }],
  cancelled: [{ to: "cancelled", after_ms: hour_ms }],
};
