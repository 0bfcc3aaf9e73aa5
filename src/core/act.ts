import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { Tag } from "../platform/cache/index.ts";
import { DatabaseError } from "../platform/db/errors.ts";
import type { Parameters, Statement } from "../platform/db/statement.ts";
import { invalidate, type Invalidation, invalidationOf } from "./invalidation.ts";
import { getIdempotentAnswer } from "./statements.ts";

/** What every write statement returns: the answer that was stored under its key, if it had one. */
export type ActRow = { status: number; body: string; version: number | null; location: string | null };

/**
 * Runs a write: one statement that says who acts, changes data, and stores its answer under the idempotency key.
 * Null when nothing matched (not there, stale version, another state): the service finds out which.
 * `tags` are what the write makes wrong in the cache: its row in the outbox commits with the effect, and the answer goes
 * out when this process no longer serves anything older.
 */
export async function act<P extends Parameters & { act: string }>(
  deps: Deps,
  caller: Caller,
  statement: Statement<P, ActRow>,
  parameters: Omit<P, "act">,
  tags: readonly Tag[] = [],
): Promise<Written | null> {
  const invalidation = invalidationOf(tags);
  const given = { ...parameters, act: actOf(caller, invalidation) } as unknown as P;
  const [row] = await afterTheFirst(() => deps.db.write.query(statement, given, caller));
  if (row !== undefined) {
    // A statement that refuses by itself has changed nothing, and has left no row in the outbox.
    if (row.status < 400) await invalidate(deps, invalidation);
    return { ...row, replayed: false };
  }
  if (caller.idempotency === null) return null;
  const replayed = await replay(deps, caller, caller.idempotency.key);
  // Whoever wrote it may have died before it told the cache: who hears the answer must not be shown anything older.
  if (replayed !== null) await invalidate(deps, invalidation);
  return replayed;
}

/** Milliseconds between tries, 630 together. */
const PAUSES_MS = [10, 20, 40, 80, 160, 320];

/**
 * A proxy sends a keyed request again in the moment in which its replica dies, while the database may still be at the
 * statement that the replica had sent. So before "in progress" is said the first is given a moment to end; no connection
 * is held meanwhile.
 */
export async function afterTheFirst<T>(run: () => Promise<T>): Promise<T> {
  for (const pause_ms of PAUSES_MS) {
    try {
      return await run();
    } catch (error) {
      if (!saysInProgress(error)) throw error;
      await Bun.sleep(pause_ms);
    }
  }
  return run();
}

const saysInProgress = (error: unknown): boolean =>
  error instanceof DatabaseError
    ? error.constraint === "idempotency_in_progress"
    : error instanceof Problem && error.code === "idempotency_in_progress";

/** The first parameter of every write statement. */
export function actOf(caller: Caller, invalidation: Invalidation | null = null): string {
  const { business_id, user_id, member_id, session_id, request_id, ip, idempotency } = caller;
  const key = { key: idempotency?.key ?? null, request_hash: idempotency?.request_hash ?? null };
  return JSON.stringify({
    business_id,
    user_id,
    member_id,
    session_id,
    request_id,
    ip,
    ...key,
    invalidation,
  });
}

/** The answer that the first request with this key was given, byte for byte. */
async function replay(deps: Deps, caller: Caller, key: string): Promise<Written | null> {
  const { business_id, member_id } = caller;
  const [row] = await deps.db.write.query(getIdempotentAnswer, { business_id, member_id, key }, caller);
  return row === undefined ? null : { ...row, replayed: true };
}

/** The answer of a write; one that matched no row found nothing that the caller may see. @throws {Problem} `not_found` */
export function orNotFound(result: Written | null): Written {
  if (result === null) throw new Problem("not_found");
  return result;
}

/**
 * What a versioned write that matched no row means: 412 when the row exists (its version moved on), else 404.
 * `find` reads the row as the caller may see it.
 */
export async function orStale(result: Written | null, find: () => Promise<unknown>): Promise<Written> {
  if (result !== null) return result;
  throw new Problem((await find()) ? "precondition_failed" : "not_found");
}

const foreignKeyViolation = "23503";

/**
 * What the error of a removal means: `in_use` where something refers to the row. The same keys refuse a reference to nobody,
 * which is another problem, so only removals ask.
 */
export function orInUse(error: unknown): never {
  if (error instanceof DatabaseError && error.sqlstate === foreignKeyViolation) {
    throw new Problem("in_use", { cause: error });
  }
  throw error;
}
