import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, listParameters, ListOf, Money, Nullable, strict, Text, Uuid } from "../http/schema.ts";
import { machineCache } from "./machines.cache.ts";
import { createMachine, defaultMachine, deleteMachine, machinePage, updateMachine } from "./machines.ts";
import { Machine } from "./shapes-machines.routes.ts";
import { MachineStatus } from "./shapes.routes.ts";

const tag = "Shop: machines";

const members = {
  type: t.Optional(Nullable(Text(100, "What kind of machine it is"))),
  location: t.Optional(Nullable(Text(200, "Where it stands"))),
  status: t.Optional(MachineStatus),
  capacity: t.Optional(
    t.Integer({ minimum: 1, maximum: 1_000, description: "Steps that it runs at the same time" }),
  ),
  units_per_hour: t.Optional(
    Nullable(
      t.Number({ minimum: 0.001, maximum: 999_999_999, multipleOf: 0.001, description: "What it makes" }),
    ),
  ),
  rate_per_hour: t.Optional(
    Nullable({
      ...t.Object(
        {
          amount: t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "Minor units" }),
          currency: Money.properties.currency,
        },
        { additionalProperties: false },
      ),
      description: "What an hour of it costs, in the business's currency",
    }),
  ),
  weekly_minutes: t.Optional(
    t.Integer({ minimum: 0, maximum: 10_080, description: "How long it may run in a week" }),
  ),
  is_active: t.Optional(t.Boolean({ description: "False: archived; nothing is planned on it any more" })),
  process_ids: t.Optional(
    t.Array(Uuid, { maxItems: 500, description: "What it can do; replaces what it could" }),
  ),
};
const Code = Text(64, "Unique in the business");
const Name = Text(200, "What people call it");
const NewMachine = strict({ code: Code, name: Name, ...members });
const MachinePatch = t.Object(
  { code: t.Optional(Code), name: t.Optional(Name), ...members },
  { additionalProperties: false, minProperties: 1 },
);

const documented = {
  list: operation({
    id: "listMachines",
    cache: "shop.machines.page",
    permission: "shop.read",
    tag,
    summary: "List machines",
    description:
      "Those in use, by code, with the processes each can do and the steps it is running now; `is_active=false`: archived ones.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createMachine",
    permission: "machines.write",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Make a machine",
    description: `What is not said: \`${JSON.stringify(defaultMachine)}\`.`,
    errors: ["already_exists", "reference_not_found"],
    examples: { request: { code: "LATHE-2", name: "Second lathe", capacity: 1, weekly_minutes: 2_400 } },
  }),
  get: operation({
    id: "getMachine",
    cache: "shop.machine",
    permission: "shop.read",
    tag,
    summary: "One machine",
    description:
      "Archived ones too, with the steps it is running now. The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  update: operation({
    id: "updateMachine",
    permission: "machines.write",
    tag,
    if_match: "required",
    summary: "Change a machine",
    description:
      "JSON Merge Patch (RFC 7396). Its status goes `active` ↔ `maintenance` ↔ `inactive`, one step at a time. What it is " +
      "running goes on.",
    errors: ["not_found", "already_exists", "reference_not_found", "illegal_transition"],
    examples: { request: { status: "maintenance" } },
  }),
  remove: operation({
    id: "deleteMachine",
    permission: "machines.write",
    tag,
    if_match: "required",
    success: 204,
    summary: "Remove a machine",
    description: "Only one that no step, routing or time refers to; others are archived: `is_active` false.",
    errors: ["not_found", "in_use"],
  }),
};

/** Machines of the shop. */
export const machineRoutes = (deps: Deps) => {
  const cached = machineCache(deps);
  return new Elysia({ name: "shop.machines", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/machines",
      async ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, machinePage(caller, query)),
      {
        query: strict({
          ...listParameters,
          is_active: t.Optional(t.Boolean()),
          status: t.Optional(MachineStatus),
          process_id: t.Optional(
            t.String({ format: "uuid", description: "Machines that can do this process" }),
          ),
        }),
        response: { 200: ListOf(Machine) },
        detail: documented.list,
      },
    )
    .post("/machines", async ({ caller, body }) => written(await createMachine(deps, caller, body)), {
      body: NewMachine,
      response: { 201: Machine },
      detail: documented.create,
    })
    .get(
      "/machines/:id",
      ({ caller: { business_id }, scope, params }) => {
        const parts = { business_id, machine_id: params.id.toLowerCase() };
        return answered(scope, cached.machine, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: Machine }, detail: documented.get },
    )
    .patch(
      "/machines/:id",
      async ({ caller, params, body }) => written(await updateMachine(deps, caller, params.id, body)),
      { params: IdParams, body: MachinePatch, response: { 200: Machine }, detail: documented.update },
    )
    .delete(
      "/machines/:id",
      async ({ caller, params }) => written(await deleteMachine(deps, caller, params.id)),
      { params: IdParams, detail: documented.remove },
    );
};
