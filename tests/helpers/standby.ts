import { chownSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/platform/db/embedded.ts";
import { connect } from "./database.ts";
import { makeTestFolder } from "./services.ts";

/** A physical standby of a test's primary, which streams its log. A real server, over the loopback. */
export type TestStandby = Readonly<{
  /** The database of the primary, on the standby. */
  url: string;
  /** Ends at once (SIGKILL), resolved when it is gone. */
  kill(): Promise<void>;
  /** Starts after `kill`, on the same port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}>;

/**
 * Copies a running primary and starts the copy as its standby.
 * https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 *
 * @param primary the folder that `startTestPostgres` was given, and the URL of the database
 */
export async function startTestStandby(
  primary: { folder: string; url: string },
  settings: Readonly<Record<string, string>> = {},
): Promise<TestStandby> {
  const folder = makeTestFolder();
  const data_dir = join(folder, "data");
  await copy(primary, data_dir);
  const required = { max_connections: "200", fsync: "off", ...settings };
  let server: EmbeddedPostgres | null = null;
  const url = new URL(primary.url);
  const standby: TestStandby = {
    get url() {
      return url.href;
    },
    async kill() {
      if (server !== null) process.kill(server.pid, "SIGKILL");
      await server?.stop();
      server = null;
    },
    async start() {
      const again = server === null && url.port !== new URL(primary.url).port ? { port: url.port } : {};
      server = await startEmbeddedPostgres({ data_dir, log: silent, settings: { ...required, ...again } });
      url.port = new URL(server.url).port;
    },
    async stop() {
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await standby.start();
  return standby;
}

const silent = { info: () => {}, warn: () => {} };

async function copy(primary: { folder: string; url: string }, data_dir: string): Promise<void> {
  const source = join(primary.folder, "data");
  const directory = join(data_dir, "postgres");
  const { hostname, port, username, password } = new URL(primary.url);
  // The backup begins and ends in one session.
  const sql = connect(primary.url);
  try {
    await sql`select pg_backup_start('test', fast => true)`;
    // With the owner of each file: the server does not run as root.
    const copied = Bun.spawnSync(["cp", "-a", source, data_dir]);
    if (copied.exitCode !== 0) throw new Error(`cannot copy the primary:\n${copied.stderr.toString()}`);
    const [end] = await sql`select labelfile from pg_backup_stop(wait_for_archive => false)`;
    const conninfo = `host=${hostname} port=${port} user=${username} password=${password}`;
    rmSync(join(directory, "postmaster.pid"));
    const { uid, gid } = statSync(directory);
    for (const [name, text] of [
      ["backup_label", String(end.labelfile)],
      ["standby.signal", ""],
      ["postgresql.auto.conf", `primary_conninfo = '${conninfo} application_name=standby'\n`],
    ] as const) {
      writeFileSync(join(directory, name), text);
      chownSync(join(directory, name), uid, gid);
    }
  } finally {
    await sql.close();
  }
}
