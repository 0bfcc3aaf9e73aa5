import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { type ExpensePageParts, readExpensePage } from "./expenses.ts";
import { type Own, ownTags } from "./own.ts";
import { getExpense } from "./statements.ts";
import { expensesTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 60_000 } as const;

/** What is spent, as those who spend and those who approve see it. */
export const expenseCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<ExpensePageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "savings.expenses.page",
      tags: (parts) => [expensesTag(parts.business_id), ...ownTags(parts)],
      load: (parts, context) => readExpensePage(db, parts, context),
    },
  ),
  expense: cache.endpoint<Own & { business_id: string; expense_id: string }>({
    ...bounded,
    name: "savings.expense",
    tags: (parts) => [expensesTag(parts.business_id), ...ownTags(parts)],
    load: async (parts, context) => (await db.fast.query(getExpense, parts, context))[0] ?? null,
  }),
});
