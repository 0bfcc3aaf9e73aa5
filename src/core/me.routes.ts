import { Elysia, t } from "elysia";
import { answered, cachedResource } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { Problem } from "../http/problem.ts";
import { done, fresh, list, written } from "../http/respond.ts";
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
import { memberRoles, memberStatuses } from "../platform/enums.ts";
import { enterBusiness } from "./auth.ts";
import { BusinessToken, Locale, TimeZone } from "./auth.routes.ts";
import type { BusinessCache } from "./business.cache.ts";
import { meCache } from "./me.cache.ts";
import { updateMe } from "./me.ts";
import { listSessions, revokeSession } from "./sessions.ts";

export const Me = t.Object({
  id: Uuid,
  username: Nullable(t.String()),
  phone: Nullable(t.String()),
  email: Nullable(t.String()),
  full_name: t.String(),
  timezone: t.String({ description: "IANA time zone" }),
  locale: t.String({ description: "BCP 47 language tag" }),
  avatar_file_id: Nullable(Uuid),
  business_id: Uuid,
  businesses: t.Array(
    t.Object({
      id: Uuid,
      code: t.String(),
      name: t.String(),
      currency: t.String(),
      timezone: t.String(),
      member_id: Uuid,
      role: OneOf(memberRoles),
      status: OneOf(memberStatuses),
    }),
  ),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const ProfilePatch = t.Object(
  {
    full_name: t.Optional(Text(200, "Your name as others see it")),
    timezone: t.Optional(TimeZone),
    locale: t.Optional(Locale),
    avatar_file_id: t.Optional(
      Nullable(
        t.String({
          format: "uuid",
          description:
            "Your picture: an image that you uploaded (`POST /files`) in the business you work in; null for none",
        }),
      ),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);

const Session = t.Object({
  id: Uuid,
  business_id: Nullable(Uuid),
  ip: Nullable(t.String()),
  user_agent: Nullable(t.String()),
  is_current: t.Boolean({ description: "The session of this request" }),
  created_at: Instant,
  last_seen_at: Instant,
  expires_at: Instant,
});

const documented = {
  getMe: operation({
    id: "getMe",
    cache: "core.me",
    permission: "self",
    tag: "Me",
    summary: "Who you are",
    description:
      "You, the business you work in now (`business_id`), and all you belong to or are invited to.",
  }),
  updateMe: operation({
    id: "updateMe",
    permission: "self",
    tag: "Me",
    if_match: "required",
    summary: "Change your profile",
    description:
      "JSON Merge Patch (RFC 7396). What you log in with is not changed here: phone and e-mail address by `/me/contact`.",
    errors: ["reference_not_found"],
    examples: { request: { timezone: "Africa/Lagos" } },
  }),
  listSessions: operation({
    id: "listSessions",
    cache: { uncached: "tokens are refreshed all the time, and nobody looks often" },
    permission: "self",
    tag: "Me",
    summary: "Where you are logged in",
    description: "Your living sessions, the one seen last first. `last_seen_at` is its last refresh.",
    errors: ["invalid_cursor"],
  }),
  revokeSession: operation({
    id: "revokeSession",
    permission: "self",
    tag: "Me",
    success: 204,
    summary: "End one of your sessions",
    description: "Its tokens are refused everywhere within a second.",
    errors: ["not_found"],
  }),
  enterBusiness: operation({
    id: "enterBusiness",
    permission: "self",
    tag: "Me",
    summary: "Work in another business",
    description:
      "Answers with an access token for it; refreshes stay in it. An invitation is accepted by entering. " +
      "For a single request send `X-Business-Id` instead.",
    errors: ["not_found"],
  }),
};

/** The caller: profile, sessions, active business. */
export const meRoutes = (deps: Deps, businesses: BusinessCache) => {
  const me = meCache(deps, businesses);
  return new Elysia({ name: "core.me", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/me",
      ({ caller: { user_id, business_id }, scope }) =>
        answered(scope, me, { user_id, business_id }, cachedResource),
      {
        response: { 200: Me },
        detail: documented.getMe,
      },
    )
    .patch("/me", async ({ caller, body }) => written(await updateMe(deps, caller, body)), {
      body: ProfilePatch,
      response: { 200: Me },
      detail: documented.updateMe,
    })
    .get(
      "/me/sessions",
      async ({ caller, scope, query }) => list(deps, { caller, scope, query }, listSessions),
      {
        query: strict(listParameters),
        response: { 200: ListOf(Session) },
        detail: documented.listSessions,
      },
    )
    .delete(
      "/me/sessions/:id",
      async ({ caller, params }) => {
        const ended = await revokeSession(deps, caller, { id: params.id, reason: "revoked" });
        if (!ended) throw new Problem("not_found");
        return done();
      },
      {
        params: IdParams,
        detail: documented.revokeSession,
      },
    )
    .post(
      "/me/active-business",
      async ({ caller, body }) => fresh(await enterBusiness(deps, caller, body.business_id)),
      {
        body: strict({ business_id: Uuid }),
        response: { 200: BusinessToken },
        detail: documented.enterBusiness,
      },
    );
};
