import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { DatabaseError } from "../platform/db/errors.ts";
import { act } from "./act.ts";
import { type FileStorage, storageKey } from "./file-storage.ts";
import { judgeFile } from "./file-types.ts";
import {
  createFile as createStatement,
  createPicture as createPictureStatement,
  deleteFile as deleteStatement,
  findFileContent,
  getFile as getStatement,
} from "./statements.ts";
import { filesTag } from "./tags.ts";

/** What files need besides the rest: the place of their bytes. */
export type FileDeps = Deps & Readonly<{ storage: FileStorage }>;

/** An upload; `ref_type` and `ref_id` name the record it belongs to, both or neither. */
export type Upload = Readonly<{ file: File; ref_type: string | null; ref_id: string | null }>;

/** The members of a file's row that come from its bytes and its name. */
export type StoredBytes = Readonly<{
  id: string;
  sha256: string;
  size_bytes: number;
  mime: string;
  filename: string;
  storage_key: string;
}>;

/** A picture of a person, not for print. */
const pictureMax_bytes = 2 * 1024 * 1024;

/** What an upload has to be, and the write that records it. */
type Keeping = Readonly<{
  limit_bytes: number;
  /** Says the media type, or throws. */
  mimeOf: (bytes: Uint8Array, filename: string) => string;
  record: (stored: StoredBytes) => Promise<Written | null>;
}>;

/**
 * Keeps the bytes of an upload and records them. The bytes are on disk before a row says so: a crash in between leaves
 * bytes that nobody knows, which the sweeper removes; never a row without bytes.
 *
 * @throws {Problem} `payload_too_large`, `validation` for an empty file, and what `mimeOf` and `record` throw
 */
export async function keepFile(
  { id: newId, storage }: Pick<FileDeps, "id" | "storage">,
  { business_id }: Pick<Caller, "business_id">,
  file: File,
  { limit_bytes, mimeOf, record }: Keeping,
): Promise<Written | null> {
  requireSize(file.size, limit_bytes);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const filename = cleanFilename(file.name);
  const mime = mimeOf(bytes, filename);
  const id = newId();
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const storage_key = storageKey({ business_id, id, sha256 });
  await storage.write(storage_key, bytes);
  try {
    const result = await record({ id, sha256, size_bytes: bytes.length, mime, filename, storage_key });
    if (result === null || result.replayed) await storage.remove(storage_key);
    return result;
  } catch (error) {
    // Refused for certain. After a lost connection nobody knows: then the sweeper decides by the row.
    if (error instanceof DatabaseError) await storage.remove(storage_key);
    throw error;
  }
}

/** The media type of a file by its bytes, its name and what the client declared; throws where they disagree or may not be. */
export const allowedMimeOf = (file: File) => (bytes: Uint8Array, filename: string) => {
  const verdict = judgeFile(bytes, filename, file.type);
  if (!verdict.ok) throw new Problem(verdict.code, { detail: verdict.detail });
  return verdict.mime;
};

/**
 * Keeps an uploaded file of any type that is allowed; of a customer, a picture of themselves up to 2 MB, in place of those
 * before it that are not shown.
 *
 * @throws {Problem} `file_type_mismatch`, `file_type_not_allowed`, `payload_too_large`, `validation` for an empty file;
 *   for a customer `forbidden` with a record, `rate_limited` after ten pictures in a day
 */
export function createFile(deps: FileDeps, caller: Caller, upload: Upload): Promise<Written | null> {
  const { file, ref_type, ref_id } = upload;
  if (caller.role === "customer") return createPicture(deps, caller, upload);
  return keepFile(deps, caller, file, {
    limit_bytes: deps.config.limits.upload_bytes,
    mimeOf: allowedMimeOf(file),
    record: ({ id, ...stored }) => {
      const parameters = { file_id: id, file: JSON.stringify({ ...stored, ref_type, ref_id }) };
      return act(deps, caller, createStatement, parameters);
    },
  });
}

function createPicture(deps: FileDeps, caller: Caller, { file, ref_type }: Upload): Promise<Written | null> {
  if (ref_type !== null) throw new Problem("forbidden", { detail: "A customer adds files to no record" });
  return keepFile(deps, caller, file, {
    limit_bytes: Math.min(pictureMax_bytes, deps.config.limits.upload_bytes),
    mimeOf: (bytes, filename) => {
      const mime = allowedMimeOf(file)(bytes, filename);
      if (mime.startsWith("image/")) return mime;
      throw new Problem("file_type_not_allowed", { detail: "A customer uploads pictures" });
    },
    record: ({ id, ...stored }) =>
      act(deps, caller, createPictureStatement, { file_id: id, file: JSON.stringify(stored) }),
  });
}

const readBy = ({ business_id, user_id, role }: Caller, file_id: string) => ({
  business_id,
  file_id,
  user_id,
  role,
});

/** A file without its bytes, null when there is none that the caller may read. */
export async function getFile(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  const [row] = await deps.db.fast.query(getStatement, readBy(caller, id), caller);
  return row ?? null;
}

/** Where the bytes of a file are on this machine, and how to serve them. */
export type FileContent = Readonly<{ path: string; sha256: string; mime: string; filename: string }>;

/** Where to read the bytes of a file, null when there is none that the caller may read. Opens nothing: the bytes may be gone. */
export async function getFileContent(
  deps: FileDeps,
  caller: Caller,
  id: string,
): Promise<FileContent | null> {
  const [row] = await deps.db.fast.query(findFileContent, readBy(caller, id), caller);
  if (row === undefined) return null;
  const { storage_key, ...content } = row;
  return { ...content, path: deps.storage.pathOf(storage_key) };
}

/**
 * Deletes a file for its users, a customer a picture of their own; a background job removes the bytes after some weeks.
 * Refuses one that goes with its record (`in_use`).
 */
export async function deleteFile(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const own_user_id = caller.role === "customer" ? caller.user_id : null;
  const result = await act(deps, caller, deleteStatement, { file_id: id, own_user_id }, [
    filesTag(caller.business_id),
  ]);
  if (result !== null) return result;
  throw new Problem((await getFile(deps, caller, id)) === null ? "not_found" : "in_use");
}

function requireSize(size_bytes: number, limit_bytes: number): void {
  if (size_bytes > limit_bytes) {
    throw new Problem("payload_too_large", { detail: `A file may have ${limit_bytes} bytes at most` });
  }
  if (size_bytes > 0) return;
  throw new Problem("validation", { errors: [{ pointer: "/file", detail: "must not be empty" }] });
}

const filenameMaxLength = 200;

/**
 * The name that a file is shown and served with: the last part of what the client sent, without control and
 * direction-changing characters. It never becomes part of a path.
 */
function cleanFilename(name: string): string {
  const last = name.toWellFormed().split(/[/\\]/).at(-1) ?? "";
  const clean = last
    .normalize("NFC")
    .replaceAll(/\p{Cc}|\p{Cf}/gu, "")
    .trim();
  if (clean === "" || clean === "." || clean === "..") return "unnamed";
  if (clean.length <= filenameMaxLength) return clean;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(clean)?.[0] ?? "";
  return `${clean.slice(0, filenameMaxLength - extension.length).toWellFormed()}${extension}`;
}
