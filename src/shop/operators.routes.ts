import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { Problem } from "../http/problem.ts";
import { IdParams, listParameters, ListOf, OneOf, strict } from "../http/schema.ts";
import { operatorCache } from "./operators.cache.ts";
import { checkReader, timeLogPage } from "./operators.ts";
import { Performance, QueuedStep, TimeLog } from "./shapes.routes.ts";
import { viewerOf } from "./viewer.ts";

const tag = "Shop: operators";

const documented = {
  queue: operation({
    id: "listMyQueue",
    cache: "shop.queue",
    permission: "queue.read",
    tag,
    summary: "What do I do next",
    description:
      "The caller's own running, paused, ready and blocked steps, in this order, of jobs that are active or in progress; then " +
      "by priority and by when they are due. 50 at most.",
  }),
  performance: operation({
    id: "getOperatorPerformance",
    cache: "shop.performance",
    permission: "performance.read",
    tag,
    summary: "What an operator has done",
    description:
      "Steps completed and time worked in the last days, of 24 hours each. Operators see their own, staff everybody's. A step " +
      "without a due time is on time.",
    errors: ["not_found"],
  }),
  timeLogs: operation({
    id: "listStepTimeLogs",
    cache: "shop.step.time_logs",
    permission: "shop.read",
    tag: "Shop: steps",
    summary: "List the time logged for a step",
    description:
      "Work and losses, newest first, for roles that may view the step's process. No log is longer than 24 hours: work is ended " +
      "then, a loss goes on in another log.",
    errors: ["not_found", "process_not_permitted", "invalid_cursor"],
  }),
};

/** What operators have to do, and what they did. */
export const operatorRoutes = (deps: Deps) => {
  const cached = operatorCache(deps);
  return new Elysia({ name: "shop.operators", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/me/queue",
      ({ caller, scope }) => {
        const { business_id, member_id } = caller;
        return answered(scope, cached.queue, { business_id, member_id, role: viewerOf(caller) }, cachedBytes);
      },
      { response: { 200: ListOf(QueuedStep) }, detail: documented.queue },
    )
    .get(
      "/operators/:id/performance",
      async ({ caller, scope, params, query }) => {
        const parts = {
          business_id: caller.business_id,
          member_id: params.id.toLowerCase(),
          days: Number(query.days ?? 30),
        };
        return answered(scope, cached.performance, parts, (lookup) => {
          if (lookup.value === null) throw new Problem("not_found");
          checkReader(caller, parts.member_id);
          return cachedBytes(lookup, scope);
        });
      },
      {
        params: IdParams,
        query: strict({ days: t.Optional(OneOf(["7", "30", "90"], { description: "Default 30" })) }),
        response: { 200: Performance },
        detail: documented.performance,
      },
    )
    .get(
      "/job-steps/:id/time-logs",
      async ({ caller, scope, params: { id }, query }) =>
        cached.timeLogs.answer(scope, query.cursor, timeLogPage(caller, id, query)),
      {
        params: IdParams,
        query: strict(listParameters),
        response: { 200: ListOf(TimeLog) },
        detail: documented.timeLogs,
      },
    );
};
