import { rmSync } from "node:fs";
import { createTestDatabase } from "../helpers/database.ts";
import { makeTestFolder, startTestPostgres } from "../helpers/services.ts";
import { runShop } from "../helpers/shop-model/episode.ts";

/**
 * Random histories of the shop by five connections at once, proven as they go, on a PostgreSQL of its own.
 *
 * @returns what did not hold
 */
export async function runShopChaos({ seed, steps }: { seed: number; steps: number }): Promise<string[]> {
  const folder = makeTestFolder();
  const server = await startTestPostgres(folder);
  process.env["TEST_DATABASE_URL"] = server.url;
  const started_ms = performance.now();
  try {
    console.log(`seed ${seed}, ${steps} actions`);
    const { url } = await createTestDatabase();
    const met = await runShop(url, {
      seed,
      steps,
      connections: 5,
      per_episode: 500,
      verify_every: 50,
      say: console.log,
    });
    for (const [outcome, count] of [...met].toSorted(([left], [right]) => left.localeCompare(right)))
      console.log(`${outcome} ${count}`);
    console.log(`all held, in ${((performance.now() - started_ms) / 1000).toFixed(0)} s`);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
