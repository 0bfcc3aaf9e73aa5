import { act, orNotFound } from "../core/act.ts";
import { allowedMimeOf, type FileDeps, keepFile } from "../core/files.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { createJobFile } from "./statements.ts";
import { jobTag } from "./tags.ts";

/**
 * Keeps a file with a job, whatever its state.
 *
 * @throws {Problem} `not_found`, and what the check of its bytes says: `file_type_mismatch`, `file_type_not_allowed`,
 *   `payload_too_large`, `validation` for an empty one
 */
export async function addJobFile(
  deps: FileDeps,
  caller: Caller,
  job_id: string,
  file: File,
): Promise<Written> {
  const kept = await keepFile(deps, caller, file, {
    limit_bytes: deps.config.limits.upload_bytes,
    mimeOf: allowedMimeOf(file),
    record: ({ id, ...stored }) => {
      const parameters = { job_id, file_id: id, file: JSON.stringify(stored) };
      return act(deps, caller, createJobFile, parameters, [jobTag(caller.business_id, job_id)]);
    },
  });
  return orNotFound(kept);
}
