import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, Instant, listParameters, ListOf, Nullable, strict, Text, Uuid } from "../http/schema.ts";
import { stepNoteCache } from "./step-notes.cache.ts";
import { addNote, notePage } from "./step-notes.ts";

const tag = "Shop: steps";

const StepNote = t.Object({
  id: Uuid,
  step_id: Uuid,
  author_id: Nullable({ ...Uuid, description: "The member who wrote it" }),
  author_name: Nullable(t.String()),
  note: t.String(),
  created_at: Instant,
});

const documented = {
  list: operation({
    id: "listStepNotes",
    cache: "shop.step_notes.page",
    permission: "shop.read",
    tag,
    summary: "List the notes on a step",
    description: "Newest first, for roles that may view the step's process.",
    errors: ["not_found", "process_not_permitted", "invalid_cursor"],
  }),
  add: operation({
    id: "addStepNote",
    permission: "job_steps.work",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Write a note on a step",
    description: "In any state of the step, by roles that may view its process. A note is never changed.",
    errors: ["not_found", "process_not_permitted"],
    examples: { request: { note: "The second plate is worn" } },
  }),
};

/** Remarks on steps. */
export const stepNoteRoutes = (deps: Deps) => {
  const cached = stepNoteCache(deps).page;
  return new Elysia({ name: "shop.step-notes", prefix: "/api/v1/job-steps", normalize: false })
    .use(edge)
    .get(
      "/:id/notes",
      ({ caller, scope, params: { id }, query }) =>
        cached.answer(scope, query.cursor, notePage(caller, id, query)),
      {
        params: IdParams,
        query: strict(listParameters),
        response: { 200: ListOf(StepNote) },
        detail: documented.list,
      },
    )
    .post(
      "/:id/notes",
      async ({ caller, params: { id }, body }) => written(await addNote(deps, caller, id, body.note)),
      {
        params: IdParams,
        body: strict({ note: Text(4_000, "What is remarked") }),
        response: { 201: StepNote },
        detail: documented.add,
      },
    );
};
