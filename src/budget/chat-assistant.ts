import type { Deps } from "../http/deps.ts";
import type { Answerer } from "./chat-answerer.ts";
import { createProvider } from "./chat-provider.ts";

/** What answers chats on this server: the service of the configuration, or the figures themselves. */
export function createAnswerer(deps: Deps): Answerer {
  const { chat } = deps.config;
  if (chat === null) return createAssistant(deps);
  return createProvider(chat, { prompt: () => Promise.resolve(instructions), log: deps.log });
}

const instructions = "You answer questions of one person about their own budget.";

/** Computes answers from the caller's own figures by SQL. There is no language model in it. */
export function createAssistant(_deps: Deps): Answerer {
  return {
    model: "figures",
    // oxlint-disable-next-line require-await
    async *answer() {
      yield { text: "Computed from your figures by SQL, without a language model.\n\n" };
      yield { finish_reason: "stop", usage: { prompt_tokens: 0, completion_tokens: 0 } };
    },
  };
}
