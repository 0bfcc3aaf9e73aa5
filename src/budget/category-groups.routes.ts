import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { listParameters, ListOf, Nullable, strict, Text, Uuid } from "../http/schema.ts";
import { budgetOf } from "./budgets.ts";
import type { CategoryCache } from "./categories.cache.ts";
import { createGroup, defaultGroup, deleteGroup, groupPage, updateGroup } from "./category-groups.ts";
import { BudgetParams, CategoryGroup, Hidden, Place, TargetBps } from "./shapes.routes.ts";

const tag = "Budget: categories";
const permission = "budgets.own" as const;
const GroupParams = strict({ id: Uuid, group_id: Uuid });
const Name = Text(100, "Unique in the budget");
const members = {
  label: t.Optional(Nullable(Text(100, "What is shown in place of the name"))),
  icon: t.Optional(Nullable(Text(50, "Name of a picture, which the client knows"))),
  target_bps: t.Optional(TargetBps),
  hidden: t.Optional(Hidden),
  sort: t.Optional(Place),
};

const documented = {
  list: operation({
    id: "listCategoryGroups",
    cache: "budget.groups.page",
    permission,
    tag,
    summary: "List the groups of a budget",
    description: "In their order (`sort`), hidden ones and those of income too.",
    errors: ["not_found", "invalid_cursor"],
  }),
  create: operation({
    id: "createCategoryGroup",
    permission,
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Make a group",
    description: `What is not said: \`${JSON.stringify(defaultGroup)}\`. A budget has 100 groups at most.`,
    errors: ["not_found", "already_exists"],
    examples: { request: { name: "travel", label: "Travel", target_bps: 500, sort: 7 } },
  }),
  get: operation({
    id: "getCategoryGroup",
    cache: "budget.group",
    permission,
    tag,
    summary: "One group of a budget",
    description: "The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  update: operation({
    id: "updateCategoryGroup",
    permission,
    tag,
    if_match: "required",
    summary: "Change a group",
    description: "JSON Merge Patch (RFC 7396). A group of income stays one.",
    errors: ["not_found", "already_exists"],
    examples: { request: { target_bps: 1500 } },
  }),
  remove: operation({
    id: "deleteCategoryGroup",
    permission,
    tag,
    if_match: "required",
    success: 204,
    summary: "Delete a group",
    description: "With its categories, if nothing is planned for them and nothing was paid under them.",
    errors: ["not_found", "category_in_use"],
  }),
};

/** Groups of a budget's categories. */
export const categoryGroupRoutes = (deps: Deps, cached: CategoryCache) =>
  new Elysia({ name: "budget.category-groups", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/budgets/:id/category-groups",
      async ({ caller, scope, params, query }) =>
        cached.groups.answer(scope, query.cursor, groupPage(caller, params.id, query)),
      {
        params: BudgetParams,
        query: strict(listParameters),
        response: { 200: ListOf(CategoryGroup) },
        detail: documented.list,
      },
    )
    .post(
      "/budgets/:id/category-groups",
      async ({ caller, params, body }) => written(await createGroup(deps, caller, params.id, body)),
      {
        params: BudgetParams,
        body: strict({
          name: Name,
          is_income: t.Optional(t.Boolean({ description: "Money under it is what is planned" })),
          ...members,
        }),
        response: { 201: CategoryGroup },
        detail: documented.create,
      },
    )
    .get(
      "/budgets/:id/category-groups/:group_id",
      ({ caller, scope, params }) => {
        const parts = { ...budgetOf(caller, params.id), group_id: params.group_id.toLowerCase() };
        return answered(scope, cached.group, parts, cachedBytes);
      },
      { params: GroupParams, response: { 200: CategoryGroup }, detail: documented.get },
    )
    .patch(
      "/budgets/:id/category-groups/:group_id",
      async ({ caller, params, body }) => written(await updateGroup(deps, caller, params, body)),
      {
        params: GroupParams,
        body: t.Object(
          { name: t.Optional(Name), ...members },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: CategoryGroup },
        detail: documented.update,
      },
    )
    .delete(
      "/budgets/:id/category-groups/:group_id",
      async ({ caller, params }) => written(await deleteGroup(deps, caller, params)),
      { params: GroupParams, detail: documented.remove },
    );
