import { act } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { putProcessPermissions as putStatement } from "./statements.ts";
import { permissionsTag } from "./tags.ts";

/** What a role may do with the steps of a process. */
export type ProcessPermission = Readonly<{
  role: "operator" | "clerk";
  process_id: string;
  can_view: boolean;
  can_work: boolean;
  can_assign: boolean;
}>;

/**
 * Replaces what roles may do with processes. Staff are never shut out, and a process that is not named is open to everyone in
 * the shop. Refuses a stale `If-Match`, a process of nobody (`reference_not_found`), and a pair that stands twice (`validation`).
 */
export const putProcessPermissions = (
  deps: Deps,
  caller: Caller,
  items: readonly ProcessPermission[],
): Promise<Written | null> => {
  const parameters = { version: caller.if_match, items: JSON.stringify(items) };
  return act(deps, caller, putStatement, parameters, [permissionsTag(caller.business_id)]);
};
