import { setTimeout as sleep } from "node:timers/promises";
import { act, orNotFound } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { Answer } from "./chat-answer.ts";
import { type Answerer, type ChatTurn, contextTurns, type Sampling } from "./chat-answerer.ts";
import { type Answers, createAnswers, type Kept, lease_s } from "./chat-answers.ts";
import { tagsOfThread } from "./chat-threads.ts";
import { askChat, cancelChatAnswer, getChatMessage } from "./statements.ts";

/** What the endpoints of the chat share. */
export type Chat = Readonly<{ deps: Deps; answerer: Answerer; answers: Answers }>;

export const createChat = (deps: Deps, answerer: Answerer): Chat => ({
  deps,
  answerer,
  answers: createAnswers(deps, answerer),
});

/** Characters of one message. */
export const messageCharactersMax = 8_000;

/**
 * Asks in a thread: the question is stored, and with it an answer that is streaming, before anything is answered. What was said
 * in the thread last is context.
 *
 * @throws {Problem} `not_found` for a thread of somebody else, `overloaded`
 */
export async function ask(chat: Chat, caller: Caller, thread_id: string, content: string): Promise<Answer> {
  const { kept, context } = await storeQuestion(chat, caller, { thread_id, is_new: false, content });
  return chat.answers.begin(caller, { turns: [...context, { role: "user", content }], sampling: {} }, kept);
}

/**
 * Asks with a conversation that the client keeps; its last message is the question. It is stored, with the answer, in the
 * thread that is named, or in a new one.
 *
 * @throws {Problem} `validation` where nothing is asked, `not_found`, `overloaded`
 */
export async function complete(
  chat: Chat,
  caller: Caller,
  asked: Readonly<{
    turns: readonly ChatTurn[];
    sampling: Sampling;
    /** False: nothing of it. */
    store: boolean;
    thread_id: string | undefined;
  }>,
): Promise<{ answer: Answer; thread_id: string | null }> {
  const { turns, sampling, store } = asked;
  const question = turns.at(-1);
  if (question?.role !== "user") {
    const detail = "The last message is the user's";
    throw new Problem("validation", { detail, errors: [{ pointer: "/messages", detail }] });
  }
  const recent = { turns: recentTurns(turns), sampling };
  if (!store) return { answer: chat.answers.begin(caller, recent, null), thread_id: null };
  const thread_id = asked.thread_id ?? chat.deps.id();
  const where = { thread_id, is_new: asked.thread_id === undefined, content: question.content };
  const { kept } = await storeQuestion(chat, caller, where);
  return { answer: chat.answers.begin(caller, recent, kept), thread_id };
}

/** The last messages; what a client tells the model first stays first. */
function recentTurns(turns: readonly ChatTurn[]): readonly ChatTurn[] {
  const instructions = turns.filter(({ role }) => role === "system").slice(0, contextTurns - 1);
  const said = turns.filter(({ role }) => role !== "system");
  return [...instructions, ...said.slice(instructions.length - contextTurns)];
}

type Asked = Readonly<{ thread_id: string; answer_id: string; context: readonly ChatTurn[] }>;

async function storeQuestion(
  { deps, answerer }: Chat,
  caller: Caller,
  question: Readonly<{ thread_id: string; is_new: boolean; content: string }>,
): Promise<{ kept: Kept; context: readonly ChatTurn[] }> {
  const parameters = {
    ...question,
    question_id: deps.id(),
    answer_id: deps.id(),
    model: answerer.model,
    lease_s,
    context_rows: contextTurns - 1,
  };
  const tags = tagsOfThread(caller, question.thread_id);
  const { body } = orNotFound(await act(deps, caller, askChat, parameters, tags));
  const { context, ...kept } = JSON.parse(body) as Asked;
  return { kept, context };
}

const cancelWaits_ms = [20, 40, 80, 160, 300, 300, 300, 300, 500, 500];

/**
 * Stops an answer, whichever server is giving it, and waits until what there is of it is kept. An answer whose server is gone
 * comes back as it is, and is ended when its lease is over.
 *
 * @throws {Problem} `not_found`, `illegal_transition` for a message that is no answer being given
 */
export async function cancel(
  { deps, answers }: Chat,
  caller: Caller,
  thread_id: string,
  message_id: string,
): Promise<Written> {
  const read = async () => {
    const { business_id, user_id } = caller;
    const parameters = { business_id, user_id, thread_id, message_id };
    const [row] = await deps.db.fast.query(getChatMessage, parameters, caller);
    if (row === undefined) throw new Problem("not_found");
    return row;
  };
  const marked = await act(deps, caller, cancelChatAnswer, { thread_id, message_id });
  if (marked === null) {
    const { state } = await read();
    const extra = { from: state, to: "aborted", allowed: [] };
    throw new Problem("illegal_transition", { detail: `The message is ${state}`, extra });
  }
  await answers.stop(message_id.toLowerCase());
  let message = await read();
  for (const wait_ms of cancelWaits_ms) {
    if (!message.is_running) break;
    await sleep(wait_ms);
    message = await read();
  }
  return { ...marked, body: message.body };
}
