import { OptionalKind, type TObject } from "@sinclair/typebox";
import { Memoirist } from "memoirist";
import type { Declaration, OperationDetail } from "./operation.ts";

/** One method of one path, with what was declared beside it. */
export type Route = Readonly<{
  method: string;
  template: string;
  takes_body: boolean;
  /** The body may be left out, and with it its media type. */
  body_optional: boolean;
  /** Schema of the query, where the route takes one. */
  query: TObject | undefined;
  declaration: Declaration;
  /** The handler itself where the framework has nothing to parse or to check; null where it has. */
  direct: Direct | null;
}>;

/**
 * A handler of an authenticated route that takes nothing but `caller` and `scope`, as `edge` gives them. Not `async`, so
 * that an answer from memory makes no promise.
 */
export type Direct = (context: object) => Response | Promise<Response>;

export type RouteTable = {
  readonly routes: readonly Route[];
  /** The route of a method and path. HEAD finds the route of GET. */
  find(method: string, path: string): Route | null;
  /** Methods of a path for `Allow` (RFC 9110 section 10.2.1); empty when no route has this path. */
  allow(path: string): readonly string[];
};

type Registered = {
  method: string;
  path: string;
  handler: unknown;
  hooks: { body?: unknown; query?: unknown; headers?: unknown; detail?: object };
};

/**
 * Built from the routes of the Elysia application, because Elysia answers 404 to a wrong method and to OPTIONS.
 * A route without a declaration is a mistake that stops the start.
 */
export function createRouteTable(registered: readonly Registered[]): RouteTable {
  const router = new Memoirist<Route>();
  const methods = new Set<string>();
  const routes = registered.map(({ method, path, handler, hooks }): Route => {
    const detail: Partial<OperationDetail> | undefined = hooks.detail;
    const declaration = detail?.["x-declaration"];
    if (declaration === undefined) throw new Error(`route ${method} ${path} has no declaration`);
    const template = path.replaceAll(/:(\w+)/g, "{$1}");
    const query = hooks.query as TObject | undefined;
    const body_optional = OptionalKind in Object(hooks.body);
    const route = {
      method,
      template,
      takes_body: hooks.body !== undefined,
      body_optional,
      query,
      declaration,
      direct: isDirect(path, hooks, declaration) ? (handler as Direct) : null,
    };
    router.add(method, path, route);
    methods.add(method);
    return route;
  });
  const find = (method: string, path: string) =>
    router.find(method === "HEAD" ? "GET" : method, path)?.store ?? null;
  return {
    routes,
    find,
    allow(path) {
      const found = [...methods].filter((method) => find(method, path) !== null);
      if (found.length === 0) return [];
      return [...found, ...(found.includes("GET") ? ["HEAD"] : []), "OPTIONS"];
    },
  };
}

/** Cached answers to a fixed path without a query: they are asked most, and the framework would only pass them on. */
function isDirect(
  path: string,
  { body, query, headers }: Registered["hooks"],
  { cache, permission }: Declaration,
) {
  const isBare = body === undefined && query === undefined && headers === undefined && !path.includes(":");
  return isBare && typeof cache === "string" && permission !== "public";
}
