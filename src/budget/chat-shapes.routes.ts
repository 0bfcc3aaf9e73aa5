import { t } from "elysia";
import { Instant, Nullable, OneOf, strict, Text, Uuid, Version } from "../http/schema.ts";
import { chatRoles, chatStates } from "../platform/enums.ts";
import { messageCharactersMax } from "./chat.ts";

export const tag = "Chat";

export const ThreadParams = strict({ id: Uuid });
export const MessageParams = strict({ id: Uuid, message_id: Uuid });

export const Thread = t.Object({
  id: Uuid,
  title: Nullable(t.String({ description: "Yours, or the beginning of the first question" })),
  messages: t.Integer({ minimum: 0, description: "How many there are, questions and answers" }),
  last_message_at: { ...Instant, description: "Of the last question; of a new thread, when it was made" },
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

export const Message = t.Object({
  id: Uuid,
  thread_id: Uuid,
  seq: t.Integer({ minimum: 1, description: "Place in the thread, from 1" }),
  role: OneOf(chatRoles),
  content: t.String({ description: "Empty while the answer is streaming" }),
  state: OneOf(chatStates, {
    description:
      "`aborted`: the client went away or somebody cancelled, with the text that there was; `error`: it could not be finished",
  }),
  finish_reason: Nullable(t.String({ description: "Of a complete answer: `stop`, `length`, …" })),
  model: Nullable(t.String({ description: "Of an answer", examples: ["figures"] })),
  prompt_tokens: Nullable(t.Integer({ description: "As the model counted them" })),
  completion_tokens: Nullable(t.Integer({ description: "As the model counted them" })),
  created_at: Instant,
  updated_at: Instant,
});

export const Content = Text(messageCharactersMax, "What is asked");

export const messageExample = {
  id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d06",
  thread_id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d04",
  seq: 2,
  role: "assistant",
  content:
    "Computed from your figures by SQL, without a language model.\n\nRemaining of all that is planned in 2026-11: NGN 12,500.00.",
  state: "complete",
  finish_reason: "stop",
  model: "figures",
  prompt_tokens: 0,
  completion_tokens: 0,
  created_at: "2026-11-20T08:15:00.000Z",
  updated_at: "2026-11-20T08:15:00.020Z",
};
