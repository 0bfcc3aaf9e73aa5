import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { bounded, type BudgetParts, budgetTags } from "./budgets.cache.ts";
import { getCategory, getCategoryGroup, listCategories, listCategoryGroups } from "./statements.ts";

export type GroupPageParts = BudgetParts & { after: string | null; limit_rows: number };
export type CategoryPageParts = GroupPageParts & { group_id: string | null };

/** Groups and categories of a budget. */
export const categoryCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  groups: cachePages<GroupPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "budget.groups.page",
      tags: budgetTags,
      load: async (parts, context) => (await db.report.query(listCategoryGroups, parts, context))[0] ?? null,
    },
  ),
  group: cache.endpoint<BudgetParts & { group_id: string }>({
    ...bounded,
    name: "budget.group",
    tags: budgetTags,
    load: async (parts, context) => (await db.fast.query(getCategoryGroup, parts, context))[0] ?? null,
  }),
  categories: cachePages<CategoryPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "budget.categories.page",
      tags: budgetTags,
      load: async (parts, context) => (await db.report.query(listCategories, parts, context))[0] ?? null,
    },
  ),
  category: cache.endpoint<BudgetParts & { category_id: string }>({
    ...bounded,
    name: "budget.category",
    tags: budgetTags,
    load: async (parts, context) => (await db.fast.query(getCategory, parts, context))[0] ?? null,
  }),
});

export type CategoryCache = ReturnType<typeof categoryCache>;
