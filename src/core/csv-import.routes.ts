import { t } from "elysia";
import { Problem } from "../http/problem.ts";
import { strict } from "../http/schema.ts";

export const ImportReport = t.Object(
  {
    dry_run: t.Boolean(),
    rows: t.Integer({ description: "Rows of the file" }),
    valid: t.Integer({ description: "Rows without a fault" }),
    created: t.Integer({ description: "Records created: all rows, or none" }),
    error_count: t.Integer(),
    errors: t.Array(
      t.Object({
        line: t.Integer({ description: "Line of the file where the row begins, from 1" }),
        column: t.String({ description: "Column at fault; empty for the line as a whole" }),
        detail: t.String(),
      }),
      { description: "The first thousand faults, by line" },
    ),
  },
  { examples: [{ dry_run: false, rows: 2, valid: 2, created: 2, error_count: 0, errors: [] }] },
);

/** The body is text (CSV) or a form with a file; which one, and whether it is well-formed, is looked at by hand. */
export const CsvUpload = t.Any({
  type: "object",
  properties: { file: { type: "string", format: "binary", description: "A CSV file" } },
  required: ["file"],
  additionalProperties: false,
});

export const ImportQuery = strict({
  dry_run: t.Optional(t.Boolean({ default: false, description: "Only look" })),
});

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The text of the upload: the body itself, or the file of the form. */
export async function csvOf(body: unknown): Promise<string> {
  if (typeof body === "string") return body;
  const members = typeof body === "object" && body !== null ? Object.entries(body) : [];
  const wrong = members
    .filter(([name]) => name !== "file")
    .map(([name]) => ({ pointer: `/${name}`, detail: "is not known" }));
  const file: unknown = members.find(([name]) => name === "file")?.[1];
  if (!(file instanceof Blob)) wrong.push({ pointer: "/file", detail: "must be a file" });
  if (wrong.length > 0) throw new Problem("validation", { errors: wrong });
  try {
    return utf8.decode(await (file as Blob).arrayBuffer());
  } catch {
    throw new Problem("validation", { detail: "The file is not valid UTF-8" });
  }
}
