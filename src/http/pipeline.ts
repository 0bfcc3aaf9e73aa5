import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import { createAccessLog } from "./access-log.ts";
import { admit, type AdmissionOptions } from "./admission.ts";
import { requireMediaType, requireSize } from "./body.ts";
import type { Cors } from "./cors.ts";
import { toProblem } from "./errors.ts";
import { matchesNone } from "./etag.ts";
import { requireAcceptable } from "./negotiation.ts";
import { Problem, problemResponse } from "./problem.ts";
import { queryErrors } from "./query-errors.ts";
import { requestIdOf } from "./request-id.ts";
import type { RouteTable } from "./route-table.ts";
import { bindScope, type RequestScope } from "./scope.ts";
import { forbidEverything, securityHeaders } from "./security-headers.ts";
import { createHostCheck, pathOf, withHost } from "./target.ts";
import { processTime, serverTiming } from "./timing.ts";
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

/** Answers one request. `peer` is the address of the socket, null on a unix socket. */
export type Handle = (request: Request, peer: () => string | null) => Promise<Response>;

/**
 * The life of a request, outermost first. Every standard is a function of its own file; this one says only in which
 * order they apply, and that whatever happens the client gets an answer with the headers every answer has.
 */
export function createPipeline(options: PipelineOptions): Handle {
  const accessLog = createAccessLog(options.log);
  const finish = createFinish(options);
  const requireHost = createHostCheck();
  return async (given, peer) => {
    const started = performance.now();
    const request = withHost(given);
    const scope = createScope(options, request, peer);
    let response: Response;
    try {
      requireHost(request.url);
      response = await answer(options, scope);
    } catch (error) {
      response = failure(options.log, scope, error);
    }
    const total_ms = performance.now() - started;
    response = await finish(scope, response, total_ms);
    accessLog(scope, response.status, total_ms, Date.now());
    options.metrics
      .route(request.method, scope.route?.template ?? "none")
      .observe(response.status, total_ms / 1000);
    return response;
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

function createScope(options: PipelineOptions, request: Request, peer: () => string | null): RequestScope {
  const path = pathOf(request.url);
  const { headers } = request;
  let trace: TraceContext | null = null;
  let ip: string | null = null;
  return {
    request,
    path,
    request_id: requestIdOf(headers.get("x-request-id")),
    // Found when somebody looks: under load hardly any line of the log does.
    get trace() {
      trace ??= traceOf(headers.get("traceparent"));
      return trace;
    },
    get ip() {
      ip ??= options.clientAddress(peer(), headers.get("x-forwarded-for"));
      return ip;
    },
    timings: { auth_ms: 0, cache_ms: 0, db_ms: 0 },
    route: options.routes.find(request.method, path),
    get signal() {
      return request.signal;
    },
    principal: null,
    body: null,
    rate_limit_headers: null,
    problem: null,
  };
}

async function answer(options: PipelineOptions, scope: RequestScope): Promise<Response> {
  const { request, route } = scope;
  if (route === null) return withoutRoute(options, scope);
  const { declaration } = route;
  requireAcceptable(request.headers.get("accept"), declaration.produces ?? ["application/json"]);
  // Synchronous when token, session and quota are known here: each await costs a turn of the microtask queue.
  const admitted = admit(options, scope, route);
  if (admitted !== undefined) await admitted;
  if (route.takes_body) {
    requireSize(request, declaration.body_bytes ?? options.body_bytes);
    requireMediaType(request, declaration.consumes ?? ["application/json"]);
  }
  if (request.method !== "HEAD") {
    bindScope(request, scope);
    return options.dispatch(request);
  }
  const asGet = new Request(request, { method: "GET" });
  bindScope(asGet, scope);
  return options.dispatch(asGet);
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

/** Adds what every answer carries, answers 304 and HEAD. */
function createFinish(options: PipelineOptions) {
  return async (scope: RequestScope, given: Response, total_ms: number): Promise<Response> => {
    const { request } = scope;
    const response = request.method === "HEAD" ? await headOf(given) : revalidated(request, given);
    const { headers } = response;
    headers.set("x-request-id", scope.request_id);
    headers.set("x-replica", options.replica);
    headers.set("x-process-time", processTime(total_ms));
    headers.set("server-timing", serverTiming(scope.timings, total_ms));
    if (!headers.has("cache-control")) {
      headers.set("cache-control", scope.principal === null ? "no-store" : "private, no-cache");
    }
    if (!headers.has("content-security-policy")) headers.set("content-security-policy", forbidEverything);
    for (const [name, value] of securityHeaders) headers.set(name, value);
    if (scope.rate_limit_headers !== null) setAll(headers, scope.rate_limit_headers);
    const origin = request.headers.get("origin");
    headers.append("vary", "origin");
    const permission = options.cors.headers(origin);
    if (permission !== null) setAll(headers, permission);
    if (options.isDraining()) headers.set("connection", "close");
    return response;
  };
}

function setAll(headers: Headers, values: Readonly<Record<string, string>>): void {
  for (const name in values) headers.set(name, values[name] ?? "");
}

function revalidated(request: Request, response: Response): Response {
  if (response.status !== 200 || request.method !== "GET") return response;
  const asked = request.headers.get("if-none-match");
  const etag = response.headers.get("etag");
  if (asked === null || etag === null || !matchesNone(asked, etag)) return response;
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
