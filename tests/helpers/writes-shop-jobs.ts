import type { Desk, Write } from "./every-write.ts";

const figures = [
  "shop.dashboard.activity",
  "shop.dashboard.stats",
  "shop.jobs.page",
  "shop.dashboard.recent_jobs",
] as const;
/** Where there is one job more, or less. */
const counted = [...figures, "shop.dashboard.jobs_by_month", "shop.dashboard.jobs_by_status"] as const;
const everywhere = ["shop.job", "shop.job.timeline", ...figures] as const;
/** Where a job has another status. */
const moved = [...everywhere, "shop.dashboard.jobs_by_status"] as const;

/** What people do with a job, in an order in which each is legal; at the end it is active again: see every-write.ts. */
export function ofShopJobs({ api, byOwner, things: { shop } }: Desk): Write[] {
  const made = { id: "" };
  const path = `/jobs/${shop.job_id.toUpperCase()}`;
  const to = (action: string, body: Record<string, unknown> = {}) => ({
    route: `POST /jobs/{id}/${action}`,
    send: () => byOwner("POST", `${path}/${action}`, { body }),
  });
  return [
    {
      route: "POST /jobs",
      send: async () => {
        const response = await byOwner("POST", "/jobs", { body: { title: "New" } });
        Object.assign(made, await response.clone().json());
        return response;
      },
      changes: [...counted],
    },
    {
      route: "DELETE /jobs/{id}",
      send: () => byOwner("DELETE", `/jobs/${made.id.toUpperCase()}`),
      changes: [...counted],
    },
    { ...to("duplicate"), changes: [...counted] },
    {
      route: "PATCH /jobs/{id}",
      send: () => byOwner("PATCH", path, { body: { title: "canary three", quantity: 7 } }),
      changes: [
        "shop.job",
        "shop.step",
        "shop.job.timeline",
        "shop.jobs.page",
        "shop.dashboard.activity",
        "shop.dashboard.recent_jobs",
      ],
    },
    {
      ...to("revise", { changes: { priority: "urgent" }, reason: "Sooner" }),
      changes: [...everywhere, "shop.job.revisions"],
    },
    { ...to("hold", { reason: "No paper" }), changes: [...moved] },
    { ...to("resume"), changes: [...moved] },
    {
      route: "POST /jobs/{id}/activate",
      prepare: async () => {
        await api.sql`update shop.job_steps set status = 'pending' where job_id = ${shop.job_id}`;
        await api.sql`update shop.jobs set status = 'draft' where id = ${shop.job_id}`;
        await api.forget();
      },
      send: () => byOwner("POST", `${path}/activate`, { body: {} }),
      changes: [...moved, "shop.step"],
    },
    {
      route: "POST /jobs/{id}/files",
      send: () => {
        const body = new FormData();
        body.set("file", new File(["words"], "words.txt", { type: "text/plain" }));
        return byOwner("POST", `${path}/files`, { body });
      },
      changes: ["shop.job.files", "shop.job.timeline"],
    },
    {
      route: "POST /jobs/{id}/reopen",
      prepare: async () => {
        await api.sql`update shop.jobs set status = 'completed', completed_at = now() where id = ${shop.job_id}`;
        await api.forget();
      },
      send: () => byOwner("POST", `${path}/reopen`, { body: {} }),
      changes: [...moved, "shop.dashboard.jobs_by_month"],
    },
    { ...to("cancel"), changes: [...moved, "shop.step"] },
    // and as it was, for what comes after
  ];
}
