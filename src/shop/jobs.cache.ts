import { customersTag, membersTag } from "../core/tags.ts";
import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import type { Role } from "../http/policy.ts";
import { type JobPageParts, readJobPage } from "./jobs.ts";
import { getJob } from "./statements.ts";
import { jobsTag, jobTag, machinesTag, permissionsTag, processesTag, stepsTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 30_000 } as const;

/**
 * Jobs as lists and pages show them, late ones as such. Names of customers, members, machines and processes stand in them too.
 * `role`: see `viewerOf`; `today` decides what is late.
 */
export const jobCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<JobPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.jobs.page",
      tags: ({ business_id: b, assigned_to, machine_id }) =>
        assigned_to === null && machine_id === null
          ? [jobsTag(b), customersTag(b)]
          : [jobsTag(b), customersTag(b), stepsTag(b)],
      load: (parts, context) => readJobPage(db, parts, context),
    },
  ),
  job: cache.endpoint<{ business_id: string; role: Role | null; today: string; job_id: string }>({
    ...bounded,
    name: "shop.job",
    // Worked minutes, and what is overdue.
    moves: true,
    tags: ({ business_id: b, job_id }) => [
      jobTag(b, job_id),
      customersTag(b),
      membersTag(b),
      machinesTag(b),
      processesTag(b),
      permissionsTag(b),
    ],
    load: async ({ business_id, role, job_id }, context) =>
      (await db.fast.query(getJob, { business_id, role, job_id }, context))[0] ?? null,
  }),
});
