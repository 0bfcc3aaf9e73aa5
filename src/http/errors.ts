import { TransformDecodeCheckError, TransformDecodeError } from "@sinclair/typebox/value";
import { ParseError, ValidationError } from "elysia";
import { CacheOverloaded, LoadTimeout } from "../platform/cache/index.ts";
import { DatabaseError, DatabaseUnavailable } from "../platform/db/errors.ts";
import { Problem, type ProblemError } from "./problem.ts";
import { refusalOf } from "./refusals.ts";

/**
 * Turns whatever was thrown into a problem, by the error itself: Elysia's `set.status` is still 200 for a 404 in its
 * error hook, and a thrown `status(403)` arrives there as 500. What is not known is our bug and becomes `internal`.
 */
export function toProblem(error: unknown, queryErrors: () => readonly ProblemError[] = () => []): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseError || error instanceof DatabaseUnavailable) return refusalOf(error);
  if (error instanceof CacheOverloaded || error instanceof LoadTimeout) {
    return new Problem("overloaded", { headers: { "retry-after": "1" }, cause: error });
  }
  if (isQueryError(error))
    return new Problem("validation", { detail: "The query is not valid", errors: queryErrors() });
  if (error instanceof ValidationError) return validationProblem(error);
  if (error instanceof ParseError) {
    return error.cause === undefined
      ? new Problem("malformed_json", { cause: error })
      : toProblem(error.cause);
  }
  const status = error instanceof Error && "status" in error ? Number(error.status) : 500;
  if (status === 404) return new Problem("not_found");
  return new Problem("internal", { cause: error });
}

/** A parameter that is wrong, or that cannot be converted: then Elysia lets TypeBox's own error through. */
function isQueryError(error: unknown): boolean {
  if (error instanceof ValidationError) return error.type === "query" || error.type === "property";
  return error instanceof TransformDecodeError || error instanceof TransformDecodeCheckError;
}

const maxErrors = 20;

/** A response that fails its schema is our bug; what the client sent wrong is named member by member. */
function validationProblem(error: ValidationError): Problem {
  if (error.type === "response") return new Problem("internal", { cause: error });
  const errors = new Map<string, ProblemError>();
  for (const item of error.all) {
    if (errors.size === maxErrors) break;
    const path = "path" in item && typeof item.path === "string" ? item.path : "";
    // A parameter is named by its name, a body member by its JSON pointer.
    const pointer = error.type === "body" ? path : path.replace(/^\//, "");
    if (!errors.has(pointer)) errors.set(pointer, { pointer, detail: describe(item) });
  }
  const where = error.type === "body" ? "body" : error.type === "params" ? "path" : error.type;
  return new Problem("validation", { detail: `The ${where} is not valid`, errors: [...errors.values()] });
}

/** Without the value that was found, which Elysia appends: it may be a password, or megabytes. */
function describe(item: object): string {
  if ("summary" in item && typeof item.summary === "string" && item.summary !== "") {
    return item.summary.replace(/ but found: .*$/s, "");
  }
  return "message" in item && typeof item.message === "string" ? item.message : "is not valid";
}
