import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { listParameters, ListOf, strict, Text, Uuid } from "../http/schema.ts";
import { budgetOf } from "./budgets.ts";
import type { CategoryCache } from "./categories.cache.ts";
import {
  categoryPage,
  createCategory,
  defaultCategory,
  deleteCategory,
  mergeCategory,
  updateCategory,
} from "./categories.ts";
import { BudgetParams, Category, Hidden, Place, RolloverRule } from "./shapes.routes.ts";

const tag = "Budget: categories";
const permission = "budgets.own" as const;
const CategoryParams = strict({ id: Uuid, category_id: Uuid });
const Name = Text(100, "Unique in the group");
const Into = t.String({ format: "uuid", description: "The category that takes over plans and transactions" });
const members = { rollover: t.Optional(RolloverRule), hidden: t.Optional(Hidden), sort: t.Optional(Place) };

const documented = {
  list: operation({
    id: "listCategories",
    cache: "budget.categories.page",
    permission,
    tag,
    summary: "List the categories of a budget",
    description: "In the order of their groups and their own, hidden ones too; with `group_id` of one group.",
    errors: ["not_found", "invalid_cursor"],
  }),
  create: operation({
    id: "createCategory",
    permission,
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Make a category",
    description: `What is not said: \`${JSON.stringify(defaultCategory)}\`. A budget has 500 categories at most.`,
    errors: ["not_found", "reference_not_found", "already_exists"],
    examples: {
      request: {
        group_id: "019f7c52-6e2e-7a40-9d52-1b64a2e1f0c3",
        name: "Groceries",
        rollover: "carry_all",
      },
    },
  }),
  get: operation({
    id: "getCategory",
    cache: "budget.category",
    permission,
    tag,
    summary: "One category of a budget",
    description: "The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  update: operation({
    id: "updateCategory",
    permission,
    tag,
    if_match: "required",
    summary: "Change a category",
    description:
      "JSON Merge Patch (RFC 7396). Another rule of carrying over counts for all months, those that are past too; a category " +
      "moves to another group, but not between income and the others.",
    errors: ["not_found", "reference_not_found", "already_exists"],
    examples: { request: { rollover: "reset" } },
  }),
  remove: operation({
    id: "deleteCategory",
    permission,
    tag,
    if_match: "required",
    success: 204,
    summary: "Delete a category",
    description:
      "With `into` its plans and transactions move to that category; without, only one that nothing is planned for and nothing " +
      "was paid under.",
    errors: ["not_found", "category_in_use", "unknown_category"],
  }),
  merge: operation({
    id: "mergeCategory",
    permission,
    tag,
    if_match: "optional",
    idempotency: "optional",
    summary: "Make a category part of another one",
    description:
      "Plans of each month are added up, transactions move, the category is gone; the answer is the one that it went into.",
    errors: ["not_found", "unknown_category"],
    examples: { request: { into: "019f7c52-6e2e-7a40-9d52-1b64a2e1f0c3" } },
  }),
};

/** Categories of a budget. */
export const categoryRoutes = (deps: Deps, cached: CategoryCache) =>
  new Elysia({ name: "budget.categories", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/budgets/:id/categories",
      async ({ caller, scope, params, query }) =>
        cached.categories.answer(scope, query.cursor, categoryPage(caller, params.id, query)),
      {
        params: BudgetParams,
        query: strict({ ...listParameters, group_id: t.Optional(Uuid) }),
        response: { 200: ListOf(Category) },
        detail: documented.list,
      },
    )
    .post(
      "/budgets/:id/categories",
      async ({ caller, params, body }) => written(await createCategory(deps, caller, params.id, body)),
      {
        params: BudgetParams,
        body: strict({ group_id: Uuid, name: Name, ...members }),
        response: { 201: Category },
        detail: documented.create,
      },
    )
    .get(
      "/budgets/:id/categories/:category_id",
      ({ caller, scope, params }) => {
        const parts = { ...budgetOf(caller, params.id), category_id: params.category_id.toLowerCase() };
        return answered(scope, cached.category, parts, cachedBytes);
      },
      { params: CategoryParams, response: { 200: Category }, detail: documented.get },
    )
    .patch(
      "/budgets/:id/categories/:category_id",
      async ({ caller, params, body }) => written(await updateCategory(deps, caller, params, body)),
      {
        params: CategoryParams,
        body: t.Object(
          { group_id: t.Optional(Uuid), name: t.Optional(Name), ...members },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: Category },
        detail: documented.update,
      },
    )
    .delete(
      "/budgets/:id/categories/:category_id",
      async ({ caller, params, query }) => written(await deleteCategory(deps, caller, params, query.into)),
      { params: CategoryParams, query: strict({ into: t.Optional(Into) }), detail: documented.remove },
    )
    .post(
      "/budgets/:id/categories/:category_id/merge",
      async ({ caller, params, body }) => written(await mergeCategory(deps, caller, params, body.into)),
      {
        params: CategoryParams,
        body: strict({ into: Into }),
        response: { 200: Category },
        detail: documented.merge,
      },
    );
