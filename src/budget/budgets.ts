import { act, orNotFound } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { pageParameters } from "../http/pagination.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { BudgetMode } from "../platform/enums.ts";
import type { BudgetPageParts, BudgetParts, Owner } from "./budgets.cache.ts";
import { createBudget as createStatement, deleteBudget as deleteStatement } from "./statements.ts";
import { updateBudget as updateStatement } from "./statements.ts";
import { budgetDefaultTag, budgetsTag, writtenBelow } from "./tags.ts";

/** Members of a budget that its owner may write. `first_month`: YYYY-MM. */
export type BudgetInput = Readonly<{
  name: string;
  mode?: BudgetMode;
  currency?: string;
  timezone?: string;
  is_default?: boolean;
  first_month?: string;
}>;

/** The caller as somebody who has budgets. */
export const ownerOf = ({ user_id, business_id }: Caller): Owner => ({ user_id, business_id });

/** One of the caller's budgets, however its id is spelled. */
export const budgetOf = (caller: Caller, budget_id: string): BudgetParts => ({
  ...ownerOf(caller),
  budget_id: budget_id.toLowerCase(),
});

/** A page of the caller's budgets, oldest first. */
export const budgetPage = (caller: Caller, { limit }: Readonly<{ limit?: number }>): BudgetPageParts => ({
  ...ownerOf(caller),
  ...pageParameters(limit, null),
});

/** Makes a budget, in the currency and time zone of the business unless others are named. The first one is the default. */
export async function createBudget(deps: Deps, caller: Caller, input: BudgetInput): Promise<Written | null> {
  const { currency, timezone, user_id } = caller;
  const parameters = { budget_id: deps.id(), fields: JSON.stringify({ currency, timezone, ...input }) };
  return act(deps, caller, createStatement, parameters, [budgetsTag(user_id), budgetDefaultTag(user_id)]);
}

/**
 * Changes the members that `patch` names.
 *
 * @throws {Problem} `not_found`; `precondition_failed`; `in_use` for a currency or a first month that no longer fits what
 *   is in it; `validation` for a default that would be none
 */
export async function updateBudget(
  deps: Deps,
  caller: Caller,
  id: string,
  patch: Partial<BudgetInput>,
): Promise<Written> {
  const parameters = { budget_id: id, version: caller.if_match, patch: JSON.stringify(patch) };
  const tags = writtenBelow(caller.user_id, id);
  if (patch.is_default !== undefined) tags.push(budgetDefaultTag(caller.user_id));
  return orNotFound(await act(deps, caller, updateStatement, parameters, tags));
}

/** Deletes a budget with everything below it. @throws {Problem} `not_found`; `precondition_failed` */
export async function deleteBudget(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const parameters = { budget_id: id, version: caller.if_match };
  const tags = [...writtenBelow(caller.user_id, id), budgetDefaultTag(caller.user_id)];
  return orNotFound(await act(deps, caller, deleteStatement, parameters, tags));
}
