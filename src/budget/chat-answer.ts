import type { AnswerPiece, ChatUsage } from "./chat-answerer.ts";

export type AnswerState = "complete" | "aborted" | "error";

/** What an answer came to. */
export type Ending = Readonly<{
  state: AnswerState;
  content: string;
  finish_reason: string | null;
  usage: ChatUsage | null;
}>;

/** Longer than anybody reads. An answer that is cut here says so: `length`. */
const charactersMax = 50_000;

/**
 * An answer while it is being given: made as fast as it is asked for, kept whole in memory, and ended once, by whichever comes
 * first: its end, a failure, or somebody who wants it to stop. `keep` writes the ending, and is told of exactly one.
 */
export class Answer {
  readonly id: string;
  readonly model: string;
  readonly created_at: Date;
  /** Since when nobody has asked for more; null while somebody waits. Milliseconds of the monotonic clock. */
  idle_since: number | null = performance.now();
  readonly began = performance.now();
  /** Once it has ended. */
  ending: Ending | null = null;
  #content = "";
  #kept: Promise<string | null> | null = null;
  readonly #pieces: AsyncGenerator<AnswerPiece, void, undefined>;
  readonly #stopping: AbortController;
  readonly #keep: (ending: Ending) => Promise<string | null>;

  constructor(options: {
    id: string;
    model: string;
    created_at: Date;
    /** Gives up when `stopping` aborts. */
    pieces: AsyncGenerator<AnswerPiece, void, undefined>;
    stopping: AbortController;
    /** @returns the message as it stands then; null where it is not kept */
    keep: (ending: Ending) => Promise<string | null>;
  }) {
    this.id = options.id;
    this.model = options.model;
    this.created_at = options.created_at;
    this.#pieces = options.pieces;
    this.#stopping = options.stopping;
    this.#keep = options.keep;
  }

  /**
   * The next text; null at the end, which is kept by then.
   * @throws what the answerer throws, when the ending `error` is kept
   */
  async next(): Promise<string | null> {
    if (this.#kept !== null) return this.#after();
    this.idle_since = null;
    try {
      const { value } = await this.#pieces.next();
      if (this.#kept !== null) return await this.#after();
      if (value === undefined) throw new Error("an answerer ended without saying how");
      if (!("text" in value)) return await this.#complete(value.finish_reason, value.usage);
      const text = value.text.slice(0, charactersMax - this.#content.length);
      this.#content += text;
      if (this.#content.length === charactersMax) await this.#complete("length", null);
      return text;
    } catch (error) {
      if (this.#kept !== null) return await this.#after();
      await this.#end("error", null, null);
      throw error;
    } finally {
      this.idle_since = performance.now();
    }
  }

  /** Stops it, with the text that there is. Settles when that is kept; again when it has ended already. */
  async stop(): Promise<void> {
    await (this.#kept ?? this.#end("aborted", null, null));
  }

  /** The message as it was kept at the end. */
  async message(): Promise<string | null> {
    return this.#kept;
  }

  async #complete(finish_reason: string, usage: ChatUsage | null): Promise<null> {
    await this.#end("complete", finish_reason, usage);
    return null;
  }

  /** Who asks after the end is told so, or of the failure of keeping it. */
  async #after(): Promise<null> {
    await this.#kept;
    return null;
  }

  #end(state: AnswerState, finish_reason: string | null, usage: ChatUsage | null): Promise<string | null> {
    this.ending = { state, content: this.#content, finish_reason, usage };
    this.#kept = this.#keep(this.ending);
    this.#stopping.abort();
    // One that nobody is waiting for does what it does at its end.
    void this.#pieces.return().catch(() => {});
    return this.#kept;
  }
}
