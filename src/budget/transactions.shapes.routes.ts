import { t } from "elysia";
import { Instant, listParameters, Nullable, OneOf, strict, Text, Uuid, Version } from "../http/schema.ts";
import { spendingGroups } from "./spending.ts";
import { batchItemsMax } from "./transactions.ts";

const Day = (description: string) => t.String({ format: "date", description, examples: ["2026-11-20"] });
const Month = t.String({
  pattern: "^\\d{4}-(0[1-9]|1[0-2])$",
  description: "YYYY-MM, of the budget's calendar",
  examples: ["2026-11"],
});
const Amount = t.Integer({
  minimum: -Number.MAX_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
  description: "Minor units of the budget's currency: above 0 came in, below 0 went out; never 0",
  examples: [-450_000],
});
const Bound = (description: string) =>
  t.Optional(t.Integer({ minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER, description }));

const occurred_on = Day("A day of the budget's calendar, not before its first month");
const optional = {
  category_id: t.Optional(Nullable({ ...Uuid, description: "Default: none, the money is uncategorised" })),
  payee: t.Optional(Nullable(Text(200, "Who was paid, or who paid"))),
  memo: t.Optional(Nullable(Text(500, "What it was for"))),
};
export const NewTransaction = strict({
  amount: Amount,
  occurred_on,
  ...optional,
  import_id: t.Optional(
    Text(
      200,
      "What the bank calls this line; once in a budget. `ledger:` is kept for entries of the ledger.",
    ),
  ),
});
export const TransactionPatch = t.Object(
  { amount: t.Optional(Amount), occurred_on: t.Optional(occurred_on), ...optional },
  { additionalProperties: false, minProperties: 1 },
);
export const TransactionBatch = strict({
  items: t.Array(NewTransaction, { minItems: 1, maxItems: batchItemsMax }),
});
export const LedgerImport = strict({
  account_id: { ...Uuid, description: "A bank account of the customer that the caller is" },
  category_id: optional.category_id,
  from: t.Optional(Day("First day; default: the budget's beginning")),
  to: t.Optional(Day("Last day; default: all there are")),
});

export const TransactionParams = strict({ id: Uuid, transaction_id: Uuid });

export const Transaction = t.Object({
  id: Uuid,
  budget_id: Uuid,
  category_id: Nullable(Uuid),
  amount: Amount,
  occurred_on,
  month: Month,
  payee: Nullable(t.String()),
  memo: Nullable(t.String()),
  import_id: Nullable(t.String()),
  ledger_entry_id: Nullable(t.Integer({ description: "The entry of the ledger that it was made of" })),
  deleted_at: Nullable({ ...Instant, description: "Only where an import brings one again that was deleted" }),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

export const TransactionBatchAnswer = t.Object({
  created: t.Integer(),
  duplicates: t.Integer({ description: "Items whose `import_id` was there already, or stands twice here" }),
  refused: t.Integer(),
  data: t.Array(
    t.Object({
      status: t.Integer({ description: "What the item would have been answered alone: 201, 200 or 422" }),
      transaction: t.Optional(Transaction),
      problem: t.Optional(t.Object({}, { additionalProperties: true, description: "RFC 9457" })),
    }),
    { description: "In the order of the items" },
  ),
});
export const LedgerImportAnswer = t.Object({
  created: t.Integer({ description: `${batchItemsMax} at most` }),
  has_more: t.Boolean({ description: "Whether entries are left: the same request again takes them" }),
});

export const Filters = strict({
  ...listParameters,
  month: t.Optional(Month),
  from: t.Optional(Day("On this day or later")),
  to: t.Optional(Day("On this day or earlier")),
  category_id: t.Optional(
    t.Array(Uuid, { maxItems: 50, description: "Of any of these categories, comma-separated" }),
  ),
  uncategorized: t.Optional(t.Boolean({ description: "Of no category alone" })),
  min: Bound("Least amount, minor units: below 0 is money out"),
  max: Bound("Largest amount, minor units"),
  q: t.Optional(Text(100, "Part of the payee or of the memo")),
  sort: t.Optional(OneOf(["-occurred_on", "occurred_on"])),
});

export const SpendingFilters = strict({
  ...listParameters,
  from: t.Optional(Day("First day; default: the budget's beginning")),
  to: t.Optional(Day("Last day; default: all there is")),
  group_by: t.Optional(OneOf(spendingGroups, { description: "Default: category" })),
});

const Spent = {
  spent: t.Integer({ description: "Minor units: money out, what came back taken off" }),
  transactions: t.Integer(),
};
export const Spending = t.Object({
  data: t.Array(
    t.Object({
      category_id: t.Optional(Uuid),
      name: t.Optional(t.String({ description: "Of the category" })),
      group_id: t.Optional(Uuid),
      group_name: t.Optional(t.String()),
      payee: t.Optional(Nullable(t.String({ description: "Null: transactions that name none" }))),
      month: t.Optional(Month),
      ...Spent,
    }),
  ),
  meta: t.Object({
    totals: t.Object(
      {
        currency: t.String({ examples: ["NGN"] }),
        ...Spent,
        uncategorized: t.Integer({
          description: "Money in and out without a category, which `spent` has not",
        }),
      },
      { description: "Of all pages" },
    ),
    next_cursor: Nullable(t.String({ description: "Pass as `cursor` to get the next page" })),
    has_more: t.Boolean(),
  }),
});
