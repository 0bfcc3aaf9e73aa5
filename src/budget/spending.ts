import type { Deps } from "../http/deps.ts";
import { type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { listSpending } from "./statements.ts";

/** What spending is told apart by. */
export const spendingGroups = ["category", "payee", "month"] as const;
export type SpendingGroup = (typeof spendingGroups)[number];

export type SpendingParts = {
  business_id: string;
  user_id: string;
  budget_id: string;
  from_date: string | null;
  to_date: string | null;
  group_by: SpendingGroup;
  after: string | null;
  limit_rows: number;
};

/** Both days count, and are of the budget's calendar; by default all that it has. */
export type SpendingQuery = Readonly<{
  from?: string;
  to?: string;
  group_by?: SpendingGroup;
  limit?: number;
}>;

/**
 * What was spent from a budget of the caller, the most first; months in their order.
 *
 * @throws {Problem} `validation` for days that are the wrong way round
 */
export function spendingPage(
  { business_id, user_id }: Caller,
  budget_id: string,
  { from, to, group_by = "category", limit }: SpendingQuery,
  after: Keyset | null = null,
): SpendingParts {
  if (from !== undefined && to !== undefined && to < from) {
    throw new Problem("validation", { errors: [{ pointer: "to", detail: "is before from" }] });
  }
  return {
    business_id,
    user_id,
    budget_id: budget_id.toLowerCase(),
    from_date: from ?? null,
    to_date: to ?? null,
    group_by,
    ...pageParameters(limit, after),
  };
}

/** Null: the caller has no such budget. */
export async function readSpending(
  { report }: Pick<Deps["db"], "report">,
  parts: SpendingParts,
  context: QueryContext,
): Promise<Page | null> {
  return (await report.query(listSpending, parts, context))[0] ?? null;
}
