import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { runSavings } from "../helpers/savings-model/episode.ts";

let database: TestDatabase;
let sql: SQL;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
}, 30_000);
afterAll(async () => {
  await sql?.close();
  await database?.drop();
});

/** What no seed is without; the long form, `bun run chaos savings`, prints how often everything happened. */
const ordinary = ["collect: done", "reverse: done", "submit: done", "confirm: done", "request: done"];
const seed = Math.floor(Math.random() * 2 ** 31);

test(`whatever happens to savings, the books, the counters and the model agree, and refusals leave nothing (seed ${seed})`, async () => {
  const met = await runSavings(sql, { seed, steps: 240, per_episode: 120, verify_every: 40 });
  // A run that draws none of them proves nothing.
  expect([...met.keys()]).toEqual(expect.arrayContaining(ordinary));
}, 60_000);
