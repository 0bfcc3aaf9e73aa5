import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTestDatabase } from "../helpers/database.ts";

export type PgbenchOptions = Readonly<{
  program: string;
  url: string;
  folder: string;
  /** The statement with `:name` in place of its parameters. */
  sql: string;
  variables: Readonly<Record<string, string>>;
  clients: number;
  seconds: number;
}>;

/**
 * A database with pgbench's own tables on the server of TEST_DATABASE_URL, for its TPC-B-like script.
 * https://www.postgresql.org/docs/18/pgbench.html
 *
 * @returns its URL
 */
export async function preparePgbench(
  started: AsyncDisposableStack,
  { program, scale }: Readonly<{ program: string; scale: number }>,
): Promise<string> {
  const { url, drop } = await createTestDatabase({ migrations: [] });
  started.defer(drop);
  await run([program, "-i", "-q", "-s", String(scale), url]);
  return url;
}

/** Transactions a second of pgbench's TPC-B-like script, prepared. */
export async function pgbenchScript(
  options: Readonly<{ program: string; url: string; clients: number; seconds: number }>,
): Promise<number> {
  const { program, url, clients, seconds } = options;
  return tpsOf([program, "-M", "prepared", "-c", String(clients), "-j", "2", "-T", String(seconds), url]);
}

/** Transactions a second of `pgbench -M prepared` with one statement: the yardstick that shares our server and cores. */
export async function pgbench(options: PgbenchOptions): Promise<number> {
  const file = join(options.folder, "statement.sql");
  writeFileSync(file, options.sql);
  const variables = Object.entries(options.variables).flatMap(([name, value]) => ["-D", `${name}=${value}`]);
  const { program, clients, seconds, url } = options;
  const counts = ["-c", String(clients), "-j", "1", "-T", String(seconds)];
  return tpsOf([program, "-n", "-M", "prepared", "-f", file, ...counts, ...variables, url]);
}

async function tpsOf(words: readonly string[]): Promise<number> {
  const output = await run(words);
  const tps = /tps = ([\d.]+) \(without initial connection time\)/.exec(output)?.[1];
  if (tps === undefined) throw new Error(`pgbench failed:\n${output}`);
  return Number(tps);
}

async function run(words: readonly string[]): Promise<string> {
  const child = Bun.spawn([...words], { stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`pgbench failed:\n${errors}\n${output}`);
  return output;
}
