import { OptionalKind } from "@sinclair/typebox";
import type { DefinitionRow } from "../platform/cache/index.ts";
import type { Declaration } from "./operation.ts";
import { codesOf, problemResponses } from "./openapi-errors.ts";
import { exampleOf } from "./openapi-examples.ts";
import {
  cacheHeaders,
  commonHeaders,
  type HeaderName,
  headerParametersOf,
  headerReferences,
} from "./openapi-headers.ts";
import type { Schemas, Source } from "./openapi-schema.ts";
import type {
  CachePromise,
  Json,
  MediaType,
  Method,
  OperationObject,
  Parameter,
  Reference,
  ResponseObject,
  Schema,
} from "./openapi-types.ts";
import { permissions } from "./policy.ts";

/** A route as Elysia registered it, as far as the document needs it. */
export type DocumentedRoute = Readonly<{
  method: Method;
  /** OpenAPI path template. */
  path: string;
  declaration: Declaration;
  body: Source | undefined;
  /** Schemas by status, as the route declared them. */
  answers: Readonly<Record<string, Source>>;
}>;

/** A parameter as the plugin lists it. */
export type GeneratedParameter = Readonly<{
  name: string;
  in: string;
  required: boolean;
  description?: string;
  examples?: unknown;
  schema: Source;
}>;

/** One operation, whole: everything the declaration promises is written out. */
export function describeOperation(
  route: DocumentedRoute,
  generated: readonly GeneratedParameter[],
  { schemas, definitions }: { schemas: Schemas; definitions: readonly DefinitionRow[] },
): OperationObject {
  const { declaration, body } = route;
  const parameters = generated
    .filter(({ in: place }) => place !== "header")
    .map((parameter) => describeParameter(parameter, schemas));
  const operation: OperationObject = {
    operationId: declaration.id,
    tags: [declaration.tag],
    summary: declaration.summary,
    description: describe(declaration),
    security: securityOf(declaration),
    "x-permission": declaration.permission,
    ...rolesOf(declaration),
    ...cacheOf(declaration, definitions),
    responses: responsesOf(route, parameters, schemas),
  };
  const all = [...parameters, ...headerParametersOf(declaration, revalidates(route))];
  if (all.length > 0) operation.parameters = all;
  if (body !== undefined)
    operation.requestBody = { required: !(OptionalKind in body), content: bodyContent(route, body, schemas) };
  return operation;
}

/** An empty requirement beside the other makes it optional. */
function securityOf({ permission, login }: Declaration): OperationObject["security"] {
  if (permission !== "public") return [{ bearer: [] }];
  return login === "optional" ? [{}, { bearer: [] }] : [];
}

function rolesOf({ permission }: Declaration): { "x-roles"?: readonly string[] } {
  if (permission === "public" || permission === "self") return {};
  return { "x-roles": permissions[permission] };
}

/** What the route named is the truth, so a name that nobody defined is a mistake that is told at once. */
function cacheOf(
  { id, cache }: Declaration,
  definitions: readonly DefinitionRow[],
): { "x-cache"?: CachePromise } {
  if (cache === undefined) return {};
  if (typeof cache === "object") return { "x-cache": cache };
  const found = definitions.find(({ name }) => name === cache);
  if (found === undefined) throw new Error(`${id} names the cache definition ${cache}, which does not exist`);
  const [promise = ""] = found.class.split(",");
  return { "x-cache": { definition: cache, class: promise, ttl_s: found.ttl_ms / 1000 } };
}

function describe({ description, permission, login, limit = "default" }: Declaration): string {
  const who =
    permission === "public"
      ? login === "optional"
        ? "A login is needed for some of it only."
        : "No login needed."
      : permission === "self"
        ? "For every member."
        : `Needs the permission \`${permission}\`: ${permissions[permission].join(", ")}.`;
  const counted =
    limit === "none" || limit === "default" ? "" : ` Counts against the \`${limit}\` rate limit.`;
  return `${description}\n\n${who}${counted}`;
}

function describeParameter(generated: GeneratedParameter, schemas: Schemas): Parameter {
  const place = generated.in === "path" ? "path" : "query";
  const { description, ...schema } = schemas.convert(generated.schema);
  const text = generated.description ?? description ?? generated.name.replaceAll("_", " ");
  // A tool fills in what an example says: good for what must be given, wrong for a filter that need not be.
  const { example: _, ...plain } = schema;
  const parameter: Parameter = {
    name: generated.name,
    in: place,
    description: text,
    required: place === "path" || generated.required,
    schema: plain,
  };
  if (parameter.required) parameter.example = exampleOf(schema, schemas.resolve, generated.name);
  // `status=active,on_hold`: one member with commas, as Elysia reads lists in a query.
  return plain.type === "array" ? { ...parameter, style: "form", explode: false } : parameter;
}

/** Whether success carries an entity tag that the client can ask about again. Health is always told afresh. */
function revalidates({ method, declaration }: DocumentedRoute): boolean {
  return method === "get" && declaration.permission !== "public" && declaration.tag !== "Health";
}

function bodyContent(route: DocumentedRoute, body: Source, schemas: Schemas): Record<string, MediaType> {
  const { consumes = ["application/json"], examples } = route.declaration;
  return Object.fromEntries(
    consumes.map((type) => [type, mediaType(type, schemas.convertBody(body), examples?.request, schemas)]),
  );
}

function mediaType(type: string, schema: Schema, given: unknown, schemas: Schemas): MediaType {
  if (type.endsWith("json") || type === "multipart/form-data") {
    // An example in text is meant for the other media types.
    const usable = typeof given === "object" ? given : undefined;
    return { schema, example: (usable ?? exampleOf(schema, schemas.resolve)) as Json };
  }
  const real = schemas.resolve(schema).type === "string" ? schema : textSchema(type);
  return typeof given === "string" ? { schema: real, example: given } : { schema: real };
}

/** CSV is text; files are bytes. */
function textSchema(type: string): Schema {
  return type.startsWith("text/") ? { type: "string" } : { type: "string", format: "binary" };
}

function responsesOf(
  route: DocumentedRoute,
  parameters: readonly Parameter[],
  schemas: Schemas,
): Record<string, ResponseObject | Reference> {
  const { declaration, body, answers } = route;
  const common = commonHeaders(declaration);
  const responses: Record<string, ResponseObject> = { ...successOf(route, parameters, schemas) };
  if (revalidates(route)) {
    const told = typeof declaration.cache === "string" ? cacheHeaders : [];
    const headers = { ...common, ...headerReferences(["ETag", ...told]) };
    responses["304"] = { description: "Nothing changed since the tag in `If-None-Match`", headers };
  }
  const consumes = declaration.consumes ?? ["application/json"];
  const has_path_parameters = parameters.some(({ in: place }) => place === "path");
  const codes = codesOf(declaration, {
    has_body: body !== undefined,
    has_input: body !== undefined || parameters.length > 0,
    has_path_parameters,
    takes_text: body !== undefined && consumes.some((type) => type !== "multipart/form-data"),
  });
  Object.assign(
    responses,
    problemResponses(codes, {
      path: route.path,
      headers: common,
      keeps_refusals: declaration.idempotency === "required",
    }),
  );
  // What the route itself describes at other statuses, such as the health report at 503.
  for (const [status, schema] of Object.entries(answers)) {
    const success = declaration.success ?? 200;
    if (Number(status) === success) continue;
    // The example that is declared is of success; what has another shape is shown by an example of that.
    const example = schema === answers[success] ? declaration.examples?.response : undefined;
    const content = { ...responses[status]?.content, ...contentOf(route, { schema, example }, schemas) };
    // What is there already is answered as what was made.
    const headers =
      Number(status) < 300 && schema === answers[success] ? responses[success]?.headers : undefined;
    responses[status] = {
      description: statusText(status),
      headers: headers ?? common,
      ...responses[status],
      content,
    };
  }
  return responses;
}

function successOf(
  route: DocumentedRoute,
  parameters: readonly Parameter[],
  schemas: Schemas,
): Record<string, ResponseObject> {
  const { declaration, answers, method } = route;
  const status = String(declaration.success ?? 200);
  // RFC 9110 section 15.2.2: nothing is answered any more, the connection speaks something else.
  if (status === "101") return { [status]: { description: "A WebSocket from now on" } };
  const names: HeaderName[] = [];
  if (revalidates(route) || isVersioned(answers[status], schemas)) names.push("ETag");
  if (typeof declaration.cache === "string") names.push(...cacheHeaders);
  if (parameters.some(({ name, in: place }) => place === "query" && name === "cursor")) names.push("Link");
  if (status === "201") names.push("Location");
  if (declaration.idempotency !== undefined) names.push("Idempotency-Replayed");
  const response: ResponseObject = {
    description:
      method === "get" ? "What was asked for" : status === "204" ? "Done" : "Done, with the result",
    headers: { ...commonHeaders(declaration), ...headerReferences(names) },
  };
  if (status !== "204") {
    const shown = { schema: answers[status], example: declaration.examples?.response };
    response.content = contentOf(route, shown, schemas);
  }
  return { [status]: response };
}

/** The tag of a write holds the version of the row that it answers with. */
function isVersioned(answer: Source | undefined, schemas: Schemas): boolean {
  if (answer === undefined) return false;
  return schemas.resolve(schemas.convert(answer)).properties?.["version"]?.type === "integer";
}

function contentOf(
  { declaration }: DocumentedRoute,
  shown: Readonly<{ schema: Source | undefined; example: unknown }>,
  schemas: Schemas,
): Record<string, MediaType> {
  const { produces = ["application/json"] } = declaration;
  const schema = shown.schema === undefined ? {} : schemas.convert(shown.schema);
  return Object.fromEntries(produces.map((type) => [type, mediaType(type, schema, shown.example, schemas)]));
}

const statusText = (status: string): string =>
  status === "503" ? "Not able to serve now; the body says why" : "Another answer of this operation";
