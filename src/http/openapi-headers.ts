import type { Declaration } from "./operation.ts";
import type { Header, Parameter, Reference, Schema } from "./openapi-types.ts";

const text: Schema = { type: "string" };

/** Headers of answers. */
export const headers = {
  "X-Request-Id": {
    description: "Names this request in our log: yours if you sent one, else a new UUIDv7",
    schema: text,
  },
  "X-Process-Time": { description: "Seconds this answer took, such as `0.0042`", schema: text },
  "Server-Timing": { description: "Milliseconds by part (W3C Server Timing)", schema: text },
  "Cache-Control": { description: "Who may keep this answer (RFC 9111)", schema: text },
  "X-Cache": {
    description:
      "Where the answer came from: `HIT` the cache, `MISS` and `BYPASS` the database, `STALE` an expired entry",
    schema: { type: "string", enum: ["HIT", "MISS", "STALE", "BYPASS"] },
  },
  "Cache-Status": { description: "The same in full, tier included (RFC 9211)", schema: text },
  Age: {
    description: "Seconds since the answer was read; absent when it was read for this request",
    schema: { type: "integer", minimum: 0 },
  },
  ETag: {
    description: "Tag of this state. Send it as `If-None-Match` to ask again, as `If-Match` with a change.",
    schema: text,
  },
  Link: { description: 'The next page, as `<…>; rel="next"` (RFC 8288); absent on the last', schema: text },
  Location: { description: "Path of what was made", schema: text },
  RateLimit: { description: 'What is left of each window: `"minute";r=59;t=12`', schema: text },
  "RateLimit-Policy": { description: 'The windows that count: `"minute";q=60;w=60`', schema: text },
  "Retry-After": {
    description: "Seconds to wait before asking again",
    schema: { type: "integer", minimum: 0 },
  },
  "Idempotency-Replayed": {
    description: "`true` when this is the stored answer of the first request with this key",
    schema: { type: "string", enum: ["true"] },
  },
  "WWW-Authenticate": { description: "What is wrong with the credentials (RFC 6750)", schema: text },
} as const satisfies Record<string, Header>;

export type HeaderName = keyof typeof headers;

/** What a cached answer says of itself. */
export const cacheHeaders = ["X-Cache", "Cache-Status", "Age"] as const satisfies readonly HeaderName[];

/** Headers of an answer as references into `components/headers`, by name. */
export function headerReferences(names: readonly HeaderName[]): Record<string, Reference> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

/** Request headers that have a meaning on more than one operation. */
export const headerParameters = {
  IfMatch: {
    name: "If-Match",
    in: "header",
    description: "The `ETag` you last read, or the version in quotes. Without it: 428.",
    required: true,
    schema: { type: "string", maxLength: 200 },
    example: '"1"',
  },
  IfMatchOptional: {
    name: "If-Match",
    in: "header",
    description:
      "The `ETag` you last read, or the version in quotes: refuses to change anything newer (412).",
    required: false,
    schema: { type: "string", maxLength: 200 },
  },
  IfNoneMatch: {
    name: "If-None-Match",
    in: "header",
    description: "An `ETag` you have: 304 without a body when nothing changed.",
    required: false,
    schema: { type: "string", maxLength: 1_000 },
  },
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description: "Your own unique name for this request; repeating it repeats the answer, not the effect.",
    required: true,
    schema: { type: "string", minLength: 8, maxLength: 255 },
    example: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05",
  },
  IdempotencyKeyOptional: {
    name: "Idempotency-Key",
    in: "header",
    description: "Your own unique name for this request; repeating it repeats the answer, not the effect.",
    required: false,
    schema: { type: "string", minLength: 8, maxLength: 255 },
  },
  BusinessId: {
    name: "X-Business-Id",
    in: "header",
    description: "Another business you are a member of, in place of the one in the token.",
    required: false,
    schema: { type: "string", format: "uuid" },
  },
} as const satisfies Record<string, Parameter>;

const parameter = (name: keyof typeof headerParameters): Reference => ({
  $ref: `#/components/parameters/${name}`,
});

/** The request headers that an operation reads. */
export function headerParametersOf(declaration: Declaration, revalidates: boolean): Reference[] {
  const found: Reference[] = [];
  if (declaration.idempotency === "required") found.push(parameter("IdempotencyKey"));
  if (declaration.idempotency === "optional") found.push(parameter("IdempotencyKeyOptional"));
  if (declaration.if_match === "required") found.push(parameter("IfMatch"));
  if (declaration.if_match === "optional") found.push(parameter("IfMatchOptional"));
  if (revalidates) found.push(parameter("IfNoneMatch"));
  if (declaration.permission !== "public" || declaration.login !== undefined)
    found.push(parameter("BusinessId"));
  return found;
}

const always = ["X-Request-Id", "X-Process-Time", "Server-Timing", "Cache-Control"] as const;

/** Headers of every answer of an operation, refusals included. */
export function commonHeaders(declaration: Declaration): Record<string, Reference> {
  const limited = (declaration.limit ?? "default") !== "none";
  return headerReferences([...always, ...(limited ? (["RateLimit", "RateLimit-Policy"] as const) : [])]);
}
