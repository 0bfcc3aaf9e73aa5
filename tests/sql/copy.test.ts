import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { SQL } from "bun";
import { copyInto, copyLine } from "../../src/platform/db/copy.ts";
import { DatabaseError, DatabaseUnavailable } from "../../src/platform/db/errors.ts";
import type { Statement } from "../../src/platform/db/statement.ts";
import { streamRows } from "../../src/platform/db/stream-rows.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { failureOf } from "../helpers/failure.ts";

let database: TestDatabase;
let sql: SQL;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [] });
  sql = connect(database.url);
  await sql.unsafe("create table parts (id int primary key, label text, parent int references parts (id))");
});
afterAll(async () => {
  await sql.close();
  await database.drop();
});
beforeEach(async () => {
  await sql.unsafe("truncate parts");
});

const parts = { table: "public.parts", columns: ["id", "label", "parent"] };

function* lines(count: number): Generator<string> {
  for (let id = 0; id < count; id++) yield copyLine([id, `part ${id}`, null]);
}

const count = async (): Promise<number> => (await sql`select count(*)::int as count from parts`)[0].count;

const backends = async (name: string): Promise<number> =>
  (
    await sql`select count(*)::int as count from pg_stat_activity
    where application_name = ${name} and datname = current_database()`
  )[0].count;

/** Ends the backend of that application, after a delay and again, until `work` has ended: its error, or null. */
async function killDuring(name: string, delay_ms: number, work: Promise<unknown>): Promise<unknown> {
  let running = true;
  const outcome = failureOf(work).finally(() => (running = false));
  // A connection that dies while it is opened is opened again by the driver, hence the loop.
  while (running) {
    await Bun.sleep(delay_ms);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = ${name} and datname = current_database()`;
  }
  return outcome;
}

describe("COPY", () => {
  test("writes any text as it is", async () => {
    const labels = ["tab\tline\nreturn\rback\\slash", "\\N", "\\.", "", " é 😀 ", '"quoted"', null];
    const rows = labels.map((label, id) => copyLine([id, label, null]));
    expect(await copyInto(database.url, parts, rows)).toMatchObject({ rows: labels.length });
    const written: { label: string | null }[] = await sql`select label from parts order by id`;
    expect(written.map(({ label }) => label)).toEqual(labels);
  });

  test("takes 200,000 rows in chunks, tells how far it is, and keeps memory flat", async () => {
    const seen: number[] = [];
    const before = process.memoryUsage().rss;
    const done = await copyInto(database.url, parts, lines(200_000), {
      progress: ({ rows }) => seen.push(rows),
    });
    expect(done.rows).toBe(200_000);
    expect(seen.length).toBeGreaterThan(20);
    expect(seen.at(-1)).toBe(200_000);
    expect(await count()).toBe(200_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });

  test("takes bytes and text mixed, from an asynchronous source", async () => {
    async function* mixed(): AsyncGenerator<string | Uint8Array> {
      yield "1\ta\t\\N\n";
      await Bun.sleep(1);
      yield new TextEncoder().encode("2\tb\t\\N\n3\tc\t1\n");
      yield "4\td\t1\n";
    }
    expect(await copyInto(database.url, parts, mixed())).toEqual({ rows: 4, bytes: 26 });
  });

  test("sets parameters for its session, and leaves no connection behind", async () => {
    await sql.unsafe(
      "create table if not exists whats (setting text default current_setting('app.import', true), a int)",
    );
    await copyInto(database.url, { table: "whats", columns: ["a"], parameters: { "app.import": "on" } }, [
      copyLine([1]),
    ]);
    expect((await sql`select setting from whats`)[0].setting).toBe("on");
    expect(await backends("countinghouse/copy")).toBe(0);
  });

  test("writes nothing when a line cannot be read, and says which rule it broke", async () => {
    const error = await failureOf(copyInto(database.url, parts, [...lines(50_000), "x\ty\t\\N\n"]));
    expect(error).toBeInstanceOf(DatabaseError);
    expect((error as DatabaseError).sqlstate).toBe("22P02");
    expect(await count()).toBe(0);
  });

  test("writes nothing when a constraint refuses after the last byte (the driver tells nobody of it)", async () => {
    const error = await failureOf(copyInto(database.url, parts, ["1\ta\t99\n"], { step_timeout_ms: 2_000 }));
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ sqlstate: "23503", constraint: "parts_parent_fkey" });
    expect(await count()).toBe(0);
  });

  test("writes nothing when its source fails, or its caller goes away", async () => {
    async function* broken(): AsyncGenerator<string> {
      yield* lines(10_000);
      throw new RangeError("the file ends in the middle");
    }
    expect(await failureOf(copyInto(database.url, parts, broken()))).toBeInstanceOf(RangeError);
    const gone = new AbortController();
    async function* endless(): AsyncGenerator<string> {
      for (let id = 0; ; id++) {
        if (id === 5_000) gone.abort(new Error("gone"));
        yield copyLine([id, null, null]);
        if (id % 1_000 === 0) await Bun.sleep(1);
      }
    }
    const error = await failureOf(copyInto(database.url, parts, endless(), { signal: gone.signal }));
    expect(error).toMatchObject({ message: "gone" });
    expect(await count()).toBe(0);
  });

  test("refuses names that are not identifiers", async () => {
    const target = { table: "parts; drop table parts", columns: ["id"] };
    expect(await failureOf(copyInto(database.url, target, []))).toBeInstanceOf(TypeError);
  });

  test.each([0, 3, 10, 30])(
    "ends with an error, and the process lives, when its backend dies (after %d ms)",
    async (delay_ms) => {
      async function* endless(): AsyncGenerator<string> {
        for (let id = 0; ; id++) {
          yield copyLine([id, "x".repeat(100), null]);
          if (id % 2_000 === 0) await Bun.sleep(0);
        }
      }
      const copy = copyInto(database.url, parts, endless(), { step_timeout_ms: 3_000 });
      const error = await killDuring("countinghouse/copy", delay_ms, copy);
      expect(error).toBeInstanceOf(DatabaseUnavailable);
      expect((error as DatabaseUnavailable).reason).toBe("connection");
      expect(await count()).toBe(0);
    },
  );

  test("without a server it fails soon", async () => {
    const error = await failureOf(copyInto("postgres://nobody@127.0.0.1:9/none", parts, lines(10)));
    expect(error).toMatchObject({ reason: "connection" });
  });
});

describe("a stream of rows", () => {
  type Row = { id: number; even: boolean; word: string };
  const statement: Statement<{ max: number; word: string; all: boolean }, Row> = {
    name: "test/stream",
    text: "-- A comment.\nselect g as id, g % 2 = 0 as even, $2::text as word from generate_series(1, $1::int) g where $3::bool;\n",
    parameters: ["max", "word", "all"],
  };
  const collect = async (
    parameters: { max: number; word: string; all: boolean },
    options: Parameters<typeof streamRows>[3] = {},
  ): Promise<Row[]> => {
    const rows: Row[] = [];
    for await (const row of streamRows(database.url, statement, parameters, options)) rows.push(row);
    return rows;
  };

  test("gives every row in order, with the types of a lane", async () => {
    const rows = await collect({ max: 1_234, word: "é", all: true }, { batch_size: 100 });
    expect(rows.length).toBe(1_234);
    expect(rows.at(-1)).toEqual({ id: 1_234, even: true, word: "é" });
    expect(await collect({ max: 5, word: "", all: false })).toEqual([]);
    expect((await collect({ max: 500, word: "", all: true }, { batch_size: 500 })).length).toBe(500);
  });

  test("sees one snapshot: what is committed meanwhile is not in it", async () => {
    await copyInto(database.url, parts, lines(2_000));
    const all: Statement<{ min: number }, { id: number }> = {
      name: "test/parts",
      text: "select id from parts where id >= $1::int",
      parameters: ["min"],
    };
    let seen = 0;
    for await (const _ of streamRows(database.url, all, { min: 0 }, { batch_size: 100 })) {
      if (seen++ === 0) await sql.unsafe("delete from parts where id > 500");
    }
    expect(seen).toBe(2_000);
  });

  test("cannot write", async () => {
    const write = {
      ...statement,
      text: "with gone as (delete from parts returning id) select id from gone where $1::int + length($2::text) > 0 and $3::bool",
    };
    const error = await failureOf(streamRows(database.url, write, { max: 1, word: "", all: true }).next());
    expect(error).toBeInstanceOf(DatabaseError);
  });

  test("leaves no connection behind when its consumer stops early", async () => {
    for await (const { id } of streamRows(database.url, statement, { max: 100_000, word: "", all: true })) {
      if (id === 700) break;
    }
    expect(await backends("countinghouse/stream")).toBe(0);
  });

  test("ends with its signal's reason and at its deadline", async () => {
    const parameters = { max: 10_000_000, word: "", all: true };
    const signal = AbortSignal.timeout(50);
    expect(await failureOf(collect(parameters, { signal }))).toMatchObject({ name: "TimeoutError" });
    expect(await failureOf(collect(parameters, { deadline_ms: 50 }))).toMatchObject({ reason: "deadline" });
  });

  test("a step that takes too long is ended by the server", async () => {
    const slow = {
      ...statement,
      text: "select pg_sleep($1::int)::text as id, $2::text as word, $3::bool as even",
    };
    const rows = streamRows(database.url, slow, { max: 5, word: "", all: true }, { step_timeout_ms: 100 });
    expect(await failureOf(rows.next())).toMatchObject({ reason: "deadline" });
  });

  test.each([0, 5, 20])(
    "is never cut short in silence when its backend dies (after %d ms)",
    async (delay_ms) => {
      const consume = async (): Promise<number> => {
        let rows = 0;
        const parameters = { max: 10_000_000, word: "", all: true };
        for await (const _ of streamRows(database.url, statement, parameters)) {
          if (++rows % 500 === 0) await Bun.sleep(0);
        }
        return rows;
      };
      const error = await killDuring("countinghouse/stream", delay_ms, consume());
      expect(error).toBeInstanceOf(DatabaseUnavailable);
    },
  );
});
