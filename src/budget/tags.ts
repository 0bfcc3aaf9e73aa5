import { type Tag, userTags } from "../platform/cache/index.ts";

// A budget is one person's, so what shows it lies in that person's scope. Ids come from paths too, in whatever case PostgreSQL
// takes them.
const small = (id: string): string => id.toLowerCase();

const budgets = userTags("budget_budget");
const defaults = userTags("budget_default");

/** One budget with everything below it. */
export const budgetTag = (user_id: string, budget_id: string): Tag =>
  budgets(small(user_id), small(budget_id));
/** Which budgets a person has, and which of them is the default. */
export const budgetDefaultTag = (user_id: string): Tag => defaults(small(user_id));
