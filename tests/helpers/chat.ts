import { expect } from "bun:test";
import type { TestApp } from "./app.ts";

export type ChatMessage = {
  id: string;
  thread_id: string;
  seq: number;
  role: string;
  content: string;
  state: string;
  finish_reason: string | null;
  model: string | null;
  prompt_tokens: number | null;
  completion_tokens: number | null;
};
export type ChatChunk = {
  id: string;
  object: string;
  created: number;
  model: string;
  choices: {
    index: number;
    delta: { role?: string; content?: string };
    finish_reason: string | null;
  }[];
  usage?: { total_tokens: number } | null;
};

/** Somebody at the chat of a server. */
export function chatter(api: TestApp, token: string) {
  const call = (method: string, path: string, options: { body?: unknown; signal?: AbortSignal } = {}) =>
    api.send(method, `/api/v1/chat${path}`, { token, headers: { "if-match": "*" }, ...options });
  const thread = async (): Promise<string> =>
    ((await (await call("POST", "/threads", { body: {} })).json()) as { id: string }).id;
  const messages = async (thread_id: string, query = ""): Promise<ChatMessage[]> => {
    const response = await call("GET", `/threads/${thread_id}/messages${query}`);
    return ((await response.json()) as { data: ChatMessage[] }).data;
  };
  return {
    call,
    thread,
    messages,
    /** Asks in a new thread, or in the one that is named. */
    async ask(content: string, options: { thread_id?: string; stream?: boolean; signal?: AbortSignal } = {}) {
      const thread_id = options.thread_id ?? (await thread());
      const { stream = true, signal } = options;
      const response = await call("POST", `/threads/${thread_id}/messages`, {
        body: { content, stream },
        ...(signal === undefined ? {} : { signal }),
      });
      return { thread_id, response };
    },
    /** The last message of a thread, once it is not streaming any more. */
    async ended(thread_id: string, limit_ms = 5_000): Promise<ChatMessage> {
      const deadline = performance.now() + limit_ms;
      for (;;) {
        const [last] = await api.sql`select * from budget.chat_messages
          where thread_id = ${thread_id} order by seq desc limit 1`;
        if (last.state !== "streaming") return last as ChatMessage;
        if (performance.now() > deadline) throw new Error("the answer goes on streaming");
        await Bun.sleep(10);
      }
    },
  };
}

/** What the events of a stream hold, `[DONE]` among them; heartbeats are passed over. */
export function eventsIn(text: string): string[] {
  const parts = text.split("\n\n");
  expect(parts.pop()).toBe("");
  return parts.filter((part) => part !== ": ping").map((part) => part.replace(/^data: /, ""));
}

/** The chunks of a whole stream, which has to end well, and the text they come to. */
export function chunksIn(text: string): { chunks: ChatChunk[]; content: string } {
  const events = eventsIn(text);
  expect(events.pop()).toBe("[DONE]");
  const chunks = events.map((each) => JSON.parse(each) as ChatChunk);
  return { chunks, content: chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("") };
}
