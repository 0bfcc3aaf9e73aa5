import { t } from "elysia";
import { BusinessDate, Instant, Nullable, OneOf, Uuid, Version } from "../http/schema.ts";
import { collectionMethods, collectionStatuses } from "../platform/enums.ts";

/** Nine digits and their check digit. */
export const TrackingNumber = t.String({
  pattern: "^[0-9]{10}$",
  description: "On the customer's card: nine digits and a check digit (Luhn)",
});

/** Minor units, above zero, and exact in every JSON number: at most 2^53 − 1. */
const Amount = t.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: "Minor units" });

const markings_max = 3_660;

/** Members of a visit. */
export const visit = {
  count: t.Optional(
    t.Integer({ minimum: 1, maximum: markings_max, description: "Markings, each of the account's amount" }),
  ),
  amounts: t.Optional(
    t.Array(Amount, {
      minItems: 1,
      maxItems: 366,
      description: "Instead of `count`, where the amount is flexible: one for each marking",
    }),
  ),
  method: OneOf(collectionMethods, {
    description: "Cash is confirmed at once, anything else when its provider says that it was paid",
  }),
  client_ref: t.String({
    format: "uuid",
    description: "Made on the device: what is sent again is booked once",
  }),
  collected_at: Instant,
};

export const Collection = t.Object({
  id: Uuid,
  receipt_no: t.String(),
  savings_account_id: Uuid,
  tracking_number: TrackingNumber,
  unit_id: Nullable(Uuid),
  agent_id: t.String({ format: "uuid", description: "Member who collected" }),
  amount: t.Integer({ description: "Minor units" }),
  currency: t.String(),
  markings: t.Integer(),
  amounts: Nullable(t.Array(t.Integer())),
  positions: t.Array(t.Integer(), {
    description: "Slots that it fills, or filled; none before it is confirmed",
  }),
  method: OneOf(collectionMethods),
  status: OneOf(collectionStatuses),
  client_ref: Uuid,
  collected_at: Instant,
  business_date: BusinessDate,
  remittance_id: Nullable(Uuid),
  provider: Nullable(t.String()),
  provider_ref: Nullable(t.String()),
  checkout_url: Nullable(t.String({ description: "Where an online payment is made" })),
  confirmed_at: Nullable(Instant),
  reversed_by: Nullable(Uuid),
  reversed_at: Nullable(Instant),
  reversal_reason: Nullable(t.String()),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

/** What a business date came to, under the filters of the list; confirmed collections only. */
export const DayTotals = t.Object({
  business_date: BusinessDate,
  collections: t.Integer(),
  markings: t.Integer(),
  amount: t.Integer({ description: "Minor units" }),
  cash: t.Integer({ description: "Of it in cash" }),
});

export const visitExample = {
  count: 2,
  method: "cash",
  client_ref: "7b1d6a0e-3c55-4f0e-9a53-0b1f6f1c2d3e",
  collected_at: "2026-11-20T08:15:00.000Z",
};

export const collectionExample = {
  id: "01929a3e-4b1c-7c3e-8e1f-5a2b3c4d5e6f",
  receipt_no: "R7-000142",
  savings_account_id: "01929a3e-0000-7000-8000-0000000000b1",
  tracking_number: "4929183749",
  unit_id: null,
  agent_id: "01929a3e-0000-7000-8000-0000000000c1",
  amount: 100_000,
  currency: "NGN",
  markings: 2,
  amounts: null,
  positions: [5, 6],
  method: "cash",
  status: "confirmed",
  client_ref: visitExample.client_ref,
  collected_at: visitExample.collected_at,
  business_date: "2026-11-20",
  remittance_id: "01929a3e-0000-7000-8000-0000000000d1",
  provider: null,
  provider_ref: null,
  checkout_url: null,
  confirmed_at: "2026-11-20T08:15:02.000Z",
  reversed_by: null,
  reversed_at: null,
  reversal_reason: null,
  version: 1,
  created_at: "2026-11-20T08:15:02.000Z",
  updated_at: "2026-11-20T08:15:02.000Z",
};
