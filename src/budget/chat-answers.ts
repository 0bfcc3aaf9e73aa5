import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import { type Caller, withIdempotency } from "../http/scope.ts";
import { Answer, type Ending } from "./chat-answer.ts";
import type { Answerer, ChatTurn, Sampling } from "./chat-answerer.ts";
import { chatThreadTag } from "./chat-tags.ts";
import { endChatAnswer, renewChatAnswers } from "./statements.ts";

/** Seconds for which a server that says nothing counts as being at work on an answer. */
export const lease_s = 15;
const lookEvery_ms = 500;
/** Nobody has read for so long: whoever asked is gone, whatever their connection says. */
const idleMax_ms = 60_000;
/** However slowly it comes. */
const wholeMax_ms = 300_000;
/** Each is a connection and up to 100 kB of text. */
const atOnceMax = 2_000;

/** Where an answer is kept. */
export type Kept = Readonly<{ thread_id: string; answer_id: string }>;

/** The answers that this server is giving. */
export type Answers = Readonly<{
  /** Begins one. `kept`: null where nothing of it is stored. @throws {Problem} `overloaded` */
  begin(
    caller: Caller,
    question: Readonly<{ turns: readonly ChatTurn[]; sampling: Sampling }>,
    kept: Kept | null,
  ): Answer;
  /** Stops one if this server is giving it, and waits until it is kept. */
  stop(answer_id: string): Promise<void>;
  /** How many there are. */
  count(): number;
}>;

type Running = Readonly<{ answer: Answer; business_id: string; is_kept: boolean }>;

/**
 * Looks after the answers of a server: twice a second, while there are any, it renews their leases, and stops those that
 * somebody wants stopped on another server, that nobody reads, or that take too long.
 */
export function createAnswers(
  deps: Deps,
  answerer: Answerer,
  options: { idle_ms?: number; whole_ms?: number } = {},
): Answers {
  const { idle_ms = idleMax_ms, whole_ms = wholeMax_ms } = options;
  const at_once = deps.config.chat?.answers_max ?? atOnceMax;
  const running = new Map<string, Running>();
  const watch = createWatch(deps, running, { idle_ms, whole_ms });
  return {
    count: () => running.size,
    async stop(answer_id) {
      await running.get(answer_id)?.answer.stop();
    },
    begin(caller, question, kept) {
      if (running.size >= at_once) {
        const detail = "As many answers are being given as this server can give at once";
        throw new Problem("overloaded", { detail, headers: { "retry-after": "5" } });
      }
      const lasting = lastingCaller(caller);
      const stopping = new AbortController();
      const id = kept?.answer_id ?? deps.id();
      const answer = new Answer({
        id,
        model: answerer.model,
        created_at: new Date(deps.clock.now()),
        pieces: answerer.answer({ caller: lasting, ...question, signal: stopping.signal }),
        stopping,
        async keep(ending) {
          running.delete(id);
          return kept === null ? null : keepEnding(deps, lasting, kept, ending);
        },
      });
      running.set(id, { answer, business_id: caller.business_id, is_kept: kept !== null });
      watch();
      return answer;
    },
  };
}

/** The person, for what is done after they have gone. */
function lastingCaller(caller: Caller): Caller {
  return { ...withIdempotency(caller, null), signal: new AbortController().signal };
}

/** Writes how an answer ended. @throws {Problem} `chat_unavailable` where somebody else had ended it */
async function keepEnding(
  deps: Deps,
  caller: Caller,
  { thread_id, answer_id }: Kept,
  { state, content, finish_reason, usage }: Ending,
): Promise<string> {
  const ending = JSON.stringify({
    state,
    // What the database cannot hold: a provider may send anything.
    content: content.replaceAll("\0", "").toWellFormed(),
    finish_reason,
    ...usage,
  });
  const tags = [chatThreadTag(caller.business_id, thread_id)];
  const kept = await act(deps, caller, endChatAnswer, { answer_id, ending }, tags);
  if (kept !== null) return kept.body;
  const detail = "The answer was ended elsewhere, or its thread is gone";
  throw new Problem("chat_unavailable", { detail, headers: { "retry-after": "1" } });
}

/** @returns to be called when an answer has begun: the watch goes on while there are any */
function createWatch(
  deps: Deps,
  running: ReadonlyMap<string, Running>,
  { idle_ms, whole_ms }: { idle_ms: number; whole_ms: number },
): () => void {
  let isOn = false;
  const stop = ({ answer }: Running): void => {
    answer.stop().catch((error: unknown) => deps.log.warn({ err: error }, "a stopped answer was not kept"));
  };
  const look = async (): Promise<void> => {
    const now = performance.now();
    for (const one of running.values()) {
      const { idle_since, began } = one.answer;
      if (now - (idle_since ?? now) > idle_ms || now - began > whole_ms) stop(one);
    }
    const kept = [...running].filter(([, { is_kept }]) => is_kept);
    if (kept.length === 0) return;
    const unwanted = await deps.db.write.query(renewChatAnswers, {
      business_ids: kept.map(([, { business_id }]) => business_id),
      message_ids: kept.map(([id]) => id),
      lease_s,
    });
    for (const { message_id } of unwanted) {
      const found = running.get(message_id ?? "");
      if (found !== undefined) stop(found);
    }
  };
  const again = async (): Promise<void> => {
    await look().catch((error: unknown) => deps.log.warn({ err: error }, "answers could not be renewed"));
    isOn = running.size > 0;
    if (isOn) setTimeout(() => void again(), lookEvery_ms).unref();
  };
  return () => {
    if (isOn) return;
    isOn = true;
    setTimeout(() => void again(), lookEvery_ms).unref();
  };
}
