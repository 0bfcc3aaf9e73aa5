import type { Desk, Write } from "./every-write.ts";

const all = ["budget.chat_messages.page", "budget.chat_thread", "budget.chat_threads.page"];

/** The writes of the chat. */
export function ofChat({ api, byOwner, things: { chat } }: Desk): Write[] {
  const thread = `/chat/threads/${chat.thread_id}`;
  const content = "What is left?";
  const lost = Bun.randomUUIDv7();
  return [
    {
      route: "POST /chat/threads",
      send: () => byOwner("POST", "/chat/threads", { body: {} }),
      changes: ["budget.chat_threads.page"],
    },
    {
      route: "POST /chat/threads/{id}/messages",
      send: () =>
        byOwner("POST", `${thread.toUpperCase().replace("/CHAT/THREADS", "/chat/threads")}/messages`, {
          body: { content },
        }),
      changes: all,
    },
    {
      route: "POST /chat/completions",
      send: () =>
        byOwner("POST", "/chat/completions", {
          body: { messages: [{ role: "user", content }], thread_id: chat.thread_id },
        }),
      changes: all,
    },
    {
      route: "POST /chat/threads/{id}/messages/{message_id}/cancel",
      prepare: async () => {
        await api.sql`insert into budget.chat_messages (business_id, id, thread_id, seq, role, content, state, leased_until)
          values (${api.alpha.id}, ${lost}, ${chat.thread_id}, 1000, 'assistant', '', 'streaming', now())`;
        await api.forget();
      },
      // Its server is gone: what it was given is left to the job that ends it.
      send: () => byOwner("POST", `${thread}/messages/${lost}/cancel`),
      changes: [],
    },
    {
      route: "PATCH /chat/threads/{id}",
      send: () => byOwner("PATCH", thread, { body: { title: "Another" } }),
      changes: ["budget.chat_thread", "budget.chat_threads.page"],
    },
    { route: "DELETE /chat/threads/{id}", send: () => byOwner("DELETE", thread), changes: all },
  ];
}
