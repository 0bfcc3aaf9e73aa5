import type { Socket } from "bun";

export type LoopOptions = Readonly<{
  hostname: string;
  port: number;
  /** Complete HTTP/1.1 requests, sent in turn; or what makes the next one. */
  requests: readonly string[] | (() => string);
  /** Each has one request in flight: closed loop, so that throughput is what the server gives. */
  connections: number;
  warmup_ms: number;
  duration_ms: number;
  /** All connections together send at most so many, evenly: each begins at its own moment. Without it as many as are answered. */
  per_second?: number;
}>;

export type LoopResult = Readonly<{
  requests: number;
  per_second: number;
  /** Answers by status. */
  statuses: Readonly<Record<string, number>>;
  /** Milliseconds, of the measured requests. */
  p50_ms: number;
  p99_ms: number;
  lost_connections: number;
}>;

const headEnd = Buffer.from("\r\n\r\n");

/**
 * Sends requests over keep-alive connections and counts answers. It speaks just enough HTTP/1.1 to know where an answer
 * ends (Content-Length), because on a machine whose cores the server shares a full client is most of the cost.
 */
export async function saturate(options: LoopOptions): Promise<LoopResult> {
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  let lost = 0;
  let turn = 0;
  const begin = performance.now() + options.warmup_ms;
  const end = begin + options.duration_ms;
  const { requests } = options;
  const next = typeof requests === "function" ? requests : () => requests[turn++ % requests.length] ?? "";

  const gap_ms = options.per_second === undefined ? 0 : (options.connections * 1_000) / options.per_second;

  const connection = (index: number) =>
    new Promise<void>((resolve, reject) => {
      let pending: Buffer = Buffer.alloc(0);
      let sent_at = 0;
      const send = (socket: Socket) => {
        sent_at = performance.now();
        if (sent_at >= end) socket.end();
        else socket.write(next());
      };
      const receive = (socket: Socket, chunk: Buffer) => {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        const size = answerSize(pending);
        if (size === null || pending.length < size) return;
        const now = performance.now();
        if (now >= begin && now < end) {
          const status = pending.toString("latin1", 9, 12);
          statuses[status] = (statuses[status] ?? 0) + 1;
          latencies.push(now - sent_at);
        }
        pending = pending.subarray(size);
        const wait_ms = gap_ms - (now - sent_at);
        if (wait_ms > 0) setTimeout(send, wait_ms, socket);
        else send(socket);
      };
      Bun.connect({
        hostname: options.hostname,
        port: options.port,
        socket: {
          open: (socket) => void setTimeout(send, (gap_ms * index) / options.connections, socket),
          data: receive,
          close: () => {
            if (performance.now() < end) lost += 1;
            resolve();
          },
          error: (_, error) => reject(error),
        },
      }).catch(reject);
    });

  await Promise.all(Array.from({ length: options.connections }, (_, index) => connection(index)));
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    per_second: latencies.length / (options.duration_ms / 1000),
    statuses,
    p50_ms: percentile(latencies, 0.5),
    p99_ms: percentile(latencies, 0.99),
    lost_connections: lost,
  };
}

/** Bytes of the first answer in a buffer, null while its head is not complete. */
function answerSize(buffer: Buffer): number | null {
  const at = buffer.indexOf(headEnd);
  if (at < 0) return null;
  const length = /content-length: *(\d+)/i.exec(buffer.toString("latin1", 0, at))?.[1] ?? "0";
  return at + headEnd.length + Number(length);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** The text of a GET with a token. */
export function getRequest(path: string, token: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nAccept: application/json\r\n\r\n`;
}
