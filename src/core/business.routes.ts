import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { written } from "../http/respond.ts";
import { Instant, OneOf, Text, Uuid, Version } from "../http/schema.ts";
import { businessStatuses } from "../platform/enums.ts";
import type { BusinessCache } from "./business.cache.ts";
import { updateBusiness } from "./business.ts";

export const Business = t.Object({
  id: Uuid,
  code: t.String(),
  name: t.String(),
  modules: t.Array(t.String()),
  currency: t.String({ description: "ISO 4217" }),
  timezone: t.String({ description: "IANA time zone: days and months are counted there" }),
  status: OneOf(businessStatuses),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const BusinessPatch = t.Object(
  {
    name: t.Optional(Text(200, "Name of the business")),
    timezone: t.Optional(
      t.String({ minLength: 1, maxLength: 64, description: "IANA time zone", examples: ["Africa/Lagos"] }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);

/** The business that the caller works in. */
export const businessRoutes = (deps: Deps, cached: BusinessCache) =>
  new Elysia({ name: "core.business", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/business",
      ({ caller: { business_id }, scope }) => answered(scope, cached, { business_id }, cachedBytes),
      {
        response: { 200: Business },
        detail: operation({
          id: "getBusiness",
          cache: "core.business",
          permission: "business.read",
          tag: "Business",
          summary: "The business you work in",
          description: "The one your token names, or `X-Business-Id`.",
        }),
      },
    )
    .patch("/business", async ({ caller, body }) => written(await updateBusiness(deps, caller, body)), {
      body: BusinessPatch,
      response: { 200: Business },
      detail: operation({
        id: "updateBusiness",
        permission: "business.update",
        tag: "Business",
        if_match: "required",
        summary: "Change the business",
        description:
          "JSON Merge Patch (RFC 7396). Another time zone moves where its days and months begin, from now on.",
        examples: { request: { name: "Okafor & Daughters" } },
      }),
    });
