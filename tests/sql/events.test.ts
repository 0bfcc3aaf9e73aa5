import type { SQL } from "bun";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { insertBusiness } from "./fixtures.ts";

let database: TestDatabase;
let sql: SQL;
let other: SQL;
let business: string;
let owner: string;

beforeAll(async () => {
  database = await createTestDatabase();
  [sql, other] = [connect(database.url), connect(database.url)];
});
afterAll(async () => {
  await Promise.all([sql?.close(), other?.close()]);
  await database?.drop();
});
beforeEach(async () => {
  ({ business_id: business, user_id: owner } = await insertBusiness(sql));
  await sql`delete from core.outbox`;
});

const budget = () => `budget:${Bun.randomUUIDv7()}`;
const publish = (connection: SQL, topic: string, payload: string) =>
  connection`select core.publish(${business}, ${topic}, ${payload}::text::jsonb)`;
const stamp = async (connection: SQL, limit = 100): Promise<number> =>
  (await connection`select core.stamp_events(${limit}::int) as stamped`)[0].stamped;
/** Topics with a number, in its order. */
const told = async (): Promise<string[]> =>
  (await sql`select topic from core.outbox where seq is not null order by seq`).map(
    (row: { topic: string }) => row.topic,
  );

describe("numbers of events", () => {
  test("are given after the commit, so that none turns up below one that was seen", async () => {
    const [long, short, later] = [budget(), budget(), budget()];
    await other`begin`;
    await publish(other, long, "{}");
    await publish(sql, short, "{}");
    expect(await stamp(sql)).toBe(1);
    expect(await told()).toEqual([short]);
    await other`commit`;
    await publish(sql, later, "{}");
    expect(await stamp(sql, 1)).toBe(1);
    expect(await stamp(sql, 1)).toBe(1);
    expect(await stamp(sql, 1)).toBe(0);
    expect(await told()).toEqual([short, long, later]);
  });

  test("are given by one at a time; nobody waits for it, and nothing is given twice", async () => {
    const [first, second] = [budget(), budget()];
    await publish(sql, first, "{}");
    await other`begin`;
    expect(await stamp(other)).toBe(1);
    await publish(sql, second, "{}");
    expect(await stamp(sql)).toBe(0);
    await other`commit`;
    expect(await stamp(sql)).toBe(1);
    expect(await told()).toEqual([first, second]);
  });

  test("are not given to what was rolled back", async () => {
    await other`begin`;
    await publish(other, budget(), "{}");
    await other`rollback`;
    expect(await stamp(sql)).toBe(0);
  });
});

describe("events of one transaction", () => {
  test("are one for each topic: lists are united, null is all, the later one wins otherwise", async () => {
    const [one, two] = [budget(), budget()];
    await sql`begin`;
    await publish(sql, one, '{"version": 1, "months": ["2026-02"], "changed": "plan"}');
    await publish(sql, two, '{"months": null, "kept": true}');
    await publish(sql, one, '{"version": 2, "months": ["2026-01", "2026-02"], "changed": "budget"}');
    await publish(sql, two, '{"months": ["2026-01"]}');
    await sql`commit`;
    await publish(sql, one, '{"months": []}');
    const found = await sql`select topic, payload from core.outbox order by id`;
    expect(found.map((row: object) => ({ ...row }))).toEqual([
      { topic: one, payload: { version: 2, months: ["2026-01", "2026-02"], changed: "budget" } },
      { topic: two, payload: { months: null, kept: true } },
      { topic: one, payload: { months: [] } },
    ]);
  });

  test("tell a person of the latest notification of a statement", async () => {
    const [first, last] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    await sql`insert into core.notifications (business_id, id, user_id, type, title) values
      (${business}, ${first}, ${owner}, 'job.overdue', 'One'), (${business}, ${last}, ${owner}, 'job.overdue', 'Two')`;
    const found = await sql`select business_id, topic, payload from core.outbox`;
    expect(found.map((row: object) => ({ ...row }))).toEqual([
      {
        business_id: business,
        topic: `notifications:${owner}`,
        payload: { id: last, type: "job.overdue", title: "Two" },
      },
    ]);
  });
});
