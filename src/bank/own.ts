import type { Caller } from "../http/scope.ts";

/**
 * Whose rows a caller sees: null for those who see all of their business, else the person whose own customers' rows are
 * meant. Statements take it as `own_user_id`; a cached answer has it among its parts, so that nobody is served another's.
 */
export const ownUserOf = (caller: Caller): string | null =>
  caller.role === "customer" ? caller.user_id : null;
