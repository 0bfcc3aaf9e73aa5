import { OptionalKind, type TObject } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
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
  /** How it is answered without the framework, where that has nothing to parse and little to check; null where it has. */
  direct: Direct | null;
}>;

/** Values of the path's parameters, as they stand in the path. */
export type PathParams = Readonly<Record<string, string>>;

/** A route and what the path says to it. */
export type Match = Readonly<{ store: Route; params: PathParams }>;

export type Direct = Readonly<{
  /** Whether the framework would take these parameters as they are; if not, it is asked and says why. */
  takes(params: PathParams): boolean;
  /**
   * The handler of an authenticated route that takes `caller` and `scope`, as `edge` gives them, and `params`. Not
   * `async`, so that an answer from memory makes no promise.
   */
  handler(context: object): Response | Promise<Response>;
}>;

export type RouteTable = {
  readonly routes: readonly Route[];
  /** The route of a method and path. HEAD finds the route of GET. */
  find(method: string, path: string): Match | null;
  /** Methods of a path for `Allow` (RFC 9110 section 10.2.1); empty when no route has this path. */
  allow(path: string): readonly string[];
};

type Registered = {
  method: string;
  path: string;
  handler: unknown;
  hooks: { body?: unknown; query?: unknown; headers?: unknown; params?: unknown; detail?: object };
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
      direct: directly(handler, path, hooks, declaration),
    };
    router.add(method, path, route);
    methods.add(method);
    return route;
  });
  const find = (method: string, path: string) => router.find(method === "HEAD" ? "GET" : method, path);
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

const always = (): boolean => true;

/** Cached answers without a query: they are asked most, and the framework would only pass them on. */
function directly(
  handler: unknown,
  path: string,
  { body, query, headers, params }: Registered["hooks"],
  { cache, permission }: Declaration,
): Direct | null {
  const isBare = body === undefined && query === undefined && headers === undefined;
  if (!isBare || typeof cache !== "string" || permission === "public") return null;
  const direct = handler as Direct["handler"];
  if (!path.includes(":")) return { takes: always, handler: direct };
  const schema = params as TObject | undefined;
  // Anything but text would have to be converted first.
  if (schema === undefined || !Object.values(schema.properties).every(({ type }) => type === "string"))
    return null;
  const check = TypeCompiler.Compile(schema);
  const takes = (given: PathParams): boolean => !hasEscapes(given) && check.Check(given);
  return { takes, handler: direct };
}

function hasEscapes(given: PathParams): boolean {
  for (const name in given) if (given[name]?.includes("%") === true) return true;
  return false;
}
