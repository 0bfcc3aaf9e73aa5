import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Paths of unix sockets have 107 bytes at most, on macOS 103; ours are this much longer than their folder. */
const FOLDER_MAX_BYTES = 103 - "/api-999.9999.admin.sock".length;

/**
 * Where the fleet of a data directory has its sockets: inside, or, where that path is too long for sockets, a folder
 * of its own among the temporary ones. The same directory always has the same, so that a running fleet is found.
 */
export function runFolder(data_dir: string): string {
  const inside = join(data_dir, "run");
  if (Buffer.byteLength(inside) <= FOLDER_MAX_BYTES) return inside;
  const digest = createHash("sha256").update(data_dir).digest("hex").slice(0, 16);
  return join(tmpdir(), `countinghouse-${digest}`);
}
