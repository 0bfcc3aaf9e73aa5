import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

/** One environment variable: what it is for, what it accepts, and what it means when it is not given. */
export type Variable<T, D extends string | null = string | null> = Readonly<{
  section: string;
  description: string;
  /** What an accepted value looks like; the end of "PORT: … ". Carries the unit. */
  expected: string;
  /** As it would stand in `.env`; null when there is none. */
  default_text: D;
  /** Secrets are never printed, and can be read from the file named by `<NAME>_FILE`. */
  secret: boolean;
  /** The value, or undefined when the text is not acceptable. */
  parse: (text: string) => T | undefined;
}>;

type About = Readonly<{ section: string; description: string }>;

const checked = <S extends TSchema>(schema: S, value: unknown): Static<S> | undefined =>
  Value.Check(schema, value) ? value : undefined;

/** Digits with an optional sign, within bounds. */
export function integer(
  about: About & Readonly<{ default: number; minimum: number; maximum: number; unit: string }>,
): Variable<number, string> {
  const schema = Type.Integer({ minimum: about.minimum, maximum: about.maximum });
  return {
    ...about,
    expected: `an integer from ${about.minimum} to ${about.maximum} (${about.unit})`,
    default_text: String(about.default),
    secret: false,
    parse: (text) => (/^-?\d+$/.test(text) ? checked(schema, Number(text)) : undefined),
  };
}

/** `true`, `false`, `1` or `0`. */
export function boolean(about: About & Readonly<{ default: boolean }>): Variable<boolean, string> {
  const words: Readonly<Record<string, boolean>> = { true: true, false: false, "1": true, "0": false };
  return {
    ...about,
    expected: "true or false",
    default_text: String(about.default),
    secret: false,
    parse: (text) => words[text.toLowerCase()],
  };
}

/** One of a few words. */
export function choice<const C extends string, const D extends NoInfer<C> | null>(
  about: About & Readonly<{ default: D; choices: readonly C[] }>,
): Variable<C, D> {
  return {
    ...about,
    expected: `one of ${about.choices.join(", ")}`,
    default_text: about.default,
    secret: false,
    parse: (text) => about.choices.find((one) => one === text),
  };
}

/** Any text that fits a pattern. */
export function text<D extends string | null>(
  about: About & Readonly<{ default: D; pattern: RegExp; expected: string; secret?: boolean }>,
): Variable<string, D> {
  const schema = Type.RegExp(about.pattern);
  return {
    section: about.section,
    description: about.description,
    expected: about.expected,
    default_text: about.default,
    secret: about.secret ?? false,
    parse: (value) => checked(schema, value),
  };
}

/** A URL with one of the protocols, kept as it was written. */
export function url(
  about: About & Readonly<{ protocols: readonly string[]; secret: boolean }>,
): Variable<string, null> {
  return {
    ...about,
    expected: `a URL beginning with ${about.protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
    default_text: null,
    parse: (value) => {
      const parsed = URL.parse(value);
      return parsed !== null && about.protocols.includes(parsed.protocol) ? value : undefined;
    },
  };
}

/** A JSON array of strings or a comma-separated list; every item must satisfy `accepts`. */
export function list(
  about: About &
    Readonly<{ default: string; expected: string; accepts: (item: string) => boolean; secret?: boolean }>,
): Variable<readonly string[], string> {
  const schema = Type.Array(Type.String());
  const items = (value: string): string[] | undefined => {
    if (!value.startsWith("[")) return value.split(",").map((item) => item.trim());
    try {
      return checked(schema, JSON.parse(value));
    } catch {
      return undefined;
    }
  };
  return {
    section: about.section,
    description: about.description,
    expected: `${about.expected}, as a JSON array or a comma-separated list`,
    default_text: about.default,
    secret: about.secret ?? false,
    parse: (value) => {
      const found = items(value)?.filter((item) => item !== "");
      return found?.every(about.accepts) ? Object.freeze([...new Set(found)]) : undefined;
    },
  };
}
