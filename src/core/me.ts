import type { Deps } from "../http/deps.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { act, orStale } from "./act.ts";
import { listMemberBusinesses, updateMe as updateStatement } from "./statements.ts";
import { membersTag, userTag } from "./tags.ts";

/** What people may change of themselves. What they log in with is not among it. */
export type ProfilePatch = Readonly<{ full_name?: string; timezone?: string; locale?: string }>;

/** Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match` and an unknown time zone. */
export async function updateMe(deps: Deps, caller: Caller, patch: ProfilePatch): Promise<Written> {
  const { user_id } = caller;
  // Their name stands beside their work in every business, also where they do not work any more.
  const businesses = await deps.db.fast.query(listMemberBusinesses, { user_id }, caller);
  const tags = [userTag(user_id), ...businesses.map(({ business_id }) => membersTag(business_id))];
  const parameters = { version: caller.if_match, patch: JSON.stringify(patch) };
  return orStale(await act(deps, caller, updateStatement, parameters, tags), () => Promise.resolve(true));
}
