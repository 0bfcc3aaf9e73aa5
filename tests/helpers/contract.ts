import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import type {
  Method,
  OpenApiDocument,
  OperationObject,
  ResponseObject,
} from "../../src/http/openapi-types.ts";

/** Answers against what the document says of them. */
export type Contract = Readonly<{
  /**
   * What is wrong with an answer: an operation, status, media type, problem code or header that is not documented, a
   * promised header that is missing, or a body that its schema refuses. Reads a copy of the body.
   */
  violations(response: Response, method: string, url: string): Promise<string[]>;
  /** Fails the test when anything is wrong. */
  expect(response: Response, method: string, url: string): Promise<void>;
}>;

/** Headers that mean something to a client: an answer that has one says so in the document. */
const meaningful = [
  "etag",
  "link",
  "location",
  "retry-after",
  "ratelimit",
  "idempotency-replayed",
  "www-authenticate",
  "x-cache",
  "cache-status",
  "age",
];

/** What a stream does not say: nobody knows its end when its headers leave, and it is not cached. */
const ofTheWhole = new Set(["etag", "x-cache", "cache-status"]);

/** Headers that an answer always carries where the document names them; the others depend on the case. */
const promised = [
  "etag",
  "x-cache",
  "cache-status",
  "retry-after",
  "www-authenticate",
  "x-request-id",
  "cache-control",
];

/** Validates values against schemas of a document, each named by its JSON pointer and compiled when it is first asked for. */
export function createValidator(openapi: OpenApiDocument): (pointer: readonly string[]) => ValidateFunction {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addFormat("binary", true);
  ajv.addSchema(openapi, "openapi");
  // Ajv knows a schema again by its object, and what a reference leads to is compiled anew each time: 8 ms an answer.
  const compiled = new Map<string, ValidateFunction>();
  return (pointer) => {
    const path = pointer.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1"));
    const $ref = `openapi#/${path.map(encodeURIComponent).join("/")}`;
    const validate = compiled.get($ref) ?? ajv.compile({ $ref });
    compiled.set($ref, validate);
    return validate;
  };
}

type Found = Readonly<{ template: string; method: Method; operation: OperationObject }>;

let committed: Promise<Contract> | null = null;

/**
 * The contract of the document that is committed. Other tests compare it with what a server serves, so that not every
 * server of a test has to make its own, which is half a second of a core.
 */
export function committedContract(): Promise<Contract> {
  return (committed ??= Bun.file(join(import.meta.dir, "../../src/http/openapi.json"))
    .json()
    .then((document: OpenApiDocument) => createContract(document)));
}

/** The contract that a document makes. */
function createContract(openapi: OpenApiDocument): Contract {
  const validator = createValidator(openapi);
  const find = createFinder(openapi);
  const violations = async (response: Response, method: string, url: string): Promise<string[]> => {
    const path = url.split("?", 1)[0] ?? url;
    const where = `${method} ${path} ${response.status}`;
    const found = find(method, path);
    if (found === null) return isOutside(response, method, path) ? [] : [`${where}: no such operation`];
    const name = String(response.status);
    const declared = found.operation.responses[name];
    if (declared === undefined) return [`${where}: the status is not documented`];
    const shared = "$ref" in declared ? (declared.$ref.split("/").at(-1) ?? "") : null;
    const described = shared === null ? (declared as ResponseObject) : openapi.components.responses[shared];
    if (described === undefined) return [`${where}: the reference leads nowhere`];
    const base =
      shared === null
        ? ["paths", found.template, found.method, "responses", name]
        : ["components", "responses", shared];
    const wrong = headerViolations(response, described);
    // A HEAD has the headers of a GET and no body, and 304 has none either.
    if (method !== "HEAD" && response.status !== 304) {
      wrong.push(
        ...(await bodyViolations(response, described, (type) =>
          validator([...base, "content", type, "schema"]),
        )),
      );
    }
    return wrong.map((violation) => `${where}: ${violation}`);
  };
  return {
    violations,
    async expect(response, method, url) {
      const wrong = await violations(response, method, url);
      if (wrong.length > 0) throw new Error(`the document says otherwise:\n${wrong.join("\n")}`);
    },
  };
}

function createFinder(openapi: OpenApiDocument): (method: string, path: string) => Found | null {
  const all = Object.entries(openapi.paths).map(([template, methods]) => ({
    template,
    methods,
    pattern: new RegExp(`^${template.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "([^/]+)")}$`),
  }));
  return (method, path) => {
    const asked = (method === "HEAD" ? "get" : method.toLowerCase()) as Method;
    const matches = all.filter(({ pattern, methods }) => pattern.test(path) && methods[asked] !== undefined);
    // `/members/me` before `/members/{id}`, as the router has it.
    const match = matches.find(({ template }) => !template.includes("{")) ?? matches[0];
    const operation = match?.methods[asked];
    return match === undefined || operation === undefined
      ? null
      : { template: match.template, method: asked, operation };
  };
}

/** Pages, preflights, and what no operation answers: an unknown path or a wrong method. */
function isOutside(response: Response, method: string, path: string): boolean {
  if (method === "OPTIONS" || path === "/" || path === "/openapi.json" || path.startsWith("/docs"))
    return true;
  const isProblem = response.headers.get("content-type") === "application/problem+json";
  return isProblem && (response.status === 404 || response.status === 405);
}

function headerViolations(response: Response, described: ResponseObject): string[] {
  const documented = new Set(Object.keys(described.headers ?? {}).map((name) => name.toLowerCase()));
  const unknown = meaningful.filter((name) => response.headers.has(name) && !documented.has(name));
  const isStream = response.headers.get("content-type")?.startsWith("text/csv") === true;
  const missing = promised.filter(
    (name) => documented.has(name) && !response.headers.has(name) && !(isStream && ofTheWhole.has(name)),
  );
  return [
    ...unknown.map((name) => `the header ${name} is not documented`),
    ...missing.map((name) => `the header ${name} is missing`),
  ];
}

async function bodyViolations(
  response: Response,
  described: ResponseObject,
  schemaOf: (type: string) => ValidateFunction,
): Promise<string[]> {
  const type = response.headers.get("content-type")?.split(";", 1)[0] ?? "";
  // A stream is not read: tests look at how it comes.
  const read = () => response.clone().text();
  if (described.content === undefined) {
    return (await read()) === "" ? [] : ["a body where none is documented"];
  }
  const media = described.content[type];
  if (media === undefined) return [`the media type ${type || "(none)"} is not documented`];
  if (!type.endsWith("json")) return [];
  const body: unknown = JSON.parse(await read());
  const validate = schemaOf(type);
  const wrong = validate(body)
    ? []
    : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  if (type !== "application/problem+json") return wrong;
  const { code } = body as { code: string };
  return code in (media.examples ?? {}) ? wrong : [...wrong, `the code ${code} is not documented`];
}
