import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { pageParameters } from "../http/pagination.ts";
import { Problem } from "../http/problem.ts";
import { written } from "../http/respond.ts";
import {
  BusinessDate,
  IdParams,
  listParameters,
  ListOf,
  Nullable,
  OneOf,
  strict,
  Text,
  Uuid,
} from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import { machineFigureCache } from "./machine-figures.cache.ts";
import { beginDowntime, endDowntime } from "./machines.ts";
import { Downtime, MachineOee, MachineOnBoard } from "./shapes-machines.routes.ts";
import { QueuedStep } from "./shapes.routes.ts";
import { viewerOf } from "./viewer.ts";

const tag = "Shop: machines";
const day_ms = 86_400_000;
/** Days that figures may be asked for. */
const days_max = 366;

const documented = {
  board: operation({
    id: "getMachineBoard",
    cache: "shop.machines.board",
    permission: "shop.read",
    tag,
    summary: "What all machines do",
    description:
      "Those in use, by code: what each runs and what waits for it (paused steps count as ready, blocked ones wait for " +
      "something else), its load against a week of its capacity, and its time of the last `days` times 24 hours.",
    errors: ["invalid_cursor"],
  }),
  queue: operation({
    id: "listMachineQueue",
    cache: "shop.machine.queue",
    permission: "shop.read",
    tag,
    summary: "What waits for a machine",
    description:
      "Running, paused, ready and pending steps, in that order, then by priority and by when they are due; 50 at most, of " +
      "jobs that go on and processes that the caller's role may view.",
    errors: ["not_found"],
  }),
  oee: operation({
    id: "getMachineOee",
    cache: "shop.machine.oee",
    permission: "shop.read",
    tag,
    summary: "How a machine did",
    description:
      `Overall equipment effectiveness on days of the business's calendar, ${days_max} at most: time in which it ran ÷ that ` +
      "and what was lost. Default: the last seven days.",
    errors: ["not_found"],
  }),
  begin: operation({
    id: "beginMachineDowntime",
    permission: "machines.downtime",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Say that a machine is down",
    description:
      "From now on. Nothing can be started on it while its availability is lost; what runs goes on.",
    errors: ["not_found", "machine_overlap", "machine_unavailable"],
    examples: { request: { kind: "availability_loss", reason: "Belt broken" } },
  }),
  end: operation({
    id: "endMachineDowntime",
    permission: "machines.downtime",
    tag,
    idempotency: "optional",
    summary: "Say that a machine is no longer down",
    description: "The open downtime of a machine stands in its `downtime`.",
    errors: ["not_found", "illegal_transition"],
  }),
};

const OeeDays = strict({ from: t.Optional(BusinessDate), to: t.Optional(BusinessDate) });

/** The days that are asked for; refuses too many, and an end before the beginning (`validation`). */
function daysOf(query: { from?: string; to?: string }, today: string): { from: string; to: string } {
  const at = (day: string, days: number) =>
    new Date(Date.parse(day) + days * day_ms).toISOString().slice(0, "YYYY-MM-DD".length);
  const to = query.to ?? today;
  const from = query.from ?? at(to, -6);
  const days = (Date.parse(to) - Date.parse(from)) / day_ms + 1;
  if (days >= 1 && days <= days_max) return { from, to };
  const detail = `From the first day to the last, ${days_max} days at most`;
  throw new Problem("validation", { errors: [{ pointer: "to", detail }] });
}

/** How machines do, and when they are down. */
export const machineFigureRoutes = (deps: Deps) => {
  const cached = machineFigureCache(deps);
  const todayIn = createToday(deps.clock);
  return new Elysia({ name: "shop.machine-figures", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/machines/board",
      async ({ caller: { business_id }, scope, query }) => {
        const first = { business_id, days: query.days ?? 7, ...pageParameters(query.limit, null) };
        return cached.board.answer(scope, query.cursor, first);
      },
      {
        query: strict({
          ...listParameters,
          days: t.Optional(t.Integer({ minimum: 1, maximum: 90, default: 7 })),
        }),
        response: { 200: ListOf(MachineOnBoard) },
        detail: documented.board,
      },
    )
    .get(
      "/machines/:id/queue",
      ({ caller, scope, params }) => {
        const { business_id } = caller;
        const parts = { business_id, machine_id: params.id.toLowerCase(), role: viewerOf(caller) };
        return answered(scope, cached.queue, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: ListOf(QueuedStep) }, detail: documented.queue },
    )
    .get(
      "/machines/:id/oee",
      ({ caller: { business_id, timezone }, scope, params, query }) => {
        const days = daysOf(query, todayIn(timezone));
        const parts = { business_id, timezone, machine_id: params.id.toLowerCase(), ...days };
        return answered(scope, cached.oee, parts, cachedBytes);
      },
      { params: IdParams, query: OeeDays, response: { 200: MachineOee }, detail: documented.oee },
    )
    .post(
      "/machines/:id/downtime",
      async ({ caller, params, body }) => written(await beginDowntime(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: strict({
          kind: OneOf(["availability_loss", "performance_loss", "quality_loss"], {
            description: "What is lost",
          }),
          reason: t.Optional(Nullable(Text(500, "Why"))),
        }),
        response: { 201: Downtime },
        detail: documented.begin,
      },
    )
    .post(
      "/machines/:id/downtime/:log/end",
      async ({ caller, params }) => written(await endDowntime(deps, caller, params)),
      { params: strict({ id: Uuid, log: Uuid }), response: { 200: Downtime }, detail: documented.end },
    );
};
