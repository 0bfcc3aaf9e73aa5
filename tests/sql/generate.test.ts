import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { driftOf, generate } from "./generate.ts";

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [] });
  folder = mkdtempSync(join(tmpdir(), "countinghouse-generate-"));
  mkdirSync(join(folder, "sql/shop"), { recursive: true });
  const sql = connect(database.url);
  await sql.unsafe(
    "create schema shop; create type shop.job_status as enum ('draft', 'active'); create type shop.priority as enum ('low')",
  );
  await sql.close();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});

/** What becomes of one statement file, and what is said about it. */
async function generateFrom(
  text: string,
): Promise<{ statements: string; enums: string; problems: string[] }> {
  writeFileSync(join(folder, "sql/shop/get_job.sql"), text);
  const { files, problems } = await generate(database.url, folder);
  return {
    statements: files.get("src/shop/statements.ts") ?? "",
    enums: files.get("src/platform/enums.ts") ?? "",
    problems,
  };
}

test("the committed types are what the migrated database describes", async () => {
  const migrated = await createTestDatabase();
  try {
    const generated = await generate(migrated.url);
    expect(generated.problems).toEqual([]);
    expect(driftOf(generated)).toEqual([]);
  } finally {
    await migrated.drop();
  }
});

describe("a statement file", () => {
  test("becomes a typed constant: parameters by name, enums as unions, nullable columns as said", async () => {
    const { statements, enums, problems } = await generateFrom(
      `-- Finds a job.
-- $1 job_id: which
-- $2 statuses: any of them
-- $3 limit (nullable): all when null
-- $4 amount: minor units
-- nullable: note
select $1::uuid as id, 'draft'::shop.job_status as status, null::text as note, true as open
where 'draft' = any($2::shop.job_status[]) limit $3::int + 0 * $4::bigint;`,
    );
    expect(problems).toEqual([]);
    expect(statements).toContain("/** Finds a job. */");
    expect(statements.replace(/\s+/g, " ")).toContain(
      "export type GetJobParameters = { job_id: string; statuses: readonly JobStatus[]; limit: number | null; " +
        "amount: number | string; };",
    );
    expect(statements.replace(/\s+/g, " ")).toContain(
      "export type GetJobRow = { id: string; status: JobStatus; note: string | null; open: boolean };",
    );
    expect(statements).toContain('parameters: ["job_id", "statuses", "limit", "amount"]');
    expect(enums).toContain('export const jobStatuses = ["draft", "active"] as const;');
    expect(enums).toContain("export const priorities");
  });

  test.each([
    ["no docstring", "-- $1 a: x\nselect $1::text as a", "the docstring"],
    ["no parameter", "-- Text.\nselect 1 as a", "no parameter"],
    [
      "a parameter without its line",
      "-- Text.\n-- $1 a: x\nselect $1::text as a, $2::text as b",
      "takes 2 parameters",
    ],
    [
      "lines in another order",
      "-- Text.\n-- $2 a: x\n-- $1 b: y\nselect $1::text || $2 as a",
      "where $1 belongs",
    ],
    [
      "an unreadable parameter line",
      "-- Text.\n-- $1 the id\nselect $1::text as a",
      "cannot read the parameter line",
    ],
    ["money as bigint", "-- Text.\n-- $1 a: x\nselect $1::bigint as a", "return it as ::text"],
    ["an instant", "-- Text.\n-- $1 a: x\nselect now() as a, $1::text as b", "return it as ::text"],
    ["JSON as JSON", "-- Text.\n-- $1 a: x\nselect ($1::jsonb)::text as a", "write $n::text::jsonb"],
    ["a column without a name", "-- Text.\n-- $1 a: x\nselect $1::text || 'b'", "needs a snake_case name"],
    [
      "two columns of one name",
      "-- Text.\n-- $1 a: x\nselect $1::text as a, 'b' as a",
      "two columns are named a",
    ],
    [
      "a nullable column that is not there",
      "-- Text.\n-- $1 a: x\n-- nullable: b\nselect $1::text as a",
      "no column b",
    ],
    [
      "an unknown table",
      "-- Text.\n-- $1 a: x\nselect $1::text as a\nfrom nowhere",
      "get_job.sql:4: relation",
    ],
  ])("is refused for %s", async (_, text, problem) => {
    const { problems } = await generateFrom(text);
    expect(problems.join("\n")).toContain(problem);
    expect(problems.join("\n")).toContain("sql/shop/get_job.sql");
  });
});
