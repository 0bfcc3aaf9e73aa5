import { FormatRegistry, type TProperties } from "@sinclair/typebox";
import { t, type TSchema } from "elysia";
import { defaultLimit, maxLimit } from "./pagination.ts";

/**
 * An object that refuses members it does not know: an unknown field in a body is a mistake to be told, never to be
 * trimmed silently.
 */
export const strict = <P extends TProperties>(properties: P) =>
  t.Object(properties, { additionalProperties: false });

/** Elysia's own check of a date lets 30 February through to the database. */
FormatRegistry.Set("date", (text) => {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined || year === 0) return false;
  return new Date(Date.UTC(year, month - 1, day)).toISOString().startsWith(text);
});

export const Uuid = t.String({ format: "uuid", description: "UUID (RFC 9562)" });
export const IdParams = strict({ id: Uuid });
export const Instant = t.String({
  format: "date-time",
  description: "Instant in UTC (RFC 3339)",
  examples: ["2026-11-20T08:15:00.000Z"],
});
export const BusinessDate = t.String({
  format: "date",
  description: "Date in the business's time zone",
  examples: ["2026-11-20"],
});
/** The field is always there; JSON null says that there is no value. */
export const Nullable = <S extends TSchema>(schema: S) => t.Union([schema, t.Null()]);

/** One of these words. Elysia's `UnionEnum` makes the first the default: a body without a role would make an owner. */
export const OneOf = <const V extends [string, ...string[]] | readonly [string, ...string[]]>(
  values: V,
  options: { description?: string } = {},
) => t.UnionEnum(values, { ...options, default: undefined });

/** Text of at most `max` characters that is not only white space. */
export const Text = (max: number, description: string) =>
  t.String({ minLength: 1, maxLength: max, pattern: "\\S", description });

export const Version = t.Integer({ minimum: 0, description: "Version of the row; `If-Match` compares it" });

export const Money = t.Object(
  {
    amount: t.Integer({ description: "Minor units: 1550000 is 15,500.00" }),
    currency: t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217" }),
  },
  {
    description: "An amount in minor units beside its currency",
    examples: [{ amount: 1_550_000, currency: "NGN" }],
  },
);

/** Query parameters that every list takes. */
export const listParameters = {
  limit: t.Optional(
    t.Integer({ minimum: 1, maximum: maxLimit, default: defaultLimit, description: "Rows a page" }),
  ),
  cursor: t.Optional(t.String({ maxLength: 1_000, description: "`meta.next_cursor` of the page before" })),
};

/** A list in its envelope. */
export const ListOf = <S extends TSchema>(item: S) =>
  t.Object({
    data: t.Array(item),
    meta: t.Object({
      next_cursor: Nullable(t.String({ description: "Pass as `cursor` to get the next page" })),
      has_more: t.Boolean(),
    }),
  });
