import { beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MediaType, OpenApiDocument, OperationObject } from "../../src/http/openapi-types.ts";
import { tagDescriptions } from "../../src/http/openapi-tags.ts";
import { problems } from "../../src/http/problem.ts";
import { createValidator } from "../helpers/contract.ts";
import { currentDocument, documentPath, documentText } from "../helpers/openapi.ts";

type Named = { name: string; path: string; method: string; operation: OperationObject };

let openapi: OpenApiDocument;
let operations: Named[];

beforeAll(async () => {
  openapi = await currentDocument();
  operations = Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: operation.operationId,
      path,
      method,
      operation,
    })),
  );
});

/** Operations that break a rule: an assertion on the names says which. */
const breaking = (rule: (one: Named) => boolean) =>
  operations.filter((one) => !rule(one)).map(({ name }) => name);

describe("the document", () => {
  test("the committed file is what the routes say; `bun run openapi` writes it anew", async () => {
    expect(await Bun.file(documentPath).json()).toEqual(JSON.parse(documentText(openapi)));
  });

  test("is the same each time it is made", async () => {
    expect(documentText(await currentDocument())).toBe(documentText(openapi));
  });

  test("every operation has an id, a summary, a description and a described tag", () => {
    const tags = new Set(openapi.tags.map(({ name }) => name));
    expect(breaking(({ operation }) => /^[a-z]+([A-Z][a-z]+)*$/.test(operation.operationId))).toEqual([]);
    expect(breaking(({ operation }) => operation.summary !== "" && operation.description !== "")).toEqual([]);
    expect(breaking(({ operation }) => operation.tags.every((tag) => tags.has(tag)))).toEqual([]);
    expect(openapi.tags.filter(({ name }) => tagDescriptions[name] === undefined)).toEqual([]);
    expect(new Set(operations.map(({ name }) => name)).size).toBe(operations.length);
  });

  test("every operation names who may call it", () => {
    const isOpen = ({ operation }: Named) => operation["x-permission"] === "public";
    const asks = ({ operation: { security } }: Named) =>
      security.length > 0 && security.every((one) => Object.keys(one).length > 0);
    expect(breaking((one) => asks(one) !== isOpen(one))).toEqual([]);
    expect(breaking((one) => isOpen(one) || "401" in one.operation.responses)).toEqual([]);
    expect(JSON.stringify(openapi)).not.toContain("x-declaration");
  });

  test("bodies come in the media types that the server takes, and parameters in paths are no choice of types", () => {
    const text = JSON.stringify(openapi);
    expect(text).not.toContain('"format":"integer"');
    expect(text).not.toContain('"text/plain":{"schema":{"$ref"');
    const login = openapi.paths["/api/v1/auth/login"]?.post?.requestBody;
    expect(Object.keys(login?.content ?? {})).toEqual(["application/json"]);
  });

  test("no path ends in a slash, for the same path without one would be unknown", () => {
    expect(Object.keys(openapi.paths).filter((path) => path.endsWith("/"))).toEqual([]);
  });

  test("pages and their files are not part of it", () => {
    expect(Object.keys(openapi.paths).filter((path) => path.startsWith("/docs") || path === "/")).toEqual([]);
  });

  test("the description holds every role, permission, limit and error code", () => {
    const { description } = openapi.info;
    for (const code of Object.keys(problems)) expect(description).toContain(`\`${code}\``);
    for (const word of ["customers.write", "sub agent", "60 per minute", "Idempotency-Key", "minor units"]) {
      expect(description).toContain(word);
    }
  });

  test("every schema has a name of its own meaning", () => {
    const names = Object.keys(openapi.components.schemas);
    expect(names).toContain("Customer");
    expect(names).toContain("NewCustomer");
    expect(names.filter((name) => !/^[A-Z][A-Za-z]+$/.test(name))).toEqual([]);
  });
});

describe("examples", () => {
  test("every JSON body, asked or answered, has one, and it validates against its schema", () => {
    const validator = createValidator(openapi);
    const wrong: string[] = [];
    const check = (where: string, pointer: string[], content: Record<string, MediaType> = {}) => {
      for (const [type, { example, examples }] of Object.entries(content)) {
        if (!type.endsWith("json")) continue;
        const values = examples === undefined ? [example] : Object.values(examples).map(({ value }) => value);
        const validate = validator([...pointer, "content", type, "schema"]);
        for (const value of values) {
          if (value === undefined) wrong.push(`${where}: none`);
          else if (!validate(value)) wrong.push(`${where}: ${JSON.stringify(validate.errors)}`);
        }
      }
    };
    for (const { name, path, method, operation } of operations) {
      const base = ["paths", path, method];
      check(`${name} request`, [...base, "requestBody"], operation.requestBody?.content);
      for (const [status, response] of Object.entries(operation.responses)) {
        if (!("$ref" in response))
          check(`${name} ${status}`, [...base, "responses", status], response.content);
      }
    }
    for (const [name, response] of Object.entries(openapi.components.responses)) {
      check(name, ["components", "responses", name], response.content);
    }
    expect(wrong).toEqual([]);
  });

  test("whatever else has one, a parameter, a header, a body that is no JSON, has one that fits its schema", () => {
    const validator = createValidator(openapi);
    const wrong: string[] = [];
    let seen = 0;
    const walk = (node: unknown, pointer: string[]): void => {
      if (typeof node !== "object" || node === null) return;
      const { schema, example, examples } = node as MediaType & { schema?: object };
      if (schema !== undefined && (example !== undefined || examples !== undefined)) {
        const validate = validator([...pointer, "schema"]);
        const values = examples === undefined ? [example] : Object.values(examples).map(({ value }) => value);
        seen += values.length;
        for (const value of values)
          if (!validate(value)) wrong.push(`${pointer.join("/")}: ${JSON.stringify(validate.errors)}`);
      }
      for (const [name, child] of Object.entries(node)) walk(child, [...pointer, name]);
    };
    walk(openapi, []);
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(operations.length);
  });
});

test("every operation succeeds with a status of its own; one with 101, which linters take for none", () => {
  const succeeds = ({ operation }: Named) =>
    Object.keys(operation.responses).some((status) => status.startsWith("2"));
  expect(breaking(succeeds)).toEqual(["openWebSocket"]);
  const { responses = {} } = openapi.paths["/api/v1/ws"]?.["get"] ?? {};
  expect(Object.keys(responses)).toContain("101");
});

describe("linters", () => {
  const bin = join(import.meta.dir, "../../node_modules/.bin");

  async function lint(command: readonly string[]): Promise<{ code: number; output: string }> {
    const child = Bun.spawn([...command], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      // Neither of them may phone home.
      env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    });
    const [output, errors, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, output: output + errors };
  }

  test("Redocly's recommended rules find nothing", async () => {
    const { code, output } = await lint([
      process.execPath,
      join(bin, "redocly"),
      "lint",
      documentPath,
      "--extends=recommended",
      "--skip-rule=operation-2xx-response",
      "--format=json",
    ]);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toMatch(/"errors": 0,\s*"warnings": 0/);
  }, 60_000);

  test("Spectral's OpenAPI rules find nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "countinghouse-spectral-"));
    const rules = join(folder, "rules.json");
    // Examples against schemas are the test above, which takes a tenth of the time.
    const off = { "operation-success-response": "off", "oas3-valid-media-example": "off" };
    await Bun.write(rules, JSON.stringify({ extends: ["spectral:oas"], rules: off }));
    try {
      const { code, output } = await lint([
        process.execPath,
        join(bin, "spectral"),
        "lint",
        "--ruleset",
        rules,
        "--fail-severity=hint",
        documentPath,
      ]);
      expect(output).toContain("No results");
      expect(code).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});
