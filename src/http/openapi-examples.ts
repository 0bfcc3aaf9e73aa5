import type { Json, Schema } from "./openapi-types.ts";

const id = "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05";
const instant = "2026-11-20T08:15:00.000Z";

const byFormat: Readonly<Record<string, string>> = {
  uuid: id,
  "date-time": instant,
  date: "2026-11-20",
  email: "adaeze@example.com",
  uri: "https://example.com/",
  ipv4: "192.0.2.10",
  ipv6: "2001:db8::10",
  binary: "(bytes of the file)",
};

/** What a member of this name looks like, where its schema does not say. Only general vocabulary. */
const byName: Readonly<Record<string, readonly Json[]>> = {
  full_name: ["Adaeze Okafor"],
  display_name: ["Adaeze Okafor"],
  phone: ["+2348012345678"],
  email: ["adaeze@example.com"],
  username: ["adaeze"],
  currency: ["NGN"],
  timezone: ["Africa/Lagos"],
  locale: ["en"],
  code: ["A-100"],
  access_token: ["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIwMTk4N2MzZSJ9.c2lnbmF0dXJl"],
  refresh_token: ["kT2mB8vQz1xLr5nYw0pHc7sDf4jGa9uE3iOo6tRb1Vk"],
  expires_in: [900],
  title: ["Forty brackets, painted"],
  notes: ["Call before noon"],
  description: ["As last time, but in blue"],
  location: ["12 Allen Avenue, Ikeja"],
  customer_name: ["Adaeze Okafor"],
  assigned_name: ["Tunde Bello"],
  unit: ["pieces"],
  modules: ["shop"],
  ip: ["192.0.2.10"],
  user_agent: ["Mozilla/5.0"],
  month: ["2026-11"],
  password: ["correct horse battery"],
  version: [3],
  amount: [1_550_000],
  has_more: [false],
  next_cursor: [null],
  is_active: [true],
  media_type: ["image/png", "application/pdf"],
  sha256: ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
  hash: ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
};

/** Strings that fit the patterns we use, tried in turn. */
const patternSamples = [
  "+2348012345678",
  "NGN",
  "2026-11",
  "2026-11-20",
  "A-100",
  "adaeze",
  "Africa/Lagos",
  "en",
  "08:00",
  "123456",
  "4992739872",
  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
];

type Resolve = (schema: Schema) => Schema;

/**
 * An example that validates against the schema, the same each time: what the schema gives, else what a member of this
 * name looks like, else the least that its bounds allow.
 */
export function exampleOf(schema: Schema, resolve: Resolve, name = ""): Json {
  const real = resolve(schema);
  if (real.example !== undefined) return real.example;
  if (real.default !== undefined) return real.default;
  const [first] = real.enum ?? [];
  if (first !== undefined) return first;
  const usual = byName[name]?.find((value) => fits(value, real));
  if (usual !== undefined) return usual;
  if (real.anyOf?.[0] !== undefined) return exampleOf(real.anyOf[0], resolve, name);
  if (real.allOf !== undefined) {
    return Object.assign({}, ...real.allOf.map((part) => exampleOf(part, resolve, name))) as Json;
  }
  switch (real.type) {
    case "object":
      return objectExample(real, resolve);
    case "array":
      return arrayExample(real, resolve, name);
    case "string":
      return stringExample(real, name);
    case "integer":
    case "number":
      return numberExample(real);
    case "boolean":
      return false;
    case undefined:
      return {};
    default:
      return real.type satisfies never;
  }
}

function objectExample(schema: Schema, resolve: Resolve): Json {
  const members = Object.entries(schema.properties ?? {});
  const isPerson = schema.properties?.["phone"] !== undefined || schema.properties?.["email"] !== undefined;
  const example = Object.fromEntries(
    members.map(([name, member]) => {
      // A thing with a phone number or an e-mail address is somebody.
      const kind = name === "name" && isPerson ? "full_name" : name;
      return [name, exampleOf(member, resolve, kind)];
    }),
  );
  if (members.length === 0 && typeof schema.additionalProperties === "object") {
    return { key: exampleOf(schema.additionalProperties, resolve) };
  }
  return example;
}

function arrayExample(schema: Schema, resolve: Resolve, name: string): Json {
  if (schema.items === undefined) return [];
  const item = exampleOf(schema.items, resolve, name);
  return Array.from({ length: Math.max(1, schema.minItems ?? 0) }, () => item);
}

function stringExample(schema: Schema, name: string): string {
  const formatted = schema.format === undefined ? undefined : byFormat[schema.format];
  if (formatted !== undefined) return formatted;
  const words = name === "" ? "text" : name.replaceAll("_", " ");
  const found = [words, ...patternSamples].find((value) => fits(value, schema));
  if (found !== undefined) return found;
  return words.padEnd(schema.minLength ?? 1, "x").slice(0, schema.maxLength);
}

function numberExample(schema: Schema): number {
  const step = schema.multipleOf ?? 1;
  const least = schema.exclusiveMinimum === true ? (schema.minimum ?? 0) + step : (schema.minimum ?? 1);
  return Math.max(least, Math.min(1, schema.maximum ?? 1));
}

/** Whether a value may stand for a schema, as far as simple values go. */
function fits(value: Json, schema: Schema): boolean {
  if (value === null) return schema.nullable === true;
  if (typeof value === "number") {
    const isNumber = schema.type === "integer" || schema.type === "number";
    return isNumber && value >= (schema.minimum ?? value) && value <= (schema.maximum ?? value);
  }
  if (typeof value === "boolean") return schema.type === "boolean";
  if (typeof value !== "string" || schema.type !== "string") return false;
  if (schema.format !== undefined && byFormat[schema.format] !== value) return false;
  const fitsLength =
    value.length >= (schema.minLength ?? 0) && value.length <= (schema.maxLength ?? value.length);
  return fitsLength && (schema.pattern === undefined || new RegExp(schema.pattern).test(value));
}
