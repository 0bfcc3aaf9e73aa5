import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Caller } from "../http/scope.ts";
import { ownUserOf } from "./own.ts";
import { findOwnCustomers } from "./statements.ts";

/**
 * Whom a request concerns: the customer that it names, or the one that the caller is. Null for somebody at work who names
 * nobody. The name is not proof: every statement looks for itself whether the caller may know this customer.
 *
 * @throws {Problem} `validation` for who is several customers and does not say which, `not_found` for who is none
 */
export async function customerOf(
  { db }: Pick<Deps, "db">,
  caller: Caller,
  named: string | undefined,
): Promise<string | null> {
  if (named !== undefined) return named.toLowerCase();
  const user_id = ownUserOf(caller);
  if (user_id === null) return null;
  const { business_id } = caller;
  const [first, second] = await db.fast.query(findOwnCustomers, { business_id, user_id }, caller);
  if (first === undefined) throw new Problem("not_found");
  if (second === undefined) return first.id;
  const errors = [{ pointer: "customer_id", detail: "is required: you are several customers" }];
  throw new Problem("validation", { errors });
}
