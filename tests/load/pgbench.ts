import { writeFileSync } from "node:fs";
import { join } from "node:path";

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

/** Transactions a second of `pgbench -M prepared` with one statement: the yardstick that shares our server and cores. */
export async function pgbench(options: PgbenchOptions): Promise<number> {
  const file = join(options.folder, "statement.sql");
  writeFileSync(file, options.sql);
  const variables = Object.entries(options.variables).flatMap(([name, value]) => ["-D", `${name}=${value}`]);
  const child = Bun.spawn(
    [
      options.program,
      "-n",
      "-M",
      "prepared",
      "-f",
      file,
      "-c",
      String(options.clients),
      "-j",
      "1",
      "-T",
      String(options.seconds),
      ...variables,
      options.url,
    ],
    { stdout: "pipe", stderr: "pipe" },
  );
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const tps = /tps = ([\d.]+) \(without initial connection time\)/.exec(output)?.[1];
  if ((await child.exited) !== 0 || tps === undefined)
    throw new Error(`pgbench failed:\n${errors}\n${output}`);
  return Number(tps);
}
