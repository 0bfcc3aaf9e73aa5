import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { createAnswerer } from "./chat-assistant.ts";
import { createChat } from "./chat.ts";
import { chatCache } from "./chat.cache.ts";
import { chatCompletionRoutes } from "./chat-completions.routes.ts";
import { chatMessageRoutes } from "./chat-messages.routes.ts";
import { chatThreadRoutes } from "./chat-threads.routes.ts";

/** The chat: threads, messages, and completions in OpenAI's format. */
export const chatRoutes = (deps: Deps) => {
  const chat = createChat(deps, createAnswerer(deps));
  const cached = chatCache(deps);
  return new Elysia({ name: "budget.chat" })
    .use(chatThreadRoutes(deps, cached))
    .use(chatMessageRoutes(chat, cached))
    .use(chatCompletionRoutes(chat));
};
