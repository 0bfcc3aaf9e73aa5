import type { Server, WebSocketHandler } from "bun";
import type { Config } from "../platform/config.ts";
import type { Handle } from "./pipeline.ts";
import { Problem, problemResponse } from "./problem.ts";
import { eventStreamType } from "./sse.ts";
import type { Socket } from "./websocket-socket.ts";

/**
 * Bun closes an idle connection after this; also one whose handler has not written yet. Above nginx's upstream
 * keep-alive (60 s), so that nginx never sends a request into a connection that is being closed.
 */
const idleTimeout_s = 75;

/**
 * Bun refuses larger bodies with a bare 413 before any code of ours runs. So it is told a bound that nobody reaches by
 * accident, and `requireSize` refuses by the route's own limit with a problem, before a byte of the body is read.
 */
const absoluteBodyBytes = Number.MAX_SAFE_INTEGER;

/** Of a listener that nothing is upgraded on. */
const noSockets: WebSocketHandler<Socket> = { message: (socket) => socket.close() };

/**
 * Listens on the port or unix socket of the configuration. Never `reusePort`: a closing listener would drop the
 * connections queued on it, and a second server on a taken port would start silently.
 * @throws when the address is taken
 */
export function listen(
  handle: Handle,
  address: Config["listen"],
  options: { replica: string; sockets?: WebSocketHandler<Socket> },
): Server<Socket> {
  const onError = () => {
    const response = problemResponse(new Problem("internal"), { path: "", request_id: Bun.randomUUIDv7() });
    response.headers.set("x-replica", options.replica);
    return response;
  };
  const common = {
    maxRequestBodySize: absoluteBodyBytes,
    idleTimeout: idleTimeout_s,
    development: false,
    error: onError,
    websocket: options.sockets ?? noSockets,
  } as const;
  const upgradeOf = (request: Request, server: Server<Socket>) =>
    options.sockets === undefined
      ? undefined
      : (data: object) => server.upgrade(request, { data: data as Socket });
  const { unix_socket } = address;
  // bun-types has no `idleTimeout` beside `unix`, but the server honours it there too.
  if (unix_socket !== null) {
    const options = {
      ...common,
      unix: unix_socket,
      fetch: (request: Request, server: Server<Socket>) =>
        kept(
          handle(request, () => null, upgradeOf(request, server)),
          request,
          server,
        ),
    };
    return Bun.serve(options as unknown as Bun.Serve.Options<Socket>);
  }
  return Bun.serve({
    ...common,
    hostname: address.host,
    port: address.port,
    reusePort: false,
    fetch: (request, server) =>
      kept(
        handle(request, () => server.requestIP(request)?.address ?? null, upgradeOf(request, server)),
        request,
        server,
      ),
  });
}

/**
 * Takes the idle timeout away from a stream of events: Bun counts from the last byte that the client sent, so that no
 * heartbeat of ours would keep the connection. Who reads no more is found by the source of the events. Only a POST is answered
 * with events, and never at once.
 */
function kept(answer: ReturnType<Handle>, request: Request, server: Server<Socket>): ReturnType<Handle> {
  if (!(answer instanceof Promise) || request.method !== "POST") return answer;
  return answer.then((response) => {
    if (response.headers.get("content-type") === eventStreamType) server.timeout(request, 0);
    return response;
  });
}
