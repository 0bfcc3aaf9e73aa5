import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { IdParams, listParameters, ListOf, Nullable, strict, Text } from "../http/schema.ts";
import { processCache } from "./processes.cache.ts";
import { createProcess, defaultProcess, deleteProcess, processPage, updateProcess } from "./processes.ts";
import { Process } from "./shapes-machines.routes.ts";

const tag = "Shop: processes";

const members = {
  group_name: t.Optional(Nullable(Text(100, "What it is listed under"))),
  is_machine_based: t.Optional(t.Boolean({ description: "Done on a machine" })),
  is_production: t.Optional(t.Boolean({ description: "Makes pieces that are counted" })),
  default_minutes: t.Optional(
    Nullable(t.Integer({ minimum: 0, maximum: 1_000_000, description: "Estimate of a step that has none" })),
  ),
  sort: t.Optional(t.Integer({ minimum: -1_000_000, maximum: 1_000_000, description: "Place in lists" })),
  is_active: t.Optional(t.Boolean({ description: "False: archived; no new step is of it" })),
};
const Code = Text(64, "Unique in the business");
const Name = Text(200, "What people call it");

const documented = {
  list: operation({
    id: "listProcesses",
    cache: "shop.processes.page",
    permission: "shop.read",
    tag,
    summary: "List processes",
    description:
      "What steps consist of, in the order the business gave them, with the number of machines for each; those in use, or with " +
      "`is_active=false` archived ones.",
    errors: ["invalid_cursor"],
  }),
  create: operation({
    id: "createProcess",
    permission: "processes.write",
    tag,
    idempotency: "optional",
    success: 201,
    summary: "Make a process",
    description: `What is not said: \`${JSON.stringify(defaultProcess)}\`.`,
    errors: ["already_exists"],
    examples: { request: { code: "DEBURR", name: "Deburring", default_minutes: 20 } },
  }),
  get: operation({
    id: "getProcess",
    cache: "shop.process",
    permission: "shop.read",
    tag,
    summary: "One process",
    description: "Archived ones too. The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  update: operation({
    id: "updateProcess",
    permission: "processes.write",
    tag,
    if_match: "required",
    summary: "Change a process",
    description: "JSON Merge Patch (RFC 7396).",
    errors: ["not_found", "already_exists"],
    examples: { request: { default_minutes: 25 } },
  }),
  remove: operation({
    id: "deleteProcess",
    permission: "processes.write",
    tag,
    if_match: "required",
    success: 204,
    summary: "Remove a process",
    description:
      "Only one that no step or routing refers to; others are archived: `is_active` false. Machines can no longer do it.",
    errors: ["not_found", "in_use"],
  }),
};

/** What steps consist of. */
export const processRoutes = (deps: Deps) => {
  const cached = processCache(deps);
  return new Elysia({ name: "shop.processes", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/processes",
      async ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, processPage(caller, query)),
      {
        query: strict({ ...listParameters, is_active: t.Optional(t.Boolean()) }),
        response: { 200: ListOf(Process) },
        detail: documented.list,
      },
    )
    .post("/processes", async ({ caller, body }) => written(await createProcess(deps, caller, body)), {
      body: strict({ code: Code, name: Name, ...members }),
      response: { 201: Process },
      detail: documented.create,
    })
    .get(
      "/processes/:id",
      ({ caller: { business_id }, scope, params }) => {
        const parts = { business_id, process_id: params.id.toLowerCase() };
        return answered(scope, cached.process, parts, cachedBytes);
      },
      { params: IdParams, response: { 200: Process }, detail: documented.get },
    )
    .patch(
      "/processes/:id",
      async ({ caller, params, body }) => written(await updateProcess(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: t.Object(
          { code: t.Optional(Code), name: t.Optional(Name), ...members },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: Process },
        detail: documented.update,
      },
    )
    .delete(
      "/processes/:id",
      async ({ caller, params }) => written(await deleteProcess(deps, caller, params.id)),
      { params: IdParams, detail: documented.remove },
    );
};
