import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { migrations } from "../../src/platform/migration-files.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { readStatementFiles } from "./statement-files.ts";

let database: TestDatabase;
let sql: SQL;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});

const named = new Set(
  readStatementFiles(join(import.meta.dir, "../../sql"), []).flatMap(({ indexes }) => indexes),
);

/** Counters and wider indexes took their place; the migration that made them promises to be taken back whole, so they stay. */
const idle = new Set(["jobs_completed_ix", "steps_completed_ix", "steps_machine_queue_ix", "rpp_page_ix"]);

const namesOf = (rows: { name: string }[]): string[] => rows.map(({ name }) => name);

test("every index that a statement says it relies on is there", async () => {
  const existing = new Set(
    namesOf(
      await sql`select indexname as name from pg_indexes where schemaname in ('core', 'ledger', 'bank', 'savings', 'shop', 'budget')`,
    ),
  );
  expect([...named].filter((name) => !existing.has(name))).toEqual([]);
});

test("every performance index serves a statement or a foreign key", async () => {
  const text = migrations.find(({ name }) => name === "0004_performance_indexes")?.text ?? "";
  const made = [...text.matchAll(/^create index concurrently if not exists (\w+)/gm)].map(
    ([, name = ""]) => name,
  );
  const ofForeignKeys = new Set(
    namesOf(
      await sql`select distinct c.relname as name from pg_index i
      join pg_class c on c.oid = i.indexrelid
      join pg_constraint k on k.contype = 'f' and k.conrelid = i.indrelid and cardinality(k.conkey) > 1
      where (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~ '^\\(\\w+ IS NOT NULL\\)$')
        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey`,
    ),
  );
  expect(made.length).toBeGreaterThan(30);
  expect(made.filter((name) => !named.has(name) && !ofForeignKeys.has(name))).toEqual([...idle]);
});
