import { describe, expect, test } from "bun:test";
import { Problem } from "../../src/http/problem.ts";
import { formOf, type PaymentEvent } from "../../src/savings/webhook-forms.ts";

const read = (provider: string, body: unknown): PaymentEvent =>
  formOf(provider).read(body, JSON.stringify(body));

/** Pointers of what is wrong; null when nothing is. */
function faultsOf(provider: string, body: unknown): string[] | null {
  try {
    read(provider, body);
    return null;
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "validation") throw error;
    return error.errors.map(({ pointer }) => pointer);
  }
}

const payment = { reference: "r", amount: 50_000, currency: "NGN" };

describe("the canonical form", () => {
  const event = { event_id: "evt_1", type: "payment.succeeded", ...payment };

  test("says what was paid, when, and may say more", () => {
    const at = "2026-11-20T09:15:00+01:00";
    expect(read("acme", { ...event, paid_at: at, more: { than: "that" } })).toEqual({
      event_id: "evt_1",
      payment: { ...payment, paid_at: "2026-11-20T08:15:00.000Z" },
    });
    expect(read("acme", { ...event, paid_at: "soon" }).payment?.paid_at).toBeNull();
  });

  test("of another type is no payment, whatever else it says", () => {
    expect(read("acme", { event_id: "evt_2", type: "refund.created", amount: "?" })).toEqual({
      event_id: "evt_2",
      payment: null,
    });
  });

  test.each([
    ["is a list", [], ""],
    ["has no type", { event_id: "x" }, "/type"],
    ["has a blank in its id", { ...event, event_id: "a b" }, "/event_id"],
    ["is of half a minor unit", { ...event, amount: 1.5 }, "/amount"],
    ["is of nothing", { ...event, amount: 0 }, "/amount"],
    ["is of more than every number holds", { ...event, amount: 2 ** 53 }, "/amount"],
    ["has an amount as text", { ...event, amount: "1" }, "/amount"],
    ["cannot be stored", { ...event, reference: "a\u0000" }, "/reference"],
    ["refers to nothing", { ...event, reference: "" }, "/reference"],
    ["is in no currency", { ...event, currency: "ngn" }, "/currency"],
  ])("that %s is refused", (_, body, pointer) => {
    expect(faultsOf("acme", body)).toContain(pointer);
  });

  test("is that of every provider without one of its own, whatever its name", () => {
    for (const provider of ["acme", "constructor", "toString"])
      expect(formOf(provider).signature_header).toBe("x-signature");
  });
});

// https://paystack.com/docs/payments/webhooks/
describe("Paystack", () => {
  const charge = {
    event: "charge.success",
    data: { id: 302_961, status: "success", ...payment, paid_at: null },
  };

  test("has the id of the transaction for that of the event", () => {
    expect(formOf("paystack").signature_header).toBe("x-paystack-signature");
    expect(read("paystack", charge)).toEqual({
      event_id: "charge.success:302961",
      payment: { ...payment, paid_at: null },
    });
  });

  test("tells of other things too, which are known by their content where they have no id", () => {
    const failed = { ...charge, data: { ...charge.data, status: "failed" } };
    expect(read("paystack", failed).payment).toBeNull();
    const identified = { event: "customeridentification.success", data: { customer_code: "CUS_1" } };
    const { event_id, payment: none } = read("paystack", identified);
    expect(event_id).toMatch(/^customeridentification\.success:[0-9a-f]{64}$/);
    expect(none).toBeNull();
  });

  test("that says less than what was paid is refused", () => {
    expect(faultsOf("paystack", { event: "charge.success" })).toContain("/data");
    const { currency: _, ...data } = charge.data;
    expect(faultsOf("paystack", { ...charge, data })).toContain("/data/currency");
  });
});
