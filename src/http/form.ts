// Forms with a file: https://www.rfc-editor.org/rfc/rfc7578
import { OptionalKind, type Static, type TObject, type TProperties } from "@sinclair/typebox";
import { t } from "elysia";
import { Problem, type ProblemError } from "./problem.ts";
import { faultOf } from "./query-errors.ts";

/** What a form has around its file, in bytes, at most. */
export const formBytes = 65_536;

const isRequired = (property: TProperties[string]): boolean => property[OptionalKind] !== "Optional";

/** The schema of a form for the document: what arrives is looked at by `readForm`, because a form knows text and files only. */
export const formOf = (properties: TProperties, file = "The file") =>
  t.Any({
    type: "object",
    properties: { file: { type: "string", format: "binary", description: file }, ...properties },
    required: ["file", ...Object.keys(properties).filter((name) => isRequired(properties[name] ?? t.Any()))],
    additionalProperties: false,
  });

/**
 * The members of a form that has a file and text.
 *
 * @throws {Problem} `validation`, with each member that is missing, wrong or unknown
 */
export function readForm<P extends TProperties>(
  body: unknown,
  properties: P,
): Static<TObject<P>> & { file: File } {
  const { file, ...given } = Object(body) as Record<string, unknown>;
  const errors: ProblemError[] = [];
  for (const [name, value] of Object.entries(given)) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const detail = property === undefined ? "is not known" : faultOf(property, value);
    if (detail !== null) errors.push({ pointer: `/${name}`, detail });
  }
  for (const [name, property] of Object.entries(properties)) {
    if (isRequired(property) && !Object.hasOwn(given, name)) {
      errors.push({ pointer: `/${name}`, detail: "is required" });
    }
  }
  if (!(file instanceof File)) errors.push({ pointer: "/file", detail: "must be a file" });
  if (errors.length > 0) throw new Problem("validation", { errors });
  return { ...given, file } as Static<TObject<P>> & { file: File };
}
