import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { done, fresh, written } from "../http/respond.ts";
import { Instant, Nullable, strict, Uuid, Version } from "../http/schema.ts";
import { publicEdge } from "../http/scope.ts";
import { type AuthServices, changePassword, login } from "./auth.ts";
import { Business } from "./business.routes.ts";
import { passwordMaxLength, passwordMinLength } from "./passwords.ts";
import { refreshSession, revokeSession } from "./sessions.ts";

export const Password = t.String({ minLength: 1, maxLength: passwordMaxLength });
export const TimeZone = t.String({
  minLength: 1,
  maxLength: 64,
  description: "IANA time zone",
  examples: ["Africa/Lagos"],
});
export const Locale = t.String({
  pattern: "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
  maxLength: 35,
  description: "BCP 47 language tag",
  examples: ["en"],
});
const name = (description: string) => t.Optional(t.String({ minLength: 1, maxLength: 254, description }));

const Credentials = strict({
  username: name("Your user name"),
  email: name("Or your e-mail address"),
  phone: name("Or your phone number, E.164"),
  password: Password,
});

export const User = t.Object({
  id: Uuid,
  username: Nullable(t.String()),
  phone: Nullable(t.String()),
  email: Nullable(t.String()),
  full_name: t.String(),
  timezone: t.String({ description: "IANA time zone" }),
  locale: t.String({ description: "BCP 47 language tag" }),
  avatar_file_id: Nullable(Uuid),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const token = {
  access_token: t.String({ description: "Send as `Authorization: Bearer`" }),
  token_type: t.Literal("Bearer"),
  expires_in: t.Integer({ description: "Seconds until the access token expires" }),
};

export const BusinessToken = t.Object({ ...token, business: Business });

export const TokenPair = t.Object({
  ...token,
  refresh_token: t.String({ description: "Good for one `/auth/refresh`, which answers with the next" }),
  user: User,
  business: Business,
});

/** Logging in and staying so: no token is needed. */
export const loginRoutes = (deps: Deps, services: AuthServices) =>
  new Elysia({ name: "core.login", prefix: "/api/v1", normalize: false })
    .use(publicEdge)
    .post("/auth/login", async ({ scope, body }) => fresh(await login(deps, services, scope, body)), {
      body: Credentials,
      response: { 200: TokenPair },
      detail: operation({
        id: "login",
        permission: "public",
        tag: "Authentication",
        limit: "login",
        summary: "Log in with a password",
        description:
          "Give exactly one of `username`, `email` and `phone`. You work in the business you worked in last. " +
          "After five wrong passwords in a row the account is held up for 2 s, at most 64 s after more; never at an " +
          "address where you have been logged in before. Every refusal looks the same.",
        errors: ["invalid_credentials", "no_membership"],
        examples: { request: { email: "owner@demo.test", password: "demo-countinghouse" } },
      }),
    })
    .post(
      "/auth/refresh",
      async ({ scope, body }) => fresh(await refreshSession(deps, scope, body.refresh_token)),
      {
        body: strict({ refresh_token: t.String({ minLength: 1, maxLength: 256 }) }),
        response: { 200: TokenPair },
        detail: operation({
          id: "refresh",
          permission: "public",
          tag: "Authentication",
          summary: "Exchange the refresh token",
          description:
            "A refresh token is good once and is followed by the one in the answer. Using it again within 10 s is the same " +
            "refresh and gets the same successor; using it later ends the session, for one of the two users stole it.",
          errors: ["invalid_refresh_token", "no_membership"],
        }),
      },
    );

/** What needs a token. */
export const authRoutes = (deps: Deps, services: AuthServices) =>
  new Elysia({ name: "core.auth", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/auth/logout",
      async ({ caller }) => {
        await revokeSession(deps, caller, { id: caller.session_id, reason: "logout" });
        return done();
      },
      {
        detail: operation({
          id: "logout",
          permission: "self",
          tag: "Authentication",
          success: 204,
          summary: "Log out",
          description: "Ends this session: its tokens are refused everywhere within a second.",
        }),
      },
    )
    .post(
      "/auth/password",
      async ({ caller, body }) => written(await changePassword(deps, services, caller, body)),
      {
        body: strict({ old_password: Password, new_password: Password }),
        detail: operation({
          id: "changePassword",
          permission: "self",
          tag: "Authentication",
          limit: "login",
          success: 204,
          summary: "Change your password",
          description:
            `At least ${passwordMinLength} characters, without a name of yours. Ends all your other sessions. ` +
            "A wrong old password is a 422 that points at `/old_password`.",
          errors: ["weak_password"],
          examples: {
            request: { old_password: "demo-countinghouse", new_password: "a long line that I remember" },
          },
        }),
      },
    );
