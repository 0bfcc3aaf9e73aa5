import type { TObject } from "@sinclair/typebox";
import { Memoirist } from "memoirist";
import type { Declaration, OperationDetail } from "./operation.ts";

/** One method of one path, with what was declared beside it. */
export type Route = Readonly<{
  method: string;
  template: string;
  takes_body: boolean;
  /** Schema of the query, where the route takes one. */
  query: TObject | undefined;
  declaration: Declaration;
}>;

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
  hooks: { body?: unknown; query?: unknown; detail?: object };
};

/**
 * Built from the routes of the Elysia application, because Elysia answers 404 to a wrong method and to OPTIONS.
 * A route without a declaration is a mistake that stops the start.
 */
export function createRouteTable(registered: readonly Registered[]): RouteTable {
  const router = new Memoirist<Route>();
  const methods = new Set<string>();
  const routes = registered.map(({ method, path, hooks }): Route => {
    const detail: Partial<OperationDetail> | undefined = hooks.detail;
    const declaration = detail?.["x-declaration"];
    if (declaration === undefined) throw new Error(`route ${method} ${path} has no declaration`);
    const template = path.replaceAll(/:(\w+)/g, "{$1}");
    const query = hooks.query as TObject | undefined;
    const route = { method, template, takes_body: hooks.body !== undefined, query, declaration };
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
