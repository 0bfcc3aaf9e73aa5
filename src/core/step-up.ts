import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Caller } from "../http/scope.ts";
import { stepUpChallenge } from "../http/tokens.ts";
import { getStepUp } from "./statements.ts";

/** How long a verified code counts; also what core.stepped_up and core.require_step_up take when they are told nothing. */
export const stepUpMaxAge_s = 300;

/**
 * Refuses a caller in whose session no one-time code was verified in the last `max_age_s` seconds (`step_up_required`). It
 * asks the primary, no cache. A statement that moves money decides by itself instead, on `core.stepped_up` or by
 * `core.require_step_up`: between this question and another statement the five minutes may end, or the session.
 */
export async function requireStepUp(
  deps: Pick<Deps, "db">,
  caller: Caller,
  max_age_s: number = stepUpMaxAge_s,
): Promise<void> {
  const [row] = await deps.db.fast.query(getStepUp, { session_id: caller.session_id, max_age_s }, caller);
  if (row?.is_stepped_up !== true) throw stepUpRequired(max_age_s);
}

/** The refusal: 401 with the challenge of RFC 9470, which names the age in seconds. */
export const stepUpRequired = (max_age_s: number = stepUpMaxAge_s): Problem =>
  new Problem("step_up_required", { headers: stepUpChallenge(max_age_s) });
