import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

/** Statements of the figures of savings. */
export function ofSavingsFigures(rows: Populated): Samples["statements"] {
  const { unit_id, agent_id, customer_id, user_id } = rows;
  const all = { agent_id: null, unit_id: null, own_agent_id: null };
  const customer = { customer_id, own_user_id: null, own_agent_id: null };
  return {
    "savings/get_metrics": [
      all,
      { ...all, agent_id },
      { ...all, agent_id, own_agent_id: agent_id },
      { ...all, unit_id },
    ],
    "savings/verify_savings": [{}],
    "savings/get_customer_metrics": [
      customer,
      { ...customer, own_agent_id: agent_id },
      { ...customer, customer_id: null, own_user_id: user_id },
    ],
  };
}
