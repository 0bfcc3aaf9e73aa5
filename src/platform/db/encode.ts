import type { Parameter, Parameters, Statement } from "./statement.ts";

/** What goes to the driver: text that PostgreSQL reads with the type it inferred, or bytes. */
export type Encoded = string | Uint8Array | null;

/**
 * Puts parameters in the order of `$1…$n`, as text.
 *
 * Bun.SQL derives the declared type of a parameter from its JavaScript value: 1, 2147483648 and 1.5 make three
 * prepared statements of one file, and 1.5 for an `int` is rounded. Text has no such effect: one file is one prepared
 * statement, typed by the server as the generated types say. Enum arrays are only accepted as text.
 *
 * @throws {TypeError} for `undefined` (which the driver would turn into NULL), a number that is not finite, a null in
 *   an array; it names the statement and the parameter, never the value
 */
export function encodeParameters<P extends Parameters>(
  statement: Statement<P, unknown>,
  parameters: P,
): Encoded[] {
  const names = statement.parameters;
  const encoded: Encoded[] = [];
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as keyof P & string;
    encoded.push(encode(parameters[name], statement.name, name));
  }
  return encoded;
}

function encode(value: Parameter | undefined, statement: string, name: string): Encoded {
  if (typeof value === "string" || value === null) return value;
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number") return encodeNumber(value, statement, name);
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return encodeArray(value as readonly (string | number)[], statement, name);
  throw new TypeError(
    `${statement}: parameter ${name} is ${value === undefined ? "undefined" : typeof value}`,
  );
}

function encodeNumber(value: number, statement: string, name: string): string {
  if (!Number.isFinite(value)) throw new TypeError(`${statement}: parameter ${name} is not a finite number`);
  return String(value);
}

/** https://www.postgresql.org/docs/18/arrays.html#ARRAYS-INPUT */
function encodeArray(values: readonly (string | number)[], statement: string, name: string): string {
  let text = "{";
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (index > 0) text += ",";
    if (typeof value === "number") text += encodeNumber(value, statement, name);
    else if (typeof value === "string") text += `"${value.replace(/["\\]/g, "\\$&")}"`;
    else
      throw new TypeError(`${statement}: parameter ${name} has an element that is neither text nor a number`);
  }
  return `${text}}`;
}
