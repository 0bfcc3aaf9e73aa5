import { t } from "elysia";
import { Instant, Nullable, OneOf, Text, Uuid, Version } from "../http/schema.ts";
import { transferKinds, transferStatuses } from "../platform/enums.ts";

/** Minor units, above zero, and exact in every JSON number: at most 2^53 − 1. */
export const Amount = t.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "Minor units: 1550000 is 15,500.00",
});
export const Currency = t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217" });
export const Memo = Text(500, "What the holders of both accounts read");
export const Category = Text(64, "What it is filed under");

/** What may refuse a movement of money. */
export const movementErrors = [
  "insufficient_funds",
  "limit_exceeded",
  "balance_ceiling",
  "currency_mismatch",
  "same_account",
  "account_not_open",
  "reference_not_found",
  "reference_exists",
] as const;

export const Transfer = t.Object({
  id: Uuid,
  kind: OneOf(transferKinds),
  status: OneOf(transferStatuses),
  from_account_id: Nullable(Uuid),
  to_account_id: Nullable(Uuid),
  amount: t.Integer(),
  fee: t.Integer(),
  currency: t.String(),
  reference: t.String(),
  memo: Nullable(t.String()),
  category: Nullable(t.String()),
  reversed_by_id: Nullable(Uuid),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
  settled_at: Nullable(Instant),
});

export const transferExample = {
  id: "01929a3e-4b1c-7c3e-8e1f-5a2b3c4d5e6f",
  kind: "internal",
  status: "posted",
  from_account_id: "01929a3e-0000-7000-8000-0000000000a1",
  to_account_id: "01929a3e-0000-7000-8000-0000000000a2",
  amount: 250_000,
  fee: 0,
  currency: "NGN",
  reference: "01929a3e-4b1c-7c3e-8e1f-5a2b3c4d5e6f",
  memo: null,
  category: null,
  reversed_by_id: null,
  version: 1,
  created_at: "2026-11-20T08:15:00.000Z",
  updated_at: "2026-11-20T08:15:00.000Z",
  settled_at: "2026-11-20T08:15:00.000Z",
};
