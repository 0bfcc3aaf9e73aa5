import { openBulkConnection } from "../platform/db/bulk-connection.ts";

/** Runs statements on one connection of its own, which ends with them. Text only, no parameters: it comes from the seeds. */
export async function withConnection<T>(
  url: string,
  run: (query: (text: string) => Promise<Record<string, unknown>[]>) => Promise<T>,
): Promise<T> {
  const connection = openBulkConnection(url, { application_name: "countinghouse/seed" });
  const limit_ms = 1_800_000;
  try {
    return await run(async (text) => [...(await connection.within(connection.sql.unsafe(text), limit_ms))]);
  } finally {
    await connection.end();
  }
}
