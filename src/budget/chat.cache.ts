import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import {
  type MessagePageParts,
  readMessagePage,
  readThreadPage,
  type ThreadPageParts,
} from "./chat-threads.ts";
import { chatThreadsTag, chatThreadTag } from "./chat-tags.ts";
import { getChatThread } from "./statements.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 30_000 } as const;

/** Threads and messages, each for the person whose they are. */
export const chatCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  threads: cachePages<ThreadPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "budget.chat_threads.page",
      tags: ({ business_id, user_id }) => [chatThreadsTag(business_id, user_id)],
      load: (parts, context) => readThreadPage(db, parts, context),
    },
  ),
  thread: cache.endpoint<{ business_id: string; user_id: string; thread_id: string }>({
    ...bounded,
    name: "budget.chat_thread",
    tags: ({ business_id, thread_id }) => [chatThreadTag(business_id, thread_id)],
    load: async (parts, context) => (await db.fast.query(getChatThread, parts, context))[0] ?? null,
  }),
  messages: cachePages<MessagePageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "budget.chat_messages.page",
      tags: ({ business_id, thread_id }) => [chatThreadTag(business_id, thread_id)],
      load: (parts, context) => readMessagePage(db, parts, context),
    },
  ),
});
