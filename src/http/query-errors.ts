import type { TObject, TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { ProblemError } from "./problem.ts";

/**
 * Says which query parameters are wrong and why. Elysia converts numbers, booleans and lists while it validates, and
 * what fails in a conversion no longer knows its name; so once a query was refused, each parameter is judged again by
 * itself. Runs only for refused requests.
 */
export function queryErrors(schema: TObject, query: URLSearchParams): ProblemError[] {
  const errors: ProblemError[] = [];
  for (const name of new Set(query.keys())) {
    const property = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    const detail =
      property === undefined ? "is not a parameter of this resource" : judge(property, query.getAll(name));
    if (detail !== null) errors.push({ pointer: name, detail });
  }
  for (const name of schema.required ?? []) {
    if (!query.has(name)) errors.push({ pointer: name, detail: "is required" });
  }
  return errors;
}

/** What is wrong with the values of one parameter, null when nothing is. */
function judge(property: TSchema, values: readonly string[]): string | null {
  const variants = (property["anyOf"] as TSchema[] | undefined) ?? [property];
  const ofType = (...types: string[]) => variants.find(({ type }) => types.includes(type as string));
  const list = ofType("array");
  if (list !== undefined)
    return faultOf(
      list,
      values.flatMap((value) => value.split(",")),
    );
  if (values.length > 1) return "is given more than once";
  const [value = ""] = values;
  const number = ofType("integer", "number");
  if (number !== undefined) return faultOf(number, value.trim() === "" ? value : Number(value));
  if (ofType("boolean") !== undefined)
    return value === "true" || value === "false" ? null : "Expected true or false";
  return faultOf(property, value);
}

/** What is wrong with a value, null when nothing is. */
export function faultOf(schema: TSchema, value: unknown): string | null {
  if (Value.Check(schema, value)) return null;
  const choices = (schema["enum"] ?? (schema["items"] as TSchema | undefined)?.["enum"]) as
    readonly string[] | undefined;
  if (choices !== undefined) return `Expected one of ${choices.join(", ")}`;
  return Value.Errors(schema, value).First()?.message ?? "is not valid";
}
