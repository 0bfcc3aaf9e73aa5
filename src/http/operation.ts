import type { Permission } from "./policy.ts";
import type { ProblemCode } from "./problem.ts";

/** What every endpoint declares beside its schema; the pipeline enforces it and the docs page prints it. */
export type Declaration = {
  /** `operationId`: unique, camelCase, a verb first. */
  id: string;
  permission: Permission;
  /** A public route that takes a login where one is sent, and says itself when it needs one. */
  login?: "optional";
  tag: string;
  summary: string;
  description: string;
  /** Refusals of its own, beyond those that follow from the declaration (401, 403, 422, 429, 500, 503 …). */
  errors?: readonly ProblemCode[];
  /** `required` where money moves, `optional` where a business record is created. */
  idempotency?: "required" | "optional";
  /** The update of a versioned row: without `If-Match` 428, with a stale one 412. */
  if_match?: "required" | "optional";
  /** Which rate limit counts; `none` for what monitors poll. Default: `default`. */
  limit?: "default" | "login" | "search" | "chat" | "webhook" | "none";
  /** The handler is given the bytes of the body, and nobody parses them before it: a signature is of bytes. */
  raw_body?: boolean;
  /** Media types of the request body. Default: JSON where the method has a body. */
  consumes?: readonly string[];
  /** Media types it can answer in. Default: JSON. The first is the default of `Accept: * / *`. */
  produces?: readonly string[];
  /** Largest body in bytes; default `MAX_BODY_BYTES`. */
  body_bytes?: number;
  /**
   * How a GET is cached: the name of its definition, or why it is not. Every GET says one or the other.
   * Not for other methods.
   */
  cache?: string | { uncached: string };
  /** Status of success; default 200. */
  success?: 101 | 200 | 201 | 202 | 204;
  /** Pages and their assets: served, but no part of the API, so not in `/openapi.json`. */
  hidden?: boolean;
  /** An example of the request body and of the answer, for the docs page. */
  examples?: { request?: unknown; response?: unknown };
};

/** OpenAPI extension members: they reach `/openapi.json`, so a client generator can read them too. */
export type OperationDetail = {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  /** For the generator of the document. */
  hide: boolean;
  "x-declaration": Declaration;
};

/** The `detail` of an Elysia route. */
export function operation(declaration: Declaration): OperationDetail {
  const { id, tag, summary, description, hidden = false } = declaration;
  return {
    operationId: id,
    summary,
    description,
    tags: [tag],
    hide: hidden,
    "x-declaration": declaration,
  };
}
