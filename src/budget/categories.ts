import { act, orNotFound } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { pageParameters } from "../http/pagination.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { Rollover } from "../platform/enums.ts";
import { budgetOf } from "./budgets.ts";
import type { CategoryPageParts } from "./categories.cache.ts";
import {
  createCategory as createStatement,
  deleteCategory as deleteStatement,
  mergeCategory as mergeStatement,
  updateCategory as updateStatement,
} from "./statements.ts";
import { writtenBelow } from "./tags.ts";

/** Members of a category that may be written. */
export type CategoryInput = Readonly<{
  group_id: string;
  name: string;
  rollover?: Rollover;
  hidden?: boolean;
  sort?: number;
}>;

/** A category of which nothing else is said. */
export const defaultCategory = { rollover: "carry_surplus", hidden: false, sort: 0 } as const;

/** A page of the categories of a budget, or of one group, in the order of the groups and their own. */
export const categoryPage = (
  caller: Caller,
  budget_id: string,
  { group_id, limit }: Readonly<{ group_id?: string; limit?: number }>,
): CategoryPageParts => ({
  ...budgetOf(caller, budget_id),
  group_id: group_id?.toLowerCase() ?? null,
  ...pageParameters(limit, null),
});

/** Makes a category. @throws {Problem} `not_found`; `reference_not_found` for its group; `already_exists` for its name */
export async function createCategory(
  deps: Deps,
  caller: Caller,
  budget_id: string,
  input: CategoryInput,
): Promise<Written> {
  const fields = JSON.stringify({ ...defaultCategory, ...input });
  const parameters = { budget_id, category_id: deps.id(), fields };
  return orNotFound(
    await act(deps, caller, createStatement, parameters, writtenBelow(caller.user_id, budget_id)),
  );
}

/** Which category, of which budget. */
type Place = Readonly<{ id: string; category_id: string }>;

/** Changes the members that `patch` names. @throws {Problem} as `createCategory`, and `precondition_failed` */
export async function updateCategory(
  deps: Deps,
  caller: Caller,
  { id: budget_id, category_id }: Place,
  patch: Partial<CategoryInput>,
): Promise<Written> {
  const parameters = { budget_id, category_id, version: caller.if_match, patch: JSON.stringify(patch) };
  return orNotFound(
    await act(deps, caller, updateStatement, parameters, writtenBelow(caller.user_id, budget_id)),
  );
}

/**
 * Deletes a category, `into` another one where anything is in it: plans and transactions move.
 *
 * @throws {Problem} `not_found`; `precondition_failed`; `category_in_use`; `unknown_category` or `validation` for `into`
 */
export async function deleteCategory(
  deps: Deps,
  caller: Caller,
  { id: budget_id, category_id }: Place,
  into: string | undefined,
): Promise<Written> {
  const parameters = { budget_id, category_id, version: caller.if_match, into_id: into ?? null };
  return orNotFound(
    await act(deps, caller, deleteStatement, parameters, writtenBelow(caller.user_id, budget_id)),
  );
}

/** Makes a category part of another one, and answers with that. @throws {Problem} as `deleteCategory` */
export async function mergeCategory(
  deps: Deps,
  caller: Caller,
  { id: budget_id, category_id }: Place,
  into: string,
): Promise<Written> {
  const parameters = { budget_id, category_id, version: caller.if_match, into_id: into };
  return orNotFound(
    await act(deps, caller, mergeStatement, parameters, writtenBelow(caller.user_id, budget_id)),
  );
}
