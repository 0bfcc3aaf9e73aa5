// Conditional requests: https://www.rfc-editor.org/rfc/rfc9110#section-13
import { Problem } from "./problem.ts";

/**
 * A weak entity tag: `W/"<hash>"` of the body's bytes, or `W/"<version>.<hash>"` for a versioned row, so that one tag
 * serves If-None-Match (all of it) and If-Match (its version). Weak, because nginx may compress the bytes.
 */
export function entityTag(body: string | Uint8Array, version?: number | null): string {
  const hash = Bun.hash.xxHash3(body).toString(36);
  return version === undefined || version === null ? `W/"${hash}"` : `W/"${version}.${hash}"`;
}

/** Whether `If-None-Match` names this tag: weak comparison, `*` matches anything that exists. */
export function matchesNone(header: string, etag: string): boolean {
  if (header.trim() === "*") return true;
  const opaque = etag.replace(/^W\//, "");
  return header.split(",").some((candidate) => candidate.trim().replace(/^W\//, "") === opaque);
}

/** PostgreSQL's largest `int`. */
const maxVersion = 2_147_483_647;
const versioned = /^(?:W\/)?"(\d{1,10})(?:\.[0-9a-z]+)?"$/;

/**
 * The version that `If-Match` asks for: a tag of ours, or the bare version in quotes. `*` means any version (null).
 * Several tags are refused, for a row has one version.
 */
export function versionOf(header: string): number | null {
  if (header.trim() === "*") return null;
  const version = Number(versioned.exec(header.trim())?.[1]);
  if (!(version <= maxVersion)) {
    throw new Problem("precondition_failed", { detail: "If-Match holds no entity tag of this resource" });
  }
  return version;
}
