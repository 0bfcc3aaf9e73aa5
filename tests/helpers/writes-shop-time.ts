import type { Desk, Write } from "./every-write.ts";
import { makeJob } from "./shop.ts";

const always = ["shop.dashboard.activity", "shop.job", "shop.job.timeline", "shop.step"] as const;
const moved = [...always, "shop.dashboard.stats", "shop.step.time_logs"] as const;
const counted = ["shop.jobs.page", "shop.dashboard.recent_jobs"] as const;

/** What operators do with a step, in an order in which each is legal: see every-write.ts. */
export function ofShopTime({ api, byOwner, by, things: { shop } }: Desk): Write[] {
  const { step_id } = shop;
  const to = (action: string, body: Record<string, unknown> = {}, send = byOwner) => ({
    route: `POST /job-steps/{id}/${action}`,
    send: () => send("POST", `/job-steps/${step_id}/${action}`, { body }),
  });
  const operator = by(api.alpha.people.operator);
  let other = "";
  const timed = { changes: [...moved], may_change: ["shop.performance"] };
  return [
    {
      ...to("start", {}, operator),
      prepare: async () => {
        await api.sql`update shop.job_steps set status = 'ready', assigned_to = ${api.alpha.people.operator.member_id}
          where id = ${step_id}`;
        await api.sql`update shop.jobs set status = 'active' where id = ${shop.job_id}`;
        await api.forget();
      },
      changes: [...moved, ...counted, "shop.dashboard.jobs_by_status", "shop.performance"],
    },
    { ...to("production", { qty_good: 3 }), changes: [...always] },
    { ...to("pause", { reason: "Lunch" }), ...timed },
    { ...to("resume"), ...timed },
    { ...to("block", { reason: "No paper" }), ...timed },
    { ...to("unblock"), ...timed },
    { ...to("complete"), changes: [...moved, ...counted, "shop.performance"] },
    { ...to("reopen"), changes: [...always, ...counted, "shop.dashboard.stats", "shop.performance"] },
    {
      route: "POST /job-steps/{id}/skip",
      prepare: async () => {
        const job = await makeJob(api.sql, api.alpha, [{ process_id: shop.process_id }]);
        other = job.steps[0] ?? "";
        await api.forget();
      },
      send: () => byOwner("POST", `/job-steps/${other}/skip`, { body: {} }),
      changes: [
        ...counted,
        "shop.dashboard.activity",
        "shop.dashboard.jobs_by_month",
        "shop.dashboard.jobs_by_status",
        "shop.dashboard.stats",
      ],
    },
  ];
}
