import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One parameter line of a header: `-- $2 unit_id (nullable): the branch, or null for all`. */
export type ParameterHeader = { number: number; name: string; nullable: boolean; description: string };

/** One file below `sql/` that holds one statement, with what its header says. */
export type StatementFile = {
  folder: string;
  /** File name without the ending: `get_customer`. */
  base: string;
  /** `core/get_customer` */
  name: string;
  text: string;
  /** The prose of the header: the docstring of the generated constant. */
  description: string[];
  parameters: ParameterHeader[];
  nullable: string[];
  /** The indexes that it relies on: `-- index: customers_pk, customers_name_ix`. */
  indexes: string[];
  /** Why a sequential scan is right here, when the header says so with `-- scan: reason`. */
  scan: string | null;
};

const parameterLine = /^\$(\d+)\s+(\S+?)(\s+\(nullable\))?\s*:\s*(.*)$/;
const settingLine = /^(nullable|index|scan):\s*(.+)$/;
const snakeCase = /^[a-z][a-z0-9_]*$/;

/** Reads every statement below `sql/`, except migrations, sorted by name. Problems are collected in `problems`. */
export function readStatementFiles(sqlDirectory: string, problems: string[]): StatementFile[] {
  const files: StatementFile[] = [];
  const folders = readdirSync(sqlDirectory, { withFileTypes: true });
  for (const folder of folders.filter((entry) => entry.isDirectory() && entry.name !== "migrations")) {
    for (const file of readdirSync(join(sqlDirectory, folder.name))) {
      if (!file.endsWith(".sql")) continue;
      const text = readFileSync(join(sqlDirectory, folder.name, file), "utf8");
      files.push(parseStatementFile(folder.name, file.slice(0, -".sql".length), text, problems));
    }
  }
  return files.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Reads the header of one file: docstring, parameters, `nullable:`, `index:` and `scan:` lines. */
export function parseStatementFile(
  folder: string,
  base: string,
  text: string,
  problems: string[],
): StatementFile {
  const name = `${folder}/${base}`;
  const file: StatementFile = {
    folder,
    base,
    name,
    text,
    description: [],
    parameters: [],
    nullable: [],
    indexes: [],
    scan: null,
  };
  const problem = (message: string) => problems.push(`sql/${name}.sql: ${message}`);
  if (!snakeCase.test(base)) problem("the file name is not snake_case");
  for (const line of headerLines(text)) readHeaderLine(file, line, problem);
  if (file.description.length === 0) problem("the header comment (the docstring) is missing");
  checkParameters(file, problem);
  return file;
}

function headerLines(text: string): string[] {
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith("--")) break;
    lines.push(line.slice(2).trim());
  }
  return lines;
}

function readHeaderLine(file: StatementFile, line: string, problem: (message: string) => void): void {
  const parameter = parameterLine.exec(line);
  if (parameter !== null) {
    const [, number = "0", name = "", nullable, description = ""] = parameter;
    file.parameters.push({ number: Number(number), name, nullable: nullable !== undefined, description });
    return;
  }
  const setting = settingLine.exec(line);
  const listed = (setting?.[2] ?? "").split(",").map((name) => name.trim());
  if (setting?.[1] === "nullable") file.nullable = listed;
  else if (setting?.[1] === "index") file.indexes.push(...listed);
  else if (setting?.[1] === "scan") file.scan = setting[2] ?? "";
  else if (line.startsWith("$"))
    problem(`cannot read the parameter line "${line}"; write "-- $1 name: meaning"`);
  else if (file.parameters.length === 0) file.description.push(line);
}

function checkParameters(file: StatementFile, problem: (message: string) => void): void {
  const seen = new Set<string>();
  for (const [index, parameter] of file.parameters.entries()) {
    if (parameter.number !== index + 1)
      problem(`$${parameter.number} is described where $${index + 1} belongs`);
    if (!snakeCase.test(parameter.name)) problem(`the parameter name "${parameter.name}" is not snake_case`);
    if (seen.has(parameter.name)) problem(`two parameters are named ${parameter.name}`);
    seen.add(parameter.name);
  }
  if (file.parameters.length === 0) {
    problem("no parameter: Bun.SQL runs statements without parameters unprepared, so each needs one");
  }
}
