import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";

/** Creates an empty database on the server of `url`, runs the migrations, hands its URL to `run`, and drops it. */
export async function withScratchDatabase<T>(
  url: string,
  migrationsDirectory: string,
  run: (url: string) => Promise<T>,
): Promise<T> {
  const name = `scratch_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
  const scratch = new URL(url);
  scratch.pathname = `/${name}`;
  await withConnection(url, (sql) => sql.unsafe(`create database ${name}`));
  try {
    await withConnection(scratch.href, (sql) => applyMigrations(sql, migrationsDirectory));
    return await run(scratch.href);
  } finally {
    await withConnection(url, (sql) => sql.unsafe(`drop database if exists ${name} with (force)`));
  }
}

async function withConnection<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 5 });
  try {
    return await run(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function applyMigrations(sql: postgres.Sql, directory: string): Promise<void> {
  const files = readdirSync(directory).filter((file) => /^\d{4}_\w+\.sql$/.test(file));
  for (const file of files.sort()) {
    const text = readFileSync(join(directory, file), "utf8");
    // Concurrent index builds refuse the implicit transaction of a text of several statements.
    const parts = /^-- no-transaction/m.test(text) ? text.split(/;\s*$/m) : [text];
    for (const part of parts) if (part.trim() !== "") await sql.unsafe(part);
  }
}
