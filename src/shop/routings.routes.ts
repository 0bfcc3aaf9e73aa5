import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import {
  IdParams,
  Instant,
  listParameters,
  ListOf,
  Nullable,
  strict,
  Text,
  Uuid,
  Version,
} from "../http/schema.ts";
import { routingCache } from "./routings.cache.ts";
import { createRouting, deleteRouting, routingPage, updateRouting } from "./routings.ts";
import { Count, Reference } from "./shapes.routes.ts";

const tag = "Shop: processes";
const steps_max = 200;

const Position = t.Integer({ minimum: 1, maximum: steps_max });
const Steps = t.Array(
  strict({
    process_id: Uuid,
    machine_id: t.Optional(Nullable(Uuid)),
    est_minutes: t.Optional(
      Nullable(t.Integer({ minimum: 0, maximum: 1_000_000, description: "Left out: that of the process" })),
    ),
    depends_on: t.Optional(
      Nullable(
        t.Array(Position, {
          maxItems: steps_max,
          description:
            "Positions in this list, from 1, before its own; left out: the one before it, empty: none",
        }),
      ),
    ),
    instructions: t.Optional(Nullable(Text(4_000, "What the operator reads"))),
  }),
  { minItems: 1, maxItems: steps_max },
);
const Name = Text(200, "Unique in the business");

const Routing = t.Object({
  id: Uuid,
  name: t.String(),
  is_active: t.Boolean(),
  steps: t.Array(
    t.Object({
      position: Position,
      process: Reference,
      machine: Nullable(Reference),
      est_minutes: Nullable(Count),
      depends_on: t.Array(Position),
      instructions: Nullable(t.String()),
    }),
  ),
  created_at: Instant,
  updated_at: Instant,
  version: Version,
});
const RoutingListItem = t.Object({
  id: Uuid,
  name: t.String(),
  is_active: t.Boolean(),
  steps_total: Count,
  updated_at: Instant,
  version: Version,
});

const errors = [
  "already_exists",
  "reference_not_found",
  "machine_process_mismatch",
  "dependency_cycle",
] as const;
const example = {
  name: "Bracket",
  steps: [{ process_id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05", est_minutes: 30 }],
};
const documented = {
  list: operation({
    id: "listRoutings",
    cache: "shop.routings.page",
    permission: "shop.read",
    tag,
    summary: "List routings",
    description: "Templates of steps, by name; those in use, or with `is_active=false` archived ones.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createRouting",
    permission: "routings.write",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Make a routing",
    description: "Steps that a job may start with. A step waits only for steps before it.",
    errors,
    examples: { request: example },
  }),
  get: operation({
    id: "getRouting",
    cache: "shop.routing",
    permission: "shop.read",
    tag,
    summary: "One routing",
    description: "With its steps. The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  update: operation({
    id: "updateRouting",
    permission: "routings.write",
    tag,
    if_match: "required",
    summary: "Change a routing",
    description:
      "JSON Merge Patch (RFC 7396): `steps` replaces all of them. Jobs keep the steps that they were given.",
    errors: ["not_found", ...errors],
    examples: { request: { is_active: false } },
  }),
  remove: operation({
    id: "deleteRouting",
    permission: "routings.write",
    tag,
    if_match: "required",
    success: 204,
    summary: "Remove a routing",
    description: "Jobs keep the steps that they were given.",
    errors: ["not_found", "in_use"],
  }),
};

/** Templates of steps. */
export const routingRoutes = (deps: Deps) => {
  const cached = routingCache(deps);
  return new Elysia({ name: "shop.routings", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/routings",
      async ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, routingPage(caller, query)),
      {
        query: strict({ ...listParameters, is_active: t.Optional(t.Boolean()) }),
        response: { 200: ListOf(RoutingListItem) },
        detail: documented.list,
      },
    )
    .post("/routings", async ({ caller, body }) => written(await createRouting(deps, caller, body)), {
      body: strict({ name: Name, is_active: t.Optional(t.Boolean()), steps: Steps }),
      response: { 201: Routing },
      detail: documented.create,
    })
    .get(
      "/routings/:id",
      ({ caller: { business_id }, scope, params }) => {
        const parts = { business_id, routing_id: params.id.toLowerCase() };
        return answered(scope, cached.routing, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: Routing }, detail: documented.get },
    )
    .patch(
      "/routings/:id",
      async ({ caller, params, body }) => written(await updateRouting(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: t.Object(
          { name: t.Optional(Name), is_active: t.Optional(t.Boolean()), steps: t.Optional(Steps) },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: Routing },
        detail: documented.update,
      },
    )
    .delete(
      "/routings/:id",
      async ({ caller, params }) => written(await deleteRouting(deps, caller, params.id)),
      { params: IdParams, detail: documented.remove },
    );
};
