import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { OneOf, strict, Uuid, Version } from "../http/schema.ts";
import { processPermissionCache } from "./process-permissions.cache.ts";
import { putProcessPermissions } from "./process-permissions.ts";

const tag = "Shop: processes";

const members = {
  role: OneOf(["operator", "clerk"]),
  process_id: Uuid,
  can_view: t.Boolean(),
  can_work: t.Boolean(),
  can_assign: t.Boolean(),
};
const ProcessPermissions = t.Object({
  items: t.Array(t.Object(members)),
  version: { ...Version, description: "Another number when any of it is another; `If-Match` compares it" },
});

const documented = {
  get: operation({
    id: "getProcessPermissions",
    cache: "shop.process_permissions",
    permission: "process_permissions.manage",
    tag,
    summary: "What roles may do with processes",
    description:
      "A process that is not named is open to everyone in the shop, one that is named to the roles named. Staff may all. The " +
      "`ETag` holds the version: send it as `If-Match` with a change.",
  }),
  put: operation({
    id: "putProcessPermissions",
    permission: "process_permissions.manage",
    tag,
    if_match: "required",
    summary: "Say what roles may do with processes",
    description: "Replaces all of them.",
    errors: ["reference_not_found"],
    examples: { request: { items: [] } },
  }),
};

/** Which roles may view, work on and assign steps of which process. */
export const processPermissionRoutes = (deps: Deps) => {
  const cached = processPermissionCache(deps);
  return new Elysia({ name: "shop.process-permissions", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/role-process-permissions",
      ({ caller: { business_id }, scope }) => answered(scope, cached, { business_id }, cachedBytes),
      { response: { 200: ProcessPermissions }, detail: documented.get },
    )
    .put(
      "/role-process-permissions",
      async ({ caller, body }) => written(await putProcessPermissions(deps, caller, body.items)),
      {
        body: strict({ items: t.Array(strict(members), { maxItems: 1_000 }) }),
        response: { 200: ProcessPermissions },
        detail: documented.put,
      },
    );
};
