import type { Caller } from "../http/scope.ts";

/** Something that was said. */
export type ChatTurn = Readonly<{ role: "system" | "user" | "assistant"; content: string }>;

/** Tokens, as the model counted them. */
export type ChatUsage = Readonly<{ prompt_tokens: number; completion_tokens: number }>;

/** Some text of an answer, or its end, which comes once and last. */
export type AnswerPiece =
  Readonly<{ text: string }> | Readonly<{ finish_reason: string; usage: ChatUsage | null }>;

/** How a model is asked to choose its words: members of the request that are handed on as they came. */
export type Sampling = Readonly<Record<string, unknown>>;

export type ChatQuestion = Readonly<{
  /** Whose figures may be spoken of, and nobody else's. */
  caller: Caller;
  /** What was said, the question last. */
  turns: readonly ChatTurn[];
  sampling: Sampling;
  /** Aborts when nobody wants the answer any more. */
  signal: AbortSignal;
}>;

/** What answers chats. */
export type Answerer = Readonly<{
  /** Its name, as answers say it. */
  model: string;
  /**
   * The answer in pieces, made as they are asked for.
   * @throws {Problem} `chat_unavailable`
   */
  answer(question: ChatQuestion): AsyncGenerator<AnswerPiece, void, undefined>;
}>;

/** How many messages, the question among them, an answerer is told. */
export const contextTurns = 20;
