import { Elysia, t } from "elysia";
import { createFileStorage } from "../core/file-storage.ts";
import type { FileDeps } from "../core/files.ts";
import { StoredFile } from "../core/files.routes.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { formBytes, formOf, readForm } from "../http/form.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, Instant, listParameters, ListOf, Nullable, OneOf, strict, Uuid } from "../http/schema.ts";
import { addJobFile } from "./job-files.ts";
import { jobHistoryCache } from "./job-history.cache.ts";
import { eventPage, pageOfJob } from "./job-history.ts";
import { Quantity } from "./shapes.routes.ts";

const tag = "Shop: jobs";

const Changes = t.Record(t.String(), t.Object({ from: t.Any(), to: t.Any() }), {
  description: "By member: what it was, and what it became",
});

const Revision = t.Object({
  revision_no: t.Integer(),
  reason: t.String(),
  changes: Changes,
  created_at: Instant,
  created_by: Nullable(Uuid),
  created_by_name: Nullable(t.String()),
});

const Event = t.Object({
  id: t.String({ description: "Of the event; the same on every page" }),
  at: Instant,
  type: OneOf([
    "job_created",
    "job_moved",
    "job_changed",
    "job_revised",
    "step_moved",
    "production_reported",
    "note_added",
    "file_added",
  ]),
  actor_user_id: Nullable({ ...Uuid, description: "Null: nobody, it followed from its steps or from time" }),
  actor_name: Nullable(t.String()),
  step_id: Nullable(Uuid),
  process: Nullable(t.String({ description: "Name of the step's process" })),
  from: Nullable(t.String({ description: "Status before a move" })),
  to: Nullable(t.String({ description: "Status after it" })),
  reason: Nullable(t.String()),
  changes: Nullable(Changes),
  revision_no: Nullable(t.Integer()),
  qty_good: Nullable(Quantity),
  qty_scrap: Nullable(Quantity),
  note: Nullable(t.String()),
  filename: Nullable(t.String()),
});

const page = (id: string, cache: string, summary: string, description: string) =>
  operation({
    id,
    cache,
    permission: "shop.read",
    tag,
    summary,
    description,
    errors: ["not_found", "invalid_cursor"],
  });

const documented = {
  revisions: page(
    "listJobRevisions",
    "shop.job.revisions",
    "List the revisions of a job",
    "The last first: what was changed, from what to what, why and by whom.",
  ),
  timeline: page(
    "listJobEvents",
    "shop.job.timeline",
    "What happened to a job",
    "Newest first: made, changed, revised and moved, its steps as they started, paused and ended, what they produced, notes " +
      "and files. Of steps, those whose process the role may view.",
  ),
  files: page(
    "listJobFiles",
    "shop.job.files",
    "List the files of a job",
    "Newest first. Their content is `GET /files/{id}/content`; `DELETE /files/{id}` removes one.",
  ),
  attach: (body_bytes: number) =>
    operation({
      id: "createJobFile",
      permission: "job_files.write",
      tag,
      idempotency: "optional",
      consumes: ["multipart/form-data"],
      body_bytes,
      success: 201,
      summary: "Add a file to a job",
      description:
        "PDF, PNG, JPEG, WebP, GIF, CSV, text, XLSX or DOCX without macros. The content must be what name and media type say.",
      errors: ["not_found", "file_type_mismatch", "file_type_not_allowed"],
    }),
};

/** What happened to a job, and what belongs to it. */
export const jobHistoryRoutes = (platform: Deps) => {
  const deps: FileDeps = { ...platform, storage: createFileStorage(platform.config.files_dir) };
  const cached = jobHistoryCache(deps);
  const asked = { params: IdParams, query: strict(listParameters) };
  return new Elysia({ name: "shop.job-history", prefix: "/api/v1/jobs", normalize: false })
    .use(edge)
    .get(
      "/:id/revisions",
      ({ caller, scope, params, query }) =>
        cached.revisions.answer(scope, query.cursor, pageOfJob(caller, params.id, query)),
      { ...asked, response: { 200: ListOf(Revision) }, detail: documented.revisions },
    )
    .get(
      "/:id/timeline",
      ({ caller, scope, params, query }) =>
        cached.events.answer(scope, query.cursor, eventPage(caller, params.id, query)),
      { ...asked, response: { 200: ListOf(Event) }, detail: documented.timeline },
    )
    .get(
      "/:id/files",
      ({ caller, scope, params, query }) =>
        cached.files.answer(scope, query.cursor, pageOfJob(caller, params.id, query)),
      { ...asked, response: { 200: ListOf(StoredFile) }, detail: documented.files },
    )
    .post(
      "/:id/files",
      async ({ caller, params, body }) =>
        written(await addJobFile(deps, caller, params.id, readForm(body, {}).file)),
      {
        params: IdParams,
        body: formOf({}),
        response: { 201: StoredFile },
        detail: documented.attach(deps.config.limits.upload_bytes + formBytes),
      },
    );
};
