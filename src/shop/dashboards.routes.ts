import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { resource } from "../http/respond.ts";
import { ListOf, strict } from "../http/schema.ts";
import { readJobsByMonth, readJobsByStatus, readRecentJobs, readStats } from "./dashboards.ts";
import { MonthCount, RecentJob, Stats, StatusCount } from "./shapes.routes.ts";

/** The dashboard on the wall: four answers, each one statement. */
export const dashboardRoutes = (deps: Deps) =>
  new Elysia({ name: "shop.dashboards", prefix: "/api/v1/dashboard", normalize: false })
    .use(edge)
    .get("/stats", async ({ caller }) => resource(await readStats(deps, caller)), {
      response: { 200: Stats },
      detail: operation({
        id: "getDashboardStats",
        permission: "shop.read",
        tag: "Shop: dashboard",
        summary: "Figures of the shop",
        description:
          "Jobs by status (the six add up to `total`), late and urgent ones, steps, machines, people, and the caller's own " +
          "tasks. Days are those of the business's time zone; `due_soon` is today and the three days after.",
      }),
    })
    .get(
      "/recent-jobs",
      async ({ caller, query }) => resource(await readRecentJobs(deps, caller, query.limit ?? 10)),
      {
        query: strict({ limit: t.Optional(t.Integer({ minimum: 1, maximum: 100, default: 10 })) }),
        response: { 200: ListOf(RecentJob) },
        detail: operation({
          id: "listRecentJobs",
          permission: "shop.read",
          tag: "Shop: dashboard",
          summary: "The newest jobs",
          description: "Newest first.",
        }),
      },
    )
    .get("/chart/jobs-by-status", async ({ caller }) => resource(await readJobsByStatus(deps, caller)), {
      response: { 200: ListOf(StatusCount) },
      detail: operation({
        id: "countJobsByStatus",
        permission: "shop.read",
        tag: "Shop: dashboard",
        summary: "Jobs by status",
        description: "Every status in its order, zeros too; the counts add up to the number of jobs.",
      }),
    })
    .get(
      "/chart/jobs-by-month",
      async ({ caller, query }) => resource(await readJobsByMonth(deps, caller, query.months ?? 12)),
      {
        query: strict({ months: t.Optional(t.Integer({ minimum: 1, maximum: 60, default: 12 })) }),
        response: { 200: ListOf(MonthCount) },
        detail: operation({
          id: "countJobsByMonth",
          permission: "shop.read",
          tag: "Shop: dashboard",
          summary: "Jobs by month",
          description:
            "Whole months of the business's calendar, oldest first, the running one included, zeros too.",
        }),
      },
    );
