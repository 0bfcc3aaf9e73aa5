import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A frame of the server. */
export type ServerFrame = {
  type: string;
  id?: string | number;
  topic?: string;
  seq?: number;
  data?: Record<string, unknown>;
};

/** A client of `/api/v1/ws` that keeps what it hears until it is asked for. */
export type SocketClient = Readonly<{
  send(frame: object | string | Uint8Array): void;
  /** The next frame that was not asked for yet. @throws when none comes within five seconds */
  next(): Promise<ServerFrame>;
  /** Frames that came and were not asked for. */
  heard: ServerFrame[];
  /** Its close code; pending while it is open. */
  closed: Promise<number>;
  close(): void;
}>;

const PATIENCE_MS = 5_000;

/** Opens a socket at a server's URL; the first frame is up to the caller. */
export function openSocket(url: string, headers: Record<string, string> = {}): Promise<SocketClient> {
  // The type is that of browsers, which cannot choose headers.
  const Connect = WebSocket as unknown as new (url: string, options: { headers: object }) => WebSocket;
  const socket = new Connect(`${url.replace(/^http/, "ws")}/api/v1/ws`, { headers });
  const heard: ServerFrame[] = [];
  let told: () => void = () => {};
  socket.addEventListener("message", ({ data }) => {
    heard.push(JSON.parse(String(data)) as ServerFrame);
    told();
  });
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener("close", ({ code }) => resolve(code));
  });
  const client: SocketClient = {
    send: (frame) =>
      socket.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame)),
    async next() {
      const deadline = Date.now() + PATIENCE_MS;
      while (heard.length === 0) {
        if (Date.now() > deadline) throw new Error("no frame came");
        await Promise.race([new Promise<void>((resolve) => (told = resolve)), Bun.sleep(50)]);
      }
      return heard.shift() ?? { type: "none" };
    },
    heard,
    closed,
    close: () => socket.close(),
  };
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(client));
    socket.addEventListener("error", () => reject(new Error("no WebSocket")));
  });
}

/** A socket that has shown its token. */
export async function openAs(
  url: string,
  token: string,
  more: Record<string, unknown> = {},
): Promise<SocketClient> {
  const client = await openSocket(url);
  client.send({ type: "auth", token, ...more });
  const answer = await client.next();
  if (answer.type !== "ack") throw new Error(`not let in: ${JSON.stringify(answer)}`);
  return client;
}

/** A connection that does by itself nothing at all: it answers no ping, and reads when it is told to. */
export type RawSocket = Readonly<{ send(text: string): void; socket: Socket; closed: Promise<void> }>;

/** Opens a WebSocket by hand, as a client would that hangs or reads slowly. */
export async function openRawSocket(url: string): Promise<RawSocket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const closed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(
    `GET /api/v1/ws HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  await once(socket, "data");
  return { send: (text) => void socket.write(frameOf(text)), socket, closed };
}

/** A masked text frame (RFC 6455 section 5.2); a mask of zeros changes nothing. */
function frameOf(text: string): Buffer {
  const payload = Buffer.from(text);
  const length = Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([Buffer.from([0x81]), length, Buffer.alloc(4), payload]);
}
