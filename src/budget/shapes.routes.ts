import { t } from "elysia";
import { Instant, Nullable, OneOf, strict, Uuid, Version } from "../http/schema.ts";
import { rollovers } from "../platform/enums.ts";

/** The largest integer that JSON carries everywhere (RFC 8259, 6). */
export const largest = Number.MAX_SAFE_INTEGER;

export const Month = t.String({
  pattern: "^\\d{4}-(0[1-9]|1[0-2])$",
  description: "Month, YYYY-MM, of the budget's time zone",
  examples: ["2026-11"],
});
export const BudgetParams = strict({ id: Uuid });
export const MonthParams = strict({ id: Uuid, month: Month });
export const Amount = t.Integer({ description: "Minor units of the budget's currency" });
export const Currency = t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217", examples: ["NGN"] });
export const TargetBps = t.Integer({
  minimum: 0,
  maximum: 10_000,
  description: "Of each month's income, in basis points: 1000 is 10 %",
});
export const Place = t.Integer({ minimum: -1_000_000, maximum: 1_000_000, description: "Place in lists" });
export const Hidden = t.Boolean({
  description: "Not shown; in tracking mode it does not count, in envelope mode it does",
});
export const RolloverRule = OneOf(rollovers, {
  description:
    "What of a balance the next month begins with. reset: nothing; carry_surplus: what is left, no debt; carry_all: both; " +
    "carry_floor: both, but a debt that leaves nothing of the month's plan is dropped",
});

/** What every row below a budget ends with. */
export const stamps = { created_at: Instant, updated_at: Instant, version: Version };

export const CategoryGroup = t.Object({
  id: Uuid,
  budget_id: Uuid,
  name: t.String(),
  label: Nullable(t.String()),
  icon: Nullable(t.String()),
  target_bps: TargetBps,
  is_income: t.Boolean(),
  hidden: t.Boolean(),
  sort: t.Integer(),
  ...stamps,
});

export const Category = t.Object({
  id: Uuid,
  budget_id: Uuid,
  group_id: Uuid,
  name: t.String(),
  rollover: RolloverRule,
  hidden: t.Boolean(),
  sort: t.Integer(),
  ...stamps,
});

const MonthCategory = t.Object({
  id: Uuid,
  name: t.String(),
  rollover: RolloverRule,
  hidden: t.Boolean(),
  note: Nullable(t.String()),
  planned: Amount,
  activity: t.Integer({ description: "What came in less what went out, in minor units" }),
  carry_in: t.Integer({ description: "What the last month left it, in minor units" }),
  balance: t.Integer({ description: "planned + activity + carry_in" }),
});

const MonthGroup = t.Object({
  id: Uuid,
  name: t.String(),
  label: Nullable(t.String()),
  icon: Nullable(t.String()),
  hidden: t.Boolean(),
  target_bps: TargetBps,
  target_amount: t.Integer({ description: "What of the month's income is meant for it, in minor units" }),
  planned: Amount,
  activity: Amount,
  spent: t.Integer({ description: "What went out less what came in, in minor units" }),
  remaining: t.Integer({ description: "planned - spent" }),
  balance: Amount,
  categories: t.Array(MonthCategory),
});

export const BudgetMonth = t.Object(
  {
    month: Month,
    currency: Currency,
    version: Version,
    income: t.Integer({ description: "What came in under categories of income, in minor units" }),
    planned: Amount,
    activity: Amount,
    balance: Amount,
    uncategorized: t.Integer({ description: "Of transactions without a category, in minor units" }),
    held: t.Integer({ description: "Kept for later months, in minor units" }),
    last_month_overspent: t.Integer({
      description: "Debts that were not carried in, as a negative number of minor units",
    }),
    available_funds: Nullable(
      t.Integer({ description: "What there was to plan in this month; null in tracking mode" }),
    ),
    to_budget: Nullable(
      t.Integer({ description: "What is left to plan, below 0 where too much was; null in tracking mode" }),
    ),
    groups: t.Array(MonthGroup, { description: "All but those of income" }),
    proof: Nullable(
      t.Object(
        {
          cash: t.Integer({ description: "All money in and out to the end of the month" }),
          parts: t.Integer({ description: "to_budget + held + all balances + all that is uncategorised" }),
        },
        { description: "The two are equal; null in tracking mode" },
      ),
    ),
  },
  { title: "BudgetMonth" },
);
