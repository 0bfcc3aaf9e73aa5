import type { Deps } from "../http/deps.ts";
import type { Resource } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { countJobsByMonth, countJobsByStatus, getDashboardStats, listRecentJobs } from "./statements.ts";

// Each dashboard is one statement that returns one JSON text; nothing here touches it.

/** The figures on the wall, with the caller's own tasks. */
export async function readStats(deps: Deps, caller: Caller): Promise<Resource | null> {
  const { business_id, timezone, member_id } = caller;
  const [row] = await deps.db.report.query(getDashboardStats, { business_id, timezone, member_id }, caller);
  return row ?? null;
}

/** The newest jobs. */
export async function readRecentJobs(
  deps: Deps,
  caller: Caller,
  limit_rows: number,
): Promise<Resource | null> {
  const { business_id, timezone } = caller;
  const [row] = await deps.db.report.query(listRecentJobs, { business_id, timezone, limit_rows }, caller);
  return row ?? null;
}

/** How many jobs there are in each status; every status, in order, zeros too. */
export async function readJobsByStatus(deps: Deps, caller: Caller): Promise<Resource | null> {
  const [row] = await deps.db.report.query(countJobsByStatus, { business_id: caller.business_id }, caller);
  return row ?? null;
}

/** Jobs created and completed in each of the last months of the business's calendar. */
export async function readJobsByMonth(deps: Deps, caller: Caller, months: number): Promise<Resource | null> {
  const { business_id, timezone } = caller;
  const [row] = await deps.db.report.query(countJobsByMonth, { business_id, timezone, months }, caller);
  return row ?? null;
}
