import type { Source } from "./openapi-schema.ts";

export type Documented = Readonly<{
  id: string;
  body: Source | undefined;
  /** Schema of success. */
  answer: Source | undefined;
}>;

const readers = new Set(["get", "read"]);
const makers = new Set(["create", "add"]);
const changers = new Set(["update", "put"]);

/**
 * Names schemas after the operations that use them, so that generated clients have types called `Customer`,
 * `NewCustomer`, `CustomerPatch` and `CustomerList` though nobody had to name them. A `title` in the schema wins.
 */
export function nameSchemas(operations: readonly Documented[]): Map<Source, string> {
  const names = new Map<Source, string>();
  const taken = new Set<string>();
  const give = (schema: Source | undefined, ...candidates: readonly string[]) => {
    if (schema === undefined || !isNameable(schema) || names.has(schema)) return;
    const title = schema["title"];
    const name = typeof title === "string" ? title : candidates.find((one) => !taken.has(one));
    if (name === undefined) return;
    names.set(schema, name);
    taken.add(name);
  };
  const ranked = operations.toSorted((one, other) => rank(one.id) - rank(other.id));
  for (const { id, body, answer } of ranked) {
    const { verb, noun } = split(id);
    const item = answer === undefined ? undefined : itemOf(answer);
    if (item !== undefined) {
      const singular = verb === "list" ? singularOf(noun) : noun;
      give(item, singular, `${singular}ListItem`);
      give(answer, `${singular}List`, `${noun}List`);
    } else {
      const isThing = readers.has(verb) || makers.has(verb);
      give(answer, ...(isThing ? [noun] : []), `${pascal(id)}Result`);
    }
    if (makers.has(verb)) give(body, `New${noun}`);
    else if (changers.has(verb)) give(body, `${noun}Patch`, `${pascal(id)}Request`);
    give(body, `${pascal(id)}Request`);
  }
  return names;
}

/** Single resources name their noun first, then lists, then everything else. */
function rank(id: string): number {
  const { verb } = split(id);
  if (readers.has(verb)) return 0;
  return verb === "list" ? 1 : makers.has(verb) ? 2 : 3;
}

function split(id: string): { verb: string; noun: string } {
  const [, verb = id, noun = ""] = /^([a-z]+)(\w*)$/.exec(id) ?? [];
  return { verb, noun: noun === "" ? `${pascal(verb)}Result` : noun };
}

const pascal = (id: string): string => id.charAt(0).toUpperCase() + id.slice(1);

function singularOf(noun: string): string {
  if (noun.endsWith("ies")) return `${noun.slice(0, -3)}y`;
  if (/(ss|x|ch|sh|us)es$/.test(noun)) return noun.slice(0, -2);
  return noun.endsWith("s") && !noun.endsWith("ss") ? noun.slice(0, -1) : noun;
}

const isNameable = (schema: Source): boolean =>
  schema["type"] === "object" && schema["properties"] !== undefined;

/** The row of a list in its envelope. */
function itemOf(schema: Source): Source | undefined {
  const properties = schema["properties"] as Readonly<Record<string, Source>> | undefined;
  if (properties?.["data"]?.["type"] !== "array" || properties["meta"] === undefined) return undefined;
  return properties["data"]["items"] as Source;
}
