import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage } from "../http/pagination.ts";
import { findBudget, getBudget, listBudgets } from "./statements.ts";
import { budgetDefaultTag, budgetsTag, budgetTag } from "./tags.ts";

/** Whose budgets, and where they work: a person has others in another business. */
export type Owner = { user_id: string; business_id: string };
export type BudgetParts = Owner & { budget_id: string };
export type BudgetPageParts = Owner & { after: string | null; limit_rows: number };
/** What other answers ask first. `first_month`: YYYY-MM. */
export type BudgetHead = Readonly<{ budget_id: string; timezone: string; first_month: string }>;

/** What everything that shows a budget is cached as. A budget says whether it is the default, so a new default ends it, too. */
export const bounded = { class: "bounded", scope: "user", ttl_ms: 120_000 } as const;
export const budgetTags = ({ user_id, budget_id }: BudgetParts) => [
  budgetTag(user_id, budget_id),
  budgetDefaultTag(user_id),
];

/** Budgets themselves. */
export const budgetCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<BudgetPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "budget.budgets.page",
      tags: ({ user_id }) => [budgetsTag(user_id), budgetDefaultTag(user_id)],
      load: async (parts, context) => (await db.report.query(listBudgets, parts, context))[0] ?? emptyPage,
    },
  ),
  budget: cache.endpoint<BudgetParts>({
    ...bounded,
    name: "budget.budget",
    tags: budgetTags,
    load: async (parts, context) => (await db.fast.query(getBudget, parts, context))[0] ?? null,
  }),
});

/** The budget that is named, or with null the default. Null: there is none. */
export const headCache = ({ cache, db }: Pick<Deps, "cache" | "db">) =>
  cache.query<Owner & { budget_id: string | null }, BudgetHead>({
    ...bounded,
    name: "budget.head",
    warm: true,
    tags: ({ user_id, budget_id }) => [
      ...(budget_id === null ? [] : [budgetTag(user_id, budget_id)]),
      budgetDefaultTag(user_id),
    ],
    load: async (parts, context) => (await db.fast.query(findBudget, parts, context))[0] ?? null,
  });

export type HeadCache = ReturnType<typeof headCache>;
