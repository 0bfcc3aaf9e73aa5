import { type Tag, userTags } from "../platform/cache/index.ts";

// A budget is one person's, so what shows it lies in that person's scope. Ids come from paths too, in whatever case PostgreSQL
// takes them.
const small = (id: string): string => id.toLowerCase();

const budgets = userTags("budget_budgets");
const budget = userTags("budget_budget");
const defaults = userTags("budget_default");

/** Any budget of a person: their list, which tells the version of each. */
export const budgetsTag = (user_id: string): Tag => budgets(small(user_id));
/** One budget with everything below it. */
export const budgetTag = (user_id: string, budget_id: string): Tag =>
  budget(small(user_id), small(budget_id));
/** Which of a person's budgets is the default. */
export const budgetDefaultTag = (user_id: string): Tag => defaults(small(user_id));

/** What every write below a budget makes wrong: it gives the budget another version. */
export const writtenBelow = (user_id: string, budget_id: string): Tag[] => [
  budgetTag(user_id, budget_id),
  budgetsTag(user_id),
];
