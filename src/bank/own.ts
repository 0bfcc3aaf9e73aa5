import { loginsTag } from "../core/tags.ts";
import type { Caller } from "../http/scope.ts";
import type { Tag } from "../platform/cache/index.ts";

/**
 * Whose rows a caller sees: null for those who see all of their business, else the person whose own customers' rows are
 * meant. Statements take it as `own_user_id`; a cached answer has it among its parts, so that nobody is served another's.
 */
export const ownUserOf = (caller: Caller): string | null =>
  caller.role === "customer" ? caller.user_id : null;

/** What makes an answer wrong because it is a customer's own: another login for a customer of the business. */
export const ownTags = (parts: { business_id: string; own_user_id: string | null }): Tag[] =>
  parts.own_user_id === null ? [] : [loginsTag(parts.business_id)];
