// OpenAPI 3.0.3: https://spec.openapis.org/oas/v3.0.3
import { swagger } from "@elysiajs/swagger";
import type { DefinitionRow } from "../platform/cache/index.ts";
import type { LimitPolicy } from "../platform/rate-limit/policy.ts";
import { conventions } from "./openapi-conventions.ts";
import { problemErrorSchema, problemSchema } from "./openapi-errors.ts";
import { headerParameters, headers } from "./openapi-headers.ts";
import { nameSchemas } from "./openapi-names.ts";
import { describeOperation, type DocumentedRoute, type GeneratedParameter } from "./openapi-operation.ts";
import { createSchemas, type Source } from "./openapi-schema.ts";
import { describeTags } from "./openapi-tags.ts";
import type { Method, OpenApiDocument, OperationObject, ResponseObject } from "./openapi-types.ts";
import type { OperationDetail } from "./operation.ts";

/** A route as Elysia keeps it. */
export type RegisteredRoute = Readonly<{
  method: string;
  path: string;
  hooks: { body?: unknown; response?: unknown; detail?: object };
}>;

type GeneratedOperation = Readonly<{ operationId: string; parameters?: readonly GeneratedParameter[] }>;
type Generated = Readonly<{ paths: Readonly<Record<string, Readonly<Record<string, GeneratedOperation>>>> }>;

/**
 * The OpenAPI document of an application, the same text for the same routes and limits.
 *
 * The paths, operations and parameters are those that @elysiajs/swagger generates. Around them is written what it
 * cannot know or gets wrong: it lists three media types for every body, integers as a choice with strings, keeps
 * neither `additionalProperties` nor the names of schemas, and knows nothing of headers, security and refusals.
 */
export async function openApiDocument(
  routes: readonly RegisteredRoute[],
  options: {
    version: string;
    limits: Readonly<Record<string, LimitPolicy>>;
    /** What the cache holds: the promise of each operation that names one. */
    definitions: readonly DefinitionRow[];
  },
): Promise<OpenApiDocument> {
  const documented = routes.flatMap(documentedRoute);
  const byId = new Map(documented.map((route) => [route.declaration.id, route]));
  if (byId.size !== documented.length) throw new Error("two operations have the same id");
  const names = nameSchemas(
    documented.map(({ declaration, body, answers }) => ({
      id: declaration.id,
      body,
      answer: answers[String(declaration.success ?? 200)],
    })),
  );
  const schemas = createSchemas(names);
  const { definitions } = options;
  const { paths: generated } = await generate(routes);
  const paths: OpenApiDocument["paths"] = {};
  for (const [path, operations] of Object.entries(generated)) {
    for (const [method, operation] of Object.entries(operations)) {
      const route = byId.get(operation.operationId);
      if (route === undefined) throw new Error(`${method} ${path} has no declaration`);
      const described = describeOperation(route, operation.parameters ?? [], { schemas, definitions });
      paths[route.path] = { ...paths[route.path], [route.method]: described };
    }
  }
  const responses = shareResponses(Object.values(paths).flatMap((path) => Object.values(path)));
  return {
    openapi: "3.0.3",
    info: {
      title: "Countinghouse",
      version: options.version,
      description: conventions(options),
      contact: { name: "Countinghouse" },
      license: { name: "MIT", url: "https://opensource.org/license/mit" },
    },
    servers: [{ url: "/", description: "The server that this document came from" }],
    tags: describeTags(new Set(documented.map(({ declaration }) => declaration.tag))),
    paths,
    components: used(
      {
        schemas: { ...sorted(schemas.components), Problem: problemSchema, ProblemError: problemErrorSchema },
        parameters: headerParameters,
        headers,
        responses,
        securitySchemes: {
          bearer: {
            type: "http",
            scheme: "bearer",
            bearerFormat: "JWT",
            description: "The `access_token` of `POST /api/v1/auth/login`",
          },
        },
      },
      paths,
    ),
  };
}

const methods: Readonly<Record<string, Method>> = {
  GET: "get",
  POST: "post",
  PUT: "put",
  PATCH: "patch",
  DELETE: "delete",
};

function documentedRoute({ method, path, hooks }: RegisteredRoute): DocumentedRoute[] {
  const detail: Partial<OperationDetail> = hooks.detail ?? {};
  const declaration = detail["x-declaration"];
  const known = methods[method];
  if (declaration === undefined || declaration.hidden === true || known === undefined) return [];
  return [
    {
      method: known,
      path: path.replaceAll(/:(\w+)/g, "{$1}"),
      declaration,
      body: hooks.body as Source | undefined,
      answers: (hooks.response ?? {}) as Record<string, Source>,
    },
  ];
}

/** Only the JSON of the plugin is used: its page loads from other people's hosts. */
async function generate(routes: readonly RegisteredRoute[]): Promise<Generated> {
  const plugin = swagger({ path: "/page", specPath: "/json" });
  // It asks the application it is mounted on; ours is finished and must not get its routes.
  Object.assign(plugin, { getGlobalRoutes: () => routes });
  const response = await plugin.handle(new Request("http://localhost/json"));
  return (await response.json()) as Generated;
}

/** Moves answers that several operations give word for word to `components.responses`. */
function shareResponses(operations: readonly OperationObject[]): Record<string, ResponseObject> {
  type Place = Readonly<{ responses: OperationObject["responses"]; status: string }>;
  const uses = new Map<string, { status: string; places: Place[] }>();
  for (const { responses } of operations) {
    for (const [status, response] of Object.entries(responses)) {
      if ("$ref" in response || !isProblem(response)) continue;
      const text = withoutInstance(response);
      const use = uses.get(text);
      if (use === undefined) uses.set(text, { status, places: [{ responses, status }] });
      else use.places.push({ responses, status });
    }
  }
  const shared: Record<string, ResponseObject> = {};
  // The most frequent first: it gets the plain name.
  for (const [text, { status, places }] of [...uses].toSorted(
    ([, one], [, other]) => other.places.length - one.places.length,
  )) {
    if (places.length < 2) continue;
    const response = JSON.parse(text) as ResponseObject;
    const name = freeName(responseName(status, response), shared);
    shared[name] = response;
    const $ref = `#/components/responses/${name}`;
    for (const place of places) place.responses[place.status] = { $ref };
  }
  return sorted(shared);
}

const problemType = "application/problem+json";

const isProblem = ({ content = {} }: ResponseObject): boolean =>
  problemType in content && Object.keys(content).length === 1;

/** A response as text, without what an example cannot say for several operations: the path of each. */
const withoutInstance = (response: ResponseObject): string =>
  JSON.stringify(response).replaceAll(/"instance":"[^"]*"/g, '"instance":"/api/v1/…"');

/** `NotFound` for one code, `Status401` for a set of them. */
function responseName(status: string, { content = {} }: ResponseObject): string {
  const [first = "", ...more] = Object.keys(content[problemType]?.examples ?? {});
  if (more.length > 0) return `Status${status}`;
  return first.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function freeName(name: string, taken: object): string {
  if (!(name in taken)) return name;
  for (let at = 2; ; at += 1) if (!(`${name}_${at}` in taken)) return `${name}_${at}`;
}

/** Leaves out what no operation refers to. Schemas are always referred to: they are made on the way. */
function used(
  components: OpenApiDocument["components"],
  paths: OpenApiDocument["paths"],
): OpenApiDocument["components"] {
  const text = JSON.stringify({ paths, responses: components.responses });
  const keep = <T>(section: string, all: Readonly<Record<string, T>>) =>
    Object.fromEntries(
      Object.entries(all).filter(([name]) => text.includes(`"#/components/${section}/${name}"`)),
    );
  return {
    ...components,
    parameters: keep("parameters", components.parameters),
    headers: keep("headers", components.headers),
  };
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
