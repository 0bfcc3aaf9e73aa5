import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { Nullable, OneOf, strict, Text, Uuid } from "../http/schema.ts";
import { assignBys, assigning, holdMonth, moving, planMonth } from "./months.ts";
import { BudgetMonth, largest, MonthParams } from "./shapes.routes.ts";

const tag = "Budget: months";
const permission = "budgets.own" as const;
const MonthCategoryParams = strict({ ...MonthParams.properties, category_id: Uuid });
const Planned = t.Integer({
  minimum: -largest,
  maximum: largest,
  description: "Minor units; below 0 where money that was carried in is taken out",
});
const Note = Nullable(Text(500, "What the plan is for"));
const Positive = t.Integer({ minimum: 1, maximum: largest, description: "Minor units" });
const Plans = strict({
  items: t.Array(strict({ category_id: Uuid, planned: Planned }), { minItems: 1, maxItems: 200 }),
});
const Assigning = strict({
  by: OneOf(assignBys),
  amount: t.Optional(
    t.Integer({ minimum: 0, maximum: largest, description: "With target_bps and up_to; minor units" }),
  ),
  category_ids: t.Optional(t.Array(Uuid, { minItems: 1, maxItems: 200, uniqueItems: true })),
});
const errors = ["not_found", "unknown_category", "income_category"] as const;
const example = "019f7c52-6e2e-7a40-9d52-1b64a2e1f0c3";

const documented = {
  plan: operation({
    id: "planBudgetMonth",
    permission,
    tag,
    if_match: "required",
    summary: "Plan categories of a month",
    description: "200 at most, all of them or, where one is refused, none.",
    errors,
    examples: { request: { items: [{ category_id: example, planned: 50_000 }] } },
  }),
  put: operation({
    id: "putBudgetPlan",
    permission,
    tag,
    if_match: "required",
    summary: "Plan one category of a month",
    description: "In place of its plan and its note.",
    errors,
    examples: { request: { planned: 50_000, note: "Rent goes up" } },
  }),
  move: operation({
    id: "moveBudgetMoney",
    permission,
    tag,
    if_match: "optional",
    idempotency: "optional",
    summary: "Move money between categories",
    description:
      "Of a month: what is planned for one becomes less, for the other more, whatever their balances are.",
    errors,
    examples: {
      request: { from: example, to: "019f7c52-6e2e-7a40-9d52-1b64a2e1f0c4", amount: 2_500 },
    },
  }),
  copy: operation({
    id: "copyLastBudgetMonth",
    permission,
    tag,
    if_match: "optional",
    idempotency: "optional",
    summary: "Plan a month like the last one",
    description: "Every category is planned as it was in the month before.",
    errors: ["not_found"],
  }),
  assign: operation({
    id: "autoAssignBudgetMonth",
    permission,
    tag,
    if_match: "optional",
    idempotency: "optional",
    summary: "Plan a month by a rule",
    description:
      "Of categories that are not hidden, those named or all. target_bps: each group's part of the month's income, or of `amount`, " +
      "rounded down, what is left over in single units to the first ones, and the same way among a group's categories; average3: " +
      "what was spent a month in the last three; last: what was spent in the last one; up_to: what lifts the balance to `amount`, " +
      "added. Never less than 0.",
    errors: ["not_found"],
    examples: { request: { by: "target_bps" } },
  }),
  hold: operation({
    id: "holdBudgetMonth",
    permission,
    tag,
    if_match: "required",
    summary: "Hold money for later months",
    description: "In place of what is computed; with null, that again.",
    errors: ["not_found"],
    examples: { request: { held: 20_000 } },
  }),
};

/** Ways to plan a month of a budget. Each answers with the month. */
export const planningRoutes = (deps: Deps) =>
  new Elysia({ name: "budget.planning", prefix: "/api/v1", normalize: false })
    .use(edge)
    .patch(
      "/budgets/:id/months/:month",
      async ({ caller, params, body }) =>
        written(await planMonth(deps, caller, params, { operation: "set", plans: body.items })),
      {
        params: MonthParams,
        body: Plans,
        response: { 200: BudgetMonth },
        detail: documented.plan,
      },
    )
    .put(
      "/budgets/:id/months/:month/categories/:category_id",
      async ({ caller, params, body: { planned, note = null } }) => {
        const plans = [{ category_id: params.category_id, planned, note }];
        return written(await planMonth(deps, caller, params, { operation: "set", plans }));
      },
      {
        params: MonthCategoryParams,
        body: strict({ planned: Planned, note: t.Optional(Note) }),
        response: { 200: BudgetMonth },
        detail: documented.put,
      },
    )
    .post(
      "/budgets/:id/months/:month/move",
      async ({ caller, params, body }) => written(await planMonth(deps, caller, params, moving(body))),
      {
        params: MonthParams,
        body: strict({ from: Uuid, to: Uuid, amount: Positive }),
        response: { 200: BudgetMonth },
        detail: documented.move,
      },
    )
    .post(
      "/budgets/:id/months/:month/copy-last-month",
      async ({ caller, params }) =>
        written(await planMonth(deps, caller, params, { operation: "copy_last_month" })),
      { params: MonthParams, response: { 200: BudgetMonth }, detail: documented.copy },
    )
    .post(
      "/budgets/:id/months/:month/auto-assign",
      async ({ caller, params, body }) => written(await planMonth(deps, caller, params, assigning(body))),
      {
        params: MonthParams,
        body: Assigning,
        response: { 200: BudgetMonth },
        detail: documented.assign,
      },
    )
    .put(
      "/budgets/:id/months/:month/hold",
      async ({ caller, params, body }) => written(await holdMonth(deps, caller, params, body.held)),
      {
        params: MonthParams,
        body: strict({
          held: Nullable(t.Integer({ minimum: 0, maximum: largest, description: "Minor units" })),
        }),
        response: { 200: BudgetMonth },
        detail: documented.hold,
      },
    );
