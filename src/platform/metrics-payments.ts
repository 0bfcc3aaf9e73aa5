import { Counter, type Registry } from "prom-client";
import { type EventResult, eventResults } from "./enums.ts";

/** What became of an event of a payment provider; `failed`: nothing yet, it will be tried again. */
export type PaymentOutcome = EventResult | "bad_signature" | "failed";

const outcomes: readonly PaymentOutcome[] = [...eventResults, "bad_signature", "failed"];

/** Counts events of payment providers. */
export function addPayments(registry: Registry): (outcome: PaymentOutcome) => void {
  const events = new Counter({
    name: "payment_events_total",
    help: "Events of payment providers by what became of them; those that came again count again",
    labelNames: ["outcome"],
    registers: [registry],
  });
  // A series that begins with its first failure shows no increase.
  for (const outcome of outcomes) events.inc({ outcome }, 0);
  return (outcome) => events.inc({ outcome });
}
