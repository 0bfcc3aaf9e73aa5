import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { list, resource, written } from "../http/respond.ts";
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
import type { AuthServices } from "./auth.ts";
import {
  createMember,
  getMember,
  listMembers,
  reactivateMember,
  suspendMember,
  updateMember,
} from "./members.ts";
import { passwordMaxLength } from "./passwords.ts";

const Role = OneOf(memberRoles);
const place = {
  unit_id: t.Optional(Nullable(Uuid)),
  parent_member_id: t.Optional(
    Nullable(t.String({ format: "uuid", description: "The agent of a sub-agent; nobody else has one" })),
  ),
};

const NewMember = strict({
  username: t.Optional(t.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{2,63}$", description: "User name" })),
  phone: t.Optional(t.String({ pattern: "^\\+[1-9][0-9]{6,14}$", description: "Phone number, E.164" })),
  email: t.Optional(t.String({ format: "email", maxLength: 254 })),
  full_name: t.Optional(Text(200, "Name of a person who has no login yet")),
  password: t.Optional(
    t.String({
      minLength: 1,
      maxLength: passwordMaxLength,
      description: "Their first password",
    }),
  ),
  role: Role,
  ...place,
});

const Member = t.Object({
  id: Uuid,
  user_id: Uuid,
  invited_as: Nullable(t.String({ description: "Until the person accepts: what you invited them by" })),
  full_name: Nullable(t.String()),
  username: Nullable(t.String()),
  phone: Nullable(t.String()),
  email: Nullable(t.String()),
  role: Role,
  status: OneOf(memberStatuses),
  unit_id: Nullable(Uuid),
  parent_member_id: Nullable(Uuid),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const documented = {
  listMembers: operation({
    id: "listMembers",
    cache: { uncached: "seldom read, and it shows people, who change outside of the business too" },
    permission: "members.read",
    tag: "Members",
    limit: "search",
    summary: "List or search members",
    description: "Newest first unless `sort` says otherwise; suspended and invited ones too.",
    errors: ["invalid_cursor"],
  }),
  createMember: operation({
    id: "createMember",
    permission: "members.write",
    tag: "Members",
    idempotency: "optional",
    success: 201,
    summary: "Add a member",
    description:
      "With `full_name` and `password` a login is made for somebody new. With neither, the person who has this " +
      "`username`, `phone` or `email` is invited: they are active when they enter the business. Only an owner adds owners.",
    errors: ["already_exists", "reference_not_found", "weak_password"],
    examples: {
      request: {
        email: "tunde@example.com",
        full_name: "Tunde Bello",
        password: "four walls and a roof",
        role: "clerk",
      },
    },
  }),
  getMember: operation({
    id: "getMember",
    cache: { uncached: "read to be changed, and it shows a person, who changes outside of the business too" },
    permission: "members.read",
    tag: "Members",
    summary: "One member",
    description: "The `ETag` holds the version: send it as `If-Match` with a change.",
    errors: ["not_found"],
  }),
  updateMember: operation({
    id: "updateMember",
    permission: "members.write",
    tag: "Members",
    if_match: "required",
    summary: "Change a member's role or place",
    description:
      "Counts everywhere within a second. Only an owner makes and unmakes owners, and one active owner stays. " +
      "Who is no sub-agent any more has no `parent_member_id` either.",
    errors: ["not_found", "reference_not_found", "last_owner", "in_use"],
    examples: { request: { role: "manager" } },
  }),
  suspendMember: operation({
    id: "suspendMember",
    permission: "members.write",
    tag: "Members",
    summary: "Suspend a member",
    description: "Refused everywhere within a second. Withdraws the invitation of who has not accepted.",
    errors: ["not_found", "illegal_transition", "last_owner"],
  }),
  reactivateMember: operation({
    id: "reactivateMember",
    permission: "members.write",
    tag: "Members",
    summary: "Let a suspended member in again",
    description: "Who had not accepted the invitation is invited again.",
    errors: ["not_found", "illegal_transition"],
  }),
};

/** Members: the people who work in a business, each with one role. */
export const memberRoutes = (deps: Deps, services: AuthServices) =>
  new Elysia({ name: "core.members", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get("/members", async ({ caller, scope, query }) => list(deps, { caller, scope, query }, listMembers), {
      query: strict({
        ...listParameters,
        q: t.Optional(
          t.String({
            minLength: 1,
            maxLength: 100,
            description: "Part of the name, or the beginning of a user name, e-mail address or phone number",
          }),
        ),
        role: t.Optional(Role),
        status: t.Optional(OneOf(memberStatuses)),
        sort: t.Optional(OneOf(["-created_at", "created_at"])),
      }),
      response: { 200: ListOf(Member) },
      detail: documented.listMembers,
    })
    .post("/members", async ({ caller, body }) => written(await createMember(deps, services, caller, body)), {
      body: NewMember,
      response: { 201: Member },
      detail: documented.createMember,
    })
    .get("/members/:id", async ({ caller, params }) => resource(await getMember(deps, caller, params.id)), {
      params: IdParams,
      response: { 200: Member },
      detail: documented.getMember,
    })
    .patch(
      "/members/:id",
      async ({ caller, params, body }) => written(await updateMember(deps, caller, params.id, body)),
      {
        params: IdParams,
        body: t.Object(
          { role: t.Optional(Role), ...place },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: Member },
        detail: documented.updateMember,
      },
    )
    .post(
      "/members/:id/suspend",
      async ({ caller, params }) => written(await suspendMember(deps, caller, params.id)),
      {
        params: IdParams,
        response: { 200: Member },
        detail: documented.suspendMember,
      },
    )
    .post(
      "/members/:id/reactivate",
      async ({ caller, params }) => written(await reactivateMember(deps, caller, params.id)),
      {
        params: IdParams,
        response: { 200: Member },
        detail: documented.reactivateMember,
      },
    );
