import type { Deps } from "../http/deps.ts";
import { eachRow } from "../http/each-row.ts";
import { emptyPage, type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Caller } from "../http/scope.ts";
import type { JobPriority, JobStatus } from "../platform/enums.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { findJobNumber, listJobs } from "./statements.ts";

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

/** What a page of jobs depends on: whoever asks for the same in other words gets the same parts. */
export type JobPageParts = {
  business_id: string;
  timezone: string;
  /** Of the zone: it decides what is overdue. */
  today: string;
  /** Separated by commas, in alphabetical order. */
  statuses: string | null;
  priorities: string | null;
  customer_id: string | null;
  assigned_to: string | null;
  machine_id: string | null;
  overdue: boolean | null;
  due_from: string | null;
  due_to: string | null;
  created_from: string | null;
  created_to: string | null;
  q: string | null;
  /** Null: newest first, or for a search by number in the order of the numbers. */
  sort: string | null;
  after: string | null;
  limit_rows: number;
};

export function jobPage(
  { business_id, timezone }: Caller,
  query: JobQuery,
  today: string,
  after: Keyset | null = null,
): JobPageParts {
  return {
    business_id,
    timezone,
    today,
    statuses: wordsOf(query.status),
    priorities: wordsOf(query.priority),
    customer_id: query.customer_id?.toLowerCase() ?? null,
    assigned_to: query.assigned_to?.toLowerCase() ?? null,
    machine_id: query.machine_id?.toLowerCase() ?? null,
    overdue: query.overdue ?? null,
    due_from: query.due_from ?? null,
    due_to: query.due_to ?? null,
    created_from: query.created_from ?? null,
    created_to: query.created_to ?? null,
    q: query.q ?? null,
    sort: query.sort ?? null,
    ...pageParameters(query.limit, after),
  };
}

const wordsOf = (words: readonly string[] | undefined): string | null =>
  words === undefined || words.length === 0 ? null : [...new Set(words)].toSorted().join(",");

const listOf = (words: string | null): string[] | null => words?.split(",") ?? null;

/** A page of jobs: newest first, a search by number in the order of the numbers, unless sorted otherwise. */
export async function readJobPage(
  db: Deps["db"],
  { statuses, priorities, q, sort, ...parts }: JobPageParts,
  context: QueryContext,
): Promise<Page> {
  const search = await readSearch(db, { business_id: parts.business_id, q }, context);
  const parameters = {
    ...parts,
    ...search,
    statuses: listOf(statuses) as JobStatus[] | null,
    priorities: listOf(priorities) as JobPriority[] | null,
    sort: sort ?? (search.numbers_only ? "-job_number" : "-created_at"),
  };
  const [row] = await db.report.query(listJobs, parameters, context);
  return row ?? emptyPage;
}

/**
 * What a search text means. One with a digit that begins a job number is a number: its jobs are a range of an index, read
 * in the order of their numbers, while newest first would walk through everything newer than an old year's range.
 */
async function readSearch(
  db: Deps["db"],
  { business_id, q }: Pick<JobPageParts, "business_id" | "q">,
  context: QueryContext,
): Promise<{ q: string | null; numbers_only: boolean }> {
  if (q === null || !/\d/.test(q)) return { q, numbers_only: false };
  const [found] = await db.report.query(findJobNumber, { business_id, beginning: q }, context);
  if (found?.as_typed === true) return { q, numbers_only: true };
  return { q: found?.in_capitals === true ? q.toUpperCase() : q, numbers_only: found?.in_capitals === true };
}

/** Columns of an export, in order; members of a job. */
export const jobColumns = [
  "id",
  "job_number",
  "title",
  "status",
  "priority",
  "due_on",
  "overdue",
  "customer_id",
  "customer_name",
  "quantity",
  "unit",
  "price",
  "currency",
  "revision_no",
  "steps_total",
  "steps_done",
  "created_at",
  "updated_at",
] as const;

type JobRow = Readonly<
  Record<Exclude<(typeof jobColumns)[number], "price" | "currency" | "overdue">, string | number | null> & {
    overdue: boolean;
    price: { amount: number; currency: string } | null;
  }
>;

/** The records of an export: every job that the query finds, in constant memory; prices in minor units. */
export async function* jobRecords(
  deps: Deps,
  caller: Caller,
  query: JobQuery,
  today: string,
): AsyncGenerator<(string | number | boolean | null)[], void, undefined> {
  const rows = eachRow<JobRow>((after, limit) =>
    readJobPage(deps.db, jobPage(caller, { ...query, limit }, today, after), caller),
  );
  for await (const { price, ...row } of rows) {
    const flat = { ...row, price: price?.amount ?? null, currency: price?.currency ?? null };
    yield jobColumns.map((column) => flat[column]);
  }
}
