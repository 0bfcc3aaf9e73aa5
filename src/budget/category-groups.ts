import { act, orNotFound } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { pageParameters } from "../http/pagination.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { budgetOf } from "./budgets.ts";
import type { GroupPageParts } from "./categories.cache.ts";
import {
  createCategoryGroup as createStatement,
  deleteCategoryGroup as deleteStatement,
  updateCategoryGroup as updateStatement,
} from "./statements.ts";
import { writtenBelow } from "./tags.ts";

/** Members of a group that may be written; `is_income` only when it is made. Null: none. */
export type GroupInput = Readonly<{
  name: string;
  label?: string | null;
  icon?: string | null;
  target_bps?: number;
  hidden?: boolean;
  sort?: number;
}>;

/** A group of which nothing else is said. */
export const defaultGroup = { target_bps: 0, is_income: false, hidden: false, sort: 0 } as const;

/** A page of the groups of a budget, in their order. */
export const groupPage = (
  caller: Caller,
  budget_id: string,
  { limit }: Readonly<{ limit?: number }>,
): GroupPageParts => ({ ...budgetOf(caller, budget_id), ...pageParameters(limit, null) });

/** Makes a group. @throws {Problem} `not_found`; `already_exists` for its name; `validation` for a target of income */
export async function createGroup(
  deps: Deps,
  caller: Caller,
  budget_id: string,
  input: GroupInput & Readonly<{ is_income?: boolean }>,
): Promise<Written> {
  const parameters = {
    budget_id,
    group_id: deps.id(),
    fields: JSON.stringify({ ...defaultGroup, ...input }),
  };
  return orNotFound(
    await act(deps, caller, createStatement, parameters, writtenBelow(caller.user_id, budget_id)),
  );
}

/** Which group, of which budget. */
type Place = Readonly<{ id: string; group_id: string }>;

/** Changes the members that `patch` names. @throws {Problem} as `createGroup`, and `precondition_failed` */
export async function updateGroup(
  deps: Deps,
  caller: Caller,
  { id: budget_id, group_id }: Place,
  patch: Partial<GroupInput>,
): Promise<Written> {
  const parameters = { budget_id, group_id, version: caller.if_match, patch: JSON.stringify(patch) };
  return orNotFound(
    await act(deps, caller, updateStatement, parameters, writtenBelow(caller.user_id, budget_id)),
  );
}

/** Deletes a group with its categories. @throws {Problem} `not_found`; `precondition_failed`; `category_in_use` */
export async function deleteGroup(
  deps: Deps,
  caller: Caller,
  { id: budget_id, group_id }: Place,
): Promise<Written> {
  const parameters = { budget_id, group_id, version: caller.if_match };
  return orNotFound(
    await act(deps, caller, deleteStatement, parameters, writtenBelow(caller.user_id, budget_id)),
  );
}
