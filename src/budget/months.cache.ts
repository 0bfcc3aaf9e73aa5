import type { Deps } from "../http/deps.ts";
import { bounded, type BudgetParts, budgetTags } from "./budgets.cache.ts";
import { getMonth, listMonths } from "./statements.ts";

/** Months of a budget: each answer is one statement, and carries the version of the budget. Months are their first days. */
export const monthCache = ({ cache, db }: Pick<Deps, "cache" | "db">) => ({
  month: cache.endpoint<BudgetParts & { month: string }>({
    ...bounded,
    name: "budget.month",
    warm: true,
    tags: budgetTags,
    load: async (parts, context) => (await db.fast.query(getMonth, parts, context))[0] ?? null,
  }),
  months: cache.endpoint<BudgetParts & { from_month: string; to_month: string }>({
    ...bounded,
    name: "budget.months",
    tags: budgetTags,
    // 36 months of 500 categories in full.
    max_bytes: 1_048_576,
    load: async (parts, context) => (await db.report.query(listMonths, parts, context))[0]?.body ?? null,
  }),
});
