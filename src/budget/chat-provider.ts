// Chat completions: https://platform.openai.com/docs/api-reference/chat/create
import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { Problem } from "../http/problem.ts";
import { EventTooLong, eventStreamType, readEvents } from "../http/sse.ts";
import type { ChatProvider } from "../platform/chat-provider-config.ts";
import type { Log } from "../platform/log.ts";
import { version } from "../platform/version.ts";
import type { Answerer, AnswerPiece, ChatQuestion, ChatTurn, ChatUsage } from "./chat-answerer.ts";

export type ProviderTimes = Readonly<{
  /** Until the first text. */
  first_ms: number;
  /** Between two texts. Time in which we do not read does not count. */
  idle_ms: number;
}>;

const usualTimes: ProviderTimes = { first_ms: 30_000, idle_ms: 30_000 };
/** Of one event, and of an answer that is not streamed. */
const eventCharactersMax = 1_000_000;
const retryAfterDefault_s = 5;
const retryAfterMax_s = 60;

/** Why a provider did not answer, in words that hold nothing of what was said. */
class ProviderFailure extends Error {
  override readonly name = "ProviderFailure";
  readonly retry_after_s: number;

  constructor(reason: string, retry_after_s: number = retryAfterDefault_s) {
    super(reason);
    this.retry_after_s = retry_after_s;
  }
}

/**
 * Asks an OpenAI-compatible service, always for a stream. `prompt`: what it is told before everything else, which may hold the
 * caller's own figures. It is asked at the configured address and followed nowhere else.
 */
export function createProvider(
  provider: ChatProvider,
  options: {
    prompt: (question: ChatQuestion) => Promise<string>;
    log: Pick<Log, "warn">;
    times?: ProviderTimes;
  },
): Answerer {
  const { prompt, log, times = usualTimes } = options;
  return {
    model: provider.model,
    async *answer(question) {
      const system: ChatTurn = { role: "system", content: await prompt(question) };
      try {
        yield* ask(provider, { ...question, turns: [system, ...question.turns] }, times);
      } catch (error) {
        if (question.signal.aborted) throw error;
        const { reason, retry_after_s } = failureOf(error);
        log.warn({ request_id: question.caller.request_id, reason }, "the chat provider failed");
        const headers = { "retry-after": String(retry_after_s) };
        throw new Problem("chat_unavailable", { headers, cause: error });
      }
    },
  };
}

/** The message of an error of the network names the address, which is nobody's business. */
function failureOf(error: unknown): { reason: string; retry_after_s: number } {
  if (error instanceof ProviderFailure) return { reason: error.message, retry_after_s: error.retry_after_s };
  return { reason: nameOf(error), retry_after_s: retryAfterDefault_s };
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

async function* ask(
  { base_url, api_key, model }: ChatProvider,
  { turns, sampling, signal }: ChatQuestion,
  times: ProviderTimes,
): AsyncGenerator<AnswerPiece, void, undefined> {
  const upstream = new AbortController();
  const hangUp = (): void => upstream.abort();
  signal.addEventListener("abort", hangUp, { once: true });
  if (signal.aborted) hangUp();
  const patience = new Patience(hangUp);
  const body = { ...sampling, model, messages: turns, stream: true, stream_options: { include_usage: true } };
  try {
    patience.begin(times.first_ms);
    const response = await fetch(`${base_url}/chat/completions`, {
      method: "POST",
      redirect: "manual",
      signal: upstream.signal,
      headers: {
        accept: eventStreamType,
        "content-type": "application/json",
        "user-agent": `countinghouse/${version}`,
        ...(api_key === null ? {} : { authorization: `Bearer ${api_key}` }),
      },
      body: JSON.stringify(body),
    });
    yield* readAnswer(response, patience, times);
  } catch (error) {
    throw patience.isLost ? new ProviderFailure("silent for too long") : error;
  } finally {
    patience.end();
    signal.removeEventListener("abort", hangUp);
    // Whoever breaks off leaves a connection on which text would go on coming.
    hangUp();
  }
}

async function* readAnswer(
  response: Response,
  patience: Patience,
  times: ProviderTimes,
): AsyncGenerator<AnswerPiece, void, undefined> {
  if (response.status !== 200 || response.body === null)
    throw new ProviderFailure(`status ${response.status}`, retryAfterOf(response));
  let finish_reason: string | null = null;
  let usage: ChatUsage | null = null;
  for await (const data of eventsOf(response)) {
    if (data === "[DONE]") break;
    const chunk = parse(Chunk, data);
    if (chunk.error !== undefined && chunk.error !== null) throw new ProviderFailure("an error of its own");
    const [choice] = chunk.choices ?? [];
    usage = usageOf(chunk.usage) ?? usage;
    finish_reason = choice?.finish_reason ?? finish_reason;
    const text = choice?.delta?.content ?? choice?.message?.content ?? "";
    if (text === "") continue;
    patience.end();
    yield { text };
    patience.begin(times.idle_ms);
  }
  if (finish_reason === null) throw new ProviderFailure("the answer has no end");
  yield { finish_reason: finish_reason.slice(0, 40), usage };
}

/** A service that knows no streams answers with one document; it is read as a stream of one event. */
async function* eventsOf(response: Response): AsyncGenerator<string, void, undefined> {
  const type = response.headers.get("content-type") ?? "";
  const body = response.body as AsyncIterable<Uint8Array>;
  if (type.startsWith(eventStreamType)) {
    yield* readEvents(body, { limit_characters: eventCharactersMax });
    return;
  }
  if (!type.startsWith("application/json")) throw new ProviderFailure("an answer of another type");
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > eventCharactersMax) throw new EventTooLong();
  }
  yield text;
}

const Choice = Type.Object({
  delta: Type.Optional(
    Type.Union([
      Type.Null(),
      Type.Object({ content: Type.Optional(Type.Union([Type.String(), Type.Null()])) }),
    ]),
  ),
  message: Type.Optional(Type.Object({ content: Type.Optional(Type.Union([Type.String(), Type.Null()])) })),
  finish_reason: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});
/** As much of it as matters, of a stream or of one document. Some services send null where others send nothing. */
const Chunk = Type.Object({
  choices: Type.Optional(Type.Union([Type.Array(Choice), Type.Null()])),
  usage: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.Unknown()),
});
const Count = Type.Integer({ minimum: 0, maximum: 2_147_483_647 });
const Usage = Type.Object({ prompt_tokens: Count, completion_tokens: Count });

function parse<S extends TSchema>(schema: S, text: string): Static<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProviderFailure("an event that is no JSON");
  }
  if (!Value.Check(schema, value)) throw new ProviderFailure("an event of another shape");
  return value;
}

function usageOf(value: unknown): ChatUsage | null {
  if (!Value.Check(Usage, value)) return null;
  return { prompt_tokens: value.prompt_tokens, completion_tokens: value.completion_tokens };
}

/** Delta seconds only: a date would depend on two clocks. */
function retryAfterOf({ headers }: Response): number {
  const given = headers.get("retry-after") ?? "";
  return /^\d{1,9}$/.test(given)
    ? Math.min(Math.max(1, Number(given)), retryAfterMax_s)
    : retryAfterDefault_s;
}

/** Waits for so long and hangs up then. */
class Patience {
  isLost = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #hangUp: () => void;

  constructor(hangUp: () => void) {
    this.#hangUp = hangUp;
  }
  begin(wait_ms: number): void {
    this.end();
    this.#timer = setTimeout(() => {
      this.isLost = true;
      this.#hangUp();
    }, wait_ms);
  }
  end(): void {
    clearTimeout(this.#timer);
  }
}
