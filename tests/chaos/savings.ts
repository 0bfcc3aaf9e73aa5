import { rmSync } from "node:fs";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { runSavings } from "../helpers/savings-model/episode.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";

/**
 * Random histories of savings, proven as they go, on a PostgreSQL of its own.
 *
 * @returns what did not hold
 */
export async function runSavingsChaos(options: { seed: number; steps: number }): Promise<string[]> {
  const { seed, steps } = options;
  const folder = makeTestFolder();
  const server = await startTestPostgres(folder);
  process.env["TEST_DATABASE_URL"] = server.url;
  const database = await createTestDatabase();
  const sql = connect(database.url);
  const started_ms = performance.now();
  try {
    console.log(`seed ${seed}, ${steps} actions`);
    const met = await runSavings(sql, { seed, steps, per_episode: 250, verify_every: 10, say: console.log });
    for (const [outcome, count] of [...met].sort(([left], [right]) => left.localeCompare(right)))
      console.log(`${outcome} ${count}`);
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
