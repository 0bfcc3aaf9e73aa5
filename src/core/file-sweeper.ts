import type { PlatformDeps } from "../platform/deps.ts";
import type { FileStorage } from "./file-storage.ts";
import { listDeletedFiles, listUnknownStorageKeys, purgeFile } from "./statements.ts";

/** An upload takes seconds; what is older than this and unknown was left by a crash. */
const orphanAge_ms = 3_600_000;
const retention_days = 30;
const filesAtOnce = 200;
const foldersAtOnce = 64;

/**
 * Removes bytes that no file needs: of files deleted a month ago, half-written ones, and those of uploads that died
 * between disk and database. Each call does a bounded part and goes on where the last one ended.
 *
 * @returns a function that does one part and tells whether more of it waits
 */
export function createFileSweeper(deps: PlatformDeps, storage: FileStorage): () => Promise<boolean> {
  let last_folder = "";
  return async () => {
    const purged = await purgeDeleted(deps, storage);
    const before_ms = deps.clock.now() - orphanAge_ms;
    await storage.removeUnfinished(before_ms);
    const waiting = (await storage.folders()).filter((folder) => folder > last_folder);
    const turn = waiting.slice(0, foldersAtOnce);
    for (const folder of turn) await removeOrphans(deps, storage, folder, before_ms);
    const isRoundDone = turn.length === waiting.length;
    last_folder = isRoundDone ? "" : (turn.at(-1) ?? "");
    return purged === filesAtOnce || !isRoundDone;
  };
}

/** First the bytes, then the row: a crash in between is mended by the next call. */
async function purgeDeleted(deps: PlatformDeps, storage: FileStorage): Promise<number> {
  const files = await deps.db.report.query(listDeletedFiles, { retention_days, limit_rows: filesAtOnce });
  for (const { business_id, id, storage_key } of files) {
    await storage.remove(storage_key);
    await deps.db.write.query(purgeFile, { business_id, file_id: id });
  }
  return files.length;
}

async function removeOrphans(
  deps: PlatformDeps,
  storage: FileStorage,
  folder: string,
  before_ms: number,
): Promise<void> {
  const keys = await storage.keysBefore(folder, before_ms);
  const [business_id = ""] = folder.split("/", 1);
  for (let from = 0; from < keys.length; from += filesAtOnce) {
    const storage_keys = keys.slice(from, from + filesAtOnce);
    // The primary is asked: a standby may not know the newest rows.
    const unknown = await deps.db.write.query(listUnknownStorageKeys, { business_id, storage_keys });
    for (const { storage_key } of unknown) {
      await storage.remove(storage_key);
      deps.log.info({ storage_key }, "removed bytes that no file has");
    }
  }
}
