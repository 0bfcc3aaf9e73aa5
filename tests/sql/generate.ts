/**
 * Writes `src/<folder>/statements.ts` and `src/platform/enums.ts` from the files below `sql/` and from what PostgreSQL
 * itself says of them, on a scratch database that it creates, migrates and drops. Nothing of `src` is imported: what is
 * generated may be broken.
 *
 *     TEST_DATABASE_URL=postgres://… bun tests/sql/generate.ts [--check] [--migrated] [url]
 *
 * `--check` writes nothing and fails when a committed file differs; `--migrated` uses the database of the URL as it is.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeStatements } from "./describe.ts";
import { emitEnums, emitStatements, EnumNames } from "./emit.ts";
import { withScratchDatabase } from "./scratch-database.ts";
import { readStatementFiles } from "./statement-files.ts";

export const root = join(import.meta.dir, "../..");

export type Generated = {
  /** Text by path from the root of the repository. */
  files: Map<string, string>;
  /** What is wrong with the statements, each with its file. */
  problems: string[];
};

/** Generates everything from `<directory>/sql`, described by the migrated database at `url`. */
export async function generate(url: string, directory: string = root): Promise<Generated> {
  const problems: string[] = [];
  const statements = readStatementFiles(join(directory, "sql"), problems);
  const catalogue = await describeStatements(url, statements, problems);
  const names = new EnumNames(catalogue.enums);
  const files = new Map([["src/platform/enums.ts", emitEnums(catalogue.enums, names)]]);
  for (const folder of new Set(statements.map((statement) => statement.folder))) {
    files.set(`src/${folder}/statements.ts`, emitStatements(folder, catalogue, names, problems));
  }
  for (const [path, text] of files) files.set(path, await format(path, text));
  return { files, problems };
}

/** Paths whose committed text is not what would be generated. */
export function driftOf(generated: Generated, directory: string = root): string[] {
  return [...generated.files]
    .filter(([path, text]) => {
      const file = join(directory, path);
      return !existsSync(file) || readFileSync(file, "utf8") !== text;
    })
    .map(([path]) => path);
}

async function format(path: string, text: string): Promise<string> {
  const formatter = Bun.spawn([process.execPath, "fmt", `--stdin-filepath=${path}`], {
    cwd: root,
    stdin: new Blob([text]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [formatted, errors] = await Promise.all([
    new Response(formatter.stdout).text(),
    new Response(formatter.stderr).text(),
  ]);
  if ((await formatter.exited) !== 0) throw new Error(`cannot format ${path}: ${errors}`);
  return formatted;
}

async function main(args: readonly string[]): Promise<number> {
  const url = args.find((argument) => !argument.startsWith("--")) ?? process.env["TEST_DATABASE_URL"];
  if (url === undefined) {
    console.error("generate: give the URL of a PostgreSQL server as argument or in TEST_DATABASE_URL");
    return 78;
  }
  const generated = args.includes("--migrated")
    ? await generate(url)
    : await withScratchDatabase(url, join(root, "sql/migrations"), (scratch) => generate(scratch));
  for (const problem of generated.problems) console.error(problem);
  const drifted = driftOf(generated);
  if (args.includes("--check")) {
    for (const path of drifted)
      console.error(`${path} is not what the database describes; run: bun tests/sql/generate.ts`);
    return generated.problems.length + drifted.length > 0 ? 1 : 0;
  }
  // Statements that PostgreSQL refuses are left out; the others can be worked with meanwhile.
  for (const path of drifted) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), generated.files.get(path) ?? "");
    console.log(`wrote ${path}`);
  }
  return generated.problems.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
