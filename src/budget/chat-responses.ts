import type { RequestScope } from "../http/scope.ts";
import { eventStream } from "../http/sse.ts";
import type { Answer } from "./chat-answer.ts";
import { completionEvents, completionOf } from "./chat-completions.ts";
import type { Chat } from "./chat.ts";

type Given = Readonly<{ answer: Answer; scope: RequestScope; headers?: Record<string, string> }>;

/** The answer as a stream of events. @throws {Problem} `chat_unavailable` when nothing comes */
export async function streamResponse(
  chat: Chat,
  {
    answer,
    scope,
    headers = {},
    include_usage,
    status,
  }: Given & Readonly<{ include_usage: boolean; status: number }>,
): Promise<Response> {
  const report = reportTo(chat, scope);
  const source = await attended(answer, scope, report, () =>
    completionEvents(answer, { include_usage, request_id: scope.request_id, report }),
  );
  return eventStream(source, { signal: scope.signal, status, headers });
}

/** The answer as a chat completion. @throws {Problem} `chat_unavailable` */
export async function completionResponse(
  chat: Chat,
  { answer, scope, headers = {} }: Given,
): Promise<Response> {
  const body = await attended(answer, scope, reportTo(chat, scope), () => completionOf(answer));
  return json(body, 200, headers);
}

/** The answer as it is stored. @throws {Problem} `chat_unavailable` */
export async function messageResponse(chat: Chat, { answer, scope }: Given): Promise<Response> {
  const body = await attended(answer, scope, reportTo(chat, scope), async () => {
    while ((await answer.next()) !== null);
    return answer.message();
  });
  return json(body ?? "", 201, {});
}

function json(body: string, status: number, headers: Record<string, string>): Response {
  return new Response(body, {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  });
}

/** Waits for an answer for as long as the client does: who goes away meanwhile stops it. */
async function attended<T>(
  answer: Answer,
  { signal }: RequestScope,
  report: (problem: unknown) => void,
  wait: () => Promise<T>,
): Promise<T> {
  const stop = (): void => void answer.stop().catch(report);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await wait();
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** What nobody can be told any more is written down. */
const reportTo =
  ({ deps }: Chat, { request_id }: RequestScope) =>
  (error: unknown): void => {
    deps.log.warn({ request_id, err: error }, "an answer broke off");
  };
