import type { Deps } from "../http/deps.ts";
import { type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Role } from "../http/policy.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { listJobEvents, listJobFiles, listJobRevisions } from "./statements.ts";
import { viewerOf } from "./viewer.ts";

/** What a page of what belongs to a job depends on. */
export type OfJobParts = { business_id: string; job_id: string; after: string | null; limit_rows: number };

/** What a page of what happened to a job depends on. */
export type JobEventParts = OfJobParts & { role: Role | null };

export const pageOfJob = (
  { business_id }: Caller,
  job_id: string,
  { limit }: Readonly<{ limit?: number }>,
  after: Keyset | null = null,
): OfJobParts => ({ business_id, job_id: job_id.toLowerCase(), ...pageParameters(limit, after) });

export const eventPage = (
  caller: Caller,
  job_id: string,
  query: Readonly<{ limit?: number }>,
): JobEventParts => ({ ...pageOfJob(caller, job_id, query), role: viewerOf(caller) });

/** A page of the revisions of a job, newest first; null: there is no such job. */
export const readRevisionPage = async (
  { fast }: Deps["db"],
  parts: OfJobParts,
  context: QueryContext,
): Promise<Page | null> => (await fast.query(listJobRevisions, parts, context))[0] ?? null;

/**
 * A page of what happened to a job, newest first; null: there is no such job. Each step has its own place in the audit trail, so
 * that it is no point read.
 */
export const readEventPage = async (
  { report }: Deps["db"],
  parts: JobEventParts,
  context: QueryContext,
): Promise<Page | null> => (await report.query(listJobEvents, parts, context))[0] ?? null;

/** A page of the files of a job, newest first; null: there is no such job. */
export const readFilePage = async (
  { fast }: Deps["db"],
  parts: OfJobParts,
  context: QueryContext,
): Promise<Page | null> => (await fast.query(listJobFiles, parts, context))[0] ?? null;
