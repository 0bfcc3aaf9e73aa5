import { SQL } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { failureOf } from "../helpers/failure.ts";

/**
 * What Bun.SQL got wrong in some version, or does in a way that the lanes rely on. An upgrade of Bun runs this first.
 * The facts marked "relied on" are not promised by Bun's documentation.
 */
let database: TestDatabase;
let admin: SQL;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [] });
  admin = connect(database.url);
});
afterAll(async () => {
  await admin.close();
  await database.drop();
});

describe("rows belong to their query", () => {
  test("in a pipelined burst of 10,000 on few connections (#33665)", async () => {
    await using sql = new SQL({ url: database.url, max: 4 });
    const texts = [
      "select $1::int as a",
      "select $1::int as a, 'x' as b",
      "select $1::int as a, repeat('y', 300) as c",
    ];
    const wrong: number[] = [];
    const ask = async (id: number): Promise<void> => {
      const rows: { a: number; b?: string; c?: string }[] = await sql.unsafe(texts[id % 3] ?? "", [
        String(id),
      ]);
      const row = rows[0];
      const shape = id % 3 === 0 ? 1 : 2;
      if (rows.length !== 1 || row?.a !== id || Object.keys(row).length !== shape) wrong.push(id);
    };
    for (let burst = 0; burst < 10; burst++) {
      await Promise.all(Array.from({ length: 1_000 }, (_, id) => ask(burst * 1_000 + id)));
    }
    expect(wrong).toEqual([]);
  });

  test("when some of a burst fail: an error ends one query and none of its neighbours (relied on)", async () => {
    await using sql = new SQL({ url: database.url, max: 1 });
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, (_, id) =>
        sql.unsafe("select 6 / $1::int as a", [String(id % 3)]).then(
          (rows: { a: number }[]) => rows[0]?.a,
          (error: SQL.PostgresError) => error.errno,
        ),
      ),
    );
    expect(new Set(outcomes.filter((_, id) => id % 3 === 0))).toEqual(new Set(["22012"]));
    expect(new Set(outcomes.filter((_, id) => id % 3 === 1))).toEqual(new Set([6]));
  });

  test("when backends are killed at random under load: an error or the right rows, never others", async () => {
    const clients = Array.from(
      { length: 4 },
      () => new SQL({ url: database.url, max: 1, connection: { application_name: "victim" } }),
    );
    let [running, wrong, right, lost] = [true, 0, 0, 0];
    const work = async (client: SQL, offset: number): Promise<void> => {
      for (let id = offset; running; id += 8) {
        try {
          const rows: { a: number }[] = await client.unsafe("select $1::int as a", [String(id)]);
          if (rows.length === 1 && rows[0]?.a === id) right++;
          else wrong++;
        } catch {
          lost++;
        }
      }
    };
    const workers = Array.from({ length: 32 }, (_, index) => work(clients[index % 4] as SQL, index));
    for (let kill = 0; kill < 20; kill++) {
      await Bun.sleep(30);
      await admin`select pg_terminate_backend(pid) from (select pid from pg_stat_activity
        where application_name = 'victim' and datname = current_database() order by random() limit 1) as one`;
    }
    running = false;
    await Promise.all(workers);
    await Promise.all(clients.map((client) => client.close({ timeout: 1 })));
    expect(wrong).toBe(0);
    expect(right).toBeGreaterThan(1_000);
    expect(lost).toBeGreaterThan(0);
  });
});

test("a prepared statement survives a change of its table (#29484)", async () => {
  await using sql = new SQL({ url: database.url, max: 1 });
  await admin.unsafe("create table growing (id int); insert into growing values (1)");
  const all = (): Promise<object[]> => sql.unsafe("select * from growing where id = $1::int", ["1"]);
  expect(await all()).toEqual([{ id: 1 }]);
  await admin.unsafe("alter table growing add column label text default 'new'");
  expect(await all()).toEqual([{ id: 1, label: "new" }]);
  await admin.unsafe("alter table growing alter column id type bigint");
  expect(await all()).toEqual([{ id: "1", label: "new" }]);
});

test("lifetimes and idle timeouts end no running query (#30646)", async () => {
  const clients = [
    new SQL({ url: database.url, max: 1, maxLifetime: 1 }),
    new SQL({ url: database.url, max: 1, idleTimeout: 1 }),
  ];
  const slow = clients.map((client) =>
    client.unsafe("select pg_sleep(1.6)::text as v, $1::int as id", ["7"]),
  );
  const rows = await Promise.all(slow);
  expect(rows.map(([row]) => row.id)).toEqual([7, 7]);
  await Promise.all(clients.map((client) => client.close({ timeout: 1 })));
});

test("concurrent transactions on few connections all end (#32004)", async () => {
  await using sql = new SQL({ url: database.url, max: 2 });
  const one = (id: number): Promise<number> =>
    sql.begin(async (transaction) => {
      const rows: { id: number }[] = await transaction.unsafe("select $1::int as id", [String(id)]);
      return rows[0]?.id ?? -1;
    });
  const ids = Array.from({ length: 200 }, (_, id) => id);
  expect(await Promise.all(ids.map(one))).toEqual(ids);
});

describe("errors", () => {
  test("carry the SQLSTATE in errno and the constraint's name (relied on)", async () => {
    await using sql = new SQL({ url: database.url, max: 1 });
    await admin.unsafe("create table checked (id int constraint id_positive check (id > 0))");
    const error = await failureOf(sql.unsafe("insert into checked values ($1::int)", ["-1"]));
    expect(error).toBeInstanceOf(SQL.PostgresError);
    expect(error).toMatchObject({
      code: "ERR_POSTGRES_SERVER_ERROR",
      errno: "23514",
      constraint: "id_positive",
    });
  });

  test("of a server that is not there come at once, and never hang", async () => {
    await using sql = new SQL({ url: "postgres://nobody@127.0.0.1:9/none", max: 1 });
    expect(await failureOf(sql.connect())).toMatchObject({ code: "ERR_POSTGRES_CONNECTION_REFUSED" });
    expect(await failureOf(sql.connect())).toMatchObject({ code: "ERR_POSTGRES_CONNECTION_REFUSED" });
  });

  test("of a server that accepts and says nothing come with the connection timeout", async () => {
    using hole = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    await using sql = new SQL({
      url: `postgres://nobody@127.0.0.1:${hole.port}/none`,
      max: 1,
      connectionTimeout: 0.3,
    });
    expect(await failureOf(sql.connect())).toMatchObject({ code: "ERR_POSTGRES_CONNECTION_TIMEOUT" });
  });

  test("close({ timeout: 0 }) rejects what is in flight (relied on)", async () => {
    const sql = new SQL({ url: database.url, max: 1 });
    await sql.connect();
    const slow = failureOf(sql.unsafe("select pg_sleep(3)::text as v, $1::int as a", ["1"]));
    await Bun.sleep(20);
    await sql.close({ timeout: 0 });
    expect(await slow).toMatchObject({ code: "ERR_POSTGRES_CONNECTION_CLOSED" });
  });

  test("cancel() stops a running query and leaves the next one alone (relied on)", async () => {
    await using sql = new SQL({ url: database.url, max: 1 });
    await using watcher = new SQL({ url: database.url, max: 1 });
    // It sleeps: while it is only being parsed it is active, too, and a request to cancel it would find nothing to end. Its
    // column tells it from what the tests before have left behind.
    const running = `select from pg_stat_activity
      where wait_event = 'PgSleep' and query like 'select pg_sleep(3)::text as cancelled%' and datname = $1::text`;
    for (let round = 0; round < 10; round++) {
      const query = sql.unsafe("select pg_sleep(3)::text as cancelled, $1::int as a", ["1"]);
      const ended = failureOf(query);
      // What has not begun cannot be cancelled.
      const name = new URL(database.url).pathname.slice(1);
      while ((await watcher.unsafe(running, [name])).length === 0) await Bun.sleep(5);
      void query.cancel();
      expect(await ended).toMatchObject({ errno: "57014" });
      expect(await sql.unsafe("select $1::int as a", ["2"])).toEqual([{ a: 2 }]);
    }
  });
});

describe("parameters", () => {
  test("of other JavaScript types make other prepared statements: why lanes send text", async () => {
    await using sql = new SQL({ url: database.url, max: 1 });
    for (const value of [1, 2_147_483_648, 1.5])
      await failureOf(sql.unsafe("select $1::bigint as a", [value]));
    for (const value of ["1", "2147483648", null]) await sql.unsafe("select $1::int8 as a", [value]);
    const count = async (text: string): Promise<number> =>
      (
        await sql.unsafe("select count(*)::int as count from pg_prepared_statements where statement = $1", [
          text,
        ])
      )[0].count;
    expect(await count("select $1::bigint as a")).toBeGreaterThan(1);
    expect(await count("select $1::int8 as a")).toBe(1);
  });

  test("that are JSON text are encoded a second time: why JSON parameters are declared as text", async () => {
    await using sql = new SQL({ url: database.url, max: 1 });
    const [twice] = await sql.unsafe("select jsonb_typeof($1::jsonb) as type", ['{"a":1}']);
    const [once] = await sql.unsafe("select jsonb_typeof($1::text::jsonb) as type", ['{"a":1}']);
    expect([twice.type, once.type]).toEqual(["string", "object"]);
  });

  test("that are undefined become NULL in silence: why lanes refuse them", async () => {
    await using sql = new SQL({ url: database.url, max: 1 });
    expect(await sql.unsafe("select $1::int as a", [undefined])).toEqual([{ a: null }]);
  });
});
