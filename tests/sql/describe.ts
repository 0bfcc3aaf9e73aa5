import postgres from "postgres";
import type { StatementFile } from "./statement-files.ts";

/** A type of the database, by its catalogue. */
export type CatalogueType = {
  oid: number;
  name: string;
  schema: string;
  kind: string;
  element: number;
  labels: string[];
};

export type Column = { name: string; type: CatalogueType };

/** What PostgreSQL says of one statement: the types of its parameters and its columns. */
export type Description = { file: StatementFile; parameters: CatalogueType[]; columns: Column[] };

export type Catalogue = { enums: CatalogueType[]; descriptions: Description[] };

/** Asks the server to describe (parse, not run) every statement. Problems are collected in `problems`. */
export async function describeStatements(
  url: string,
  files: readonly StatementFile[],
  problems: string[],
): Promise<Catalogue> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, fetch_types: false, connect_timeout: 5 });
  try {
    const types = await readTypes(sql);
    const descriptions: Description[] = [];
    for (const file of files) {
      const description = await describeOne(sql, file, types, problems);
      if (description !== null) descriptions.push(description);
    }
    const enums = [...types.values()].filter((type) => type.kind === "e");
    return { enums: enums.sort((left, right) => (sortKey(left) < sortKey(right) ? -1 : 1)), descriptions };
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function describeOne(
  sql: postgres.Sql,
  file: StatementFile,
  types: Map<number, CatalogueType>,
  problems: string[],
): Promise<Description | null> {
  const typeOf = (oid: number): CatalogueType =>
    types.get(oid) ?? { oid, name: `oid ${oid}`, schema: "", kind: "?", element: 0, labels: [] };
  try {
    const described = await sql.unsafe(file.text).describe();
    return {
      file,
      parameters: described.types.map(typeOf),
      columns: described.columns.map((column) => ({ name: column.name, type: typeOf(column.type) })),
    };
  } catch (error) {
    if (!(error instanceof postgres.PostgresError)) throw error;
    const line = file.text.slice(0, Number(error.position ?? 1)).split("\n").length;
    problems.push(`sql/${file.name}.sql:${line}: ${error.message} (${error.code})`);
    return null;
  }
}

async function readTypes(sql: postgres.Sql): Promise<Map<number, CatalogueType>> {
  const rows = await sql<CatalogueType[]>`
    select t.oid::int8::int4 as oid, t.typname as name, n.nspname as schema, t.typtype as kind,
      case when t.typcategory = 'A' then t.typelem::int8::int4 else 0 end as element,
      coalesce((select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
        '[]'::json) as labels
    from pg_type t join pg_namespace n on n.oid = t.typnamespace`;
  return new Map(rows.map((row) => [row.oid, row]));
}

function sortKey(type: CatalogueType): string {
  return `${type.name}.${type.schema}`;
}
