import { t } from "elysia";
import { Instant, Nullable, OneOf, Text, Uuid, Version } from "../http/schema.ts";
import { wireStatuses } from "../platform/enums.ts";

/** Whole numbers that JavaScript and JSON carry exactly. */
export const Amount = t.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "Minor units: 1550000 is 15,500.00",
});
export const Currency = t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217", examples: ["NGN"] });
const Minor = t.Integer({ description: "Minor units" });
export const Reason = Text(500, "Kept with the move");
export const NetworkRef = Text(64, "What the network calls the wire: a UETR, a SWIFT reference");
export const PurposeCode = t.String({
  pattern: "^[A-Z0-9]{1,35}$",
  description: "Purpose code of ISO 20022, or of the network",
  examples: ["SUPP"],
});

const Rate = Nullable(
  t.String({
    description:
      "What one unit of the target currency is worth in the account's, as decimal text; null where they are the same",
    examples: ["1550.25"],
  }),
);

const Limit = t.Object({
  limit: Nullable(t.Integer({ description: "null: none" })),
  used: Minor,
  remaining: Nullable(Minor),
});

export const Quote = t.Object({
  account_id: Uuid,
  amount: t.Integer({ description: "What leaves the account, without the fee" }),
  fee: Minor,
  total: Minor,
  currency: t.String({ description: "Of the account" }),
  target_amount: t.Integer({ description: "What the beneficiary gets" }),
  target_currency: t.String(),
  fx_rate: Rate,
  needs_step_up: t.Boolean({
    description: "At or above the threshold: a one-time code is needed, and a review",
  }),
  limits: t.Object({
    wire_single: Nullable(t.Integer({ description: "Most that one wire may take; null: no limit" })),
    wire_day: Limit,
    day: Limit,
    month: Limit,
  }),
});

const Hit = t.Object({ watchlist_id: Uuid, name: t.String(), source: t.String(), score: t.Number() });

const members = {
  id: Uuid,
  status: OneOf(wireStatuses),
  account_id: Uuid,
  customer_id: Uuid,
  beneficiary_id: Uuid,
  beneficiary: t.Record(t.String(), t.Any(), { description: "As they were when the wire was made" }),
  amount: t.Integer({ description: "What leaves the account, without the fee" }),
  fee: Minor,
  currency: t.String({ description: "Of the account" }),
  target_amount: t.Integer({ description: "What the beneficiary gets" }),
  target_currency: t.String(),
  fx_rate: Rate,
  purpose_code: Nullable(t.String()),
  reference: t.String(),
  network_ref: Nullable(t.String()),
  needs_review: Nullable(t.Boolean({ description: "Compliance has to look at it; customers are told null" })),
  screening_score: Nullable(
    t.Number({
      minimum: 0,
      maximum: 1,
      description: "From 0.92 a person has to look; customers are told null",
    }),
  ),
  screening_hits: Nullable(t.Array(Hit, { description: "Customers are told null" })),
  rejection_reason: Nullable(t.String({ description: "Customers are told null" })),
  created_by: Nullable(Uuid),
  approved_by: Nullable(Uuid),
  approved_at: Nullable(Instant),
  reviewed_by: Nullable(Uuid),
  reviewed_at: Nullable(Instant),
  submitted_at: Nullable(Instant),
  settled_at: Nullable(Instant),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
};

export const WireListItem = t.Object(members);
export const Wire = t.Object({
  ...members,
  events: t.Array(
    t.Object({
      at: Instant,
      from_status: Nullable(OneOf(wireStatuses)),
      to_status: OneOf(wireStatuses),
      actor_user_id: Nullable(Uuid),
      note: Nullable(t.String({ description: "Customers are told null" })),
    }),
    { description: "Every move, in its order" },
  ),
});

export const WireStats = t.Object({
  month: t.String({ examples: ["2026-11"] }),
  by_status: t.Array(
    t.Object({
      status: OneOf(wireStatuses),
      currency: t.String(),
      count: t.Integer(),
      amount: Minor,
      fees: Minor,
    }),
  ),
  limits: t.Array(
    t.Object({
      account_id: Uuid,
      account_number: t.String({ examples: ["1000000017"] }),
      currency: t.String(),
      day: Limit,
      month: Limit,
      wire_day_used: Minor,
    }),
    { description: "Of the accounts of one customer; empty where all of the business is meant" },
  ),
});
