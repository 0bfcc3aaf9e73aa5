// OpenAPI 3.0.3, schema object: https://spec.openapis.org/oas/v3.0.3#schema-object
import { Kind } from "@sinclair/typebox";
import type { Json, Schema } from "./openapi-types.ts";

/** A TypeBox schema as Elysia keeps it: plain JSON Schema with symbols beside it. */
export type Source = Readonly<Record<string, unknown>> & { readonly [Kind]?: string };

const copied = [
  "title",
  "description",
  "type",
  "format",
  "enum",
  "default",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "multipleOf",
  "minItems",
  "maxItems",
  "uniqueItems",
  "required",
  "minProperties",
  "maxProperties",
] as const;

/** Formats that Elysia invents for the text form of numbers and booleans; no client ever sees them. */
const inventedFormats = new Set(["integer", "numeric", "boolean", "ObjectString", "ArrayString"]);

export type Schemas = {
  /** The schema in OpenAPI's dialect; a named one becomes a reference to `components.schemas`. */
  convert(source: Source): Schema;
  /** The same for a request body: what it does not name is refused. */
  convertBody(source: Source): Schema;
  /** Named schemas met so far. */
  readonly components: Record<string, Schema>;
  /** The schema behind a reference. */
  resolve(schema: Schema): Schema;
};

/**
 * Turns TypeBox schemas into OpenAPI 3.0 ones. `names` gives schemas a name by identity; one with a `title` has that.
 *
 * @throws {Error} when two different schemas have the same name
 */
export function createSchemas(names: ReadonlyMap<Source, string>): Schemas {
  const components: Record<string, Schema> = {};
  const origins = new Map<string, string>();

  const named = (source: Source, make: (source: Source) => Schema): Schema => {
    const name = names.get(source) ?? (source["title"] as string | undefined);
    if (name === undefined) return make(source);
    const origin = originOf(source);
    if (origins.get(name) === undefined) {
      origins.set(name, origin);
      components[name] = {};
      components[name] = make(source);
    } else if (origins.get(name) !== origin) {
      throw new Error(`two different schemas are named ${name}`);
    }
    return { $ref: `#/components/schemas/${name}` };
  };
  const convert = (source: Source): Schema => named(source, (one) => opened(inline(one, convert)));
  const convertMember = (source: Source): Schema => named(source, (one) => inline(one, convertMember));
  const convertBody = (source: Source): Schema => named(source, (one) => closed(inline(one, convertMember)));

  const resolve = (schema: Schema): Schema => {
    if (schema.$ref === undefined) return schema;
    return components[schema.$ref.slice("#/components/schemas/".length)] ?? {};
  };
  return { convert, convertBody, components, resolve };
}

/**
 * Answers may grow members, and clients are to expect it. Elysia writes `additionalProperties: false` into the schemas
 * of routes that have been asked, so what stands there says nothing about our intention.
 */
function opened(schema: Schema): Schema {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
  return schema;
}

/** A body with a member that the route does not know is refused, declared so or not. */
function closed(schema: Schema): Schema {
  if (schema.type === "object") schema.additionalProperties ??= false;
  return schema;
}

/** What makes two schemas the same, whatever each is described as and whether it has been used. */
function originOf(source: Source): string {
  return JSON.stringify({ ...source, description: undefined }, (key, value: unknown) =>
    key === "additionalProperties" && value === false ? undefined : value,
  );
}

type Convert = (source: Source) => Schema;

function inline(source: Source, convert: Convert): Schema {
  const union = source["anyOf"] as readonly Source[] | undefined;
  if (union !== undefined) return inlineUnion(source, union, convert);
  if (source["const"] !== undefined) {
    const value = source["const"] as Json;
    return { ...annotations(source), type: typeof value as "string", enum: [value] };
  }
  const schema: Schema = {};
  for (const key of copied) {
    if (source[key] !== undefined) Object.assign(schema, { [key]: source[key] });
  }
  Object.assign(schema, bounds(source), exampleOf(source));
  // Elysia gives an enum its first member, and a file the word "File", as a default that nobody asked for.
  if (source[Kind] === "UnionEnum" || schema.format === "binary") delete schema.default;
  if (schema.enum !== undefined && schema.type === undefined) schema.type = "string";
  Object.assign(schema, members(source, convert));
  const every = source["allOf"] as readonly Source[] | undefined;
  if (every !== undefined) schema.allOf = every.map(convert);
  const items = source["items"] as Source | undefined;
  if (items !== undefined) schema.items = convert(items);
  return schema;
}

/** A union of literals is an enum, a union with null is `nullable`, and Elysia's text forms are no alternative at all. */
function inlineUnion(source: Source, union: readonly Source[], convert: Convert): Schema {
  const alternatives = union.filter((one) => one["type"] !== "null" && !isTextForm(one, union));
  const nullable = union.some((one) => one["type"] === "null") ? { nullable: true } : {};
  const [only] = alternatives;
  if (only !== undefined && alternatives.length === 1) {
    // Inlined even when it has a name: `nullable` beside a reference means nothing in OpenAPI 3.0.
    const schema = inline(only, convert);
    if ("nullable" in nullable) delete schema.title;
    // An enum lists all it allows, null too.
    const values =
      schema.enum !== undefined && "nullable" in nullable ? { enum: [...schema.enum, null] } : {};
    return { ...schema, ...annotations(source), ...nullable, ...values };
  }
  if (alternatives.every((one) => one["const"] !== undefined)) {
    const values = alternatives.map((one) => one["const"] as Json);
    const all = "nullable" in nullable ? [...values, null] : values;
    return { ...annotations(source), type: typeof values[0] as "string", enum: all, ...nullable };
  }
  return { ...annotations(source), anyOf: alternatives.map((one) => ({ ...convert(one), ...nullable })) };
}

function isTextForm(one: Source, union: readonly Source[]): boolean {
  return one["type"] === "string" && union.length > 1 && inventedFormats.has(String(one["format"]));
}

function annotations(source: Source): Schema {
  const schema: Schema = exampleOf(source);
  if (typeof source["title"] === "string") schema.title = source["title"];
  if (typeof source["description"] === "string") schema.description = source["description"];
  return schema;
}

function exampleOf(source: Source): Schema {
  const [example] = (source["examples"] as readonly Json[] | undefined) ?? [];
  return example === undefined ? {} : { example };
}

/** Exclusive bounds are numbers in JSON Schema and flags in OpenAPI 3.0. */
function bounds(source: Source): Schema {
  const schema: Schema = {};
  if (typeof source["exclusiveMinimum"] === "number") {
    Object.assign(schema, { minimum: source["exclusiveMinimum"], exclusiveMinimum: true });
  }
  if (typeof source["exclusiveMaximum"] === "number") {
    Object.assign(schema, { maximum: source["exclusiveMaximum"], exclusiveMaximum: true });
  }
  return schema;
}

function members(source: Source, convert: Convert): Schema {
  const schema: Schema = {};
  const properties = source["properties"] as Readonly<Record<string, Source>> | undefined;
  if (properties !== undefined) {
    schema.properties = Object.fromEntries(
      Object.entries(properties).map(([name, member]) => [name, convert(member)]),
    );
  }
  const open = source["additionalProperties"];
  if (typeof open === "boolean") schema.additionalProperties = open;
  if (typeof open === "object" && open !== null) schema.additionalProperties = convert(open as Source);
  // A record: OpenAPI 3.0 has no patternProperties.
  const [value] = Object.values((source["patternProperties"] as Record<string, Source> | undefined) ?? {});
  if (value !== undefined) {
    const converted = convert(value);
    schema.additionalProperties = Object.keys(converted).length === 0 ? true : converted;
  }
  return schema;
}
