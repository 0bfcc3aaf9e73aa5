import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const json = JSON.stringify;

/** Values for the statements of the chat. */
export function ofChat({ business_id, thread_id, answer_id }: Populated): Samples["statements"] {
  const thread = { thread_id };
  const message = { ...thread, message_id: answer_id };
  return {
    "budget/create_chat_thread": [{ thread_id: id, title: null }],
    "budget/update_chat_thread": [{ ...thread, title: "Sample" }],
    "budget/delete_chat_thread": [thread],
    "budget/get_chat_thread": [thread],
    "budget/list_chat_threads": [{}, { after: json(["2026-01-01T00:00:00Z", id]) }],
    "budget/list_chat_messages": [
      { ...thread, newest_first: false },
      { ...thread, newest_first: true, after: json(["7"]) },
    ],
    "budget/get_chat_message": [message],
    "budget/ask_chat": [
      {
        ...thread,
        is_new: false,
        question_id: id,
        answer_id: "0191e7a0-0000-7000-8000-00000000abce",
        content: "Sample",
        model: "sample",
        lease_s: 15,
        context_rows: 19,
      },
    ],
    "budget/end_chat_answer": [
      { answer_id, ending: json({ state: "complete", content: "Sample", finish_reason: "stop" }) },
    ],
    "budget/cancel_chat_answer": [message],
    "budget/renew_chat_answers": [{ business_ids: [business_id], message_ids: [answer_id], lease_s: 15 }],
    "budget/end_lost_chat_answers": [{}],
  };
}
