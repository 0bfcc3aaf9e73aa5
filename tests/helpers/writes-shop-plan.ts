import type { Desk, Write } from "./every-write.ts";

const figures = ["shop.dashboard.stats", "shop.jobs.page", "shop.dashboard.recent_jobs"] as const;

/** What waits for a machine, and its load. */
const machine = ["shop.machine.queue", "shop.machine.oee", "shop.machines.board"] as const;

/** Every write that plans steps, and the notes on them: see every-write.ts. */
export function ofShopPlan({ api, byOwner, things: { shop } }: Desk): Write[] {
  const made = { id: "" };
  const { job_id, step_id, process_id } = shop;
  const step = `/job-steps/${step_id}`;
  return [
    {
      route: "POST /jobs/{id}/steps",
      send: async () => {
        const body = { process_id, depends_on: [], position: 1 };
        const response = await byOwner("POST", `/jobs/${job_id.toUpperCase()}/steps`, { body });
        Object.assign(made, await response.clone().json());
        return response;
      },
      changes: ["shop.dashboard.activity", "shop.job", "shop.step", "shop.machine.queue", ...figures],
    },
    {
      route: "PUT /jobs/{id}/steps/order",
      send: async () => {
        const rows: { id: string }[] =
          await api.sql`select id from shop.job_steps where job_id = ${job_id} order by position`;
        // Each takes another place: reversed, the one in the middle would not.
        const [first, ...others] = rows.map(({ id }) => id);
        const body = [...others, first];
        return byOwner("PUT", `/jobs/${job_id}/steps/order`, { body });
      },
      changes: ["shop.dashboard.activity", "shop.job", "shop.step", "shop.jobs.page", "shop.machine.queue"],
    },
    {
      route: "PATCH /job-steps/{id}",
      send: () =>
        byOwner("PATCH", step.toUpperCase().replace("/JOB-STEPS", "/job-steps"), {
          body: { est_minutes: 7 },
        }),
      changes: ["shop.dashboard.activity", "shop.job", "shop.step", ...machine],
    },
    {
      route: "PUT /job-steps/{id}/assignment",
      send: () => byOwner("PUT", `${step}/assignment`, { body: { member_id: null, machine_id: null } }),
      changes: ["shop.dashboard.activity", "shop.job", "shop.step", "shop.dashboard.stats", ...machine],
    },
    {
      route: "POST /job-steps/{id}/notes",
      send: () => byOwner("POST", `${step}/notes`, { body: { note: "Sharpened" } }),
      changes: ["shop.dashboard.activity", "shop.job.timeline", "shop.step_notes.page"],
    },
    {
      route: "DELETE /job-steps/{id}",
      send: () => byOwner("DELETE", `/job-steps/${made.id}`),
      changes: ["shop.dashboard.activity", "shop.job", ...figures],
    },
  ];
}
