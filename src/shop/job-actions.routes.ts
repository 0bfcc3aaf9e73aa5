import { Elysia, t } from "elysia";
import { describeMoves } from "../core/moves.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import type { ProblemCode } from "../http/problem.ts";
import { written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { BusinessDate, IdParams, Instant, Nullable, strict, Text, Uuid } from "../http/schema.ts";
import { actOnJob, changeByRevision, changeJob, copyJob, makeJob, removeJob } from "./job-actions.ts";
import { type JobAction, jobMoves } from "./job-moves.ts";
import { Job, JobPriority } from "./shapes.routes.ts";

const tag = "Shop: jobs";

const Amount = (description: string) => t.Number({ minimum: 0.001, maximum: 99_999_999_999, description });
const Price = strict({
  amount: t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "Minor units" }),
  currency: t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217" }),
});
const Title = Text(200, "What is made");

const writable = {
  description: t.Optional(Nullable(Text(10_000, "For people"))),
  customer_id: t.Optional(Nullable({ ...Uuid, description: "An active customer" })),
  priority: t.Optional(JobPriority),
  due_on: t.Optional(Nullable(BusinessDate)),
  quantity: t.Optional(Nullable(Amount("Up to three decimals"))),
  unit: t.Optional(Nullable(Text(32, "Of the quantity"))),
  price: t.Optional(Nullable({ ...Price, description: "A quotation" })),
};
const FirstStep = strict({
  process_id: Uuid,
  machine_id: t.Optional(Nullable(Uuid)),
  assigned_to: t.Optional(Nullable({ ...Uuid, description: "A member" })),
  est_minutes: t.Optional(Nullable(t.Integer({ minimum: 0, maximum: 1_000_000 }))),
  planned_start: t.Optional(Nullable(Instant)),
  planned_end: t.Optional(Nullable(Instant)),
  due_at: t.Optional(Nullable(Instant)),
  qty_target: t.Optional(Nullable(Amount("The job's quantity where it is left out"))),
  allowance_bps: t.Optional(t.Integer({ minimum: 0, maximum: 1_000_000 })),
  instructions: t.Optional(Nullable(Text(10_000, "For whoever does it"))),
  depends_on: t.Optional(
    t.Array(t.Integer({ minimum: 1, maximum: 200 }), {
      maxItems: 200,
      description: "Places in this list, from 1, that it waits for; left out: the one before it; empty: none",
    }),
  ),
});
const NewJob = strict({
  title: Title,
  ...writable,
  steps: t.Optional(t.Array(FirstStep, { maxItems: 200 })),
  routing_id: t.Optional(Nullable({ ...Uuid, description: "Its steps become the job's" })),
});
const fields = { title: t.Optional(Title), ...writable };
const JobPatch = t.Object(fields, { additionalProperties: false, minProperties: 1 });
const reason = Text(2_000, "Why; people read it");
const Revision = strict({ changes: JobPatch, reason });

/** What the answer to a move says of itself. Who may: the table. */
const move = (
  action: JobAction,
  words: Readonly<{ summary: string; description: string; request?: unknown }>,
) =>
  operation({
    id: `${action}Job`,
    permission: action === "activate" || action === "resume" ? "jobs.write" : "jobs.manage",
    tag,
    idempotency: "optional",
    if_match: "optional",
    summary: words.summary,
    description: `${describeMoves(jobMoves, action, "")}. ${words.description} Without \`If-Match\` the state decides.`,
    errors: ["not_found", "illegal_transition"],
    examples: { request: words.request ?? {} },
  });

const changing = [
  "not_found",
  "illegal_transition",
  "reference_not_found",
  "over_production",
] as const satisfies readonly ProblemCode[];

const documented = {
  create: operation({
    id: "createJob",
    permission: "jobs.write",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Create a job",
    description:
      "A draft with the next number of the business, as the setting `shop.job_number` writes it. Its steps are given, or those " +
      "of a routing, or come later. A machine or a member is given by roles that may assign steps of the process.",
    errors: ["reference_not_found", "machine_process_mismatch", "process_not_permitted", "dependency_cycle"],
    examples: {
      request: {
        title: "Wall calendar, 4 colour",
        priority: "high",
        due_on: "2026-12-01",
        quantity: 500,
        unit: "pcs",
        price: { amount: 1_250_000, currency: "NGN" },
      },
    },
  }),
  change: operation({
    id: "updateJob",
    permission: "jobs.write",
    tag,
    if_match: "required",
    summary: "Change a job",
    description:
      "JSON Merge Patch (RFC 7396): members that are absent stay, null clears. Open steps that were to make the old quantity " +
      "make the new one. Refused once the job is completed or cancelled. `POST /jobs/{id}/revise` keeps what was changed and why.",
    errors: changing,
    examples: { request: { due_on: "2026-12-08", priority: "urgent" } },
  }),
  remove: operation({
    id: "deleteJob",
    permission: "jobs.write",
    tag,
    if_match: "required",
    success: 204,
    summary: "Delete a draft",
    description:
      "With its steps and files. Its number is not given again. Any other job is cancelled instead.",
    errors: ["not_found", "in_use"],
  }),
  activate: move("activate", {
    summary: "Activate a job",
    description: "Steps that wait for nothing become ready, and their operators are told.",
  }),
  hold: move("hold", {
    summary: "Put a job on hold",
    description: "Its running steps pause and their logs end; staff, its creator and operators are told.",
    request: { reason: "The customer has not approved the proof" },
  }),
  resume: move("resume", {
    summary: "Go on with a job",
    description: "Back to where it was before; steps that paused stay paused.",
  }),
  cancel: move("cancel", {
    summary: "Cancel a job",
    description: "Its open steps are cancelled and their logs end.",
    request: { reason: "The order was withdrawn" },
  }),
  reopen: move("reopen", {
    summary: "Reopen a completed job",
    description: "It is completed again when a step of it is changed and none is open.",
    request: { reason: "A reprint is to be added" },
  }),
  duplicate: operation({
    id: "duplicateJob",
    permission: "jobs.write",
    tag,
    idempotency: "optional",
    if_match: "optional",
    success: 201,
    summary: "Duplicate a job",
    description:
      "A new draft with its fields but the due date, and its steps with what they wait for and their machines, but without " +
      "members, days and what was done. A machine that can no longer do the process is left out.",
    errors: ["not_found", "reference_not_found"],
  }),
  revise: operation({
    id: "reviseJob",
    permission: "jobs.write",
    tag,
    idempotency: "optional",
    if_match: "optional",
    summary: "Revise a job",
    description:
      "Changes a job that is active, in progress or on hold as `PATCH` does, under the next `revision_no`; old and new values " +
      "are kept with the reason. Refused where nothing changes.",
    errors: changing,
    examples: { request: { changes: { quantity: 750 }, reason: "The customer orders more" } },
  }),
};

const nothing = t.Optional(strict({}));
const because = t.Optional(strict({ reason: t.Optional(reason) }));

/** What people do with a job. */
export const jobActionRoutes = (deps: Deps) => {
  const move = async (caller: Caller, id: string, action: JobAction, why: string | null = null) =>
    written(await actOnJob(deps, caller, { id, action, reason: why }));
  const answer = { params: IdParams, response: { 200: Job } };
  return new Elysia({ name: "shop.job-actions", prefix: "/api/v1/jobs", normalize: false })
    .use(edge)
    .post("", async ({ caller, body }) => written(await makeJob(deps, caller, body)), {
      body: NewJob,
      response: { 201: Job },
      detail: documented.create,
    })
    .patch(
      "/:id",
      async ({ caller, params, body }) => written(await changeJob(deps, caller, params.id, body)),
      {
        ...answer,
        body: JobPatch,
        detail: documented.change,
      },
    )
    .delete("/:id", async ({ caller, params }) => written(await removeJob(deps, caller, params.id)), {
      params: IdParams,
      detail: documented.remove,
    })
    .post("/:id/activate", ({ caller, params }) => move(caller, params.id, "activate"), {
      ...answer,
      body: nothing,
      detail: documented.activate,
    })
    .post("/:id/hold", ({ caller, params, body }) => move(caller, params.id, "hold", body.reason), {
      ...answer,
      body: strict({ reason }),
      detail: documented.hold,
    })
    .post("/:id/resume", ({ caller, params }) => move(caller, params.id, "resume"), {
      ...answer,
      body: nothing,
      detail: documented.resume,
    })
    .post(
      "/:id/cancel",
      ({ caller, params, body }) => move(caller, params.id, "cancel", body?.reason ?? null),
      {
        ...answer,
        body: because,
        detail: documented.cancel,
      },
    )
    .post(
      "/:id/reopen",
      ({ caller, params, body }) => move(caller, params.id, "reopen", body?.reason ?? null),
      {
        ...answer,
        body: because,
        detail: documented.reopen,
      },
    )
    .post("/:id/duplicate", async ({ caller, params }) => written(await copyJob(deps, caller, params.id)), {
      params: IdParams,
      body: nothing,
      response: { 201: Job },
      detail: documented.duplicate,
    })
    .post(
      "/:id/revise",
      async ({ caller, params, body }) => written(await changeByRevision(deps, caller, params.id, body)),
      { ...answer, body: Revision, detail: documented.revise },
    );
};
