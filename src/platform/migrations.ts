import type { Queryable } from "./db/call.ts";
import { DatabaseError } from "./db/errors.ts";
import { openSession, type Session } from "./db/session.ts";
import type { Log } from "./log.ts";
import { bootstrap, type Migration, migrations as ours } from "./migration-files.ts";
import {
  findInvalidIndex,
  listMigrations,
  lockMigrations,
  recordMigration,
  takeBackMigration,
} from "./statements.ts";

/** Where a database's schema stands against the migrations of this program. */
export type SchemaState = Readonly<{
  /**
   * `current`: serve. `behind`: migrations wait to be applied. `ahead`: a newer release migrated it.
   * `drifted`: what ran is not what this program has, or not in its order; no migration will run.
   */
  state: "current" | "behind" | "ahead" | "drifted";
  pending: readonly string[];
  /** Applied here, but unknown to this program. */
  unknown: readonly string[];
  /** Applied with another text, or left out although a later one was applied. */
  drifted: readonly string[];
  /** Taken back on purpose; served without, applied again by the next migration run. */
  rolled_back: readonly string[];
}>;

export type MigrationOptions = Readonly<{
  log?: Pick<Log, "info"> | undefined;
  /** Default: all of this program. */
  migrations?: readonly Migration[] | undefined;
  /** How long to wait for another migration run to end, milliseconds. Default 10 minutes. */
  wait_ms?: number | undefined;
  /** How long a statement may wait for a table that others use, milliseconds. Default 5 s; index builds wait 10 min. */
  lock_timeout_ms?: number | undefined;
}>;

/** Migrations cannot run; the message says which one and what to do. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

const lock_name = "countinghouse.migrations";
const lock_poll_ms = 100;
const undefined_table = "42P01";
const lock_not_available = "55P03";
const concurrent_lock_timeout_ms = 600_000;
const concurrent_index =
  /^create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+(\w+)\s+on\s+(?:only\s+)?(\w+)\.\w+/i;

/**
 * Brings the database at `url` to the schema of this program: every migration that it has not seen, in order, each in one
 * transaction with its record (a file that begins with `-- no-transaction`: statement by statement). One run at a time;
 * another one waits and then finds nothing to do.
 *
 * @returns names of the migrations that were applied, in order
 * @throws {MigrationError} the schema drifted or is newer than this program, a migration failed, or another run did not
 *   end; {DatabaseUnavailable} no connection
 */
export function migrate(url: string, options: MigrationOptions = {}): Promise<{ applied: string[] }> {
  return underLock(url, options, async (session) => {
    const migrations = options.migrations ?? ours;
    const schema = await schemaState(session, migrations);
    refuseUnfit(schema);
    const waiting = new Set([...schema.pending, ...schema.rolled_back]);
    const applied: string[] = [];
    for (const migration of migrations.filter(({ name }) => waiting.has(name))) {
      const duration_ms = await apply(session, migration, options);
      options.log?.info({ migration: migration.name, duration_ms }, "migration applied");
      applied.push(migration.name);
    }
    return { applied };
  });
}

/**
 * Takes back one migration that promises it (it has a rollback file). Running migrations again applies it again.
 *
 * @throws {MigrationError} it promises none, is not applied here, or failed
 */
export function rollback(url: string, name: string, options: MigrationOptions = {}): Promise<void> {
  return underLock(url, options, async (session) => {
    const migration = (options.migrations ?? ours).find((known) => known.name === name);
    if (migration === undefined) throw new MigrationError(`There is no migration ${name}.`);
    if (migration.rollback_text === null) {
      throw new MigrationError(`Migration ${name} has no rollback file: it cannot be taken back.`);
    }
    const applied = await session.query(listMigrations, { with_rolled_back: false });
    if (!applied.some((row) => row.name === name)) {
      throw new MigrationError(`Migration ${name} is not applied to this database.`);
    }
    await runMigration(session, `${name}.rollback`, migration.rollback_text, options, () =>
      session.query(takeBackMigration, { name }),
    );
    options.log?.info({ migration: name }, "migration taken back");
  });
}

/** Compares what the database says it has seen with the migrations of this program; changes nothing. */
export async function schemaState(
  runner: Queryable,
  migrations: readonly Migration[] = ours,
): Promise<SchemaState> {
  const seen = await runner.query(listMigrations, { with_rolled_back: true }).catch((error: unknown) => {
    if (error instanceof DatabaseError && error.sqlstate === undefined_table) return [];
    throw error;
  });
  const recorded = new Map(seen.map((row) => [row.name, row]));
  const known = new Set(migrations.map((migration) => migration.name));
  const last_applied = migrations.findLastIndex(({ name }) => recorded.has(name));
  const absent = migrations.filter(({ name }) => !recorded.has(name));
  const changed = migrations.filter(({ name, text }) => {
    const row = recorded.get(name);
    return row !== undefined && !row.is_rolled_back && row.sha256 !== sha256(text);
  });
  const left_out = absent.filter((migration) => migrations.indexOf(migration) < last_applied);
  const pending = absent.filter((migration) => !left_out.includes(migration));
  const unknown = seen.filter((row) => !known.has(row.name) && !row.is_rolled_back).map((row) => row.name);
  const drifted = [...changed, ...left_out].map(({ name }) => name).sort();
  const rolled_back = seen.filter((row) => row.is_rolled_back && known.has(row.name)).map((row) => row.name);
  const state =
    drifted.length > 0 ? "drifted" : unknown.length > 0 ? "ahead" : pending.length > 0 ? "behind" : "current";
  return { state, pending: pending.map(({ name }) => name), unknown, drifted, rolled_back };
}

function refuseUnfit(schema: SchemaState): void {
  if (schema.state === "drifted") {
    throw new MigrationError(
      `The schema has drifted: ${schema.drifted.join(", ")} ran here with another text, or was left out although a ` +
        "later migration ran. Applied migrations never change; put the file back as it was, and write a new one.",
    );
  }
  if (schema.state === "ahead") {
    throw new MigrationError(
      `The database is ahead of this program: it has ${schema.unknown.join(", ")}, which is unknown here. ` +
        "Run the release that brought it, or a newer one.",
    );
  }
}

async function underLock<T>(
  url: string,
  options: MigrationOptions,
  run: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(url, { application_name: "countinghouse/migrate" });
  try {
    const give_up_at = performance.now() + (options.wait_ms ?? 600_000);
    while (!(await session.query(lockMigrations, { name: lock_name }))[0]?.is_locked) {
      if (performance.now() > give_up_at)
        throw new MigrationError("Another migration run did not end; try again later.");
      await Bun.sleep(lock_poll_ms);
    }
    await session.run(bootstrap);
    return await run(session);
  } finally {
    // The lock goes with the connection.
    await session.close();
  }
}

async function apply(session: Session, migration: Migration, options: MigrationOptions): Promise<number> {
  const started_at = performance.now();
  const duration = () => Math.round(performance.now() - started_at);
  await runMigration(session, migration.name, migration.text, options, () =>
    session.query(recordMigration, {
      name: migration.name,
      sha256: sha256(migration.text),
      duration_ms: duration(),
    }),
  );
  return duration();
}

async function runMigration(
  session: Session,
  name: string,
  text: string,
  options: MigrationOptions,
  record: () => Promise<unknown>,
): Promise<void> {
  try {
    if (text.startsWith("-- no-transaction")) {
      await session.run(`set lock_timeout = ${concurrent_lock_timeout_ms}`);
      for (const statement of statementsOf(text)) await runConcurrent(session, statement);
      await record();
      return;
    }
    await session.run(`set lock_timeout = ${Math.trunc(options.lock_timeout_ms ?? 5_000)}`);
    await session.run("begin");
    try {
      await session.run(text);
      await record();
      await session.run("commit");
    } catch (error) {
      await session.run("rollback").catch(() => {});
      throw error;
    }
  } catch (error) {
    throw new MigrationError(`Migration sql/migrations/${name}.sql failed: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** `if not exists` would take an index that a failed build left invalid for the real one. */
async function runConcurrent(session: Session, statement: string): Promise<void> {
  const [, index_name, schema_name] = concurrent_index.exec(statement) ?? [];
  if (index_name !== undefined && schema_name !== undefined) {
    const invalid = await session.query(findInvalidIndex, { schema_name, index_name });
    if (invalid.length > 0) await session.run(`drop index concurrently "${schema_name}"."${index_name}"`);
  }
  await session.run(statement);
}

/** Statements of a file without transaction: simple ones, each ended by a semicolon at the end of a line. */
function statementsOf(text: string): string[] {
  return text
    .replaceAll(/^\s*--.*$/gm, "")
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DatabaseError && error.sqlstate === lock_not_available) {
    return `${message}. Somebody holds a lock on a table it changes; nothing was changed by this file, try again.`;
  }
  return message;
}

const sha256 = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
