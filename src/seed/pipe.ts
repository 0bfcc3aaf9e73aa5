/** A queue of texts between one writer and one reader, which holds the writer back when the reader is slower. */
export class Pipe implements AsyncIterable<string> {
  readonly #limit_length: number;
  #texts: string[] = [];
  #length = 0;
  #ended = false;
  #failure: { reason: unknown } | null = null;
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;

  constructor(limit_length: number) {
    this.#limit_length = limit_length;
  }

  /** Takes a text; waits while more than the limit is unread. @throws what the reader failed with */
  async write(text: string): Promise<void> {
    this.#check();
    this.#texts.push(text);
    this.#length += text.length;
    this.#wakeReader?.();
    while (this.#length > this.#limit_length) {
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
      this.#check();
    }
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.reason;
  }

  /** No text follows. */
  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
  }

  /** Ends both sides: the reader failed, or the writer gave up. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    while (true) {
      this.#check();
      const texts = this.#texts;
      this.#texts = [];
      this.#length = 0;
      this.#wakeWriter?.();
      yield* texts;
      if (this.#texts.length > 0) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
  }
}
