import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import document from "../../src/http/openapi.json" with { type: "json" };
import type {
  Method,
  OpenApiDocument,
  OperationObject,
  ResponseObject,
} from "../../src/http/openapi-types.ts";

const published = document as unknown as OpenApiDocument;

/** Headers that mean something to a client: an answer that has one says so in the document. */
const meaningful = [
  "etag",
  "link",
  "location",
  "retry-after",
  "ratelimit",
  "idempotency-replayed",
  "www-authenticate",
];

/** Headers that an answer always carries where the document names them; the others depend on the case. */
const promised = ["etag", "retry-after", "www-authenticate", "x-request-id", "cache-control"];

const validator = createValidator(published);
const operations = Object.entries(published.paths).map(([template, methods]) => ({
  template,
  methods,
  pattern: new RegExp(`^${template.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "([^/]+)")}$`),
  literal: !template.includes("{"),
}));

/** Validates values against schemas of a document, each named by its JSON pointer. */
export function createValidator(openapi: OpenApiDocument): (pointer: readonly string[]) => ValidateFunction {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addFormat("binary", true);
  ajv.addSchema(openapi, "openapi");
  return (pointer) => {
    const path = pointer.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1"));
    return ajv.compile({ $ref: `openapi#/${path.map(encodeURIComponent).join("/")}` });
  };
}

/**
 * What is wrong with an answer by the published document: an operation, status, media type, problem code or header that
 * is not documented, a promised header that is missing, or a body that its schema refuses. Reads a copy of the body.
 */
export async function contractViolations(response: Response, method: string, url: string): Promise<string[]> {
  const path = url.split("?", 1)[0] ?? url;
  const found = operationOf(method, path);
  const where = `${method} ${path} ${response.status}`;
  if (found === null) return isOutside(response, method, path) ? [] : [`${where}: no such operation`];
  const { template, operation } = found;
  const name = String(response.status);
  const declared = operation.responses[name];
  if (declared === undefined) return [`${where}: the status is not documented`];
  const base =
    "$ref" in declared
      ? declared.$ref.slice(2).split("/")
      : ["paths", template, found.method, "responses", name];
  const described = "$ref" in declared ? sharedResponse(declared.$ref) : declared;
  const violations = headerViolations(response, described);
  // A HEAD has the headers of a GET and no body, and 304 has none either.
  if (method !== "HEAD" && response.status !== 304) {
    violations.push(...(await bodyViolations(response, described, base)));
  }
  return violations.map((violation) => `${where}: ${violation}`);
}

/** Fails the test when an answer is not what the published document says. */
export async function expectContract(response: Response, method: string, url: string): Promise<void> {
  const violations = await contractViolations(response, method, url);
  if (violations.length > 0) throw new Error(violations.join("\n"));
}

function operationOf(
  method: string,
  path: string,
): { template: string; method: Method; operation: OperationObject } | null {
  const asked = (method === "HEAD" ? "get" : method.toLowerCase()) as Method;
  const matches = operations.filter(({ pattern }) => pattern.test(path));
  const match = matches.find(({ literal }) => literal) ?? matches[0];
  const operation = match?.methods[asked];
  return match === undefined || operation === undefined
    ? null
    : { template: match.template, method: asked, operation };
}

/** Pages, preflights, and what no operation answers: an unknown path or a wrong method. */
function isOutside(response: Response, method: string, path: string): boolean {
  if (method === "OPTIONS" || path === "/" || path === "/openapi.json" || path.startsWith("/docs"))
    return true;
  const isProblem = response.headers.get("content-type") === "application/problem+json";
  return isProblem && (response.status === 404 || response.status === 405);
}

function sharedResponse(reference: string): ResponseObject {
  const name = reference.split("/").at(-1) ?? "";
  const shared = published.components.responses[name];
  if (shared === undefined) throw new Error(`${reference} leads nowhere`);
  return shared;
}

function headerViolations(response: Response, described: ResponseObject): string[] {
  const documented = new Set(Object.keys(described.headers ?? {}).map((name) => name.toLowerCase()));
  const unknown = meaningful.filter((name) => response.headers.has(name) && !documented.has(name));
  // A stream has no tag: nobody knows its end when its headers leave.
  const isStream = response.headers.get("content-type")?.startsWith("text/csv") === true;
  const missing = promised.filter(
    (name) => documented.has(name) && !response.headers.has(name) && !(isStream && name === "etag"),
  );
  return [
    ...unknown.map((name) => `the header ${name} is not documented`),
    ...missing.map((name) => `the header ${name} is missing`),
  ];
}

async function bodyViolations(
  response: Response,
  described: ResponseObject,
  base: readonly string[],
): Promise<string[]> {
  const type = response.headers.get("content-type")?.split(";", 1)[0] ?? "";
  const text = await response.clone().text();
  if (described.content === undefined) {
    return text === "" ? [] : ["a body where none is documented"];
  }
  const media = described.content[type];
  if (media === undefined) return [`the media type ${type || "(none)"} is not documented`];
  if (!type.endsWith("json")) return [];
  const body: unknown = JSON.parse(text);
  const validate = validator([...base, "content", type, "schema"]);
  const wrong = validate(body)
    ? []
    : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  if (type !== "application/problem+json") return wrong;
  const { code } = body as { code: string };
  return code in (media.examples ?? {}) ? wrong : [...wrong, `the code ${code} is not documented`];
}
