import { Elysia, t } from "elysia";
import { answered, cachedResource } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, Instant, Nullable, strict, Text, Uuid } from "../http/schema.ts";
import { jobStepCache } from "./job-steps.cache.ts";
import { addStep, assignStep, deleteStep, orderSteps, updateStep } from "./job-steps.ts";
import { Job, JobStep } from "./shapes.routes.ts";
import { viewerOf } from "./viewer.ts";

const tag = "Shop: steps";

const Step = t.Object({ ...JobStep.properties, job_id: Uuid });

const plan = {
  est_minutes: t.Optional(Nullable(t.Integer({ minimum: 0, maximum: 1_000_000 }))),
  planned_start: t.Optional(Nullable(Instant)),
  planned_end: t.Optional(Nullable(Instant)),
  due_at: t.Optional(Nullable(Instant)),
  qty_target: t.Optional(
    Nullable(t.Number({ minimum: 0.001, maximum: 99_999_999_999, description: "Up to three decimals" })),
  ),
  allowance_bps: t.Optional(
    t.Integer({
      minimum: 0,
      maximum: 1_000_000,
      description: "How much more than the target may be made: 500 is 5 %",
    }),
  ),
  instructions: t.Optional(Nullable(Text(10_000, "For whoever does it"))),
  depends_on: t.Optional(
    t.Array(Uuid, { maxItems: 200, description: "Steps of the job that it waits for; empty: none" }),
  ),
};
const NewStep = strict({
  process_id: Uuid,
  machine_id: t.Optional(Nullable(Uuid)),
  assigned_to: t.Optional(Nullable({ ...Uuid, description: "A member" })),
  position: t.Optional(
    t.Integer({ minimum: 1, maximum: 200, description: "Steps from there on move on; left out: last" }),
  ),
  ...plan,
});
const StepPatch = t.Object(
  { process_id: t.Optional(Uuid), ...plan },
  { additionalProperties: false, minProperties: 1 },
);
const Assignment = t.Object(
  {
    member_id: t.Optional(Nullable({ ...Uuid, description: "Staff or an operator; null: nobody" })),
    machine_id: t.Optional(Nullable({ ...Uuid, description: "Can do the process; null: none" })),
  },
  { additionalProperties: false, minProperties: 1 },
);
const StepIds = t.Array(Uuid, { maxItems: 200, description: "Every step of the job, each once" });

const open = "Refused once the job is completed or cancelled";
const assigning = "By staff, and by roles that may assign steps of the process";

const documented = {
  add: operation({
    id: "addJobStep",
    permission: "job_steps.plan",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Add a step to a job",
    description:
      "It waits for the step before it unless `depends_on` says otherwise; where it waits for nothing it is ready as soon as " +
      "the job is active. What is left out comes from the process (minutes), the job (quantity) and the setting " +
      `\`shop.over_production_bps\`. A machine or a member is given by roles that may assign. ${open}.`,
    errors: [
      "not_found",
      "illegal_transition",
      "process_not_permitted",
      "reference_not_found",
      "machine_process_mismatch",
    ],
    examples: {
      request: { process_id: "0191e7a0-0000-7000-8000-00000000abcd", est_minutes: 45, qty_target: 200 },
    },
  }),
  order: operation({
    id: "orderJobSteps",
    permission: "job_steps.plan",
    tag,
    if_match: "required",
    summary: "Put the steps of a job in order",
    description: `Their ids, each once. What waits for what stays. \`If-Match\` is the job's version. ${open}.`,
    errors: ["not_found", "illegal_transition"],
    examples: {
      request: ["0191e7a0-0000-7000-8000-00000000abce", "0191e7a0-0000-7000-8000-00000000abcd"],
    },
  }),
  get: operation({
    id: "getJobStep",
    cache: "shop.step",
    permission: "shop.read",
    tag,
    summary: "One step",
    description:
      "For roles that may view its process. The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found", "process_not_permitted"],
  }),
  change: operation({
    id: "updateJobStep",
    permission: "job_steps.assign",
    tag,
    if_match: "required",
    summary: "Change a step",
    description:
      "JSON Merge Patch (RFC 7396): members that are absent stay, null clears. `process_id` and `depends_on` change only " +
      `before the step was ever started. ${assigning}. Refused once the step or its job is over.`,
    errors: [
      "not_found",
      "illegal_transition",
      "process_not_permitted",
      "reference_not_found",
      "machine_process_mismatch",
      "dependency_cycle",
      "over_production",
    ],
    examples: { request: { due_at: "2026-11-20T08:15:00.000Z", qty_target: 250 } },
  }),
  remove: operation({
    id: "deleteJobStep",
    permission: "job_steps.assign",
    tag,
    if_match: "required",
    success: 204,
    summary: "Remove a step",
    description:
      "One that was never worked on. What waited for it waits for what it waited for; those behind it move up. " +
      `${assigning}. ${open}.`,
    errors: ["not_found", "illegal_transition", "process_not_permitted", "in_use"],
  }),
  assign: operation({
    id: "assignJobStep",
    permission: "job_steps.assign",
    tag,
    if_match: "required",
    summary: "Give a step to a member and a machine",
    description:
      "What is left out stays, null takes it away; the member is told. A running step keeps both: pause it first. " +
      `${assigning}. Refused once the step or its job is over.`,
    errors: [
      "not_found",
      "illegal_transition",
      "process_not_permitted",
      "reference_not_found",
      "machine_process_mismatch",
    ],
    examples: { request: { member_id: "0191e7a0-0000-7000-8000-00000000abcd", machine_id: null } },
  }),
};

/** Steps of jobs: planned, put in order, given to members and machines. */
export const jobStepRoutes = (deps: Deps) => {
  const cached = jobStepCache(deps).step;
  const settings = { params: IdParams, response: { 200: Step } };
  return new Elysia({ name: "shop.job-steps", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/jobs/:id/steps",
      async ({ caller, params: { id }, body }) => written(await addStep(deps, caller, id, body)),
      { params: IdParams, body: NewStep, response: { 201: Step }, detail: documented.add },
    )
    .put(
      "/jobs/:id/steps/order",
      async ({ caller, params: { id }, body }) => written(await orderSteps(deps, caller, id, body)),
      { params: IdParams, body: StepIds, response: { 200: Job }, detail: documented.order },
    )
    .get(
      "/job-steps/:id",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const parts = { business_id, role: viewerOf(caller), step_id: params.id.toLowerCase() };
        return answered(scope, cached, parts, cachedResource);
      },
      { ...settings, detail: documented.get },
    )
    .patch(
      "/job-steps/:id",
      async ({ caller, params: { id }, body }) => written(await updateStep(deps, caller, id, body)),
      { ...settings, body: StepPatch, detail: documented.change },
    )
    .delete(
      "/job-steps/:id",
      async ({ caller, params: { id } }) => written(await deleteStep(deps, caller, id)),
      { params: IdParams, detail: documented.remove },
    )
    .put(
      "/job-steps/:id/assignment",
      async ({ caller, params: { id }, body }) => written(await assignStep(deps, caller, id, body)),
      { ...settings, body: Assignment, detail: documented.assign },
    );
};
