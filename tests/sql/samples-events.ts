import type { Populated } from "./populate.ts";
import type { Values } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const topic = `budget:${id}`;

export const ofEvents = (rows: Populated): Readonly<Record<string, readonly Values[]>> => ({
  "core/list_events": [{ after: "0" }, { after: "1000000" }],
  "core/list_topic_events": [{ topic, after: "0" }],
  "core/get_event_position": [{ least: 0 }],
  "core/delete_old_events": [{ retention_s: 86_400 }],
  "core/find_living_sessions": [{ session_ids: [rows.session_id], business_ids: [rows.business_id] }],
  "budget/find_budget_owner": [{ budget_id: id }],
  "budget/find_chat_thread_owner": [{ thread_id: id }],
});
