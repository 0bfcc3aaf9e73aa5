import type { Log } from "../platform/log.ts";
import type { Metrics, RouteMetrics } from "../platform/metrics.ts";
import { createAccessLog } from "./access-log.ts";
import { admit, type AdmissionOptions } from "./admission.ts";
import { requireMediaType, requireSize } from "./body.ts";
import type { Cors } from "./cors.ts";
import { callerOf } from "./edge.ts";
import { toProblem } from "./errors.ts";
import { matchesNone } from "./etag.ts";
import { requireAcceptable } from "./negotiation.ts";
import { Problem, problemResponse } from "./problem.ts";
import { queryErrors } from "./query-errors.ts";
import { requestIdOf } from "./request-id.ts";
import type { PathParams, Route, RouteTable } from "./route-table.ts";
import { bindScope, type Principal, type RequestScope, type Upgrade } from "./scope.ts";
import { createWardrobe, dress, privately, type Wardrobe } from "./security-headers.ts";
import { createHostCheck, pathOf, withHost } from "./target.ts";
import { processTime, serverTiming, Timings } from "./timing.ts";
import { type TraceContext, traceOf } from "./trace-context.ts";

export type PipelineOptions = AdmissionOptions & {
  /** The routes, validation and handlers: what remains of the framework behind the pipeline. */
  dispatch: (request: Request) => Response | Promise<Response>;
  routes: RouteTable;
  cors: Cors;
  clientAddress: (peer: string | null, forwarded: string | null) => string;
  log: Log;
  metrics: Metrics;
  replica: string;
  body_bytes: number;
  /** True from the moment the replica is asked to stop: answers then close their connection. */
  isDraining: () => boolean;
};

/**
 * Answers one request, at once where nothing had to be waited for. `peer` is the socket's address, null on a unix one;
 * what is answered after `upgrade` goes nowhere.
 */
export type Handle = (
  request: Request,
  peer: () => string | null,
  upgrade?: Upgrade,
) => Response | Promise<Response>;

/**
 * The life of a request, outermost first. Every standard is a function of its own file; this one says only in which
 * order they apply, and that whatever happens the client gets an answer with the headers every answer has.
 */
export function createPipeline(options: PipelineOptions): Handle {
  const accessLog = createAccessLog(options.log);
  const addHeaders = createDressing(options);
  const wardrobe = createWardrobe(options.replica);
  const requireHost = createHostCheck();
  const metricsOf = createRouteMetrics(options.metrics);
  const finish = (scope: Scope, given: Response): Response => {
    const ended = Bun.nanoseconds() / 1e6;
    const total_ms = ended - scope.started;
    const response = addHeaders(scope, given, total_ms);
    accessLog(scope, response.status, total_ms, ended);
    metricsOf(scope).observe(response.status, total_ms / 1000);
    return response;
  };
  const conclude = (scope: Scope, answered: Response): Response | Promise<Response> => {
    const response = revalidated(scope, answered);
    if (scope.method !== "HEAD" || response.status === 304) return finish(scope, response);
    return headOf(response).then((head) => finish(scope, head));
  };
  const fail = (scope: Scope, error: unknown) => conclude(scope, failure(options.log, scope, error));
  // Promises only where something is waited for: each costs every request a turn of the microtask queue.
  return (given, peer, upgrade) => {
    const request = withHost(given);
    const scope = new Scope(options, wardrobe, request, peer, upgrade ?? null);
    try {
      requireHost(scope.url);
      const answered = answer(options, scope);
      if (!(answered instanceof Promise)) return conclude(scope, answered);
      return answered.then(
        (response) => conclude(scope, response),
        (error: unknown) => fail(scope, error),
      );
    } catch (error) {
      return fail(scope, error);
    }
  };
}

/** The metrics of a request's route: looked up by its names once. */
function createRouteMetrics(metrics: Metrics): (scope: Scope) => RouteMetrics {
  const known = new Map<Route, RouteMetrics>();
  return ({ method, route }) => {
    if (route === null || method !== route.method) return metrics.route(method, route?.template ?? "none");
    let found = known.get(route);
    if (found === undefined) known.set(route, (found = metrics.route(method, route.template)));
    return found;
  };
}

/** The problem response of an error. Our own bugs are logged with everything that finds them again. */
export function failure(log: Log, scope: RequestScope, error: unknown): Response {
  const problem = toProblem(error, () => queryErrorsOf(scope));
  scope.problem = problem;
  if (problem.code === "internal") {
    const { request_id, route } = scope;
    log.error({ request_id, route: route?.template ?? null, err: problem.cause ?? error }, "internal error");
  }
  return problemResponse(problem, scope);
}

function queryErrorsOf({ route, request }: RequestScope) {
  return route?.query === undefined ? [] : queryErrors(route.query, new URL(request.url).searchParams);
}

const noParams: PathParams = Object.freeze({});

/** A class, so that what most requests never ask for (address, trace, signal) costs nothing until somebody does. */
class Scope implements RequestScope {
  readonly started = Bun.nanoseconds() / 1e6;
  readonly request: Request;
  // Each of these would be asked of the request again and again, through the engine's border.
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly request_id: string;
  readonly path: string;
  readonly route: Route | null;
  readonly params: PathParams;
  readonly timings = new Timings();
  readonly upgrade: Upgrade | null;
  principal: Principal | null = null;
  login_problem: Problem | null = null;
  body: string | null = null;
  rate_limit_headers: Readonly<Record<string, string>> | null = null;
  problem: Problem | null = null;
  /** The answer was made with `dressed`; a problem that came after it was not. */
  is_dressed = false;
  readonly #options: PipelineOptions;
  readonly #wardrobe: Wardrobe;
  readonly #peer: () => string | null;
  #trace: TraceContext | null = null;
  #ip: string | null = null;

  constructor(
    options: PipelineOptions,
    wardrobe: Wardrobe,
    request: Request,
    peer: () => string | null,
    upgrade: Upgrade | null,
  ) {
    this.upgrade = upgrade;
    this.#options = options;
    this.#wardrobe = wardrobe;
    this.#peer = peer;
    this.request = request;
    this.method = request.method;
    this.url = request.url;
    this.headers = request.headers;
    this.request_id = requestIdOf(this.headers.get("x-request-id"));
    this.path = pathOf(this.url);
    const found = options.routes.find(this.method, this.path);
    this.route = found === null ? null : found.store;
    this.params = found === null ? noParams : found.params;
  }

  get trace(): TraceContext {
    return (this.#trace ??= traceOf(this.request.headers.get("traceparent")));
  }
  get ip(): string {
    return (this.#ip ??= this.#options.clientAddress(
      this.#peer(),
      this.request.headers.get("x-forwarded-for"),
    ));
  }
  get signal(): AbortSignal {
    return this.request.signal;
  }
  dressed(headers: Headers): Headers {
    this.is_dressed = true;
    return this.#wardrobe(headers, this.rate_limit_headers?.["ratelimit-policy"] ?? "");
  }
}

function answer(options: PipelineOptions, scope: Scope): Response | Promise<Response> {
  const { headers, route } = scope;
  if (route === null) return withoutRoute(options, scope);
  requireAcceptable(headers.get("accept"), route.declaration.produces ?? ["application/json"]);
  const admitted = admit(options, scope, route);
  return admitted === undefined
    ? enter(options, scope, route)
    : admitted.then(() => enter(options, scope, route));
}

function enter(options: PipelineOptions, scope: Scope, route: Route): Response | Promise<Response> {
  const { request } = scope;
  const { declaration } = route;
  if (route.takes_body && !(route.body_optional && request.body === null)) {
    requireSize(request, declaration.body_bytes ?? options.body_bytes);
    requireMediaType(request, declaration.consumes ?? ["application/json"]);
  }
  const { direct } = route;
  const { params } = scope;
  if (direct !== null && direct.takes(params))
    return direct.handler({ caller: callerOf(scope), scope, params });
  const given = request.method === "HEAD" ? new Request(request, { method: "GET" }) : request;
  bindScope(given, scope);
  return options.dispatch(given);
}

function withoutRoute({ routes, cors }: PipelineOptions, { request, path }: RequestScope): Response {
  const allow = routes.allow(path);
  if (allow.length === 0) throw new Problem("not_found", { detail: "No such path" });
  if (request.method === "OPTIONS") return cors.preflight(request, allow);
  throw new Problem("method_not_allowed", {
    detail: `${request.method} is not a method of this resource`,
    headers: { allow: allow.join(", ") },
  });
}

/** Adds what every answer carries, as far as it was not `dressed`. */
function createDressing({ cors, isDraining, replica }: PipelineOptions) {
  return (scope: Scope, response: Response, total_ms: number): Response => {
    const { headers } = response;
    headers.set("x-request-id", scope.request_id);
    headers.set("x-process-time", processTime(total_ms));
    headers.set("server-timing", serverTiming(scope.timings, total_ms));
    const limits = scope.rate_limit_headers;
    if (scope.is_dressed && scope.problem === null) {
      if (limits !== null) headers.set("ratelimit", limits["ratelimit"] ?? "");
    } else {
      headers.set("x-replica", replica);
      dress(headers, scope.principal === null ? "no-store" : privately);
      if (limits !== null) setAll(headers, limits);
    }
    const permission = cors.headers(scope.headers.get("origin"));
    if (permission !== null) setAll(headers, permission);
    if (isDraining()) headers.set("connection", "close");
    return response;
  };
}

function setAll(headers: Headers, values: Readonly<Record<string, string>>): void {
  for (const name in values) headers.set(name, values[name] ?? "");
}

function revalidated({ method, headers: sent }: Scope, response: Response): Response {
  if (method !== "GET" && method !== "HEAD") return response;
  const asked = sent.get("if-none-match");
  if (asked === null || response.status !== 200) return response;
  const etag = response.headers.get("etag");
  if (etag === null || !matchesNone(asked, etag)) return response;
  const headers = new Headers(response.headers);
  headers.delete("content-type");
  return new Response(null, { status: 304, headers });
}

/** HEAD answers with the headers of GET, its length included; a stream is never run to measure it. */
async function headOf(response: Response): Promise<Response> {
  const headers = new Headers(response.headers);
  if (headers.get("content-type")?.startsWith("text/csv") === true) await response.body?.cancel();
  else headers.set("content-length", String((await response.arrayBuffer()).byteLength));
  return new Response(null, { status: response.status, headers });
}
