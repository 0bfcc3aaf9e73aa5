import type { Deps } from "../http/deps.ts";
import type { Resource, Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { act, orStale } from "./act.ts";
import { getMe as getStatement, updateMe as updateStatement } from "./statements.ts";

/** What people may change of themselves. What they log in with is not among it. */
export type ProfilePatch = Readonly<{ full_name?: string; timezone?: string; locale?: string }>;

/** The caller, with the businesses they belong to or are invited to. */
export async function getMe(deps: Deps, caller: Caller): Promise<Resource | null> {
  const { user_id, business_id } = caller;
  const [row] = await deps.db.fast.query(getStatement, { user_id, business_id }, caller);
  return row ?? null;
}

/** Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match` and an unknown time zone. */
export async function updateMe(deps: Deps, caller: Caller, patch: ProfilePatch): Promise<Written> {
  const parameters = { version: caller.if_match, patch: JSON.stringify(patch) };
  return orStale(await act(deps, caller, updateStatement, parameters), () => getMe(deps, caller));
}
