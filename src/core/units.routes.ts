import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import {
  IdParams,
  Instant,
  ListOf,
  listParameters,
  Nullable,
  OneOf,
  strict,
  Text,
  Uuid,
  Version,
} from "../http/schema.ts";
import { unitCache } from "./units.cache.ts";
import { createUnit, deleteUnit, unitPage, updateUnit } from "./units.ts";

const Name = Text(200, "Name of the branch or site, unique in the business");
const location = t.Optional(Nullable(Text(500, "Where it is")));

const Unit = t.Object({
  id: Uuid,
  name: t.String(),
  location: Nullable(t.String()),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const documented = {
  listUnits: operation({
    id: "listUnits",
    cache: "core.units.page",
    permission: "units.read",
    tag: "Units",
    summary: "List units",
    description: "By name.",
    errors: ["invalid_cursor"],
  }),
  createUnit: operation({
    id: "createUnit",
    permission: "units.write",
    tag: "Units",
    idempotency: "optional",
    success: 201,
    summary: "Create a unit",
    description: "A branch or site of the business.",
    errors: ["already_exists"],
    examples: { request: { name: "Ikeja", location: "12 Allen Avenue, Ikeja" } },
  }),
  getUnit: operation({
    id: "getUnit",
    cache: "core.unit",
    permission: "units.read",
    tag: "Units",
    summary: "One unit",
    description: "The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  updateUnit: operation({
    id: "updateUnit",
    permission: "units.write",
    tag: "Units",
    if_match: "required",
    summary: "Change a unit",
    description: "JSON Merge Patch (RFC 7396): members that are absent stay, null clears.",
    errors: ["not_found", "already_exists"],
    examples: { request: { location: null } },
  }),
  deleteUnit: operation({
    id: "deleteUnit",
    permission: "units.write",
    tag: "Units",
    if_match: "optional",
    success: 204,
    summary: "Remove a unit",
    description: "Only one that no member, customer or record refers to.",
    errors: ["not_found", "in_use"],
  }),
};

/** Units: branches and sites of a business. */
export const unitRoutes = (deps: Deps) => {
  const cached = unitCache(deps);
  return new Elysia({ name: "core.units", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/units",
      async ({ caller, scope, query }) => cached.page.answer(scope, query.cursor, unitPage(caller, query)),
      {
        query: strict({ ...listParameters, sort: t.Optional(OneOf(["name", "-name"])) }),
        response: { 200: ListOf(Unit) },
        detail: documented.listUnits,
      },
    )
    .post("/units", async ({ caller, body }) => written(await createUnit(deps, caller, body)), {
      body: strict({ name: Name, location }),
      response: { 201: Unit },
      detail: documented.createUnit,
    })
    .get(
      "/units/:id",
      ({ caller: { business_id }, scope, params }) => {
        const parts = { business_id, unit_id: params.id.toLowerCase() };
        return answered(scope, cached.unit, parts, cachedBytes);
      },
      {
        params: IdParams,
        response: { 200: Unit },
        detail: documented.getUnit,
      },
    )
    .patch(
      "/units/:id",
      async ({ caller, params, body }) => written(await updateUnit(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: t.Object(
          { name: t.Optional(Name), location },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: Unit },
        detail: documented.updateUnit,
      },
    )
    .delete("/units/:id", async ({ caller, params }) => written(await deleteUnit(deps, caller, params.id)), {
      params: IdParams,
      detail: documented.deleteUnit,
    });
};
