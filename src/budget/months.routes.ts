import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { Problem } from "../http/problem.ts";
import { ListOf, strict } from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import type { HeadCache } from "./budgets.cache.ts";
import { budgetOf } from "./budgets.ts";
import { withHead } from "./heads.ts";
import { monthCache } from "./months.cache.ts";
import { firstDay, mostMonths, rangeOf, requireMonth } from "./months.ts";
import { BudgetMonth, BudgetParams, Month, MonthParams } from "./shapes.routes.ts";

const tag = "Budget: months";
const permission = "budgets.own" as const;

const figures =
  "Everything is computed when it is read: a balance is planned + activity + what the last month left, `to_budget` is income " +
  "less plans to date, and less what overspending that is not carried has cost, less what is held. Held, unless it was set, is " +
  "what is left, at most what later months lack at their worst.";

const documented = {
  list: operation({
    id: "listBudgetMonths",
    cache: "budget.months",
    permission,
    tag,
    summary: "Months of a budget",
    description: `From the first to the last, ${mostMonths} at most; default: a year up to now, as far as the budget goes back. ${figures}`,
    errors: ["not_found"],
  }),
  get: operation({
    id: "getBudgetMonth",
    cache: "budget.month",
    permission,
    tag,
    summary: "One month of a budget",
    description:
      `${figures} The \`ETag\` holds the version of the budget, which every write below it raises: send it as \`If-Match\` ` +
      "with a change of any month.",
    errors: ["not_found"],
  }),
};

/** Months of a budget, as they are read. */
export const monthRoutes = (deps: Deps, heads: HeadCache) => {
  const cached = monthCache(deps);
  const todayIn = createToday(deps.clock);
  return new Elysia({ name: "budget.months", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/budgets/:id/months",
      async ({ caller, scope, params, query }) => {
        const parts = budgetOf(caller, params.id);
        return withHead(scope, heads, parts, (head) => {
          if (head === null) throw new Problem("not_found");
          const range = rangeOf(head, query, todayIn(head.timezone).slice(0, "YYYY-MM".length));
          return answered(scope, cached.months, { ...parts, ...range }, cachedBytes);
        });
      },
      {
        params: BudgetParams,
        query: strict({ from: t.Optional(Month), to: t.Optional(Month) }),
        response: { 200: ListOf(BudgetMonth) },
        detail: documented.list,
      },
    )
    .get(
      "/budgets/:id/months/:month",
      async ({ caller, scope, params }) => {
        const parts = budgetOf(caller, params.id);
        return withHead(scope, heads, parts, (head) => {
          if (head === null) throw new Problem("not_found");
          requireMonth(head, params.month, "month");
          return answered(scope, cached.month, { ...parts, month: firstDay(params.month) }, cachedBytes);
        });
      },
      { params: MonthParams, response: { 200: BudgetMonth }, detail: documented.get },
    );
};
