import { t } from "elysia";
import { Instant, Nullable, OneOf, strict, Text, Uuid } from "../http/schema.ts";
import { phases, sides } from "../platform/enums.ts";
import { linesMax } from "./transactions.ts";

/** Minor units, above zero, and exact in every JSON number: at most 2^53 − 1. */
export const Amount = t.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "Minor units of the account's currency",
});

/** Whoever had taken a reference that a module is going to use would keep it from posting: those are the modules' own. */
export const Reference = t.String({
  minLength: 1,
  maxLength: 200,
  pattern: "^(?!(interest|wire):)[\\s\\S]*\\S",
  description: "Your own reference, unique in the business; `interest:` and `wire:` begin the bank's own",
});

export const NewTransaction = {
  lines: t.Array(strict({ account_id: Uuid, side: OneOf(sides), amount: Amount }), {
    minItems: 2,
    maxItems: linesMax,
    description: "Debits and credits of each currency are equal",
  }),
  phase: t.Optional(
    OneOf(["single", "pending"], { description: "`pending` only sets the money aside. Default: single" }),
  ),
  reference: t.Optional(Reference),
  description: t.Optional(Text(500, "What it is for")),
  metadata: t.Optional(
    t.Record(t.String({ maxLength: 64 }), t.String({ maxLength: 500 }), {
      maxProperties: 20,
      description: "Words of your own",
    }),
  ),
  effective_at: t.Optional(t.String({ format: "date-time", description: "When it counts. Default: now" })),
  expires_at: t.Optional(
    t.String({ format: "date-time", description: "Of a hold: when it ends by itself, if nobody ended it" }),
  ),
};

const summary = {
  id: Uuid,
  phase: OneOf(phases),
  kind: t.String({ examples: ["ledger.manual", "bank.internal"] }),
  reference: Nullable(t.String()),
  source_type: Nullable(t.String({ description: "Kind of record that it belongs to" })),
  source_id: Nullable(Uuid),
  description: Nullable(t.String()),
  metadata: t.Record(t.String(), t.Any()),
  pending_id: Nullable(Uuid),
  reverses_id: Nullable(Uuid),
  resolved_by_id: Nullable(Uuid),
  resolved_as: Nullable(OneOf(phases)),
  reversed_by_id: Nullable(Uuid),
  effective_at: Instant,
  posted_at: Instant,
  expires_at: Nullable(Instant),
  created_by: Nullable(Uuid),
};

/** A transaction as lists have it. */
export const TransactionSummary = t.Object(summary);

/** A transaction with its entries. */
export const Transaction = t.Object({
  ...summary,
  entries: t.Array(
    t.Object({
      account_id: Uuid,
      code: t.String(),
      side: OneOf(sides),
      amount: t.Integer(),
      currency: t.String(),
      balance_after: Nullable(
        t.Integer({ description: "Posted after it; null for holds and for accounts in shards" }),
      ),
    }),
  ),
});

/** What became of one item, or would. */
export const Outcome = {
  status: t.Integer({ description: "What the item would have been answered alone: 201 or 422" }),
  transaction: t.Optional(Transaction),
  problem: t.Optional(t.Object({}, { additionalProperties: true, description: "RFC 9457" })),
};

export const linesExample = [
  { account_id: "01929a3e-0000-7000-8000-0000000000b1", side: "debit", amount: 500_000 },
  { account_id: "01929a3e-0000-7000-8000-0000000000b2", side: "credit", amount: 500_000 },
] as const;

export const transactionExample = {
  id: "01929a3e-4b1c-7c3e-8e1f-5a2b3c4d5e70",
  phase: "single",
  kind: "ledger.manual",
  reference: "CAPITAL-1",
  source_type: null,
  source_id: null,
  description: "Capital paid in",
  metadata: {},
  pending_id: null,
  reverses_id: null,
  resolved_by_id: null,
  resolved_as: null,
  reversed_by_id: null,
  effective_at: "2026-11-20T08:15:00.000Z",
  posted_at: "2026-11-20T08:15:00.000Z",
  expires_at: null,
  created_by: "01929a3e-0000-7000-8000-0000000000c1",
  entries: [
    { ...linesExample[0], code: "cash:vault", currency: "NGN", balance_after: null },
    { ...linesExample[1], code: "equity:capital", currency: "NGN", balance_after: 500_000 },
  ],
};
