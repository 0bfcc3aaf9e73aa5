import { type ChatProviderServer, startChatProvider } from "../helpers/chat-provider.ts";
import { type ServerProcess, startServerProcess } from "../helpers/server-process.ts";
import { type Bench, median, startBench } from "./bench.ts";

const streams = 500;
/** Of those, how many read nothing while they are sent as much as they would take. */
const stalled = 50;
/** Until the memory of so many streams is what it will be: the engine collects what they leave behind when it has grown enough. */
const warmup_ms = 40_000;
/** What the resident memory may grow by, from the first third of the time to the last. */
const growthMax_bytes = 16 * 1024 * 1024;
const firstByteMax_ms = 50;
const questions = 100;

/**
 * Five hundred answers that stream at the same time, fifty of them to clients that read nothing: what the memory of the server
 * does meanwhile; that every answer is kept when its client has gone; and how soon the default assistant's first byte comes.
 *
 * @returns whether memory stays flat, nothing streams on, and the first byte comes in time
 */
export async function measureChat({ seconds }: { seconds: number }): Promise<boolean> {
  const started = new AsyncDisposableStack();
  try {
    const provider = startChatProvider();
    started.defer(() => provider.stop());
    const env = {
      CHAT_BASE_URL: provider.base_url,
      CHAT_MODEL: "load",
      CHAT_RATE_LIMIT_PER_MINUTE: "1000000000",
    };
    const bench = await startBench(started, env);
    const isFlat = await measureStreams(bench, provider, Math.max(seconds, 6) * 1_000);
    const figures = await startServerProcess({ ...bench.env, CHAT_BASE_URL: "", CHAT_MODEL: "" });
    started.defer(() => figures.stop());
    return (await measureFirstByte(figures, bench.token)) && isFlat;
  } finally {
    await started.disposeAsync();
  }
}

async function measureStreams(
  { api, sql, token }: Bench,
  provider: ChatProviderServer,
  watch_ms: number,
): Promise<boolean> {
  const leaving = new AbortController();
  const counted = { bytes: 0 };
  const readers: Promise<void>[] = [];
  // A few at a time: what is measured is how they stream, not how many may begin in one moment.
  while (readers.length < streams - stalled) {
    readers.push(read(api, token, leaving.signal, counted));
    if (readers.length % 10 === 0) await Bun.sleep(100);
  }
  const sockets = await Promise.all(Array.from({ length: stalled }, () => stall(api, token)));
  while (provider.calls.length < streams) await Bun.sleep(50);
  await Bun.sleep(warmup_ms);
  const samples: number[] = [];
  for (const until = performance.now() + watch_ms; performance.now() < until; await Bun.sleep(250))
    samples.push((await api.usage()).resident_bytes);
  const [{ count }] =
    await sql`select count(*)::int as count from budget.chat_messages where state = 'streaming'`;
  const third = Math.floor(samples.length / 3);
  const [first, last] = [median(samples.slice(0, third)), median(samples.slice(-third))];
  const growth = last - first;
  leaving.abort();
  for (const socket of sockets) socket.terminate();
  await Promise.all(readers);
  const left_ms = await untilNoneStreams(sql);
  const states =
    await sql`select state, count(*)::int as count from budget.chat_messages where role = 'assistant' group by 1`;
  print(
    `${streams} streams, ${stalled} of them unread, for ${(watch_ms / 1000).toFixed(0)} s: ${count} streaming in the database; ` +
      `${mb(counted.bytes)} MB read; resident ${mb(first)} MB at first, ${mb(last)} MB at last, growth ${mb(growth)} MB ` +
      `(limit ${mb(growthMax_bytes)}); all ended ${left_ms.toFixed(0)} ms after their clients had gone: ${JSON.stringify(states)}`,
  );
  return growth <= growthMax_bytes && left_ms <= 5_000;
}

const question = (content: string) => JSON.stringify({ messages: [{ role: "user", content }], stream: true });

/** Reads a stream to its end, or to the end of the run. */
async function read(
  { url }: ServerProcess,
  token: string,
  signal: AbortSignal,
  counted: { bytes: number },
): Promise<void> {
  try {
    const response = await fetch(`${url}/api/v1/chat/completions`, {
      method: "POST",
      signal,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: question("steady"),
    });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) counted.bytes += chunk.byteLength;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Asks, and reads nothing of the answer. */
function stall({ port }: ServerProcess, token: string) {
  const body = question("flood");
  const head =
    `POST /api/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(socket) {
        socket.write(head + body);
        socket.pause();
      },
      data() {},
    },
  });
}

async function untilNoneStreams(sql: Bench["sql"]): Promise<number> {
  const since = performance.now();
  for (;;) {
    const [{ count }] =
      await sql`select count(*)::int as count from budget.chat_messages where state = 'streaming'`;
    const took_ms = performance.now() - since;
    if (count === 0 || took_ms > 30_000) return took_ms;
    await Bun.sleep(20);
  }
}

async function measureFirstByte({ url }: ServerProcess, token: string): Promise<boolean> {
  const took: number[] = [];
  for (let n = 0; n < questions; n += 1) {
    const since = performance.now();
    const response = await fetch(`${url}/api/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: question("What is left this month?"),
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    took.push(performance.now() - since);
    while (!(await reader.read()).done);
  }
  // The first ones pay for what is compiled and planned once.
  const warm = took.slice(questions / 10).toSorted((a, b) => a - b);
  const [middle, tail] = [median(warm), warm[Math.floor(warm.length * 0.99)] ?? 0];
  print(
    `first byte of the default assistant, ${warm.length} questions one by one: median ${middle.toFixed(1)} ms, ` +
      `p99 ${tail.toFixed(1)} ms (limit ${firstByteMax_ms})`,
  );
  return tail <= firstByteMax_ms;
}

const mb = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
const print = (line: string): void => console.log(line);
