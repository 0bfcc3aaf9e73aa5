import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import { startEmbeddedPostgres } from "./embedded.ts";

/** The PostgreSQL a command works on. */
export type DatabaseSource = Readonly<{
  url: string;
  /** For people, without a password. */
  description: string;
  /** Settles when a server of our own ended by itself; the text says where to look. */
  failed: Promise<string>;
  /** Stops what was started; does nothing to a server that is not ours. */
  stop(): Promise<void>;
}>;

/**
 * DATABASE_URL, or the embedded PostgreSQL. One-shot commands may `share` the one of a server that is running.
 *
 * @throws {EmbeddedPostgresError}
 */
export async function openDatabaseSource(
  config: Config,
  options: { log: Log; when_in_use: "share" | "refuse" },
): Promise<DatabaseSource> {
  if (config.database.url !== null) {
    const { hostname, port, pathname } = new URL(config.database.url);
    const description = `${hostname}${port === "" ? "" : `:${port}`}${pathname}`;
    return { url: config.database.url, description, failed: new Promise(() => {}), stop: async () => {} };
  }
  const server = await startEmbeddedPostgres({ data_dir: config.data_dir, ...options });
  const description = `embedded PostgreSQL 18 in ${config.data_dir} (127.0.0.1:${new URL(server.url).port})`;
  return { url: server.url, description, failed: server.failed, stop: server.stop };
}
