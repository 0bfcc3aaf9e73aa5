import { Elysia } from "elysia";
import { bankRoutes } from "./bank/index.ts";
import { budgetRoutes } from "./budget/index.ts";
import { budgetTopics } from "./budget/topics.ts";
import { coreRoutes } from "./core/index.ts";
import { createAuthenticator } from "./core/authenticator.ts";
import type { EventTopic } from "./core/event-topics.ts";
import { createEvents } from "./core/events.ts";
import { createFindLiving } from "./core/living-sessions.ts";
import { createClientAddress } from "./http/client-address.ts";
import { readBody, readBytes } from "./http/body.ts";
import { createCors } from "./http/cors.ts";
import type { Deps } from "./http/deps.ts";
import { docsRoutes } from "./http/docs.ts";
import { healthDetailRoutes } from "./http/health-details.ts";
import { healthRoutes, type Lifecycle } from "./http/health.ts";
import { metricsRoutes } from "./http/metrics.ts";
import { createCursors } from "./http/pagination.ts";
import { createPipeline, failure, type Handle } from "./http/pipeline.ts";
import { createRateLimits } from "./http/rate-limit.ts";
import { createRouteTable, type RouteTable } from "./http/route-table.ts";
import { scopeOf } from "./http/scope.ts";
import { createTokens } from "./http/tokens.ts";
import { Sockets } from "./http/websocket.ts";
import { createOriginCheck, websocketRoutes } from "./http/websocket-route.ts";
import type { SocketLimits } from "./http/websocket-socket.ts";
import { ledgerRoutes } from "./ledger/index.ts";
import type { PlatformDeps } from "./platform/deps.ts";
import { savingsRoutes } from "./savings/index.ts";
import { shopRoutes } from "./shop/index.ts";

export type App = Readonly<{
  /** Answers one request; what a server, or a test, calls. */
  handle: Handle;
  routes: RouteTable;
  sockets: Sockets;
  /** Ends what does not end with a request. Before the database is closed. */
  close(): void;
}>;

/**
 * The whole API without a listener. `lifecycle` is moved by whoever starts and stops it; `sockets`: other limits than
 * ours, for a test that will not wait for them.
 */
export function createApp(
  platform: PlatformDeps,
  lifecycle: Lifecycle,
  options: Readonly<{ sockets?: Partial<SocketLimits> | undefined }> = {},
): App {
  const { config, clock } = platform;
  const tokens = createTokens({
    secret: config.auth.jwt_secret,
    ttl_s: config.auth.access_token_ttl_s,
    now: () => clock.now(),
  });
  const rateLimits = limitsOf(platform);
  const deps: Deps = { ...platform, tokens, rateLimits, cursors: createCursors(config.auth.jwt_secret) };
  const authenticate = createAuthenticator(deps);
  const events = createEvents(deps, topicsOf(config.modules));
  deps.cache.watch(() => events.wake());
  const limits = options.sockets;
  const findLiving = createFindLiving(deps);
  const sockets = new Sockets({ ...deps, authenticate, events, findLiving, limits });
  const elysia = createRoutes(deps, lifecycle, sockets).compile();
  const routes = createRouteTable(elysia.routes);
  const handle = createPipeline({
    dispatch: (request) => elysia.fetch(request),
    routes,
    tokens,
    authenticate,
    rateLimits,
    cors: createCors(config.cors),
    clientAddress: createClientAddress(believedProxies(config)),
    log: platform.log,
    metrics: platform.metrics,
    replica: config.replica,
    body_bytes: config.limits.body_bytes,
    isDraining: () => lifecycle.state === "draining",
  });
  const close = (): void => {
    sockets.close();
    events.close();
  };
  return { handle, routes, sockets, close };
}

/** What can be listened to, beside one's notifications. */
const topicsOf = (modules: PlatformDeps["config"]["modules"]): readonly EventTopic[] =>
  modules.includes("budget") ? budgetTopics : [];

/** Who may name the client: of a unix socket's peer, which has no address, the file's permissions have judged already. */
const believedProxies = ({ listen, trusted_proxies }: PlatformDeps["config"]): readonly string[] =>
  listen.unix_socket === null ? trusted_proxies : [...trusted_proxies, "unix"];

function limitsOf({ rateLimiter, config, metrics }: PlatformDeps) {
  if (rateLimiter === null) return null;
  return createRateLimits({
    limiter: rateLimiter,
    limits: config.rate_limits,
    refused: (limit) => metrics.rateLimitRefused(limit),
  });
}

/** Every route. The type of the result is what a typed client (Eden) is made from. */
function createRoutes(deps: Deps, lifecycle: Lifecycle, sockets: Sockets) {
  return (
    new Elysia({ name: "countinghouse", normalize: false, handler: { standardHostname: false } })
      // First, because hooks see only the routes registered after them.
      .onError({ as: "global" }, ({ error, request }) => failure(deps.log, scopeOf(request), error))
      .onParse({ as: "global" }, ({ request }) => {
        const scope = scopeOf(request);
        // Elysia would parse by Content-Type alone; what nobody asked for is not read.
        if (scope.route?.takes_body !== true) return null;
        if (scope.route.body_optional && request.body === null) return undefined;
        const { raw_body = false, body_bytes = deps.config.limits.body_bytes } = scope.route.declaration;
        return raw_body ? readBytes(request, body_bytes) : readBody(scope, body_bytes);
      })
      .use(healthRoutes(deps, lifecycle))
      .use(healthDetailRoutes(deps, lifecycle))
      .use(metricsRoutes(deps))
      .use(docsRoutes(deps))
      .use(websocketRoutes(sockets, createOriginCheck(deps.config.cors.origins)))
      .use(coreRoutes(deps))
      .use(ledgerRoutes(deps))
      .use(bank(deps))
      .use(savings(deps))
      .use(shop(deps))
      .use(budget(deps))
  );
}

/** A module that is switched off mounts nothing, under the type of what it would have been. */
function bank(deps: Deps): ReturnType<typeof bankRoutes> {
  return deps.config.modules.includes("bank") ? bankRoutes(deps) : new Elysia();
}

function savings(deps: Deps): ReturnType<typeof savingsRoutes> {
  return deps.config.modules.includes("savings") ? savingsRoutes(deps) : new Elysia();
}

function shop(deps: Deps): ReturnType<typeof shopRoutes> {
  return deps.config.modules.includes("shop") ? shopRoutes(deps) : new Elysia();
}

function budget(deps: Deps): ReturnType<typeof budgetRoutes> {
  return deps.config.modules.includes("budget") ? budgetRoutes(deps) : new Elysia();
}

/** For `treaty<Api>()` of @elysiajs/eden. */
export type Api = ReturnType<typeof createRoutes>;
