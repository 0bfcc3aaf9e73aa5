import type { Config } from "../platform/config.ts";
import { type Exposition, mergeExpositions } from "./metrics.ts";
import type { Replica } from "./replica.ts";

/** A replica that does not answer a scrape by then is left out of it; its `up` is missing, which is what alerts look at. */
const SCRAPE_MAX_MS = 2_000;

/** The admin port of the fleet: the metrics of all replicas in one exposition; every other request goes to the first that answers. */
export function serveAdmin(
  { host, admin_port }: Config["listen"],
  replicas: readonly Replica[],
): { stop(): Promise<void> } {
  const server = Bun.serve({
    hostname: host,
    port: admin_port,
    reusePort: false,
    development: false,
    fetch: (request) => {
      const wants_json = request.headers.get("accept")?.includes("application/json") === true;
      return new URL(request.url).pathname === "/metrics" && !wants_json
        ? metricsOf(replicas)
        : forward(request, replicas);
    },
  });
  return { stop: () => server.stop(true) };
}

async function metricsOf(replicas: readonly Replica[]): Promise<Response> {
  const texts = await Promise.all(
    replicas.map(async ({ name, admin_socket }): Promise<Exposition | null> => {
      const response = await ask(admin_socket, "/metrics", {}).catch(() => null);
      return response?.ok === true ? { replica: name, text: await response.text() } : null;
    }),
  );
  const expositions = texts.filter((text) => text !== null);
  return new Response(mergeExpositions(expositions), {
    status: expositions.length === 0 ? 503 : 200,
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" },
  });
}

async function forward(request: Request, replicas: readonly Replica[]): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const { method, headers } = request;
  const body = method === "GET" || method === "HEAD" ? null : await request.arrayBuffer();
  for (const { admin_socket } of replicas) {
    const answer = await ask(admin_socket, `${pathname}${search}`, { method, headers, body }).catch(
      () => null,
    );
    if (answer !== null) return answer;
  }
  return new Response("no replica answers\n", { status: 503, headers: { "retry-after": "1" } });
}

const ask = (unix: string, path: string, init: RequestInit): Promise<Response> =>
  fetch(`http://localhost${path}`, {
    ...init,
    unix,
    keepalive: false,
    signal: AbortSignal.timeout(SCRAPE_MAX_MS),
  });
