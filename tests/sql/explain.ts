import type { SQL } from "bun";
import { encodeParameters } from "../../src/platform/db/encode.ts";
import type { Parameter } from "../../src/platform/db/statement.ts";
import type { StatementFile } from "./statement-files.ts";

/** What one run of a statement did. */
export type Explained = {
  /** Tables that were read from end to end, by `schema.table`. */
  scanned: string[];
  /** Pages of 8 KiB touched, planning not counted; null when it could only be planned. */
  buffers: number | null;
  execution_ms: number | null;
  planning_ms: number | null;
};

type Node = {
  "Node Type": string;
  Schema?: string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Index Cond"?: string;
  "Actual Loops"?: number;
  "Actual Rows"?: number;
  "Shared Hit Blocks"?: number;
  "Shared Read Blocks"?: number;
  Plans?: Node[];
};
type Plan = { Plan: Node; "Execution Time"?: number; "Planning Time"?: number };

/**
 * Runs a statement inside a transaction that is rolled back, and tells what it cost. A statement that refuses its samples
 * (a constraint, a trigger) is only planned.
 */
export async function explain(
  sql: SQL,
  file: StatementFile,
  values: Readonly<Record<string, Parameter>>,
): Promise<Explained> {
  const names = file.parameters.map(({ name }) => name);
  const missing = names.filter((name) => values[name] === undefined);
  if (missing.length > 0) throw new Error(`${file.name}: tests/sql/samples.ts has no ${missing.join(", ")}`);
  const encoded = encodeParameters({ name: file.name, text: file.text, parameters: names }, values);
  const run = async (options: string): Promise<Plan> => {
    await sql.unsafe("begin").simple();
    try {
      const [row] = await sql.unsafe(`explain (${options}, verbose, format json) ${file.text}`, encoded);
      return row["QUERY PLAN"][0];
    } finally {
      await sql.unsafe("rollback").simple();
    }
  };
  const plan = await run("analyze, buffers").catch(() => run("costs off"));
  const nodes = allNodes(plan.Plan);
  const analysed = plan["Execution Time"] !== undefined;
  return {
    scanned: nodes.filter(isScan).map((node) => `${node.Schema}.${node["Relation Name"]}`),
    buffers: analysed ? (plan.Plan["Shared Hit Blocks"] ?? 0) + (plan.Plan["Shared Read Blocks"] ?? 0) : null,
    execution_ms: plan["Execution Time"] ?? null,
    planning_ms: plan["Planning Time"] ?? null,
  };
}

const allNodes = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(allNodes)];

/** A branch that was planned and not taken reads nothing. An index without a condition is a table read in its order. */
function isScan(node: Node): boolean {
  if (node["Actual Loops"] === 0) return false;
  if (node["Node Type"] === "Seq Scan") return true;
  return /^Index (Only )?Scan$/.test(node["Node Type"]) && node["Index Cond"] === undefined;
}
