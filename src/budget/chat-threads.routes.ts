import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { listParameters, ListOf, Nullable, strict, Text } from "../http/schema.ts";
import type { chatCache } from "./chat.cache.ts";
import { tag, Thread, ThreadParams } from "./chat-shapes.routes.ts";
import { createThread, deleteThread, threadPage, updateThread } from "./chat-threads.ts";

const Title = Text(200, "What the thread is called");
const NewThread = strict({ title: t.Optional(Nullable(Title)) });
const ThreadPatch = strict({ title: Nullable(Title) });

const listChatThreadsOperation = operation({
  id: "listChatThreads",
  cache: "budget.chat_threads.page",
  permission: "chat.own",
  tag,
  summary: "Your chat threads",
  description: "Yours in the active business, those with the latest questions first.",
  errors: ["invalid_cursor"],
});

const createChatThreadOperation = operation({
  id: "createChatThread",
  permission: "chat.own",
  tag,
  idempotency: "optional",
  success: 201,
  summary: "Begin a chat thread",
  description: "Without a title it shows the beginning of its first question.",
  examples: { request: { title: "Before the holidays" } },
});

const getChatThreadOperation = operation({
  id: "getChatThread",
  cache: "budget.chat_thread",
  permission: "chat.own",
  tag,
  summary: "One chat thread",
  description: "The `ETag` holds the version: send it as `If-Match` with a change.",
  errors: ["not_found"],
});

const updateChatThreadOperation = operation({
  id: "updateChatThread",
  permission: "chat.own",
  tag,
  if_match: "required",
  summary: "Rename a chat thread",
  description: "Null takes the title away. Messages do not change the version of their thread.",
  errors: ["not_found"],
  examples: { request: { title: "After the holidays" } },
});

const deleteChatThreadOperation = operation({
  id: "deleteChatThread",
  permission: "chat.own",
  tag,
  if_match: "required",
  success: 204,
  summary: "Delete a chat thread",
  description: "With all of its messages. An answer that is being given stops within a second.",
  errors: ["not_found"],
});

/** Threads of the caller's own. */
export const chatThreadRoutes = (deps: Deps, cached: ReturnType<typeof chatCache>) =>
  new Elysia({ name: "budget.chat-threads", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/chat/threads",
      ({ caller, scope, query }) => cached.threads.answer(scope, query.cursor, threadPage(caller, query)),
      {
        query: strict(listParameters),
        response: { 200: ListOf(Thread) },
        detail: listChatThreadsOperation,
      },
    )
    .post("/chat/threads", async ({ caller, body }) => written(await createThread(deps, caller, body)), {
      body: NewThread,
      response: { 201: Thread },
      detail: createChatThreadOperation,
    })
    .get(
      "/chat/threads/:id",
      ({ caller: { business_id, user_id }, scope, params }) =>
        answered(
          scope,
          cached.thread,
          { business_id, user_id, thread_id: params.id.toLowerCase() },
          cachedBytes,
        ),
      {
        params: ThreadParams,
        response: { 200: Thread },
        detail: getChatThreadOperation,
      },
    )
    .patch(
      "/chat/threads/:id",
      async ({ caller, params, body }) => written(await updateThread(deps, caller, params.id, body)),
      {
        params: ThreadParams,
        body: ThreadPatch,
        response: { 200: Thread },
        detail: updateChatThreadOperation,
      },
    )
    .delete(
      "/chat/threads/:id",
      async ({ caller, params }) => written(await deleteThread(deps, caller, params.id)),
      {
        params: ThreadParams,
        detail: deleteChatThreadOperation,
      },
    );
