import type { Log } from "../platform/log.ts";
import type { Authenticate } from "./authenticate.ts";
import type { Principal } from "./scope.ts";
import { Timings } from "./timing.ts";
import type { Claims, Tokens } from "./tokens.ts";
import type { Events } from "./websocket-events.ts";
import { ackFrame, type ClientFrame, errorFrame, pongFrame, readFrame } from "./websocket-frames.ts";
import type { Socket, SocketLimits } from "./websocket-socket.ts";

export type WorkOptions = Readonly<{
  tokens: Tokens;
  authenticate: Authenticate;
  events: Events;
  log: Log;
}>;

/** Answers a frame. Never rejects. */
export type Work = (socket: Socket, frame: ClientFrame) => Promise<void>;

/** Frames of one socket are answered one after the other, in the order in which they came. */
export function receive(socket: Socket, text: string, limits: SocketLimits, work: Work): void {
  const read = readFrame(text);
  if (read.frame === null) {
    socket.invalid_frames += 1;
    socket.send(errorFrame("invalid_frame", read.id));
    if (socket.invalid_frames >= limits.invalid_frames) socket.close("protocol");
    return;
  }
  socket.queue.push(read.frame);
  if (socket.queue.length > limits.frames_at_once) socket.close("too_many");
  else if (!socket.is_working) void workOff(socket, work);
}

async function workOff(socket: Socket, work: Work): Promise<void> {
  socket.is_working = true;
  for (let frame = socket.queue.shift(); frame !== undefined; frame = socket.queue.shift()) {
    if (!socket.is_open) break;
    await work(socket, frame);
  }
  socket.is_working = false;
}

/** What becomes of each frame. `enter` counts a socket as its member's, and says how many they have. */
export function createWork(
  options: WorkOptions,
  limits: SocketLimits,
  enter: (principal: Principal) => number,
): Work {
  const answer: Work = async (socket, frame) => {
    if (frame.type === "auth") return authenticate(options, socket, frame, { limits, enter });
    if (socket.principal === null) return socket.close("unauthenticated");
    if (frame.type === "ping") return socket.send(pongFrame(frame.id));
    if (frame.type === "sub") return subscribe(options.events, socket, socket.principal, frame, limits);
    socket.subscriptions.get(frame.topic)?.end();
    socket.subscriptions.delete(frame.topic);
    socket.send(ackFrame({ id: frame.id, topic: frame.topic }));
  };
  return async (socket, frame) => {
    try {
      await answer(socket, frame);
    } catch (error) {
      const { request_id } = socket.handshake;
      options.log.warn(
        { request_id, type: frame.type, err: error },
        "a frame of a socket could not be answered",
      );
      if (frame.type === "auth") socket.close("overloaded");
      else socket.send(errorFrame("unavailable", frame.id, "topic" in frame ? frame.topic : undefined));
    }
  };
}

type AuthFrame = ClientFrame & { type: "auth" };

async function authenticate(
  options: WorkOptions,
  socket: Socket,
  frame: AuthFrame,
  { limits, enter }: { limits: SocketLimits; enter: (principal: Principal) => number },
): Promise<void> {
  const found = await identify(options, frame);
  if (!socket.is_open) return;
  if (found === null || !isSame(socket.principal, found.principal)) return socket.close("unauthenticated");
  const isFirst = socket.principal === null;
  socket.principal = found.principal;
  socket.claims = found.claims;
  if (isFirst && enter(found.principal) > limits.sockets_per_member) return socket.close("too_many");
  const { user_id, business_id } = found.principal;
  const expires_at = new Date(found.claims.exp * 1000).toISOString();
  socket.send(ackFrame({ id: frame.id, data: { user_id, business_id, expires_at } }));
}

/** Who a token speaks for; null when nobody. */
async function identify({ tokens, authenticate: ask }: WorkOptions, frame: AuthFrame) {
  let claims: Claims;
  try {
    claims = await tokens.verify(frame.token);
  } catch {
    return null;
  }
  const principal = await ask(claims, frame.business_id ?? claims.bid, { timings: new Timings() });
  return principal === null ? null : { claims, principal };
}

/** A topic once more begins anew. */
async function subscribe(
  events: Events,
  socket: Socket,
  principal: Principal,
  { id, topic, since_seq }: ClientFrame & { type: "sub" },
  limits: SocketLimits,
): Promise<void> {
  socket.subscriptions.get(topic)?.end();
  socket.subscriptions.delete(topic);
  if (socket.subscriptions.size >= limits.topics) return socket.close("too_many");
  const subscription = await events.subscribe({
    principal,
    topic,
    since_seq: since_seq ?? null,
    acknowledge: ({ seq, reset }) => socket.send(ackFrame({ id, topic, seq, data: { reset } })),
    send: (text) => socket.send(text),
  });
  if (subscription === null) return socket.close("forbidden");
  if (socket.is_open) socket.subscriptions.set(topic, subscription);
  else subscription.end();
}

/** A socket stays its person's, in the business that was named first. */
const isSame = (former: Principal | null, later: Principal): boolean =>
  former === null || (former.user_id === later.user_id && former.business_id === later.business_id);
