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
  deleteFile as deleteStatement,
  findFileContent,
  getFile as getStatement,
} from "./statements.ts";

/** What files need besides the rest: the place of their bytes. */
export type FileDeps = Deps & Readonly<{ storage: FileStorage }>;

/** An upload; `ref_type` and `ref_id` name the record it belongs to, both or neither. */
export type Upload = Readonly<{ file: File; ref_type: string | null; ref_id: string | null }>;

/**
 * Keeps an uploaded file. The bytes are on disk before the row says so: a crash in between leaves bytes that nobody
 * knows, which the sweeper removes; never a row without bytes.
 *
 * @throws {Problem} `file_type_mismatch`, `file_type_not_allowed`, `payload_too_large`, `validation` for an empty file
 */
export async function createFile(deps: FileDeps, caller: Caller, upload: Upload): Promise<Written | null> {
  const bytes = new Uint8Array(await upload.file.arrayBuffer());
  requireSize(bytes.length, deps.config.limits.upload_bytes);
  const filename = cleanFilename(upload.file.name);
  const verdict = judgeFile(bytes, filename, upload.file.type);
  if (!verdict.ok) throw new Problem(verdict.code, { detail: verdict.detail });
  const id = deps.id();
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const storage_key = storageKey({ business_id: caller.business_id, id, sha256 });
  const { ref_type, ref_id } = upload;
  const file = {
    sha256,
    size_bytes: bytes.length,
    mime: verdict.mime,
    filename,
    storage_key,
    ref_type,
    ref_id,
  };
  await deps.storage.write(storage_key, bytes);
  try {
    const result = await act(deps, caller, createStatement, { file_id: id, file: JSON.stringify(file) });
    if (result === null || result.replayed) await deps.storage.remove(storage_key);
    return result;
  } catch (error) {
    // Refused for certain. After a lost connection nobody knows: then the sweeper decides by the row.
    if (error instanceof DatabaseError) await deps.storage.remove(storage_key);
    throw error;
  }
}

/** A file without its bytes, null when there is none. */
export async function getFile(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  const parameters = { business_id: caller.business_id, file_id: id };
  const [row] = await deps.db.fast.query(getStatement, parameters, caller);
  return row ?? null;
}

/** Where the bytes of a file are on this machine, and how to serve them. */
export type FileContent = Readonly<{ path: string; sha256: string; mime: string; filename: string }>;

/** Where to read the bytes of a file, null when there is no such file. Opens nothing: the bytes may be gone. */
export async function getFileContent(
  deps: FileDeps,
  caller: Caller,
  id: string,
): Promise<FileContent | null> {
  const parameters = { business_id: caller.business_id, file_id: id };
  const [row] = await deps.db.fast.query(findFileContent, parameters, caller);
  if (row === undefined) return null;
  const { storage_key, ...content } = row;
  return { ...content, path: deps.storage.pathOf(storage_key) };
}

/** Deletes a file for its users; a background job removes the bytes after some weeks. */
export async function deleteFile(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const result = await act(deps, caller, deleteStatement, { file_id: id });
  if (result === null) throw new Problem("not_found");
  return result;
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
