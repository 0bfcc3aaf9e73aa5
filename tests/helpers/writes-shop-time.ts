import type { Desk, Write } from "./every-write.ts";
import { makeJob } from "./shop.ts";

const everywhere = [
  "shop.job",
  "shop.jobs.page",
  "shop.dashboard.stats",
  "shop.dashboard.recent_jobs",
  "shop.step",
  "shop.step.time_logs",
] as const;

/** What operators do with a step, in an order in which each is legal: see every-write.ts. */
export function ofShopTime({ api, byOwner, by, things: { shop } }: Desk): Write[] {
  const { step_id } = shop;
  const to = (action: string, body: Record<string, unknown> = {}, send = byOwner) => ({
    route: `POST /job-steps/{id}/${action}`,
    send: () => send("POST", `/job-steps/${step_id}/${action}`, { body }),
  });
  const operator = by(api.alpha.people.operator);
  let other = "";
  return [
    {
      ...to("start", {}, operator),
      prepare: async () => {
        await api.sql`update shop.job_steps set status = 'ready', assigned_to = ${api.alpha.people.operator.member_id}
          where id = ${step_id}`;
        await api.sql`update shop.jobs set status = 'active' where id = ${shop.job_id}`;
        await api.forget();
      },
      changes: [...everywhere],
    },
    { ...to("production", { qty_good: 3 }), changes: ["shop.job", "shop.step"] },
    { ...to("pause", { reason: "Lunch" }), changes: ["shop.job", "shop.step", "shop.step.time_logs"] },
    { ...to("resume"), changes: ["shop.job", "shop.step", "shop.step.time_logs"] },
    { ...to("block", { reason: "No paper" }), changes: ["shop.job", "shop.step", "shop.dashboard.stats"] },
    { ...to("unblock"), changes: ["shop.job", "shop.step", "shop.dashboard.stats"] },
    { ...to("complete"), changes: ["shop.job", "shop.step", "shop.jobs.page", "shop.dashboard.stats"] },
    { ...to("reopen"), changes: ["shop.job", "shop.step", "shop.jobs.page", "shop.dashboard.stats"] },
    {
      route: "POST /job-steps/{id}/skip",
      prepare: async () => {
        const job = await makeJob(api.sql, api.alpha, [{ process_id: shop.process_id }]);
        other = job.steps[0] ?? "";
        await api.forget();
      },
      send: () => byOwner("POST", `/job-steps/${other}/skip`, { body: {} }),
      changes: ["shop.jobs.page", "shop.dashboard.stats"],
    },
  ];
}
