/** An OpenAI-compatible service that does what the question asks of it, well or badly. */
export type ChatProviderServer = Readonly<{
  /** For CHAT_BASE_URL. */
  base_url: string;
  /** Every call, in order. */
  calls: Call[];
  /** Paths that were asked for beside the one of the protocol. */
  strayed: string[];
  stop(): Promise<void>;
}>;

export type Call = {
  authorization: string | null;
  body: {
    model: string;
    messages: { role: string; content: string }[];
    stream: boolean;
    stream_options: unknown;
  } & Record<string, unknown>;
  /** When the caller hung up, milliseconds of performance.now(); null while it has not. */
  left_at: number | null;
  /** Bytes that were made for it. */
  sent_bytes: number;
};

/** What the words of a good answer are. */
export const goodWords = ["You have ", "₦12,500 ", "left. 🎉"];
const usage = { prompt_tokens: 21, completion_tokens: 7, total_tokens: 28 };

const chunk = (content: string): string => event({ choices: [{ index: 0, delta: { content } }] });
const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const finish = event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage: null });
const good = [
  ": OPENROUTER PROCESSING\n\n",
  event({ choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] }),
  ...goodWords.map(chunk),
  finish,
  event({ choices: [], usage }),
  "data: [DONE]\n\n",
];

type Say = (text: string | Uint8Array) => void;
type Script = (say: Say, signal: AbortSignal) => Promise<void> | void;
const pause = (signal: AbortSignal, ms: number): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
const forever = (signal: AbortSignal) => pause(signal, 60_000);

/** By the first word of the question; anything else is answered well. */
const scripts: Readonly<Record<string, Script>> = {
  good: (say) => good.forEach(say),
  /** Every byte by itself, lines ended in each of the ways that there are, fields that nobody asked for. */
  pieces: async (say, signal) => {
    const ends = ["\r\n", "\r", "\n"];
    const text = good
      .map((part, at) => `id: ${at}\nretry: 5\n${part}`.replaceAll("\n", ends[at % 3] ?? "\n"))
      .join("");
    for (const byte of new TextEncoder().encode(`\uFEFF${text}`)) {
      say(new Uint8Array([byte]));
      if (byte === 0x0d) await pause(signal, 0);
    }
  },
  /** A word each 20 ms, until nobody listens. */
  slow: async (say, signal) => {
    for (let n = 1; !signal.aborted; n += 1) {
      say(chunk(`word ${n} `));
      await pause(signal, 20);
    }
  },
  /** Two words a second, until nobody listens. */
  steady: async (say, signal) => {
    while (!signal.aborted) {
      say(chunk("some words "));
      await pause(signal, 500);
    }
  },
  /** As fast as it can be taken. */
  flood: async (say, signal) => {
    while (!signal.aborted) {
      say(chunk("x".repeat(4_000)));
      await pause(signal, 0);
    }
  },
  huge: (say) => say(`data: ${"x".repeat(2_000_000)}`),
  fails: (say) =>
    [chunk("One, "), chunk("two"), event({ error: { message: "secret reason", code: 500 } })].forEach(say),
  breaks: (say) => [chunk("One, "), chunk("two")].forEach(say),
  garbage: (say) => [chunk("One"), "data: {not json}\n\n"].forEach(say),
  shapeless: (say) => [chunk("One"), event({ choices: "many" })].forEach(say),
  nulls: (say) => [event({ choices: null, usage: null }), chunk("One"), finish].forEach(say),
  empty: (say) => [finish, "data: [DONE]\n\n"].forEach(say),
  stalls: (say, signal) => (say(chunk("One")), forever(signal)),
  hang: (_say, signal) => forever(signal),
};

/** Answers that are no stream. */
const documents: Readonly<Record<string, (origin: string) => Response>> = {
  redirect: (origin) => Response.redirect(`${origin}/elsewhere`, 307),
  busy: () => new Response("slow down", { status: 429, headers: { "retry-after": "17" } }),
  broken: () => new Response("no", { status: 500 }),
  page: () => new Response("<h1>Welcome</h1>", { headers: { "content-type": "text/html" } }),
  whole: () =>
    Response.json({
      choices: [{ message: { role: "assistant", content: "All at once" }, finish_reason: "stop" }],
      usage,
    }),
};

/** Starts one on a free port. */
export function startChatProvider(): ChatProviderServer {
  const calls: Call[] = [];
  const strayed: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, origin } = new URL(request.url);
      if (pathname !== "/v1/chat/completions") {
        strayed.push(pathname);
        return new Response("elsewhere");
      }
      const call: Call = {
        authorization: request.headers.get("authorization"),
        body: (await request.json()) as Call["body"],
        left_at: null,
        sent_bytes: 0,
      };
      calls.push(call);
      request.signal.addEventListener("abort", () => (call.left_at = performance.now()));
      const [word = ""] = (call.body.messages.at(-1)?.content ?? "").split(" ");
      return documents[word]?.(origin) ?? streamOf(scripts[word] ?? scripts["good"], call, request.signal);
    },
  });
  return {
    base_url: `http://127.0.0.1:${server.port}/v1`,
    calls,
    strayed,
    stop: () => server.stop(true),
  };
}

function streamOf(script: Script | undefined, call: Call, signal: AbortSignal): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const say: Say = (text) => {
        if (signal.aborted) return;
        const bytes = typeof text === "string" ? encoder.encode(text) : text;
        call.sent_bytes += bytes.byteLength;
        controller.enqueue(bytes);
      };
      await script?.(say, signal);
      if (!signal.aborted) controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
