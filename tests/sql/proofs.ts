import type { SQL } from "bun";
import { type Check, proveAll } from "../../src/core/verify.ts";

/** What `verify` prints of one check. */
export async function proofOf(url: string, check: Check): Promise<string> {
  const lines: string[] = [];
  await proveAll({ url, log: { error: () => {} }, out: (line) => void lines.push(line), checks: [check] });
  return lines.join("\n");
}

/**
 * What the proof of a schema says, by part, of rows that somebody with all rights changed by `statement`, in which `$name`
 * stands for a row's id; nothing of it stays.
 */
export async function brokenBy(
  sql: SQL,
  schema: "bank" | "ledger" | "savings" | "shop",
  business_id: string,
  statement: string,
  rows: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  await sql.unsafe("begin").simple();
  try {
    // Neither triggers nor foreign keys, as it is for whoever owns the server.
    await sql.unsafe("set local session_replication_role = replica").simple();
    await sql.unsafe(statement.replaceAll(/\$(\w+)/g, (_, name: string) => `'${rows[name]}'`)).simple();
    const found: { part: string; broken: string }[] = await sql.unsafe(
      `select part, broken from ${schema}.verify($1::uuid)`,
      [business_id],
    );
    return Object.fromEntries(found.map(({ part, broken }) => [part, broken]));
  } finally {
    await sql.unsafe("rollback").simple();
  }
}
