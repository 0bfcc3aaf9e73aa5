import { act, orNotFound } from "../core/act.ts";
import type { Deps } from "../http/deps.ts";
import { type Keyset, type Page, pageParameters } from "../http/pagination.ts";
import type { Role } from "../http/policy.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { QueryContext } from "../platform/db/statement.ts";
import { tagsOfStep } from "./job-steps.ts";
import { addStepNote, listStepNotes } from "./statements.ts";
import { viewerOf } from "./viewer.ts";

/** What a page of the remarks on a step depends on. */
export type NotePageParts = {
  business_id: string;
  role: Role | null;
  step_id: string;
  after: string | null;
  limit_rows: number;
};

/** A page of the remarks on a step, newest first. */
export const notePage = (
  caller: Caller,
  step_id: string,
  { limit }: Readonly<{ limit?: number }>,
  after: Keyset | null = null,
): NotePageParts => ({
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
export async function readNotePage(
  { fast }: Pick<Deps["db"], "fast">,
  parts: NotePageParts,
  context: QueryContext,
): Promise<Page | null> {
  const [row] = await fast.query(listStepNotes, parts, context);
  if (row === undefined) return null;
  if (!row.may_view) throw new Problem("process_not_permitted");
  const { data, has_more, last_key } = row;
  return { data, has_more, last_key };
}

/**
 * Writes a remark on a step, whatever its state; it stays as it is.
 *
 * @throws {Problem} `not_found`, `process_not_permitted`
 */
export async function addNote(deps: Deps, caller: Caller, step_id: string, note: string): Promise<Written> {
  const parameters = { role: caller.role, step_id, note_id: deps.id(), note };
  return orNotFound(
    await act(deps, caller, addStepNote, parameters, await tagsOfStep(deps, caller, step_id)),
  );
}
