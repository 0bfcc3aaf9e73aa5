import { ofBudgets } from "./samples-budget-plan.ts";
import { ofBudgetTransactions } from "./samples-budget-transactions.ts";
import { ofChat } from "./samples-chat.ts";
import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

/** Values for the statements of budgets. */
export const ofBudget = (rows: Populated): Samples["statements"] => ({
  ...ofBudgets(rows),
  ...ofBudgetTransactions(rows),
  ...ofChat(rows),
});
