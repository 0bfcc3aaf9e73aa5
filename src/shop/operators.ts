import type { Deps } from "../http/deps.ts";
import { type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import { allows, type Role } from "../http/policy.ts";
import { Problem } from "../http/problem.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { listStepTimeLogs } from "./statements.ts";
import { viewerOf } from "./viewer.ts";

/** What a page of the time logged for a step depends on. */
export type TimeLogPageParts = {
  business_id: string;
  role: Role | null;
  step_id: string;
  after: string | null;
  limit_rows: number;
};

/** A page of the time logged for a step, newest first. */
export const timeLogPage = (
  caller: Caller,
  step_id: string,
  { limit }: Readonly<{ limit?: number }>,
  after: Keyset | null = null,
): TimeLogPageParts => ({
  business_id: caller.business_id,
  role: viewerOf(caller),
  step_id: step_id.toLowerCase(),
  ...pageParameters(limit, after),
});

/**
 * Null: there is no such step.
 *
 * @throws {Problem} `process_not_permitted`
 */
export async function readTimeLogPage(
  { fast }: Pick<Deps["db"], "fast">,
  parts: TimeLogPageParts,
  context: QueryContext,
): Promise<Page | null> {
  const [row] = await fast.query(listStepTimeLogs, parts, context);
  if (row === undefined) return null;
  if (!row.may_view) throw new Problem("process_not_permitted");
  const { data, has_more, last_key } = row;
  return { data, has_more, last_key };
}

/** Refuses (`forbidden`) figures of somebody else to who is not staff. */
export function checkReader(caller: Pick<Caller, "role" | "member_id">, member_id: string): void {
  if (member_id !== caller.member_id && !allows("job_steps.manage", caller.role))
    throw new Problem("forbidden");
}
