import type { RequestScope } from "../http/scope.ts";
import type { BudgetHead, HeadCache, Owner } from "./budgets.cache.ts";

/**
 * Answers with what is to be known of a budget first: whether it is there, and which months it has. `budget_id` null: the
 * default. In the caller's turn where that is known.
 */
export function withHead(
  scope: RequestScope,
  heads: HeadCache,
  parts: Owner & { budget_id: string | null },
  answer: (head: BudgetHead | null) => Response | Promise<Response>,
): Response | Promise<Response> {
  const { timings } = scope;
  const lookup = heads.get(parts, timings);
  return lookup instanceof Promise ? lookup.then(({ value }) => answer(value)) : answer(lookup.value);
}
