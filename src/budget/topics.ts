import type { EventTopic } from "../core/event-topics.ts";
import { findBudgetOwner, findChatThreadOwner } from "./statements.ts";

/** What owners of budgets, and of threads of the chat, listen to. */
export const budgetTopics: readonly EventTopic[] = [
  {
    kind: "budget",
    async permits({ db }, { business_id, user_id }, id) {
      const [row] = await db.fast.query(findBudgetOwner, { business_id, budget_id: id });
      return row?.owner_id === user_id;
    },
  },
  {
    kind: "chat",
    async permits({ db }, { business_id, user_id }, id) {
      const [row] = await db.fast.query(findChatThreadOwner, { business_id, thread_id: id });
      return row?.user_id === user_id;
    },
  },
];
