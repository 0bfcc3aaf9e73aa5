// The chat completion object and its chunks: https://platform.openai.com/docs/api-reference/chat/object
import { toProblem } from "../http/errors.ts";
import type { Problem } from "../http/problem.ts";
import { type EventSource, eventText } from "../http/sse.ts";
import type { Answer } from "./chat-answer.ts";
import type { ChatUsage } from "./chat-answerer.ts";

/** Why an answer has no more text: what its model said, or that somebody stopped it. */
function finishReasonOf({ ending }: Answer): string {
  return ending?.state === "complete" ? (ending.finish_reason ?? "stop") : "cancelled";
}

const usageOf = (usage: ChatUsage | null | undefined) =>
  usage === null || usage === undefined
    ? null
    : { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens };

const created = ({ created_at }: Answer): number => Math.floor(created_at.getTime() / 1000);

/** The whole answer as one object. Settles at its end. @throws {Problem} `chat_unavailable` */
export async function completionOf(answer: Answer): Promise<string> {
  let content = "";
  for (let text = await answer.next(); text !== null; text = await answer.next()) content += text;
  return JSON.stringify({
    id: answer.id,
    object: "chat.completion",
    created: created(answer),
    model: answer.model,
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: finishReasonOf(answer) }],
    usage: usageOf(answer.ending?.usage),
  });
}

/**
 * The answer as events: chunks, how it ended, its usage where that is wanted, `[DONE]`. Waits for the first text, so that a
 * provider that does not answer is a refusal and no broken stream; what fails later is told as an event, the last one.
 *
 * @throws {Problem} `chat_unavailable`
 */
export async function completionEvents(
  answer: Answer,
  options: { include_usage: boolean; request_id: string; report: (error: Problem) => void },
): Promise<EventSource> {
  const first = await answer.next();
  const events = chunksOf(answer, first, options);
  return {
    next: async () => (await events.next()).value ?? null,
    left() {
      answer.stop().catch((error: unknown) => options.report(toProblem(error)));
    },
  };
}

async function* chunksOf(
  answer: Answer,
  first: string | null,
  {
    include_usage,
    request_id,
    report,
  }: { include_usage: boolean; request_id: string; report: (error: Problem) => void },
): AsyncGenerator<string, void, undefined> {
  const common = {
    id: answer.id,
    object: "chat.completion.chunk",
    created: created(answer),
    model: answer.model,
  };
  const chunk = (delta: object, finish_reason: string | null = null): string =>
    eventText(
      JSON.stringify({
        ...common,
        choices: [{ index: 0, delta, finish_reason }],
        ...(include_usage ? { usage: null } : {}),
      }),
    );
  try {
    const role = chunk({ role: "assistant", content: "" });
    yield first === null ? role : role + chunk({ content: first });
    if (first !== null) {
      for (let text = await answer.next(); text !== null; text = await answer.next())
        yield chunk({ content: text });
    }
    yield chunk({}, finishReasonOf(answer));
    if (include_usage) {
      const usage = usageOf(answer.ending?.usage);
      yield eventText(JSON.stringify({ ...common, choices: [], usage }));
    }
    yield eventText("[DONE]");
  } catch (error) {
    const problem = toProblem(error);
    report(problem);
    yield eventText(errorDocument(problem, request_id));
  }
}

/** What clients of this format look for in place of an answer. */
function errorDocument({ code, detail }: Problem, request_id: string): string {
  return JSON.stringify({ error: { message: detail, type: "server_error", param: null, code, request_id } });
}
