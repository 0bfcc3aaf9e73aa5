import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { freePort, makeTestFolder, type Service, startTestPostgres } from "../helpers/services.ts";

/** Answers of one kind of request while the database goes away and comes back. */
type Answer = { at_ms: number; status: number; retry_after: string | null; took_ms: number };

const folder = makeTestFolder();
const shared = process.env["TEST_DATABASE_URL"];
let port: string;
let postgres: Service;
let api: TestApp;

beforeAll(async () => {
  port = String(await freePort());
  postgres = await startTestPostgres(folder, { durable: true, settings: { port } });
  process.env["TEST_DATABASE_URL"] = postgres.url;
  const database = await createTestDatabase();
  process.env["TEST_DATABASE_URL"] = shared;
  api = await startTestApp({ database_url: database.url });
});
afterAll(async () => {
  await api.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("with PostgreSQL restarted under load every request is answered, and service resumes by itself", async () => {
  const token = await api.token(api.alpha.people.owner);
  const answers: Answer[] = [];
  const created: string[] = [];
  let running = true;
  const started = performance.now();
  const client = async (send: () => Promise<Response>, seen: (response: Response) => Promise<void>) => {
    while (running) {
      const at_ms = performance.now() - started;
      const response = await send();
      const took_ms = performance.now() - started - at_ms;
      answers.push({
        at_ms,
        status: response.status,
        retry_after: response.headers.get("retry-after"),
        took_ms,
      });
      await seen(response);
      if (response.status === 503) await Bun.sleep(20);
    }
  };
  const reads = Array.from({ length: 8 }, () =>
    client(
      () => api.send("GET", "/api/v1/customers?limit=1", { token }),
      async (response) => void (await response.text()),
    ),
  );
  const writes = Array.from({ length: 4 }, () =>
    client(
      () => api.send("POST", "/api/v1/customers", { token, body: { name: "Survivor" } }),
      async (response) => {
        const body = (await response.json()) as { id?: string };
        if (response.status === 201) created.push(body.id ?? "");
      },
    ),
  );

  const answersReach = async (count: number): Promise<void> => {
    const deadline = performance.now() + 20_000;
    while (answers.length < count && performance.now() < deadline) await Bun.sleep(20);
    expect(answers.length).toBeGreaterThanOrEqual(count);
  };

  await answersReach(100);
  const stopped_ms = performance.now() - started;
  await postgres.stop();
  await Bun.sleep(1_500);
  postgres = await startTestPostgres(folder, { durable: true, settings: { port } });
  const back_ms = performance.now() - started;
  await Bun.sleep(3_000);
  await answersReach(answers.length + 100);
  running = false;
  await Promise.all([...reads, ...writes]);

  const unexpected = answers.filter(({ status }) => ![200, 201, 503].includes(status));
  expect(unexpected).toEqual([]);
  const refused = answers.filter(({ status }) => status === 503);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.filter(({ retry_after }) => retry_after === null)).toEqual([]);
  expect(Math.max(...answers.map(({ took_ms }) => took_ms))).toBeLessThan(7_000);
  const before = answers.filter(({ at_ms, took_ms }) => at_ms + took_ms < stopped_ms);
  expect(before.length).toBeGreaterThanOrEqual(100);
  expect(before.filter(({ status }) => status === 503)).toEqual([]);
  const after = answers.filter(({ at_ms }) => at_ms > back_ms + 3_000);
  expect(after.length).toBeGreaterThan(20);
  expect(after.filter(({ status }) => status === 503)).toEqual([]);

  const rows = await countRows(created);
  expect(rows).toBe(created.length);
}, 60_000);

/** How many of the acknowledged writes are there. */
async function countRows(ids: readonly string[]): Promise<number> {
  const sql = connect(api.database_url);
  const [row] =
    (await sql`select count(*)::int as rows from core.customers where id = any(${`{${ids.join(",")}}`}::uuid[])`) as {
      rows: number;
    }[];
  await sql.close();
  return row?.rows ?? 0;
}
