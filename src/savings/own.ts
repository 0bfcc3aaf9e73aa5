import { loginsTag, membersTag } from "../core/tags.ts";
import type { Caller } from "../http/scope.ts";
import type { Tag } from "../platform/cache/index.ts";

/**
 * Whose rows a caller sees: all of the business (both null), those of a person's own customers (`own_user_id`), or those of
 * an agent and of their sub-agents (`own_agent_id`, a member). Statements take both; a cached answer has both among its parts,
 * so that nobody is served another's.
 */
export type Own = { own_user_id: string | null; own_agent_id: string | null };

export const ownOf = ({ role, user_id, member_id }: Caller): Own => ({
  own_user_id: role === "customer" ? user_id : null,
  own_agent_id: role === "agent" || role === "sub_agent" ? member_id : null,
});

/** What makes an answer wrong because of whose it is: another login for a customer, another agent for a sub-agent. */
export const ownTags = (parts: Own & { business_id: string }): Tag[] => [
  ...(parts.own_user_id === null ? [] : [loginsTag(parts.business_id)]),
  ...(parts.own_agent_id === null ? [] : [membersTag(parts.business_id)]),
];
