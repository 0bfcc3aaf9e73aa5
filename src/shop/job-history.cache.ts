import { filesTag, membersTag } from "../core/tags.ts";
import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import {
  type JobEventParts,
  type OfJobParts,
  readEventPage,
  readFilePage,
  readRevisionPage,
} from "./job-history.ts";
import { jobTag, permissionsTag, processesTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 30_000 } as const;

/** What happened to a job, and what belongs to it. */
export const jobHistoryCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  revisions: cachePages<OfJobParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.job.revisions",
      tags: ({ business_id: b, job_id }) => [jobTag(b, job_id), membersTag(b)],
      load: (parts, context) => readRevisionPage(db, parts, context),
    },
  ),
  events: cachePages<JobEventParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.job.timeline",
      tags: ({ business_id: b, job_id }) => [
        jobTag(b, job_id),
        membersTag(b),
        processesTag(b),
        permissionsTag(b),
        filesTag(b),
      ],
      load: (parts, context) => readEventPage(db, parts, context),
    },
  ),
  files: cachePages<OfJobParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.job.files",
      tags: ({ business_id: b, job_id }) => [jobTag(b, job_id), filesTag(b)],
      load: (parts, context) => readFilePage(db, parts, context),
    },
  ),
});
