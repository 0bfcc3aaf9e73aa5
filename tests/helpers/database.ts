import { SQL } from "bun";
import { type Migration, migrations as ours } from "../../src/platform/migration-files.ts";
import { migrate } from "../../src/platform/migrations.ts";

/** A database of its own for one test file. */
export type TestDatabase = Readonly<{
  url: string;
  /** Ends its connections and removes it. */
  drop(): Promise<void>;
}>;

/**
 * Makes a database with the current schema on the server of `TEST_DATABASE_URL`, in some hundredths of a second: a clone
 * of a template that the first caller migrates, once for each server and each set of migrations. Safe to call from many
 * processes at once.
 *
 * @param options.migrations what the template has; default all, empty: a database as PostgreSQL makes it
 */
export async function createTestDatabase(
  options: { migrations?: readonly Migration[] } = {},
): Promise<TestDatabase> {
  const server = serverUrl();
  const admin = connect(server);
  try {
    const template = await ensureTemplate(admin, server, options.migrations ?? ours);
    const name = `test_${process.pid}_${crypto.randomUUID().slice(0, 8)}`;
    // Its files as they lie, a fifth of the work of writing every page to the log: on our servers nothing waits for a disk.
    // https://www.postgresql.org/docs/18/sql-createdatabase.html
    await admin.unsafe(`create database ${name} template ${template} strategy file_copy`);
    return { url: withDatabase(server, name), drop: () => drop(server, name) };
  } finally {
    await admin.close();
  }
}

/** Migrates what the databases of tests are clones of, so that whoever copies this server's data has it. */
export async function prepareTemplate(server: string): Promise<void> {
  const admin = connect(server);
  try {
    await ensureTemplate(admin, server, ours);
  } finally {
    await admin.close();
  }
}

/** One connection for the statements of a test. Rows as the driver gives them; close it. */
export function connect(url: string): SQL {
  return new SQL({
    url,
    max: 1,
    idleTimeout: 0,
    connection: { TimeZone: "UTC", client_min_messages: "warning" },
  });
}

function serverUrl(): string {
  const url = process.env["TEST_DATABASE_URL"];
  if (url !== undefined && url !== "") return url;
  throw new Error(
    'This test needs PostgreSQL: run "bun run test", which starts one, or set TEST_DATABASE_URL to the URL of a ' +
      "server on which databases may be created.",
  );
}

async function ensureTemplate(admin: SQL, server: string, migrations: readonly Migration[]): Promise<string> {
  if (migrations.length === 0) return "template1";
  const hash = new Bun.CryptoHasher("sha256");
  for (const { name, text } of migrations) hash.update(`${name}\0${text}\0`);
  const name = `test_template_${hash.digest("hex").slice(0, 16)}`;
  const exists = () =>
    admin`select 1 from pg_database where datname = ${name}`.then((rows) => rows.length > 0);
  if (await exists()) return name;
  // Waiting here keeps no index build waiting: those look at the transactions of their own database.
  await admin`select pg_advisory_lock(hashtextextended(${name}, 0))`;
  try {
    if (await exists()) return name;
    // It gets its name when it is complete: half a template is never cloned.
    await admin.unsafe(`drop database if exists ${name}_unfinished with (force)`);
    await admin.unsafe(`create database ${name}_unfinished`);
    await migrate(withDatabase(server, `${name}_unfinished`), { migrations });
    await renameWhenIdle(admin, name);
    return name;
  } finally {
    await admin`select pg_advisory_unlock(hashtextextended(${name}, 0))`;
  }
}

/** The server notices a moment after us that a connection has closed, and renames nothing that is in use. */
async function renameWhenIdle(admin: SQL, name: string): Promise<void> {
  await admin`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${`${name}_unfinished`}`;
  await admin.unsafe(`alter database ${name}_unfinished rename to ${name}`);
}

async function drop(server: string, name: string): Promise<void> {
  const admin = connect(server);
  try {
    await admin.unsafe(`drop database if exists ${name} with (force)`);
  } finally {
    await admin.close();
  }
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
