import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { Tag } from "../platform/cache/index.ts";
import { act } from "./act.ts";
import { getCustomer } from "./customers.ts";
import { deleteCustomerLogin, putCustomerLogin } from "./statements.ts";
import { customersTag, customerTag, loginsTag } from "./tags.ts";

/**
 * Says which member a customer logs in as: the person then sees what is the customer's own. A person may be several
 * customers. Refuses a stale `If-Match`, and whoever is no active member with the role customer (`reference_not_found`).
 */
export async function setLogin(
  deps: Deps,
  caller: Caller,
  id: string,
  { member_id }: { member_id: string },
): Promise<Written> {
  const parameters = { customer_id: id, version: caller.if_match, member_id };
  const changed = await act(deps, caller, putCustomerLogin, parameters, tagsOf(caller, id));
  if (changed !== null) return changed;
  await requireCurrent(deps, caller, id);
  throw new Problem("reference_not_found", {
    errors: [{ pointer: "/member_id", detail: "There is no such active member with the role customer" }],
  });
}

/** Takes a customer's login away. Refuses a stale `If-Match`, and a customer without one (`not_found`). */
export async function clearLogin(deps: Deps, caller: Caller, id: string): Promise<Written> {
  const parameters = { customer_id: id, version: caller.if_match };
  const changed = await act(deps, caller, deleteCustomerLogin, parameters, tagsOf(caller, id));
  if (changed !== null) return changed;
  await requireCurrent(deps, caller, id);
  throw new Problem("not_found", { detail: "The customer has no login" });
}

async function requireCurrent(deps: Deps, caller: Caller, id: string): Promise<void> {
  const found = await getCustomer(deps, caller, id);
  if (found === null) throw new Problem("not_found");
  if (caller.if_match !== null && caller.if_match !== found.version) throw new Problem("precondition_failed");
}

const tagsOf = ({ business_id }: Caller, id: string): Tag[] => [
  customersTag(business_id),
  customerTag(business_id, id),
  loginsTag(business_id),
];
