import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { listParameters, ListOf, OneOf, strict, Text, Uuid } from "../http/schema.ts";
import { budgetModes } from "../platform/enums.ts";
import { budgetCache } from "./budgets.cache.ts";
import { budgetOf, budgetPage, createBudget, deleteBudget, updateBudget } from "./budgets.ts";
import { BudgetParams, Currency, Month, stamps } from "./shapes.routes.ts";

const tag = "Budget: budgets";
const permission = "budgets.own" as const;

const Mode = OneOf(budgetModes, {
  description:
    "envelope: money is planned before it is spent, and carries over; tracking: plans are compared only",
});
const TimeZone = t.String({ maxLength: 64, description: "IANA time zone whose days and months count" });

const Budget = t.Object({
  id: Uuid,
  name: t.String(),
  mode: Mode,
  currency: Currency,
  timezone: TimeZone,
  is_default: t.Boolean({ description: "The one that /allocations and /monthly-budget show" }),
  first_month: Month,
  ...stamps,
});

const Name = Text(100, "What its owner calls it");
const members = {
  mode: t.Optional(Mode),
  currency: t.Optional(Currency),
  timezone: t.Optional(TimeZone),
  is_default: t.Optional(t.Boolean({ description: "True: in place of the one that is the default now" })),
  first_month: t.Optional(Month),
};

const documented = {
  list: operation({
    id: "listBudgets",
    cache: "budget.budgets.page",
    permission,
    tag,
    summary: "List your budgets",
    description: "Your own in the active business, oldest first; nobody else sees them.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createBudget",
    permission,
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Make a budget",
    description:
      "It begins with a group of income and six groups with targets of 1000 (freedom), 1000 (health), 5000 (spending), 1000 " +
      "(learning), 500 (entertainment) and 500 (contribution) basis points, and a category in each. What is not said: mode " +
      "envelope, currency and time zone of the business, the month that it is now. Your first budget is your default.",
    examples: { request: { name: "Household", first_month: "2026-01" } },
  }),
  get: operation({
    id: "getBudget",
    cache: "budget.budget",
    permission,
    tag,
    summary: "One budget",
    description:
      "Everything that is written below it gives it another version, which is in the `ETag` of its months, too.",
    errors: ["not_found"],
  }),
  update: operation({
    id: "updateBudget",
    permission,
    tag,
    if_match: "required",
    summary: "Change a budget",
    description:
      "JSON Merge Patch (RFC 7396). A budget with anything in it keeps its currency, and its first month only moves to before " +
      "what is in it. A default stays one until another budget is made the default.",
    errors: ["not_found", "in_use"],
    examples: { request: { name: "Family" } },
  }),
  remove: operation({
    id: "deleteBudget",
    permission,
    tag,
    if_match: "required",
    success: 204,
    summary: "Delete a budget",
    description:
      "With its groups, categories, plans and transactions. Of a default's others the oldest becomes the default.",
    errors: ["not_found"],
  }),
};

/** Budgets of the caller. */
export const ownBudgetRoutes = (deps: Deps) => {
  const cached = budgetCache(deps);
  return new Elysia({ name: "budget.budgets", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/budgets",
      async ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, budgetPage(caller, query)),
      { query: strict(listParameters), response: { 200: ListOf(Budget) }, detail: documented.list },
    )
    .post("/budgets", async ({ caller, body }) => written(await createBudget(deps, caller, body)), {
      body: strict({ name: Name, ...members }),
      response: { 201: Budget },
      detail: documented.create,
    })
    .get(
      "/budgets/:id",
      ({ caller, scope, params }) => answered(scope, cached.budget, budgetOf(caller, params.id), cachedBytes),
      { params: BudgetParams, response: { 200: Budget }, detail: documented.get },
    )
    .patch(
      "/budgets/:id",
      async ({ caller, params, body }) => written(await updateBudget(deps, caller, params.id, body)),
      {
        params: BudgetParams,
        body: t.Object(
          { name: t.Optional(Name), ...members },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: Budget },
        detail: documented.update,
      },
    )
    .delete(
      "/budgets/:id",
      async ({ caller, params }) => written(await deleteBudget(deps, caller, params.id)),
      { params: BudgetParams, detail: documented.remove },
    );
};
