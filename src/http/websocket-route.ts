import { Elysia, t } from "elysia";
import { operation } from "./operation.ts";
import { Problem } from "./problem.ts";
import { publicEdge, type RequestScope } from "./scope.ts";
import { closeCodes } from "./websocket-frames.ts";
import type { Sockets } from "./websocket.ts";

/** Whether pages of an origin may connect: those of the list, and our own. No page, no origin. */
export function createOriginCheck(origins: readonly string[]): (headers: Headers) => boolean {
  const listed = new Set(origins);
  return (headers) => {
    const origin = headers.get("origin");
    if (origin === null || listed.has("*") || listed.has(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === headers.get("host");
  };
}

const codes = Object.values(closeCodes)
  .map(([code, description]) => `| ${code} | ${description} |`)
  .join("\n");

const description = `
A WebSocket (RFC 6455): what changes is told as it happens. Frames are JSON text of 16 KB at most; \`id\`, a text or a number
of yours, comes back with the answer.

| You send | Answer |
|---|---|
| \`{"type": "auth", "token": "…"}\` within ten seconds; again, with a new token, before the old one expires. \`business_id\` names another business of yours. | \`{"type": "ack", "data": {"user_id", "business_id", "expires_at"}}\` |
| \`{"type": "sub", "topic": "…", "since_seq": 17}\` | \`{"type": "ack", "topic", "seq", "data": {"reset"}}\`, then events |
| \`{"type": "unsub", "topic": "…"}\` | \`{"type": "ack", "topic"}\` |
| \`{"type": "ping"}\` | \`{"type": "pong"}\` |

**Topics**, one's own each: \`budget:{id}\` (\`budget_id\`, \`version\`, what \`changed\`, and in which \`months\`, null for all),
\`chat:{thread id}\` (\`thread_id\`, \`message_id\`, \`state\`), \`notifications\` (\`id\`, \`type\` and \`title\` of the latest).

**Events** are \`{"type": "event", "topic", "seq", "data"}\`, one for each topic of a change, in the order of \`seq\`, which has gaps.
Keep the last \`seq\` of each topic, that of its \`ack\` to begin with; after a reconnect, to any replica, \`sub\` with it as
\`since_seq\` tells what you missed, nothing twice. With \`"reset": true\` that is not possible (older than a day, or more than 500
events): load anew what the topic is about.

What cannot be done is \`{"type": "error", "id", "topic", "data": {"code", "detail"}}\`. The server pings every 20 seconds; who
leaves half a megabyte unread is cut off (1006). Other ends have a code:

| Code | When |
|---|---|
${codes}
`.trim();

/** Where a connection becomes a WebSocket. */
export const websocketRoutes = (sockets: Sockets, isAllowed: (headers: Headers) => boolean) =>
  new Elysia({ name: "http.websocket", prefix: "/api/v1", normalize: false })
    .use(publicEdge)
    .get("/ws", ({ scope }) => upgraded(scope, sockets, isAllowed), {
      response: { 101: t.Void() },
      detail: operation({
        id: "openWebSocket",
        cache: { uncached: "a connection, not an answer" },
        permission: "public",
        tag: "Live updates",
        summary: "Live updates over a WebSocket",
        description,
        success: 101,
        errors: ["upgrade_required"],
      }),
    });

function upgraded(scope: RequestScope, sockets: Sockets, isAllowed: (headers: Headers) => boolean): Response {
  const { headers } = scope.request;
  const wants = headers.get("upgrade")?.toLowerCase() === "websocket";
  if (!wants || scope.upgrade === null) throw upgradeRequired();
  const { request_id } = scope;
  const socket = sockets.admit({ request_id, is_origin_allowed: isAllowed(headers) });
  if (!scope.upgrade(socket)) throw upgradeRequired();
  // Bun has answered; this is what the log and the metrics see.
  return new Response(null, { status: 101 });
}

const upgradeRequired = () => new Problem("upgrade_required", { headers: { upgrade: "websocket" } });
