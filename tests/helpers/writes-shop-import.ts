import type { Desk, Write } from "./every-write.ts";

/** The import of jobs, and what it changes of what is cached. */
export function ofShopImport({ byOwner }: Desk): Write[] {
  return [
    {
      route: "POST /jobs/import",
      send: () =>
        byOwner("POST", "/jobs/import", {
          body: "title,priority,due_on\nImported,urgent,2026-01-31\n",
          headers: { "content-type": "text/csv" },
        }),
      changes: [
        "shop.dashboard.activity",
        "shop.jobs.page",
        "shop.dashboard.stats",
        "shop.dashboard.recent_jobs",
        "shop.dashboard.jobs_by_status",
        "shop.dashboard.jobs_by_month",
      ],
    },
  ];
}
