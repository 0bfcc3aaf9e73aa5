import type { Deps } from "../http/deps.ts";
import { bounded, type Owner } from "./budgets.cache.ts";
import {
  getAllocations,
  getAllocationsHistory,
  getAllocationsSummary,
  getMonthlyBudget,
} from "./statements.ts";
import { budgetDefaultTag, budgetTag } from "./tags.ts";

/** The default budget, null where there is none, and a month's first day. */
export type ViewParts = Owner & { budget_id: string | null; month: string };

const view = {
  ...bounded,
  tags: ({ user_id, budget_id }: ViewParts) => [
    ...(budget_id === null ? [] : [budgetTag(user_id, budget_id)]),
    budgetDefaultTag(user_id),
  ],
};

/** What clients of the old API poll. Each is one statement; every write below the budget ends it. */
export const allocationCache = ({ cache, db }: Pick<Deps, "cache" | "db">) => ({
  allocations: cache.endpoint<ViewParts & { currency: string }>({
    ...view,
    name: "budget.allocations",
    warm: true,
    load: async (parts, context) => (await db.fast.query(getAllocations, parts, context))[0]?.body ?? null,
  }),
  summary: cache.endpoint<ViewParts & { currency: string }>({
    ...view,
    name: "budget.allocations.summary",
    warm: true,
    load: async (parts, context) =>
      (await db.fast.query(getAllocationsSummary, parts, context))[0]?.body ?? null,
  }),
  history: cache.endpoint<ViewParts & { months: number }>({
    ...view,
    name: "budget.allocations.history",
    warm: true,
    load: async (parts, context) =>
      (await db.fast.query(getAllocationsHistory, parts, context))[0]?.body ?? null,
  }),
  monthly: cache.endpoint<ViewParts>({
    ...view,
    name: "budget.monthly",
    warm: true,
    load: async (parts, context) => (await db.fast.query(getMonthlyBudget, parts, context))[0]?.body ?? null,
  }),
});
