// Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html

export const eventStreamType = "text/event-stream";

/** A comment, which clients pass over: says that the connection lives where nothing else was said for a while. */
const heartbeat = ": ping\n\n";
const heartbeatEvery_ms = 15_000;

/** One event of the default type. `data`: text without line breaks, as JSON is. */
export const eventText = (data: string): string => `data: ${data}\n\n`;

/** What a stream is made of. */
export type EventSource = Readonly<{
  /** The next text to send, whole events; null at the end. Asked for when the client has taken what was sent before. */
  next(): Promise<string | null>;
  /** The client went away: nobody will ask again. Called once, and not after the end. */
  left(): void;
}>;

/**
 * 200, or another status, with a stream of events. Nothing is kept here but the text that is being sent: a client that reads
 * slowly is asked for slowly, and what cannot wait for it is the business of the source.
 */
export function eventStream(
  source: EventSource,
  options: { signal: AbortSignal; status?: number; heartbeat_ms?: number; headers?: Record<string, string> },
): Response {
  const { signal, status = 200, heartbeat_ms = heartbeatEvery_ms, headers = {} } = options;
  const encoder = new TextEncoder();
  let coming: Promise<string | null> | null = null;
  let isOver = false;
  const leave = (): void => {
    if (isOver) return;
    isOver = true;
    source.left();
  };
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        coming ??= source.next();
        const text = await within(coming, heartbeat_ms);
        if (isOver) return;
        if (text === undefined) return controller.enqueue(encoder.encode(heartbeat));
        coming = null;
        if (text !== null) return controller.enqueue(encoder.encode(text));
        isOver = true;
        controller.close();
      },
      cancel: leave,
    },
    // Nothing is asked for ahead of the client.
    { highWaterMark: 0 },
  );
  // Of the two ways to hear of it, one is enough; which comes depends on what the client has read.
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  return new Response(body, {
    status,
    headers: {
      "content-type": eventStreamType,
      "cache-control": "no-store",
      // https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
      "x-accel-buffering": "no",
      ...headers,
    },
  });
}

/** What is to come, or undefined when it takes longer; it is still to come then. */
async function within<T>(coming: Promise<T>, wait_ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), wait_ms);
  });
  try {
    return await Promise.race([coming, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A server that sends a longer line or event than anybody would: what it says cannot be taken. */
export class EventTooLong extends Error {
  override readonly name = "EventTooLong";
}

/**
 * Reads a stream of events from bytes in pieces of any size: lines may end in CR, LF or both, an event's data may have several
 * lines, characters may be cut in two. Yields what the events hold; types, ids and comments are passed over.
 *
 * @throws {EventTooLong} for an event of more than `limit_characters`
 */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
  { limit_characters }: { limit_characters: number },
): AsyncGenerator<string, void, undefined> {
  // Takes a byte order mark away, as the standard wants it.
  const decoder = new TextDecoder();
  const lines = new Lines();
  let data: string[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    lines.add(decoder.decode(chunk, { stream: true }));
    for (let line = lines.next(); line !== null; line = lines.next()) {
      if (line === "") {
        if (data.length > 0) yield data.join("\n");
        [data, size] = [[], 0];
        continue;
      }
      const value = dataOf(line);
      if (value === null) continue;
      data.push(value);
      size += value.length;
      if (size > limit_characters) throw new EventTooLong();
    }
    if (lines.waiting > limit_characters) throw new EventTooLong();
  }
  // What no empty line ended is no event.
}

/** The value of a `data` field, null for every other line. */
function dataOf(line: string): string | null {
  if (line === "data") return "";
  if (!line.startsWith("data:")) return null;
  return line.slice(line.startsWith("data: ") ? "data: ".length : "data:".length);
}

/** Cuts text that comes in pieces into lines. What has been looked at once is not looked at again. */
class Lines {
  #text = "";
  #parts: string[] = [];
  #at = 0;
  /** The last line ended in CR: a LF that comes next belongs to it. */
  #isAfterCr = false;
  /** Characters of the line that has no end yet. */
  waiting = 0;

  add(text: string): void {
    this.#text = text;
    this.#at = 0;
  }

  /** The next whole line without its end; null when more text is needed. */
  next(): string | null {
    if (this.#isAfterCr && this.#at < this.#text.length) {
      if (this.#text[this.#at] === "\n") this.#at += 1;
      this.#isAfterCr = false;
    }
    const end = endOfLine(this.#text, this.#at);
    const part = this.#text.slice(this.#at, end === -1 ? undefined : end);
    if (end === -1) {
      this.#parts.push(part);
      this.waiting += part.length;
      this.#at = this.#text.length;
      return null;
    }
    this.#isAfterCr = this.#text[end] === "\r";
    this.#at = end + 1;
    const line = this.#parts.join("") + part;
    this.#parts = [];
    this.waiting = 0;
    return line;
  }
}

function endOfLine(text: string, from: number): number {
  const cr = text.indexOf("\r", from);
  const lf = text.indexOf("\n", from);
  if (cr === -1 || lf === -1) return Math.max(cr, lf);
  return Math.min(cr, lf);
}
