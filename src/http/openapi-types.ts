// OpenAPI 3.0.3: https://spec.openapis.org/oas/v3.0.3

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A schema object of OpenAPI 3.0: JSON Schema Wright Draft 00 with `nullable`, without `null` types and `const`. */
export type Schema = {
  $ref?: string;
  title?: string;
  description?: string;
  type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  format?: string;
  nullable?: boolean;
  enum?: readonly Json[];
  default?: Json;
  example?: Json;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  properties?: Record<string, Schema>;
  required?: readonly string[];
  additionalProperties?: boolean | Schema;
  minProperties?: number;
  maxProperties?: number;
  anyOf?: Schema[];
  allOf?: Schema[];
};

export type Reference = { $ref: string };

export type Parameter = {
  name: string;
  in: "path" | "query" | "header";
  description?: string;
  required: boolean;
  schema: Schema;
  example?: Json;
  style?: "form";
  explode?: boolean;
};

export type Example = { summary?: string; value: Json };

export type MediaType = { schema: Schema; example?: Json; examples?: Record<string, Example> };

export type Header = { description: string; schema: Schema; required?: boolean };

export type ResponseObject = {
  description: string;
  headers?: Record<string, Header | Reference>;
  content?: Record<string, MediaType>;
};

/** `class`: strict, bounded or relaxed. `ttl_s`: how long an answer that no write has ended may be kept. */
export type CachePromise =
  Readonly<{ definition: string; class: string; ttl_s: number }> | Readonly<{ uncached: string }>;

export type OperationObject = {
  operationId: string;
  tags: readonly string[];
  summary: string;
  description: string;
  security: readonly Record<string, readonly string[]>[];
  parameters?: (Parameter | Reference)[];
  requestBody?: { required: boolean; content: Record<string, MediaType> };
  responses: Record<string, ResponseObject | Reference>;
  /** The permission of the policy table that a role needs; `public` and `self` are open. */
  "x-permission": string;
  /** Roles that have it. Absent where no role is asked for. */
  "x-roles"?: readonly string[];
  /** Of a GET: what is promised of its answer's age, or why it is not cached. */
  "x-cache"?: CachePromise;
};

export type Method = "get" | "post" | "put" | "patch" | "delete";

export type OpenApiDocument = {
  openapi: "3.0.3";
  info: {
    title: string;
    version: string;
    description: string;
    contact: { name: string };
    license: { name: string; url: string };
  };
  servers: { url: string; description: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, Partial<Record<Method, OperationObject>>>;
  components: {
    schemas: Record<string, Schema>;
    parameters: Record<string, Parameter>;
    headers: Record<string, Header>;
    responses: Record<string, ResponseObject>;
    securitySchemes: Record<string, Json>;
  };
};
