import type { Deps } from "../http/deps.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Resource } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { JobPriority, JobStatus } from "../platform/enums.ts";
import { findJobNumber, getJob as getStatement, listJobs as listStatement } from "./statements.ts";

/** Filters of the list of jobs; dates are days of the business's calendar, both bounds included. */
export type JobQuery = Readonly<{
  status?: readonly JobStatus[];
  priority?: readonly JobPriority[];
  customer_id?: string;
  assigned_to?: string;
  machine_id?: string;
  overdue?: boolean;
  due_from?: string;
  due_to?: string;
  created_from?: string;
  created_to?: string;
  /** The beginning of a job number, or a part of the title. */
  q?: string;
  sort?: string;
  limit?: number;
}>;

/** One job with its steps, null when the business has none of this id. */
export async function getJob(deps: Deps, caller: Caller, id: string): Promise<Resource | null> {
  const { business_id, timezone } = caller;
  const [row] = await deps.db.fast.query(getStatement, { business_id, timezone, job_id: id }, caller);
  return row ?? null;
}

/** A page of jobs: newest first, a search by number in the order of the numbers, unless sorted otherwise. */
export async function listJobs(
  deps: Deps,
  caller: Caller,
  query: JobQuery,
  after: Keyset | null,
): Promise<Page> {
  const search = await readSearch(deps, caller, query);
  const parameters = {
    business_id: caller.business_id,
    timezone: caller.timezone,
    statuses: query.status ?? null,
    priorities: query.priority ?? null,
    customer_id: query.customer_id ?? null,
    assigned_to: query.assigned_to ?? null,
    machine_id: query.machine_id ?? null,
    overdue: query.overdue ?? null,
    due_from: query.due_from ?? null,
    due_to: query.due_to ?? null,
    created_from: query.created_from ?? null,
    created_to: query.created_to ?? null,
    q: search.q,
    sort: query.sort ?? (search.numbers_only ? "-job_number" : "-created_at"),
    ...pageParameters(query.limit, after),
    numbers_only: search.numbers_only,
  };
  const [row] = await deps.db.report.query(listStatement, parameters, caller);
  return row ?? emptyPage;
}

/**
 * What a search text means. One with a digit that begins a job number is a number: its jobs are a range of an index, read
 * in the order of their numbers, while newest first would walk through everything newer than an old year's range.
 */
async function readSearch(
  deps: Deps,
  caller: Caller,
  { q }: JobQuery,
): Promise<{ q: string | null; numbers_only: boolean }> {
  if (q === undefined || !/\d/.test(q)) return { q: q ?? null, numbers_only: false };
  const [found] = await deps.db.report.query(
    findJobNumber,
    { business_id: caller.business_id, beginning: q },
    caller,
  );
  if (found?.as_typed === true) return { q, numbers_only: true };
  return { q: found?.in_capitals === true ? q.toUpperCase() : q, numbers_only: found?.in_capitals === true };
}
