import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { ListOf, strict } from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import { dashboardCache } from "./dashboards.cache.ts";
import { Activity, MonthCount, RecentJob, Stats, StatusCount } from "./shapes.routes.ts";

const documented = {
  getDashboardStats: operation({
    id: "getDashboardStats",
    cache: "shop.dashboard.stats",
    permission: "shop.read",
    tag: "Shop: dashboard",
    summary: "Figures of the shop",
    description:
      "Jobs by status (the six add up to `total`), late and urgent ones, steps, machines, people, and the caller's own " +
      "tasks. Days are those of the business's time zone; `due_soon` is today and the three days after.",
  }),
  listRecentJobs: operation({
    id: "listRecentJobs",
    cache: "shop.dashboard.recent_jobs",
    permission: "shop.read",
    tag: "Shop: dashboard",
    summary: "The newest jobs",
    description: "Newest first.",
  }),
  countJobsByStatus: operation({
    id: "countJobsByStatus",
    cache: "shop.dashboard.jobs_by_status",
    permission: "shop.read",
    tag: "Shop: dashboard",
    summary: "Jobs by status",
    description: "Every status in its order, zeros too; the counts add up to the number of jobs.",
  }),
  countJobsByMonth: operation({
    id: "countJobsByMonth",
    cache: "shop.dashboard.jobs_by_month",
    permission: "shop.read",
    tag: "Shop: dashboard",
    summary: "Jobs by month",
    description:
      "Whole months of the business's calendar, oldest first, the running one included, zeros too. After a change of the " +
      "business's time zone they are counted again within seconds.",
  }),
  listActivity: operation({
    id: "listActivity",
    cache: "shop.dashboard.activity",
    permission: "shop.read",
    tag: "Shop: dashboard",
    summary: "What was changed last",
    description:
      "Newest first: changes of jobs, steps, machines, processes, routings, time, quantities and customers. What is written " +
      "in bank, savings, ledger, settings and members is not shown; `GET /audit-logs` has all of it for those who may see it.",
  }),
};

/** The dashboard on the wall: five answers, each one statement. */
export const dashboardRoutes = (deps: Deps) => {
  const cached = dashboardCache(deps);
  const todayIn = createToday(deps.clock);
  return new Elysia({ name: "shop.dashboards", prefix: "/api/v1/dashboard", normalize: false })
    .use(edge)
    .get(
      "/stats",
      ({ caller, scope }) => {
        const { business_id, timezone, member_id } = caller;
        const parts = { business_id, timezone, today: todayIn(timezone), member_id };
        return answered(scope, cached.stats, parts, cachedBytes);
      },
      {
        response: { 200: Stats },
        detail: documented.getDashboardStats,
      },
    )
    .get(
      "/recent-jobs",
      async ({ caller: { business_id, timezone }, scope, query }) => {
        const parts = { business_id, timezone, today: todayIn(timezone), limit_rows: query.limit ?? 10 };
        return answered(scope, cached.recentJobs, parts, cachedBytes);
      },
      {
        query: strict({ limit: t.Optional(t.Integer({ minimum: 1, maximum: 100, default: 10 })) }),
        response: { 200: ListOf(RecentJob) },
        detail: documented.listRecentJobs,
      },
    )
    .get(
      "/chart/jobs-by-status",
      ({ caller: { business_id }, scope }) =>
        answered(scope, cached.jobsByStatus, { business_id }, cachedBytes),
      {
        response: { 200: ListOf(StatusCount) },
        detail: documented.countJobsByStatus,
      },
    )
    .get(
      "/chart/jobs-by-month",
      async ({ caller: { business_id, timezone }, scope, query }) => {
        const month = todayIn(timezone).slice(0, "YYYY-MM".length);
        const parts = { business_id, timezone, month, months: query.months ?? 12 };
        return answered(scope, cached.jobsByMonth, parts, cachedBytes);
      },
      {
        query: strict({ months: t.Optional(t.Integer({ minimum: 1, maximum: 60, default: 12 })) }),
        response: { 200: ListOf(MonthCount) },
        detail: documented.countJobsByMonth,
      },
    )
    .get(
      "/activity",
      async ({ caller: { business_id }, scope, query }) =>
        answered(scope, cached.activity, { business_id, limit_rows: query.limit ?? 20 }, cachedBytes),
      {
        query: strict({ limit: t.Optional(t.Integer({ minimum: 1, maximum: 100, default: 20 })) }),
        response: { 200: ListOf(Activity) },
        detail: documented.listActivity,
      },
    );
};
