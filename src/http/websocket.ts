// The WebSocket Protocol: https://www.rfc-editor.org/rfc/rfc6455
import type { ServerWebSocket, WebSocketHandler } from "bun";
import type { Clock } from "../platform/clock.ts";
import type { Metrics } from "../platform/metrics.ts";
import { Problem } from "./problem.ts";
import type { Principal } from "./scope.ts";
import type { FindLiving } from "./websocket-events.ts";
import { type Handshake, Socket, socketLimits, type SocketLimits } from "./websocket-socket.ts";
import { createWork, receive, type WorkOptions } from "./websocket-work.ts";

export type SocketsOptions = WorkOptions &
  Readonly<{
    findLiving: FindLiving;
    clock: Clock;
    metrics: Metrics;
    limits?: Partial<SocketLimits> | undefined;
  }>;

/** Some milliseconds of the lane that point reads are waiting for, too. */
const LIVING_AT_ONCE = 200;
/** What Bun says of a frame above `maxPayloadLength`: it has closed with 1009 itself, and calls it 1006. */
const bunsTooBig = "Received too big message";

/**
 * A socket is nobody's until its first frame; from then on its session is asked about again and again, all sessions in one
 * statement, so that one that has ended ends within a second.
 */
export class Sockets {
  /** What the listener calls. */
  readonly handlers: WebSocketHandler<Socket>;
  readonly #options: SocketsOptions;
  readonly #limits: SocketLimits;
  readonly #sockets = new Set<Socket>();
  readonly #members = new Map<string, number>();
  #isClosing = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: SocketsOptions) {
    this.#options = options;
    this.#limits = { ...socketLimits, ...options.limits };
    this.handlers = this.#listen();
    options.metrics.sockets.watch(() => this.#sockets.size);
  }

  /** The state of a connection that is about to be one. @throws {Problem} `overloaded` when there is no room */
  admit(handshake: Handshake): Socket {
    const { clock } = this.#options;
    if (this.#isClosing || this.#sockets.size >= this.#limits.sockets) throw new Problem("overloaded");
    return new Socket(handshake, this.#limits, clock.monotonic());
  }

  /** Sends everybody elsewhere, now and from now on. */
  close(): void {
    this.#isClosing = true;
    for (const socket of this.#sockets) socket.close("restart");
  }

  #listen(): WebSocketHandler<Socket> {
    const { clock } = this.#options;
    const limits = this.#limits;
    const work = createWork(this.#options, limits, (principal) => this.#count(principal, 1));
    return {
      maxPayloadLength: limits.frame_bytes,
      backpressureLimit: limits.unread_bytes,
      closeOnBackpressureLimit: true,
      perMessageDeflate: false,
      // Pings are ours, because nobody is told of Bun's; this only ends what even they have not.
      sendPings: false,
      idleTimeout: 255,
      open: (ws) => this.#opened(ws),
      message({ data: socket }, message) {
        const now = clock.monotonic();
        socket.heard_at = now;
        if (typeof message !== "string") socket.close("binary");
        else if (!socket.take(now)) socket.close("too_many");
        else receive(socket, message, limits, work);
      },
      pong({ data: socket }) {
        socket.heard_at = clock.monotonic();
      },
      close: ({ data: socket }, _code, reason) => {
        socket.gone(reason === bunsTooBig ? "too_big" : "client");
        this.#closed(socket);
      },
    };
  }

  #opened(ws: ServerWebSocket<Socket>): void {
    const socket = ws.data;
    socket.attach(ws);
    this.#sockets.add(socket);
    if (this.#isClosing) socket.close("restart");
    else if (!socket.handshake.is_origin_allowed) socket.close("forbidden");
    if (this.#timer === null) this.#timer = setTimeout(() => void this.#check(), this.#limits.check_every_ms);
  }

  #closed(socket: Socket): void {
    this.#sockets.delete(socket);
    for (const subscription of socket.subscriptions.values()) subscription.end();
    socket.subscriptions.clear();
    if (socket.principal !== null) this.#count(socket.principal, -1);
    this.#options.metrics.sockets.closed(socket.ended ?? "client");
  }

  /** @returns how many sockets the member has now */
  #count(principal: Principal, by: 1 | -1): number {
    const key = `${principal.business_id}/${principal.user_id}`;
    const of = (this.#members.get(key) ?? 0) + by;
    if (of === 0) this.#members.delete(key);
    else this.#members.set(key, of);
    return of;
  }

  async #check(): Promise<void> {
    const { clock, findLiving, log } = this.#options;
    const now = clock.monotonic();
    for (const socket of this.#sockets) this.#attend(socket, now);
    await closeEnded(this.#sockets, findLiving).catch((error: unknown) => {
      log.debug({ err: error }, "sessions of sockets could not be asked about");
    });
    this.#timer =
      this.#sockets.size === 0 ? null : setTimeout(() => void this.#check(), this.#limits.check_every_ms);
  }

  /** What follows from the time alone. */
  #attend(socket: Socket, now: number): void {
    const { auth_ms, silent_ms, ping_every_ms } = this.#limits;
    const { claims } = socket;
    if (claims === null) {
      if (now - socket.opened_at > auth_ms) socket.close("timeout");
    } else if (claims.exp * 1000 <= this.#options.clock.now()) socket.close("unauthenticated");
    if (now - socket.heard_at > silent_ms) socket.close("timeout");
    else if (now - Math.max(socket.pinged_at, socket.heard_at) > ping_every_ms) socket.ping(now);
  }
}

async function closeEnded(sockets: ReadonlySet<Socket>, findLiving: FindLiving): Promise<void> {
  /** One principal for each session in a business, whatever the number of its sockets. */
  const sessions = new Map<string, { principal: Principal; sockets: Socket[] }>();
  for (const socket of sockets) {
    const { principal } = socket;
    if (principal === null) continue;
    const key = sessionKey(principal);
    const known = sessions.get(key);
    if (known === undefined) sessions.set(key, { principal, sockets: [socket] });
    else known.sockets.push(socket);
  }
  const all = [...sessions];
  for (let at = 0; at < all.length; at += LIVING_AT_ONCE) {
    const some = all.slice(at, at + LIVING_AT_ONCE);
    const living = await findLiving(some.map(([, { principal }]) => principal));
    for (const [key, { principal, sockets: of }] of some) {
      if (living.has(principal)) continue;
      // Whoever has shown a token of another session meanwhile is asked about next time.
      for (const socket of of)
        if (socket.principal !== null && sessionKey(socket.principal) === key)
          socket.close("unauthenticated");
    }
  }
}

const sessionKey = ({ session_id, business_id }: Principal): string => `${session_id}/${business_id}`;
