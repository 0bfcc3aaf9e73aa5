import type { Declaration } from "./operation.ts";
import type { Example, Json, Reference, ResponseObject, Schema } from "./openapi-types.ts";
import { type ProblemCode, problems } from "./problem.ts";

/** What decides which refusals an operation can answer with, beside those it declares. */
export type Shape = Readonly<{
  has_body: boolean;
  /** Path, query or body: something that can be invalid. */
  has_input: boolean;
  has_path_parameters: boolean;
  /** The body is JSON or other text, so it can be malformed, if only in its encoding. */
  takes_text: boolean;
}>;

/** Every code an operation may answer with: its own, and those that follow from what it declares. */
export function codesOf(declaration: Declaration, shape: Shape): ProblemCode[] {
  const isPublic = declaration.permission === "public" && declaration.login === undefined;
  const codes = new Set<ProblemCode>(declaration.errors);
  const add = (condition: boolean, ...more: ProblemCode[]) => {
    if (condition) for (const code of more) codes.add(code);
  };
  add(!isPublic, "unauthenticated", "invalid_token", "token_expired", "session_revoked");
  // X-Business-Id may be no UUID, or name a business that the caller is no member of.
  add(!isPublic, "invalid_header", "not_found");
  add(!["public", "self"].includes(declaration.permission), "forbidden");
  add(shape.has_path_parameters, "not_found");
  add(shape.has_input, "validation");
  add(shape.takes_text, "malformed_json");
  add(shape.has_body, "unsupported_media_type", "payload_too_large");
  add(
    declaration.idempotency !== undefined,
    "invalid_header",
    "idempotency_in_progress",
    "idempotency_mismatch",
  );
  add(declaration.idempotency === "required", "idempotency_key_required");
  add(declaration.if_match !== undefined, "precondition_failed");
  add(declaration.if_match === "required", "precondition_required");
  add((declaration.limit ?? "default") !== "none", "rate_limited");
  add(!isPublic || shape.has_input, "overloaded", "database_unavailable");
  add(true, "not_acceptable", "internal");
  // In the order of the catalogue, so that the document does not depend on the order of declarations.
  return (Object.keys(problems) as ProblemCode[]).filter((code) => codes.has(code));
}

export const problemSchema: Schema = {
  type: "object",
  title: "Problem",
  description: "Problem Details (RFC 9457). Some codes add members of their own, such as `allowed`.",
  required: ["type", "title", "status", "detail", "instance", "code", "request_id"],
  properties: {
    type: { type: "string", description: "Where the code is explained, relative to this server" },
    title: { type: "string", description: "The same for every problem of this code" },
    status: { type: "integer", minimum: 400, maximum: 599 },
    detail: { type: "string", description: "What was wrong this time, for people" },
    instance: { type: "string", description: "The path that was asked for" },
    code: { type: "string", description: "Stable: what programs look at", enum: Object.keys(problems) },
    request_id: { type: "string", description: "The `X-Request-Id` of the answer: quote it when you ask us" },
    errors: {
      type: "array",
      description: "Each member that is wrong",
      items: { $ref: "#/components/schemas/ProblemError" },
    },
  },
  additionalProperties: true,
};

export const problemErrorSchema: Schema = {
  type: "object",
  title: "ProblemError",
  description: "One member that is wrong",
  required: ["pointer", "detail"],
  properties: {
    pointer: { type: "string", description: "JSON pointer into the body, or the name of a parameter" },
    detail: { type: "string" },
  },
};

const requestId = "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05";

/** A problem of this code as a client would see it. */
export function problemExample(code: ProblemCode, path: string): Json {
  const [status, title, description] = problems[code];
  return {
    type: `/docs/errors#${code}`,
    title,
    status,
    detail: description,
    instance: path,
    code,
    request_id: requestId,
    ...(code === "validation" ? { errors: [{ pointer: "/name", detail: "Expected string" }] } : {}),
    ...(code === "illegal_transition" ? { from: "draft", to: "completed", allowed: ["active"] } : {}),
  };
}

const retryHeaders: Readonly<Record<number, readonly string[]>> = {
  401: ["WWW-Authenticate"],
  429: ["Retry-After"],
  503: ["Retry-After"],
};

/** The answers of a set of codes, one for each status, every code with its example. */
export function problemResponses(
  codes: readonly ProblemCode[],
  options: { path: string; headers: Readonly<Record<string, Reference>>; keeps_refusals: boolean },
): Record<string, ResponseObject> {
  const byStatus = Map.groupBy(codes, (code) => problems[code][0]);
  const responses: Record<string, ResponseObject> = {};
  for (const [status, group] of [...byStatus].toSorted(([one], [other]) => one - other)) {
    const names = [
      ...(retryHeaders[status] ?? []),
      ...(options.keeps_refusals && status === 422 ? ["Idempotency-Replayed"] : []),
    ];
    const more = names.map((name) => [name, { $ref: `#/components/headers/${name}` }]);
    const examples = group.map((code): [string, Example] => [
      code,
      { summary: problems[code][1], value: problemExample(code, options.path) },
    ]);
    responses[status] = {
      description: group.map((code) => `\`${code}\`: ${problems[code][2]}`).join("\n\n"),
      headers: { ...options.headers, ...(Object.fromEntries(more) as Record<string, Reference>) },
      content: {
        "application/problem+json": {
          schema: { $ref: "#/components/schemas/Problem" },
          examples: Object.fromEntries(examples),
        },
      },
    };
  }
  return responses;
}
