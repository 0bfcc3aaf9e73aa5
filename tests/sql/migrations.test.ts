import type { SQL } from "bun";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseUnavailable } from "../../src/platform/db/errors.ts";
import { openSession } from "../../src/platform/db/session.ts";
import { type Migration, migrations as ours } from "../../src/platform/migration-files.ts";
import {
  migrate,
  MigrationError,
  rollback,
  type SchemaState,
  schemaState,
} from "../../src/platform/migrations.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { failureOf } from "../helpers/failure.ts";

const folder = join(import.meta.dir, "../../sql/migrations");
const names = ours.map(({ name }) => name);
const indexes = "0004_performance_indexes";

let database: TestDatabase;
let url: string;
let sql: SQL;

beforeEach(async () => {
  database = await createTestDatabase({ migrations: [] });
  url = database.url;
  sql = connect(url);
});
afterEach(async () => {
  await sql.close();
  await database.drop();
});

const stateOf = async (migrations: readonly Migration[] = ours): Promise<SchemaState> => {
  const session = await openSession(url, { application_name: "test" });
  try {
    return await schemaState(session, migrations);
  } finally {
    await session.close();
  }
};

const messageOf = async (run: Promise<unknown>): Promise<string> => {
  const error = await failureOf(run);
  expect(error).toBeInstanceOf(MigrationError);
  return error instanceof Error ? error.message : "";
};

const exists = async (name: string): Promise<boolean> =>
  (await sql`select to_regclass(${name}) is not null as it`)[0].it;

const step = (name: string, text: string, rollback_text: string | null = null): Migration => ({
  name,
  text,
  rollback_text,
});

describe("the files", () => {
  test("are all in the program, in their order, as they are in the folder", () => {
    const files = readdirSync(folder)
      .filter((file) => !file.startsWith("0000"))
      .sort();
    const read = (file: string) => readFileSync(join(folder, file), "utf8");
    expect(files.filter((file) => !file.endsWith(".rollback.sql"))).toEqual(
      names.map((name) => `${name}.sql`),
    );
    for (const { name, text, rollback_text } of ours) {
      expect(text).toBe(read(`${name}.sql`));
      if (rollback_text !== null) expect(rollback_text).toBe(read(`${name}.rollback.sql`));
    }
    const promised = ours
      .filter((migration) => migration.rollback_text !== null)
      .map(({ name }) => `${name}.rollback.sql`);
    expect(files.filter((file) => file.endsWith(".rollback.sql"))).toEqual(promised);
  });

  test("have numbers of their own", () => {
    expect(new Set(names.map((name) => name.slice(0, 5))).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^\d{4}_[a-z0-9_]+$/);
  });
});

describe("migrating", () => {
  test("builds the schema from nothing, and finds nothing to do the second time", async () => {
    expect(await stateOf()).toMatchObject({ state: "behind", pending: names });
    expect(await migrate(url)).toEqual({ applied: names });
    expect(await stateOf()).toEqual({
      state: "current",
      pending: [],
      unknown: [],
      drifted: [],
      rolled_back: [],
    });
    expect(await migrate(url)).toEqual({ applied: [] });
  });

  test("is done once when several start at once, concurrent index builds included", async () => {
    const runs = await Promise.all([migrate(url), migrate(url), migrate(url)]);
    expect(runs.flatMap(({ applied }) => applied)).toEqual(names);
    expect(await stateOf()).toMatchObject({ state: "current" });
  });

  test("applies what is new only, and reports it", async () => {
    const reported: unknown[] = [];
    await migrate(url, { migrations: ours.slice(0, 2) });
    expect(await stateOf()).toMatchObject({ state: "behind", pending: names.slice(2) });
    const { applied } = await migrate(url, {
      log: { info: (fields: unknown) => void reported.push(fields) },
    });
    expect(applied).toEqual(names.slice(2));
    expect(reported).toHaveLength(applied.length);
  });

  test("refuses a migration whose text was changed after it ran, by name", async () => {
    const first = step("0001_first", "create table public.a (id int);");
    await migrate(url, { migrations: [first] });
    const changed = [
      step("0001_first", "create table public.a (id bigint);"),
      step("0002_second", "create table public.b ();"),
    ];
    expect(await messageOf(migrate(url, { migrations: changed }))).toContain("0001_first");
    expect(await exists("public.b")).toBe(false);
    expect(await stateOf(changed)).toMatchObject({ state: "drifted", drifted: ["0001_first"] });
  });

  test("refuses a migration that was left out although a later one ran, by name", async () => {
    const [first, second, third] = ["0001_a", "0002_b", "0003_c"].map((name) =>
      step(name, `create table public.t${name} ();`),
    );
    if (first === undefined || second === undefined || third === undefined) throw new Error("three steps");
    await migrate(url, { migrations: [first, third] });
    expect(await messageOf(migrate(url, { migrations: [first, second, third] }))).toContain("0002_b");
    expect(await stateOf([first, second, third])).toMatchObject({ state: "drifted", drifted: ["0002_b"] });
  });

  test("refuses a database that a newer release migrated, naming what is unknown", async () => {
    const migrations = [step("0001_a", "select 1;"), step("0002_newer", "select 2;")];
    await migrate(url, { migrations });
    expect(await messageOf(migrate(url, { migrations: migrations.slice(0, 1) }))).toContain("0002_newer");
    expect(await stateOf(migrations.slice(0, 1))).toMatchObject({ state: "ahead", unknown: ["0002_newer"] });
  });

  test("leaves nothing of a file that fails, keeps those before it, and names the file", async () => {
    const good = step("0001_good", "create table public.kept (id int);");
    const bad = step("0002_bad", "create table public.lost (id int); select 1 / 0;");
    const message = await messageOf(migrate(url, { migrations: [good, bad] }));
    expect(message).toContain("sql/migrations/0002_bad.sql");
    expect(message).toContain("division by zero");
    expect([await exists("public.kept"), await exists("public.lost")]).toEqual([true, false]);
    expect(await stateOf([good, bad])).toMatchObject({ state: "behind", pending: ["0002_bad"] });
  });

  test("gives up a table that others hold instead of queueing everybody behind it", async () => {
    const first = step("0001_first", "create table public.busy (id int);");
    const second = step("0002_second", "alter table public.busy add column name text;");
    await migrate(url, { migrations: [first] });
    await sql.unsafe("begin; select * from public.busy");
    const refused = await messageOf(migrate(url, { migrations: [first, second], lock_timeout_ms: 100 }));
    expect(refused).toContain("0002_second");
    expect(refused).toContain("try again");
    await sql.unsafe("commit");
    expect(await migrate(url, { migrations: [first, second] })).toEqual({ applied: ["0002_second"] });
  });

  test("waits for another run, but not for ever", async () => {
    await sql`select pg_advisory_lock(hashtextextended('countinghouse.migrations', 0))`;
    expect(await messageOf(migrate(url, { wait_ms: 150 }))).toContain("Another migration run");
    const late = migrate(url, { migrations: [step("0001_late", "select 1;")] });
    await Bun.sleep(150);
    await sql`select pg_advisory_unlock(hashtextextended('countinghouse.migrations', 0))`;
    expect(await late).toEqual({ applied: ["0001_late"] });
  });

  test("says that the server is away when it is", async () => {
    const nowhere = migrate("postgres://nobody@127.0.0.1:1/nothing");
    await expect(nowhere).rejects.toBeInstanceOf(DatabaseUnavailable);
  });
});

describe("a migration without transaction", () => {
  const table = step("0001_table", "create table public.t (v int); insert into public.t values (1), (1);");
  const index = step(
    "0002_index",
    "-- no-transaction\n-- why; and how\ncreate unique index concurrently if not exists t_v_uq\n  on public.t (v);\n",
  );
  const validity = async (): Promise<boolean[]> => {
    const rows = await sql`select i.indisvalid as is_valid from pg_index i
      join pg_class c on c.oid = i.indexrelid where c.relname = 't_v_uq'`;
    return rows.map((row: { is_valid: boolean }) => row.is_valid);
  };

  test("drops the invalid index that a failed build left, and builds it again on the next run", async () => {
    expect(await messageOf(migrate(url, { migrations: [table, index] }))).toContain("0002_index");
    expect(await validity()).toEqual([false]);
    expect(await stateOf([table, index])).toMatchObject({ state: "behind", pending: ["0002_index"] });
    await sql`delete from public.t where ctid = (select min(ctid) from public.t)`;
    expect(await migrate(url, { migrations: [table, index] })).toEqual({ applied: ["0002_index"] });
    expect(await validity()).toEqual([true]);
  });
});

describe("taking back the performance indexes", () => {
  const ownIndexes = async (): Promise<string[]> => {
    const rows = await sql`select schemaname || '.' || indexname as name from pg_indexes
      where schemaname in ('core', 'shop') order by 1`;
    return rows.map((row: { name: string }) => row.name);
  };

  test("drops exactly what the migration made; the next run makes it again", async () => {
    await migrate(url, { migrations: ours.filter(({ name }) => name !== indexes) });
    const without = await ownIndexes();
    await database.drop();
    database = await createTestDatabase();
    await sql.close();
    url = database.url;
    sql = connect(url);
    const full = await ownIndexes();
    expect(full.length).toBeGreaterThan(without.length + 30);
    await rollback(url, indexes);
    expect(await ownIndexes()).toEqual(without);
    expect(await stateOf()).toMatchObject({ state: "current", rolled_back: [indexes] });
    expect(await migrate(url)).toEqual({ applied: [indexes] });
    expect(await ownIndexes()).toEqual(full);
    expect(await stateOf()).toMatchObject({ state: "current", rolled_back: [] });
  });

  test("is refused for what promises no rollback, is unknown, or did not run", async () => {
    expect(await messageOf(rollback(url, "0001_core"))).toContain("no rollback file");
    expect(await messageOf(rollback(url, "0999_unknown"))).toContain("no migration 0999_unknown");
    expect(await messageOf(rollback(url, indexes))).toContain("not applied");
  });
});

describe("tenant tables", () => {
  /** Keys that do not begin with business_id, each for the reason that 0001_core.sql, or the migration of the table, gives. */
  const exceptions = new Set([
    "core.businesses_code_uq",
    "core.businesses_pkey",
    "core.currencies_pkey",
    "core.users_pkey",
    "core.users_avatar_ix",
    "core.users_email_uq",
    "core.users_phone_uq",
    "core.users_username_uq",
    "core.sessions_pkey",
    "core.sessions_user_ix",
    "core.sessions_expiry_ix",
    "core.refresh_tokens_pkey",
    "core.refresh_tokens_living_uq",
    "core.refresh_tokens_session_ix",
    "core.otp_challenges_pk",
    "core.otp_challenges_living_uq",
    "core.otp_challenges_due_ix",
    "core.otp_challenges_expiry_ix",
    "core.otp_challenges_session_ix",
    "core.audited_tables_pk",
    "core.audit_chain_pkey",
    "core.outbox_pkey",
    "core.outbox_forgotten_pkey",
    "core.outbox_pending_ix",
    "core.outbox_seq_uq",
    "core.cache_outbox_pk",
    "core.cache_relay_pk",
    "core.counted_tables_pk",
    "core.memberships_person_ix",
    "core.memberships_user_ix",
    "core.idempotency_keys_expiry_ix",
    "core.files_deleted_ix",
    "shop.time_logs_long_ix",
  ]);

  test("have keys and indexes that begin with business_id, so that they can be distributed by business", async () => {
    await migrate(url);
    const rows = await sql`
      select c.relnamespace::regnamespace || '.' || c.relname as name, a.attname as first
      from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
      join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
      where c.relnamespace in ('core'::regnamespace, 'shop'::regnamespace) and not t.relispartition order by 1`;
    const others = rows.filter((row: { first: string }) => row.first !== "business_id");
    expect(others.map((row: { name: string }) => row.name)).toEqual([...exceptions].sort());
  });

  test("refer to each other with business_id, so that no row can point into another business", async () => {
    await migrate(url);
    const loose = await sql`
      select k.conname as name from pg_constraint k
      where k.contype = 'f' and k.connamespace in ('core'::regnamespace, 'shop'::regnamespace)
        and exists (select from pg_attribute a where a.attrelid = k.confrelid and a.attname = 'business_id')
        and not exists (select from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]
          and a.attname = 'business_id')`;
    expect(loose).toHaveLength(0);
  });

  test("name their constraints themselves: the names are answers of the API", async () => {
    await migrate(url);
    const generated = await sql`select conname as name from pg_constraint
      where connamespace in ('core'::regnamespace, 'shop'::regnamespace) and contype in ('c', 'u', 'x', 'f')
        and conname ~ '_(check|fkey|excl|key)\\d*$'`;
    expect(generated).toHaveLength(0);
  });
});
