import type { SQL } from "bun";
import type { Business } from "./fixtures.ts";

/** What the chat has of a business: see things.ts. */
export type ChatThings = Readonly<{
  /** The owner's, with a question and its answer. */
  thread_id: string;
  answer_id: string;
  /** By the path before `/{id}`. */
  byPath: Readonly<Record<string, string>>;
}>;

/** Tables whose rows are the business's. */
export const chatTables = ["budget.chat_threads", "budget.chat_messages"] as const;

/** Makes a thread with two messages, straight in the database; `canary` stands in what can be read. */
export async function makeChatThings(
  sql: SQL,
  { id: b, people }: Business,
  { canary }: { canary: string },
): Promise<ChatThings> {
  const [thread_id, answer_id] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  await sql`insert into budget.chat_threads (business_id, id, user_id, title, messages)
    values (${b}, ${thread_id}, ${people.owner.user_id}, ${canary}, 2)`;
  await sql`insert into budget.chat_messages (business_id, id, thread_id, seq, role, content, finish_reason)
    values (${b}, ${Bun.randomUUIDv7()}, ${thread_id}, 1, 'user', ${canary}, null),
      (${b}, ${answer_id}, ${thread_id}, 2, 'assistant', ${canary}, 'stop')`;
  return { thread_id, answer_id, byPath: { "/api/v1/chat/threads": thread_id } };
}
