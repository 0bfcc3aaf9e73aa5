import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcf";

/** Values for what operators do, and what is read of it. */
export function ofShopTime({ step_id }: Populated): Samples["statements"] {
  const moves = [
    { action: "start", from: "ready", to: "in_progress", roles: ["owner"] },
    { action: "report", from: "in_progress", to: "in_progress", roles: ["owner"] },
  ];
  const asked = { role: "owner", step_id, moves: JSON.stringify(moves), given: "{}" };
  return {
    "shop/find_month_rebuild": [{ subject: "months" }],
    "shop/rebuild_months": [{ subject: "months" }],
    "shop/move_step": [{ ...asked, action: "start", next_id: id }],
    "shop/report_production": [{ ...asked, report_id: id }],
    "shop/get_operator_performance": [{ days: 30 }],
    "shop/list_my_queue": [{ role: null }, { role: "operator" }],
    "shop/list_step_time_logs": [
      { role: null, step_id },
      { role: "operator", step_id, after: JSON.stringify(["2026-01-01T00:00:00Z", id]) },
    ],
  };
}
