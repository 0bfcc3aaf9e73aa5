import { Elysia, t } from "elysia";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { listParameters, ListOf, OneOf, strict } from "../http/schema.ts";
import { eventStreamType } from "../http/sse.ts";
import { ask, cancel, type Chat } from "./chat.ts";
import type { chatCache } from "./chat.cache.ts";
import { messageResponse, streamResponse } from "./chat-responses.ts";
import { Content, Message, messageExample, MessageParams, tag, ThreadParams } from "./chat-shapes.routes.ts";
import { messagePage } from "./chat-threads.ts";

const MessageFilters = strict({
  ...listParameters,
  sort: t.Optional(OneOf(["seq", "-seq"])),
});
const NewMessage = strict({
  content: Content,
  stream: t.Optional(t.Boolean({ description: "Whether the answer comes as server-sent events" })),
});

/** Messages of a thread: questions, and what was answered. */
export const chatMessageRoutes = (chat: Chat, cached: ReturnType<typeof chatCache>) =>
  new Elysia({ name: "budget.chat-messages", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/chat/threads/:id/messages",
      ({ caller, scope, params, query }) =>
        cached.messages.answer(scope, query.cursor, messagePage(caller, params.id, query)),
      {
        params: ThreadParams,
        query: MessageFilters,
        response: { 200: ListOf(Message) },
        detail: operation({
          id: "listChatMessages",
          cache: "budget.chat_messages.page",
          permission: "chat.own",
          tag,
          summary: "Messages of a chat thread",
          description: "In their order, or the newest first with `-seq`.",
          errors: ["not_found", "invalid_cursor"],
        }),
      },
    )
    .post(
      "/chat/threads/:id/messages",
      async ({ caller, scope, params, body }) => {
        const answer = await ask(chat, caller, params.id.toLowerCase(), body.content);
        return body.stream === true
          ? streamResponse(chat, { answer, scope, include_usage: false, status: 201 })
          : messageResponse(chat, { answer, scope });
      },
      {
        params: ThreadParams,
        body: NewMessage,
        response: { 201: Message },
        detail: operation({
          id: "askInChatThread",
          permission: "chat.own",
          tag,
          limit: "chat",
          success: 201,
          produces: ["application/json", eventStreamType],
          summary: "Ask in a chat thread",
          description:
            "The question is stored, then answered; the last 20 messages are context. Without `stream` the answer comes whole. " +
            "With it, as server-sent events in the form of `POST /chat/completions`, whose `id` is that of the message. A client " +
            "that goes away stops the answer: what there is of it is stored as `aborted`.",
          errors: ["not_found", "chat_unavailable"],
          examples: { request: { content: "What is left this month?" }, response: messageExample },
        }),
      },
    )
    .post(
      "/chat/threads/:id/messages/:message_id/cancel",
      async ({ caller, params }) => written(await cancel(chat, caller, params.id, params.message_id)),
      {
        params: MessageParams,
        response: { 200: Message },
        detail: operation({
          id: "cancelChatAnswer",
          permission: "chat.own",
          tag,
          summary: "Stop an answer",
          description:
            "While it is `streaming`, on whichever replica. The answer is the message with the text that there was, `aborted`.",
          errors: ["not_found", "illegal_transition"],
          examples: { response: { ...messageExample, state: "aborted", finish_reason: null } },
        }),
      },
    );
