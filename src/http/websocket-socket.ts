import type { ServerWebSocket } from "bun";
import type { Principal } from "./scope.ts";
import type { Claims } from "./tokens.ts";
import type { Subscription } from "./websocket-events.ts";
import { type ClientFrame, type CloseReason, closeCodes } from "./websocket-frames.ts";

/** Everything has a bound. Times are milliseconds. */
export const socketLimits = {
  /** A socket costs some kB, its client's place in nginx included. */
  sockets: 10_000,
  sockets_per_member: 20,
  topics: 100,
  frame_bytes: 16_384,
  frames_at_once: 60,
  frames_per_s: 10,
  invalid_frames: 5,
  auth_ms: 10_000,
  ping_every_ms: 20_000,
  silent_ms: 60_000,
  /** How long a session that has ended is still told things. */
  check_every_ms: 500,
  /** What a client leaves unread, beside what the kernels hold; half of what it may cost. */
  unread_bytes: 524_288,
};
export type SocketLimits = Readonly<typeof socketLimits>;

/** Why a socket went away: ours, or `slow` (cut off, for a close frame would wait behind what it does not read), or its own. */
export type SocketEnd = CloseReason | "slow" | "client";

/** Known of a client before its first frame. */
export type Handshake = Readonly<{ request_id: string; is_origin_allowed: boolean }>;

/** One connection: what it may, and what it has asked for. */
export class Socket {
  readonly handshake: Handshake;
  readonly opened_at: number;
  readonly subscriptions = new Map<string, Subscription>();
  /** Frames that wait for the one that is being answered. */
  readonly queue: ClientFrame[] = [];
  principal: Principal | null = null;
  claims: Claims | null = null;
  is_working = false;
  invalid_frames = 0;
  heard_at: number;
  pinged_at: number;
  readonly #limits: SocketLimits;
  #ws: ServerWebSocket<Socket> | null = null;
  #ended: SocketEnd | null = null;
  /** Frames it may send now. */
  #allowance: number;
  #allowance_at: number;

  constructor(handshake: Handshake, limits: SocketLimits, now: number) {
    this.handshake = handshake;
    this.#limits = limits;
    this.opened_at = this.heard_at = this.pinged_at = this.#allowance_at = now;
    this.#allowance = limits.frames_at_once;
  }

  get is_open(): boolean {
    return this.#ws !== null && this.#ended === null;
  }
  /** Why it ended; null while it has not. */
  get ended(): SocketEnd | null {
    return this.#ended;
  }

  attach(ws: ServerWebSocket<Socket>): void {
    this.#ws = ws;
  }

  /** Whether it may send one more frame at this instant. */
  take(now: number): boolean {
    const { frames_at_once, frames_per_s } = this.#limits;
    const gained = ((now - this.#allowance_at) / 1000) * frames_per_s;
    this.#allowance = Math.min(frames_at_once, this.#allowance + gained) - 1;
    this.#allowance_at = now;
    return this.#allowance >= 0;
  }

  /**
   * Sends a frame. Who does not read is cut off before it holds much: Bun keeps what the kernel does not take, up to
   * `backpressureLimit`, and drops the rest, which would be a gap.
   */
  send(text: string): void {
    if (this.#ws === null || this.#ended !== null) return;
    const sent = this.#ws.send(text);
    if (sent > 0) return;
    if (sent === 0 || this.#ws.getBufferedAmount() > this.#limits.unread_bytes) this.cutOff("slow");
  }

  ping(now: number): void {
    this.pinged_at = now;
    if (this.is_open) this.#ws?.ping();
  }

  close(reason: CloseReason): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#ws?.close(closeCodes[reason][0], reason);
  }

  /** It is closed; `why` counts unless we have said so ourselves. */
  gone(why: SocketEnd): void {
    this.#ended ??= why;
  }

  /** Ends it without a close frame: nobody would read it. */
  cutOff(reason: SocketEnd): void {
    if (this.#ended !== null) return;
    this.#ended = reason;
    this.#ws?.terminate();
  }
}
