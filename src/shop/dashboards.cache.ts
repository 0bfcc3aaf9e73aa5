import { customersTag, membersTag } from "../core/tags.ts";
import type { Deps } from "../http/deps.ts";
import {
  countJobsByMonth,
  countJobsByStatus,
  getDashboardStats,
  listActivity,
  listRecentJobs,
} from "./statements.ts";
import {
  jobsTag,
  machinesTag,
  permissionsTag,
  processesTag,
  routingsTag,
  stepsTag,
  timeTag,
} from "./tags.ts";

const bounded = { class: "bounded", scope: "business" } as const;

/** The zone decides what today is, and with it what is late. */
type Calendar = { business_id: string; timezone: string; today: string };

/**
 * Dashboards: each is one statement that returns one JSON text, and nothing here touches it. What goes by writes is ended
 * by their tags, what goes by days and months is another answer with each; only what is late by the minute may be a TTL
 * behind. They go to the lane `fast`, which keeps their plans: what grows is read from counters, so that planning was most of
 * their time.
 */
export const dashboardCache = ({ cache, db }: Pick<Deps, "cache" | "db">) => ({
  /** The figures on the wall, with the member's own tasks. */
  stats: cache.endpoint<Calendar & { member_id: string }>({
    ...bounded,
    name: "shop.dashboard.stats",
    warm: true,
    // It says as of when.
    moves: true,
    ttl_ms: 30_000,
    tags: ({ business_id: b }) => [jobsTag(b), stepsTag(b), machinesTag(b), membersTag(b)],
    load: async (parts, context) => (await db.fast.query(getDashboardStats, parts, context))[0]?.body ?? null,
  }),
  /** The newest jobs. */
  recentJobs: cache.endpoint<Calendar & { limit_rows: number }>({
    ...bounded,
    name: "shop.dashboard.recent_jobs",
    warm: true,
    ttl_ms: 60_000,
    tags: ({ business_id: b }) => [jobsTag(b), customersTag(b)],
    load: async (parts, context) => (await db.fast.query(listRecentJobs, parts, context))[0]?.body ?? null,
  }),
  /** How many jobs there are in each status; every status, in order, zeros too. */
  jobsByStatus: cache.endpoint<{ business_id: string }>({
    ...bounded,
    name: "shop.dashboard.jobs_by_status",
    warm: true,
    ttl_ms: 120_000,
    tags: ({ business_id }) => [jobsTag(business_id)],
    load: async (parts, context) => (await db.fast.query(countJobsByStatus, parts, context))[0]?.body ?? null,
  }),
  /** Jobs created and completed in each of the last months of the business's calendar. */
  jobsByMonth: cache.endpoint<Omit<Calendar, "today"> & { month: string; months: number }>({
    ...bounded,
    name: "shop.dashboard.jobs_by_month",
    warm: true,
    ttl_ms: 300_000,
    tags: ({ business_id }) => [jobsTag(business_id)],
    load: async (parts, context) => (await db.fast.query(countJobsByMonth, parts, context))[0]?.body ?? null,
  }),
  /** What was changed last, of the shop and its customers: whatever else is written does not end it. */
  activity: cache.endpoint<{ business_id: string; limit_rows: number }>({
    ...bounded,
    name: "shop.dashboard.activity",
    warm: true,
    ttl_ms: 30_000,
    tags: ({ business_id: b }) => [
      jobsTag(b),
      stepsTag(b),
      machinesTag(b),
      processesTag(b),
      routingsTag(b),
      permissionsTag(b),
      timeTag(b),
      customersTag(b),
      membersTag(b),
    ],
    load: async (parts, context) => (await db.fast.query(listActivity, parts, context))[0]?.body ?? null,
  }),
});
