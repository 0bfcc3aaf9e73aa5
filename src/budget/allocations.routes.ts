import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import type { Caller, RequestScope } from "../http/scope.ts";
import { ListOf, Nullable, strict, Uuid } from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import { allocationCache, type ViewParts } from "./allocations.cache.ts";
import type { HeadCache } from "./budgets.cache.ts";
import { ownerOf } from "./budgets.ts";
import { withHead } from "./heads.ts";
import { firstDay, mostMonths, requireMonth } from "./months.ts";
import { Amount, Currency, Hidden, Month, TargetBps } from "./shapes.routes.ts";

const tag = "Budget: allocations";
const permission = "budgets.own" as const;

const Year = t.Integer({ minimum: 1970, maximum: 2249 });
const MonthOfYear = t.Integer({ minimum: 1, maximum: 12 });
const which = { year: t.Optional(Year), month: t.Optional(MonthOfYear) };

const Spent = t.Integer({ description: "What went out less what came in, in minor units" });
const Remaining = t.Integer({ description: "planned - spent: above 0 is money left" });
const sums = {
  year: Year,
  month: MonthOfYear,
  currency: Currency,
  income: Amount,
  planned: Amount,
  spent: Spent,
  remaining: Remaining,
  target_bps_total: t.Integer({ description: "Of the income, what is meant for the groups together" }),
  unassigned_bps: t.Integer({ description: "10000 - target_bps_total" }),
};
const Allocation = t.Object({
  group_id: Uuid,
  name: t.String(),
  label: Nullable(t.String()),
  icon: Nullable(t.String()),
  hidden: Hidden,
  target_bps: TargetBps,
  target_amount: t.Integer({
    description:
      "What of the month's income is meant for it, in minor units; units that rounding left go to the first ones",
  }),
  planned: Amount,
  spent: Spent,
  remaining: Remaining,
});
const figures = { month: Month, income: Amount, planned: Amount, spent: Spent, remaining: Remaining };

const of =
  "Of your default budget in the active business. Month: `year` and `month`, default the one that it is in the budget's time " +
  "zone. Without a budget everything is 0.";

const documented = {
  allocations: operation({
    id: "getAllocations",
    cache: "budget.allocations",
    permission,
    tag,
    summary: "What is planned and spent of each group",
    description: of,
  }),
  summary: operation({
    id: "getAllocationsSummary",
    cache: "budget.allocations.summary",
    permission,
    tag,
    summary: "What is planned and spent together",
    description: of,
  }),
  history: operation({
    id: "getAllocationsHistory",
    cache: "budget.allocations.history",
    permission,
    tag,
    summary: "What was planned and spent month by month",
    description: `${of} The last of \`months\`, oldest first.`,
  }),
  monthly: operation({
    id: "getMonthlyBudget",
    cache: "budget.monthly",
    permission,
    tag,
    summary: "A month in one line",
    description: `${of} \`to_budget\` is null in tracking mode.`,
  }),
};

type Asked = Readonly<{ year?: number; month?: number }>;

/** The month of a request as YYYY-MM; what is not named is as it is now. */
function monthOf({ year, month }: Asked, now: string): string {
  const [year_now, month_now] = now.split("-").map(Number);
  return `${year ?? year_now}-${String(month ?? month_now).padStart(2, "0")}`;
}

/** Thin views of the default budget, for clients of the old budget API. */
export const allocationRoutes = (deps: Deps, heads: HeadCache) => {
  const cached = allocationCache(deps);
  const todayIn = createToday(deps.clock);
  const viewed = (
    { caller, scope, query }: { caller: Caller; scope: RequestScope; query: Asked },
    show: (parts: ViewParts) => Response | Promise<Response>,
  ): Response | Promise<Response> => {
    const owner = ownerOf(caller);
    return withHead(scope, heads, { ...owner, budget_id: null }, (head) => {
      const month = monthOf(query, todayIn(head?.timezone ?? caller.timezone));
      if (head !== null) requireMonth(head, month, "month");
      return show({ ...owner, budget_id: head?.budget_id ?? null, month: firstDay(month) });
    });
  };
  return new Elysia({ name: "budget.allocations", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/allocations",
      async ({ caller, scope, query }) =>
        viewed({ caller, scope, query }, (parts) =>
          answered(scope, cached.allocations, { ...parts, currency: caller.currency }, cachedBytes),
        ),
      {
        query: strict(which),
        response: { 200: t.Object({ ...sums, allocations: t.Array(Allocation) }, { title: "Allocations" }) },
        detail: documented.allocations,
      },
    )
    .get(
      "/allocations/summary",
      async ({ caller, scope, query }) =>
        viewed({ caller, scope, query }, (parts) =>
          answered(scope, cached.summary, { ...parts, currency: caller.currency }, cachedBytes),
        ),
      { query: strict(which), response: { 200: t.Object(sums) }, detail: documented.summary },
    )
    .get(
      "/allocations/history",
      async ({ caller, scope, query }) =>
        viewed({ caller, scope, query }, (parts) =>
          answered(scope, cached.history, { ...parts, months: query.months ?? 12 }, cachedBytes),
        ),
      {
        query: strict({
          ...which,
          months: t.Optional(t.Integer({ minimum: 1, maximum: mostMonths, default: 12 })),
        }),
        response: { 200: ListOf(t.Object(figures)) },
        detail: documented.history,
      },
    )
    .get(
      "/monthly-budget",
      async ({ caller, scope, query }) =>
        viewed({ caller, scope, query }, (parts) => answered(scope, cached.monthly, parts, cachedBytes)),
      {
        query: strict(which),
        response: { 200: t.Object({ ...figures, to_budget: Nullable(Amount), held: Amount }) },
        detail: documented.monthly,
      },
    );
};
