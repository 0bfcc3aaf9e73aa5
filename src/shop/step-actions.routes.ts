import { Elysia, t } from "elysia";
import { describeMoves } from "../core/moves.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import type { ProblemCode } from "../http/problem.ts";
import { written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import { IdParams, Instant, Nullable, OneOf, strict, Text, Uuid } from "../http/schema.ts";
import { Quantity, Step } from "./shapes.routes.ts";
import { actOnStep, reportOnStep, type StepGiven } from "./step-actions.ts";
import { type StepAction, stepMoves } from "./step-moves.ts";

const tag = "Shop: steps";
const work = t.Optional(
  OneOf(["setup", "productive"], { description: "What the time is spent on; left out: `productive`" }),
);
const loss = t.Optional(
  OneOf(["performance_loss", "quality_loss", "availability_loss"], {
    description: "Counts the time until the step goes on as a loss of this kind, of its machine too",
  }),
);
const reason = Text(2_000, "Why; people read it");
const produced = t.Optional(
  t.Number({ minimum: 0, maximum: 99_999_999_999, description: "Up to three decimals" }),
);

const ProductionReport = t.Object({
  id: Uuid,
  step_id: Uuid,
  qty_good: Quantity,
  qty_scrap: Quantity,
  reason: Nullable(t.String()),
  reported_by: Nullable({ ...Uuid, description: "The member who reported it" }),
  created_at: Instant,
  step: Step,
});

const running = [
  "operator_overlap",
  "machine_overlap",
  "machine_unavailable",
  "machine_process_mismatch",
] as const satisfies readonly ProblemCode[];

/** What the answer to a move says of itself. Who may: the table. */
const move = (
  action: StepAction,
  words: Readonly<{
    summary: string;
    description: string;
    errors?: readonly ProblemCode[];
    request?: unknown;
  }>,
) => {
  const isOfStaff = action === "skip" || action === "reopen";
  return operation({
    id: `${action}JobStep`,
    permission: isOfStaff ? "job_steps.manage" : "job_steps.work",
    tag,
    idempotency: "optional",
    if_match: "optional",
    summary: words.summary,
    description:
      `${describeMoves(stepMoves, action, "")}${isOfStaff ? "" : "; operators: steps of theirs or of nobody, where their role may work on the process"}. ` +
      `${words.description} Without \`If-Match\` the state decides. The job has to be active or in progress${action === "reopen" ? ", or completed" : ""}.`,
    errors: [
      "not_found",
      "illegal_transition",
      ...(isOfStaff ? [] : (["process_not_permitted"] as const)),
      ...(words.errors ?? []),
    ],
    examples: { request: words.request ?? {} },
  });
};

const documented = {
  start: move("start", {
    summary: "Start a step",
    description:
      "Opens a log of its operator's time, on its machine or the one given. A step of nobody is then of who starts it. An " +
      "operator is in one running step at a time unless `shop.parallel_work` is on; a machine runs as many as its capacity.",
    errors: [...running, "reference_not_found"],
    request: { kind: "setup" },
  }),
  pause: move("pause", {
    summary: "Pause a step",
    description: "Ends its log. With a `kind` the time until it goes on is logged as a loss.",
    request: { kind: "quality_loss", reason: "The ink runs" },
  }),
  resume: move("resume", {
    summary: "Go on with a paused step",
    description: "Opens a new log, where its operator and machine are free.",
    errors: running,
    request: { kind: "productive" },
  }),
  block: move("block", {
    summary: "Block a step",
    description:
      "Ends its log; staff are told why. With a `kind` the time until it goes on is logged as a loss.",
    request: { reason: "No paper", kind: "availability_loss" },
  }),
  unblock: move("unblock", {
    summary: "Unblock a step",
    description:
      "It is what it was before it was blocked: ready, paused, or running with a new log, but paused where its operator or " +
      "machine is busy or down by now, and pending where it waits for a step that was reopened.",
  }),
  complete: move("complete", {
    summary: "Complete a step",
    description:
      "Ends its log, adds a last report of what was produced where one is given, makes the steps ready that waited for " +
      "nothing else, and completes the job with its last step.",
    errors: ["over_production"],
    request: { qty_good: 500, qty_scrap: 12 },
  }),
  skip: move("skip", {
    summary: "Skip a step",
    description: "Nobody waits for it any more. A `reason` becomes a note on it.",
    request: { reason: "The customer brings cut paper" },
  }),
  reopen: move("reopen", {
    summary: "Reopen a completed step",
    description:
      "While no step that waits for it has started; those that were ready wait again, and a completed job is in progress. A " +
      "`reason` becomes a note on it.",
    errors: ["dependent_started"],
    request: { reason: "Two sheets were missing" },
  }),
  report: operation({
    id: "reportProduction",
    permission: "job_steps.work",
    tag,
    idempotency: "optional",
    if_match: "optional",
    success: 201,
    summary: "Report what a step has produced",
    description:
      "While it is running or paused. The step's quantities are the sum of its reports, good and scrap together at most the " +
      "target and its allowance. Reports are only ever added. Operators: steps of theirs or of nobody, where their role may " +
      "work on the process.",
    errors: ["not_found", "illegal_transition", "process_not_permitted", "over_production"],
    examples: { request: { qty_good: 120, qty_scrap: 3, reason: "Misprints" } },
  }),
};

const bodies = {
  nothing: t.Optional(strict({})),
  because: t.Optional(strict({ reason: t.Optional(reason) })),
  start: t.Optional(
    strict({
      kind: work,
      machine_id: t.Optional({ ...Uuid, description: "The step is on this machine from now on" }),
    }),
  ),
  resume: t.Optional(strict({ kind: work })),
  pause: t.Optional(strict({ kind: loss, reason: t.Optional(reason) })),
  block: strict({ kind: loss, reason }),
  complete: t.Optional(strict({ qty_good: produced, qty_scrap: produced, reason: t.Optional(reason) })),
  report: strict({ qty_good: produced, qty_scrap: produced, reason: t.Optional(reason) }),
};

/** What a member does with a step. */
export const stepActionRoutes = (deps: Deps) => {
  const move = async (caller: Caller, id: string, action: StepAction, given: StepGiven | null = null) =>
    written(await actOnStep(deps, caller, { id, action, given: given ?? {} }));
  const moved = { params: IdParams, response: { 200: Step } };
  return new Elysia({ name: "shop.step-actions", prefix: "/api/v1/job-steps", normalize: false })
    .use(edge)
    .post("/:id/start", ({ caller, params, body }) => move(caller, params.id, "start", body), {
      ...moved,
      body: bodies.start,
      detail: documented.start,
    })
    .post("/:id/pause", ({ caller, params, body }) => move(caller, params.id, "pause", body), {
      ...moved,
      body: bodies.pause,
      detail: documented.pause,
    })
    .post("/:id/resume", ({ caller, params, body }) => move(caller, params.id, "resume", body), {
      ...moved,
      body: bodies.resume,
      detail: documented.resume,
    })
    .post("/:id/block", ({ caller, params, body }) => move(caller, params.id, "block", body), {
      ...moved,
      body: bodies.block,
      detail: documented.block,
    })
    .post("/:id/unblock", ({ caller, params }) => move(caller, params.id, "unblock"), {
      ...moved,
      body: bodies.nothing,
      detail: documented.unblock,
    })
    .post("/:id/complete", ({ caller, params, body }) => move(caller, params.id, "complete", body), {
      ...moved,
      body: bodies.complete,
      detail: documented.complete,
    })
    .post("/:id/skip", ({ caller, params, body }) => move(caller, params.id, "skip", body), {
      ...moved,
      body: bodies.because,
      detail: documented.skip,
    })
    .post("/:id/reopen", ({ caller, params, body }) => move(caller, params.id, "reopen", body), {
      ...moved,
      body: bodies.because,
      detail: documented.reopen,
    })
    .post(
      "/:id/production",
      async ({ caller, params: { id }, body }) =>
        written(await reportOnStep(deps, caller, { id, given: body })),
      {
        params: IdParams,
        response: { 201: ProductionReport },
        body: bodies.report,
        detail: documented.report,
      },
    );
};
