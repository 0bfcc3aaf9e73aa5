import type { Socket } from "bun";

/** What became of one request. `status` is 0 when no answer came; `failure` then says why. */
export type Fate = Readonly<{
  status: number;
  /** `refused`: no connection. `closed`: it ended before the answer did. `timeout`: given up by us. */
  failure: "refused" | "closed" | "timeout" | null;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** From when it was written to the connection, milliseconds. */
  answered_ms: number;
}>;

export type ClientOptions = Readonly<{
  /** Where to connect. */
  to: Readonly<{ hostname: string; port: number }> | Readonly<{ unix: string }>;
  /** After this we give up on an answer. */
  timeout_ms: number;
}>;

type Waiting = { settle(fate: Fate): void };
type Connection = { socket: Socket; received: Buffer; waiting: Waiting | null; open: boolean };

const nothing = (failure: Fate["failure"]): Fate => ({
  status: 0,
  failure,
  headers: {},
  body: "",
  answered_ms: 0,
});

/**
 * An HTTP/1.1 client over kept-alive connections that never sends anything twice: `fetch` repeats a request whose
 * connection had been closed, and what is to be found out is whether that happens.
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #idle: Connection[] = [];
  #opened = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Connections opened so far. */
  get opened(): number {
    return this.#opened;
  }

  /** Sends the text of a request on a connection that is idle, else on a new one. Never rejects. */
  async send(text: string): Promise<Fate> {
    const connection = this.#take() ?? (await this.#open());
    if (connection === null) return nothing("refused");
    return this.#ask(connection, text);
  }

  /** Opens this many connections and leaves them idle. */
  async warm(count: number): Promise<void> {
    const opened = await Promise.all(Array.from({ length: count }, () => this.#open()));
    for (const connection of opened) if (connection !== null) this.#idle.push(connection);
  }

  close(): void {
    for (const { socket } of this.#idle.splice(0)) socket.end();
  }

  #take(): Connection | null {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return null;
      if (connection.open) return connection;
    }
  }

  async #open(): Promise<Connection | null> {
    const connection: Connection = {
      socket: null as unknown as Socket,
      received: Buffer.alloc(0),
      waiting: null,
      open: true,
    };
    const ended = (): void => {
      connection.open = false;
      connection.waiting?.settle(nothing("closed"));
    };
    try {
      const { to } = this.#options;
      const socket = {
        data: (_: Socket, chunk: Buffer) => this.#receive(connection, chunk),
        close: ended,
        end: ended,
        error: ended,
      };
      connection.socket = await ("unix" in to
        ? Bun.connect({ ...to, socket })
        : Bun.connect({ ...to, socket }));
    } catch {
      return null;
    }
    this.#opened += 1;
    return connection;
  }

  #ask(connection: Connection, text: string): Promise<Fate> {
    const { promise, resolve } = Promise.withResolvers<Fate>();
    const sent_ms = performance.now();
    const timer = setTimeout(() => {
      connection.waiting?.settle(nothing("timeout"));
      connection.socket.terminate();
    }, this.#options.timeout_ms);
    connection.waiting = {
      settle: (fate) => {
        clearTimeout(timer);
        connection.waiting = null;
        resolve({ ...fate, answered_ms: performance.now() - sent_ms });
      },
    };
    if (connection.open) connection.socket.write(text);
    else connection.waiting.settle(nothing("closed"));
    return promise;
  }

  #receive(connection: Connection, chunk: Buffer): void {
    const received = connection.received.length === 0 ? chunk : Buffer.concat([connection.received, chunk]);
    connection.received = received;
    const answer = parseAnswer(received);
    if (answer === null || connection.waiting === null) return;
    connection.received = Buffer.alloc(0);
    const { waiting } = connection;
    const last = answer.headers["connection"] === "close";
    if (!last) this.#idle.push(connection);
    waiting.settle(answer);
    // Afterwards: where the other side has closed already, `end` reports the end before it returns.
    if (last) {
      connection.open = false;
      connection.socket.end();
    }
  }
}

const HEAD_END = Buffer.from("\r\n\r\n");

/** One complete answer to something other than HEAD, or null while bytes are missing. */
function parseAnswer(buffer: Buffer): Fate | null {
  const at = buffer.indexOf(HEAD_END);
  if (at < 0) return null;
  const [line = "", ...lines] = buffer.toString("latin1", 0, at).split("\r\n");
  const headers: Record<string, string> = {};
  for (const text of lines) {
    const colon = text.indexOf(":");
    headers[text.slice(0, colon).toLowerCase()] = text.slice(colon + 1).trim();
  }
  const rest = buffer.subarray(at + HEAD_END.length);
  const status = Number(line.split(" ")[1]);
  const body = bodyOf(rest, status, headers);
  return body === null ? null : { status, failure: null, headers, body, answered_ms: 0 };
}

function bodyOf(rest: Buffer, status: number, headers: Readonly<Record<string, string>>): string | null {
  if (status === 204 || status === 304) return "";
  if (headers["transfer-encoding"] !== "chunked") {
    const length = Number(headers["content-length"] ?? 0);
    return rest.length < length ? null : rest.toString("utf8", 0, length);
  }
  const text = rest.toString("latin1");
  if (!text.endsWith("0\r\n\r\n")) return null;
  let body = "";
  for (let from = 0; ;) {
    const end = text.indexOf("\r\n", from);
    const size = Number.parseInt(text.slice(from, end), 16);
    if (size === 0 || Number.isNaN(size)) return Buffer.from(body, "latin1").toString("utf8");
    body += text.slice(end + 2, end + 2 + size);
    from = end + 2 + size + 2;
  }
}

/** The text of a request. A body is JSON. */
export function requestText(options: {
  method: string;
  path: string;
  token?: string;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}): string {
  const { method, path, token, body, headers = {} } = options;
  const lines = [`${method} ${path} HTTP/1.1`, "Host: localhost", "Accept: application/json"];
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body === undefined) return `${lines.join("\r\n")}\r\n\r\n`;
  const json = JSON.stringify(body);
  lines.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(json)}`);
  return `${lines.join("\r\n")}\r\n\r\n${json}`;
}
