import { rmSync } from "node:fs";
import { compareMonths } from "../helpers/budget-model/episode.ts";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";

/**
 * Months of random budgets beside those of a model, on a PostgreSQL of its own.
 *
 * @returns what did not hold
 */
export async function runBudgetChaos({ seed, months }: { seed: number; months: number }): Promise<string[]> {
  const folder = makeTestFolder();
  const server = await startTestPostgres(folder);
  process.env["TEST_DATABASE_URL"] = server.url;
  const started_ms = performance.now();
  const sql = connect((await createTestDatabase()).url);
  try {
    console.log(`seed ${seed}, ${months} months`);
    const seen = await compareMonths(sql, { seed, months, say: console.log });
    for (const [rollover, count] of seen) console.log(`${rollover}: ${count} months of categories`);
    console.log(`all held, in ${((performance.now() - started_ms) / 1000).toFixed(0)} s`);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    await sql.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
