// What sockets say to each other, one JSON object a frame. Close codes of applications: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2
import { type Static, Type as t } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";

/** Why a socket is closed. Those from 4400 on are HTTP's statuses with 4000 added. */
export const closeCodes = {
  protocol: [1008, "Five frames that are none of these. The error frames before said what was wrong."],
  too_big: [1009, "A frame above 16 KB."],
  binary: [1003, "A binary frame: frames are JSON text."],
  restart: [1012, "The replica stops. Connect again, to any, and go on with `since_seq`."],
  overloaded: [1013, "It cannot be served now. Connect again after some seconds."],
  unauthenticated: [
    4401,
    "No frame before `auth`; no, a bad or an expired token; the session ended, or the member was suspended.",
  ],
  forbidden: [
    4403,
    "The page's origin may not connect, or the topic is not yours, or there is none like it.",
  ],
  timeout: [4408, "No `auth` within ten seconds, or no answer to pings for a minute."],
  too_many: [
    4429,
    "More than 60 frames at once or 10 a second, 100 topics, or 20 sockets of one member at a replica.",
  ],
} as const satisfies Record<string, readonly [number, string]>;
export type CloseReason = keyof typeof closeCodes;

const id = t.Optional(
  t.Union([t.String({ maxLength: 64 }), t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })]),
);
const topic = t.String({ minLength: 1, maxLength: 100 });
const closed = { additionalProperties: false } as const;
const Frame = t.Union([
  t.Object(
    {
      id,
      type: t.Literal("auth"),
      token: t.String({ minLength: 1, maxLength: 4096 }),
      business_id: t.Optional(
        t.String({ pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" }),
      ),
    },
    closed,
  ),
  t.Object(
    {
      id,
      type: t.Literal("sub"),
      topic,
      since_seq: t.Optional(t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    },
    closed,
  ),
  t.Object({ id, type: t.Literal("unsub"), topic }, closed),
  t.Object({ id, type: t.Literal("ping") }, closed),
]);
/** A frame of a client. */
export type ClientFrame = Static<typeof Frame>;
type Id = ClientFrame["id"];

const check = TypeCompiler.Compile(Frame);

/** The frame that a text is; null for what is none, with its id where that can be read. */
export function readFrame(text: string): { frame: ClientFrame } | { frame: null; id: Id } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { frame: null, id: undefined };
  }
  if (check.Check(value)) return { frame: value };
  const given = typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
  const isId = (typeof given === "string" && given.length <= 64) || Number.isSafeInteger(given);
  return { frame: null, id: isId ? (given as Id) : undefined };
}

/** Why a frame was not done; the socket stays open. */
export const frameErrors = {
  invalid_frame: "Not one of the frames that are documented.",
  unavailable: "The database cannot be asked now. Send the frame again later.",
} as const;

/** Frames of the server. Members that are undefined are left out. */
export const ackFrame = (frame: { id?: Id; topic?: string; seq?: number; data?: object }): string =>
  JSON.stringify({ type: "ack", ...frame });
export const pongFrame = (pong_id: Id): string => JSON.stringify({ type: "pong", id: pong_id });
export const errorFrame = (code: keyof typeof frameErrors, error_id: Id, of?: string): string =>
  JSON.stringify({ type: "error", id: error_id, topic: of, data: { code, detail: frameErrors[code] } });
/** `data` is JSON text already. */
export const eventFrame = (of: string, seq: number, data: string): string =>
  `{"type":"event","topic":${JSON.stringify(of)},"seq":${seq},"data":${data}}`;
