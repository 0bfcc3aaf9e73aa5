import { membersTag } from "../core/tags.ts";
import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import type { Role } from "../http/policy.ts";
import { type TimeLogPageParts, readTimeLogPage } from "./operators.ts";
import { getOperatorPerformance, listMyQueue } from "./statements.ts";
import { jobsTag, machinesTag, permissionsTag, processesTag, stepsTag, timeTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business" } as const;

/** What operators have to do, and what they did. `role`: see `viewerOf`. */
export const operatorCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  queue: cache.endpoint<{ business_id: string; member_id: string; role: Role | null }>({
    ...bounded,
    name: "shop.queue",
    // What is overdue.
    moves: true,
    ttl_ms: 10_000,
    tags: ({ business_id: b }) => [
      stepsTag(b),
      jobsTag(b),
      machinesTag(b),
      processesTag(b),
      permissionsTag(b),
    ],
    load: async (parts, context) => (await db.fast.query(listMyQueue, parts, context))[0]?.body ?? null,
  }),
  performance: cache.endpoint<{ business_id: string; member_id: string; days: number }>({
    ...bounded,
    name: "shop.performance",
    // The window and what runs.
    moves: true,
    ttl_ms: 60_000,
    tags: ({ business_id: b }) => [timeTag(b), stepsTag(b), membersTag(b)],
    load: async (parts, context) =>
      (await db.report.query(getOperatorPerformance, parts, context))[0]?.body ?? null,
  }),
  timeLogs: cachePages<TimeLogPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.step.time_logs",
      ttl_ms: 15_000,
      tags: ({ business_id: b }) => [
        timeTag(b),
        stepsTag(b),
        membersTag(b),
        machinesTag(b),
        permissionsTag(b),
      ],
      load: (parts, context) => readTimeLogPage(db, parts, context),
    },
  ),
});
