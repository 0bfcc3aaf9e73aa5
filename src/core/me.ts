import type { Deps } from "../http/deps.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { Tag } from "../platform/cache/index.ts";
import { act, orStale } from "./act.ts";
import { listMemberBusinesses, updateMe as updateStatement } from "./statements.ts";
import { membersTag, userTag } from "./tags.ts";

/** What people may change of themselves. What they log in with is not among it (contact.ts). */
export type ProfilePatch = Readonly<{
  full_name?: string;
  timezone?: string;
  locale?: string;
  avatar_file_id?: string | null;
}>;

/** Tags of who works where, of each business in which the caller works or did: their name stands beside their work. */
export async function memberBusinessTags(deps: Pick<Deps, "db">, caller: Caller): Promise<Tag[]> {
  const { user_id } = caller;
  const businesses = await deps.db.fast.query(listMemberBusinesses, { user_id }, caller);
  return businesses.map(({ business_id }) => membersTag(business_id));
}

/**
 * Changes the members that `patch` names (RFC 7396). Refuses a stale `If-Match`, an unknown time zone, and a picture that is
 * no image which the caller uploaded (`reference_not_found`).
 */
export async function updateMe(deps: Deps, caller: Caller, patch: ProfilePatch): Promise<Written> {
  const tags = [userTag(caller.user_id), ...(await memberBusinessTags(deps, caller))];
  const parameters = { version: caller.if_match, patch: JSON.stringify(patch) };
  return orStale(await act(deps, caller, updateStatement, parameters, tags), () => Promise.resolve(true));
}
