import { t } from "elysia";
import {
  BusinessDate,
  Instant,
  listParameters,
  Nullable,
  OneOf,
  strict,
  Text,
  Uuid,
  Version,
} from "../http/schema.ts";
import { savingsAccountStatuses } from "../platform/enums.ts";
import { Cycles, frozenTerms, MarkingAmount } from "./products.routes.ts";

export const TrackingNumber = t.String({
  pattern: "^[0-9]{10}$",
  description: "Printed on the customer's card: nine random digits and a check digit (Luhn, ISO/IEC 7812-1)",
  examples: ["4992739872"],
});

/** A savings account by its id, or by the number on the card. */
export const AccountParams = strict({
  id: t.String({
    pattern: "^([0-9]{10}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
    description: "UUID (RFC 9562), or tracking number",
    examples: ["0191e7a0-0000-7000-8000-00000000abcd"],
  }),
});

export const NewAccount = strict({
  customer_id: Uuid,
  product_id: Uuid,
  marking_amount: MarkingAmount,
  cycles: t.Optional(Cycles),
  starts_on: BusinessDate,
  unit_id: t.Optional(Nullable(Uuid)),
  agent_id: t.Optional(Uuid),
});

export const AccountPatch = t.Object(
  { agent_id: t.Optional(Uuid), unit_id: t.Optional(Nullable(Uuid)) },
  { additionalProperties: false, minProperties: 1 },
);

export const Renewal = strict({ marking_amount: t.Optional(MarkingAmount), cycles: t.Optional(Cycles) });
export const Extension = strict({ cycles: Cycles });
export const Closing = strict({ reason: Text(500, "Why") });

export const SavingsAccount = t.Object({
  id: Uuid,
  tracking_number: TrackingNumber,
  run_no: t.Integer({ description: "Counts the accounts of the customer and product" }),
  status: OneOf(savingsAccountStatuses),
  customer_id: Uuid,
  customer_name: t.String(),
  product_id: Uuid,
  agent_id: Uuid,
  unit_id: Nullable(Uuid),
  currency: t.String(),
  marking_amount: MarkingAmount,
  cycles: t.Integer(),
  markings_total: t.Integer({ description: "Slots" }),
  markings_paid: t.Integer({ description: "Slots that are paid" }),
  collected: t.Integer({ description: "What they come to, minor units" }),
  starts_on: BusinessDate,
  ends_on: BusinessDate,
  terms: t.Object(
    { period_days: t.Integer({ description: "Days from slot to slot" }), ...frozenTerms },
    { description: "Of the product, when the account was opened" },
  ),
  closed_at: Nullable(Instant),
  close_reason: Nullable(t.String()),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const sorts = [
  "-created_at",
  "created_at",
  "ends_on",
  "-ends_on",
  "markings_paid",
  "-markings_paid",
] as const;

export const AccountFilters = strict({
  ...listParameters,
  status: t.Optional(
    t.Array(OneOf(savingsAccountStatuses), { maxItems: 5, description: "Any of these, comma-separated" }),
  ),
  unit_id: t.Optional(Uuid),
  agent_id: t.Optional(Uuid),
  customer_id: t.Optional(Uuid),
  product_id: t.Optional(Uuid),
  q: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 100,
      pattern: "\\S",
      description:
        "Tracking number, beginning of the customer's phone number, or part of their name (one or two characters: the " +
        "beginning of a word in it)",
    }),
  ),
  starts_from: t.Optional(BusinessDate),
  starts_to: t.Optional(BusinessDate),
  behind_gte: t.Optional(
    t.Integer({
      minimum: 1,
      maximum: 3_660,
      description: "So many slots due and not paid, or more; needs `agent_id`",
    }),
  ),
  sort: t.Optional(OneOf(sorts, { description: "Other than `created_at`: needs `agent_id`" })),
});

export const Card = t.Object({
  savings_account_id: Uuid,
  tracking_number: TrackingNumber,
  status: OneOf(savingsAccountStatuses),
  markings_paid: t.Integer(),
  markings_total: t.Integer(),
  cycles: t.Array(
    t.Object({
      no: t.Integer(),
      total: t.Integer({ description: "Slots" }),
      paid: t.Integer({ description: "Slots that are paid" }),
      complete: t.Boolean(),
    }),
  ),
  markings: t.Array(
    t.Object({
      position: t.Integer({ description: "From 1, across cycles" }),
      due_on: BusinessDate,
      paid: t.Boolean(),
      for_date: Nullable(BusinessDate),
      amount: Nullable(t.Integer({ description: "Minor units" })),
      receipt_no: Nullable(t.String()),
      missed: t.Boolean({ description: "Due before today, or before it was closed, and not paid" }),
    }),
  ),
});

export const AccountStatement = t.Object({
  savings_account_id: Uuid,
  tracking_number: TrackingNumber,
  currency: t.String(),
  from: BusinessDate,
  to: BusinessDate,
  opening: t.Integer({ description: "Saved when the period began, minor units" }),
  lines: t.Array(
    t.Object({
      date: { ...BusinessDate, description: "When it was booked, in the business's time zone" },
      effective_at: Instant,
      kind: t.String({ examples: ["savings.collection"] }),
      transaction_id: Uuid,
      business_date: Nullable({ ...BusinessDate, description: "Of the visit" }),
      receipt_no: Nullable(t.String()),
      method: Nullable(t.String()),
      markings: Nullable(t.Integer()),
      description: Nullable(t.String()),
      side: OneOf(["debit", "credit"], { description: "`credit` was paid in" }),
      amount: t.Integer({ description: "Minor units" }),
      balance: t.Integer({ description: "After it, minor units" }),
    }),
  ),
  closing: t.Integer({ description: "Saved when it ended, minor units" }),
});
