import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const json = JSON.stringify;

/** Values for the statements that plan steps, and for the notes on them. */
export function ofShopPlan({ job_id, step_id, process_id }: Populated): Samples["statements"] {
  const staff = { role: "owner" };
  const step = { ...staff, step_id };
  return {
    "shop/find_step_job": [{ step_id }],
    "shop/get_job_step": [
      { role: null, step_id },
      { role: "operator", step_id },
    ],
    "shop/list_step_notes": [
      { role: null, step_id },
      { role: "operator", step_id, after: json(["2026-01-01T00:00:00Z", id]) },
    ],
    "shop/add_job_step": [{ ...staff, job_id, step_id: id, step: json({ process_id }) }],
    "shop/order_job_steps": [{ ...staff, job_id, step_ids: [] }],
    "shop/update_job_step": [{ ...step, patch: json({ est_minutes: 1 }) }],
    "shop/assign_job_step": [{ ...step, given: json({ member_id: null }) }],
    "shop/delete_job_step": [step],
    "shop/add_step_note": [{ ...step, note_id: id, note: "Sample" }],
  };
}
