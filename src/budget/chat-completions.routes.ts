import { Elysia, t } from "elysia";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { Nullable, OneOf, strict, Uuid } from "../http/schema.ts";
import { eventStreamType } from "../http/sse.ts";
import { type Chat, complete, messageCharactersMax } from "./chat.ts";
import { completionResponse, streamResponse } from "./chat-responses.ts";
import { Content, tag } from "./chat-shapes.routes.ts";

const messagesMax = 200;
const roles = ["system", "developer", "user", "assistant"] as const;

const TextPart = strict({ type: OneOf(["text"]), text: Content });
const Turn = strict({
  role: OneOf(roles),
  content: t.Union([Content, t.Array(TextPart, { minItems: 1, maxItems: 20 })], {
    description: `Text of at most ${messageCharactersMax} characters, or parts of it`,
  }),
  name: t.Optional(t.String({ maxLength: 64, description: "Taken, and not used" })),
});

const Stop = t.Union([t.String({ maxLength: 100 }), t.Array(t.String({ maxLength: 100 }), { maxItems: 4 })]);
/** Handed on to the service that answers, as they are; the figures need none of them. */
const sampling = {
  temperature: t.Optional(t.Number({ minimum: 0, maximum: 2 })),
  top_p: t.Optional(t.Number({ minimum: 0, maximum: 1 })),
  max_tokens: t.Optional(t.Integer({ minimum: 1, maximum: 16_384 })),
  max_completion_tokens: t.Optional(t.Integer({ minimum: 1, maximum: 16_384 })),
  presence_penalty: t.Optional(t.Number({ minimum: -2, maximum: 2 })),
  frequency_penalty: t.Optional(t.Number({ minimum: -2, maximum: 2 })),
  seed: t.Optional(t.Integer()),
  stop: t.Optional(Stop),
};

const Asked = strict({
  model: t.Optional(
    t.String({ maxLength: 200, description: "Whatever is asked for, the server's own one answers" }),
  ),
  messages: t.Array(Turn, {
    minItems: 1,
    maxItems: messagesMax,
    description: "The conversation; the last 20 count, and the last one asks",
  }),
  stream: t.Optional(t.Boolean({ description: "Whether the answer comes as server-sent events" })),
  stream_options: t.Optional(
    Nullable(
      strict({ include_usage: t.Optional(t.Boolean({ description: "One more chunk, with the usage" })) }),
    ),
  ),
  n: t.Optional(t.Integer({ minimum: 1, maximum: 1, description: "One answer" })),
  user: t.Optional(t.String({ maxLength: 200, description: "Taken, and not used" })),
  store: t.Optional(t.Boolean({ description: "False: nothing is stored. Default: true" })),
  thread_id: t.Optional({ ...Uuid, description: "Thread in which it is stored. Default: a new one" }),
  ...sampling,
});

const Usage = t.Object({
  prompt_tokens: t.Integer(),
  completion_tokens: t.Integer(),
  total_tokens: t.Integer(),
});

const Completion = t.Object({
  id: { ...Uuid, description: "Of the answer, as its thread has it" },
  object: OneOf(["chat.completion"]),
  created: t.Integer({ description: "Seconds since 1970" }),
  model: t.String(),
  choices: t.Array(
    t.Object({
      index: t.Integer(),
      message: t.Object({ role: OneOf(["assistant"]), content: t.String() }),
      finish_reason: t.String({ description: "`stop`, `length`, …; `cancelled` where somebody stopped it" }),
    }),
  ),
  usage: Nullable(Usage),
});

type Body = typeof Asked.static;

const textOf = (content: Body["messages"][number]["content"]): string =>
  typeof content === "string" ? content : content.map(({ text }) => text).join("\n");

function samplingOf(body: Body): Record<string, unknown> {
  const names = Object.keys(sampling) as (keyof typeof sampling)[];
  return Object.fromEntries(names.flatMap((name) => (body[name] === undefined ? [] : [[name, body[name]]])));
}

const example = {
  request: { messages: [{ role: "user", content: "What is left this month?" }], stream: false },
  response: {
    id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d06",
    object: "chat.completion",
    created: 1_795_853_700,
    model: "figures",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: "Computed from your figures by SQL, without a language model.\n\n…",
        },
        finish_reason: "stop",
      },
    ],
    usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  },
};

/** The chat as clients of OpenAI's format know it. */
export const chatCompletionRoutes = (chat: Chat) =>
  new Elysia({ name: "budget.chat-completions", prefix: "/api/v1", normalize: false }).use(edge).post(
    "/chat/completions",
    async ({ caller, scope, body }) => {
      const { messages, store = true, stream, stream_options } = body;
      const { answer, thread_id } = await complete(chat, caller, {
        turns: messages.map(({ role, content }) => ({
          role: role === "developer" ? "system" : role,
          content: textOf(content),
        })),
        sampling: samplingOf(body),
        store,
        thread_id: body.thread_id?.toLowerCase(),
      });
      const headers: Record<string, string> = thread_id === null ? {} : { "x-chat-thread": thread_id };
      if (stream !== true) return completionResponse(chat, { answer, scope, headers });
      const include_usage = stream_options?.include_usage === true;
      return streamResponse(chat, { answer, scope, headers, include_usage, status: 200 });
    },
    {
      body: Asked,
      response: { 200: Completion },
      detail: operation({
        id: "createChatCompletion",
        permission: "chat.own",
        tag,
        limit: "chat",
        produces: ["application/json", eventStreamType],
        summary: "Answer a conversation, in OpenAI's format",
        description:
          "Takes and gives what clients of OpenAI's chat completions do. With `stream` the answer comes as server-sent events: " +
          "`chat.completion.chunk` objects, then `[DONE]`; `: ping` every 15 seconds in between; what fails after the first " +
          'byte is `data: {"error": {…}}` without `[DONE]`. Question and answer are stored in a thread, which `X-Chat-Thread` ' +
          "names. A client that goes away stops the answer: what there is of it is stored as `aborted`.",
        errors: ["not_found", "chat_unavailable"],
        examples: example,
      }),
    },
  );
