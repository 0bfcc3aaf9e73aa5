import { DatabaseError, DatabaseUnavailable } from "../platform/db/errors.ts";
import { Problem, type ProblemCode } from "./problem.ts";

/**
 * Names of constraints (and of refusals raised by SQL functions) → problem code and, where one member is to blame, its
 * pointer. The only place where the database's vocabulary meets the API's.
 */
export const refusals: Readonly<Record<string, { code: ProblemCode; pointer?: string; detail?: string }>> = {
  idempotency_in_progress: { code: "idempotency_in_progress" },
  idempotency_mismatch: { code: "idempotency_mismatch" },
};

const byState: Readonly<Record<string, ProblemCode>> = {
  "23505": "already_exists",
  "23503": "reference_not_found",
  "23514": "validation",
  "23502": "validation",
  "22001": "validation",
  "22003": "validation",
  "22007": "validation",
  "22008": "validation",
  "22021": "validation",
  "22P02": "validation",
  "22P05": "validation",
};

/** What a failure of the database means to the client; anything unexpected is our bug (`internal`). */
export function refusalOf(error: DatabaseError | DatabaseUnavailable): Problem {
  if (error instanceof DatabaseUnavailable) {
    const code =
      error.reason === "overloaded" || error.reason === "deadline" ? "overloaded" : "database_unavailable";
    return new Problem(code, { headers: { "retry-after": String(error.retry_after_s) }, cause: error });
  }
  const known = error.constraint === null ? undefined : refusals[error.constraint];
  if (known !== undefined) {
    const errors =
      known.pointer === undefined ? [] : [{ pointer: known.pointer, detail: known.detail ?? "refused" }];
    return new Problem(known.code, { detail: known.detail, errors, cause: error });
  }
  return new Problem(byState[error.sqlstate] ?? "internal", { cause: error });
}
