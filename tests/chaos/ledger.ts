import { rmSync } from "node:fs";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { installRunner, runEpisodes } from "../helpers/ledger-model/episode.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";

/**
 * Random operations on ledgers, each proven after it, on a PostgreSQL of its own: the model, one by one and in
 * batches must agree.
 *
 * @returns what did not hold
 */
export async function runLedgerChaos(options: { seed: number; operations: number }): Promise<string[]> {
  const { seed, operations } = options;
  const folder = makeTestFolder();
  const server = await startTestPostgres(folder);
  process.env["TEST_DATABASE_URL"] = server.url;
  const database = await createTestDatabase();
  const connections = Array.from({ length: 3 }, () => connect(database.url));
  const started_ms = performance.now();
  try {
    const [first] = connections;
    if (first === undefined) throw new Error("no connection");
    await installRunner(first);
    console.log(`seed ${seed}, ${operations} operations, each one by one and in a batch`);
    const shape = { per_episode: 120, batch_most: 12, check_each: true, verify_every: 8 };
    const met = await runEpisodes(connections, { seed, operations, ...shape, say: console.log });
    for (const [outcome, count] of [...met].sort(([left], [right]) => left.localeCompare(right)))
      console.log(`${outcome} ${count}`);
    console.log(`all held, in ${((performance.now() - started_ms) / 1000).toFixed(0)} s`);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    await Promise.all(connections.map((sql) => sql.close()));
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
