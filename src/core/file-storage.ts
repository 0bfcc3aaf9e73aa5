import { constants } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * Where the bytes of files lie: below one folder that all replicas share, by business and by the beginning of their
 * SHA-256. A row owns its bytes (the name ends with its id), so that removing one file never takes another's content.
 */
export type FileStorage = Readonly<{
  /** Writes bytes so that they are there, whole and on disk, when it returns; a crash leaves nothing under the key. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  /** The path of a key. @throws for text that is no key: a path never comes from anywhere else */
  pathOf(key: string): string;
  /** Removes what a key holds; nothing there is fine. */
  remove(key: string): Promise<void>;
  /** Folders that hold keys, sorted: `<business>/<two hex digits>`. */
  folders(): Promise<string[]>;
  /** Keys of a folder that were last written before `before_ms` (since 1970). */
  keysBefore(folder: string, before_ms: number): Promise<string[]>;
  /** Removes half-written files from before `before_ms`. @returns how many */
  removeUnfinished(before_ms: number): Promise<number>;
}>;

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const keyShape = new RegExp(`^${uuid}/[0-9a-f]{2}/[0-9a-f]{64}\\.${uuid}$`);
const businessShape = new RegExp(`^${uuid}$`);
const unfinished = "unfinished";

/** The key of a file: nothing in it was chosen by a client. */
export function storageKey(file: { business_id: string; id: string; sha256: string }): string {
  return `${file.business_id}/${file.sha256.slice(0, 2)}/${file.sha256}.${file.id}`;
}

/** Storage in a folder of the file system. */
export function createFileStorage(root: string): FileStorage {
  const pathOf = (key: string) => {
    if (!keyShape.test(key)) throw new Error("not a storage key");
    return join(root, key);
  };
  return {
    pathOf,
    write: (key, bytes) => write(root, pathOf(key), bytes),
    remove: (key) => rm(pathOf(key), { force: true }),
    folders: () => folders(root),
    keysBefore: async (folder, before_ms) => {
      const names = await namesBefore(join(root, folder), before_ms);
      return names.map((name) => `${folder}/${name}`).filter((key) => keyShape.test(key));
    },
    removeUnfinished: async (before_ms) => {
      const names = await namesBefore(join(root, unfinished), before_ms);
      for (const name of names) await rm(join(root, unfinished, name), { force: true });
      return names.length;
    },
  };
}

/** Written aside, flushed, then given its name in one step, and the name flushed too. */
async function write(root: string, path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const aside = join(root, unfinished, crypto.randomUUID());
  await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const file = await open(aside, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  // The folder may be new: its own name is flushed with it.
  for (const parent of [folder, dirname(folder), dirname(dirname(folder))]) await syncFolder(parent);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function folders(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const business of await namesOf(root)) {
    if (!businessShape.test(business)) continue;
    for (const prefix of await namesOf(join(root, business))) found.push(`${business}/${prefix}`);
  }
  return found.sort();
}

async function namesBefore(folder: string, before_ms: number): Promise<string[]> {
  const found: string[] = [];
  for (const name of await namesOf(folder)) {
    const info = await stat(join(folder, name)).catch(ignoreMissing);
    if (info?.isFile() === true && info.mtimeMs < before_ms) found.push(name);
  }
  return found;
}

async function namesOf(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(ignoreMissing)) ?? [];
}

function ignoreMissing(error: unknown): null {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
    return null;
  throw error;
}
