import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { callerOf } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { fresh, written } from "../http/respond.ts";
import { Instant, OneOf, strict, Text, Uuid } from "../http/schema.ts";
import { publicEdge } from "../http/scope.ts";
import { otpChannels } from "../platform/enums.ts";
import type { AuthServices } from "./auth.ts";
import { Locale, Password, TimeZone, TokenPair } from "./auth.routes.ts";
import { codeDigits } from "./otp-code.ts";
import { enterByCode, entryPurposes, requestEntryCode } from "./otp-entry.ts";
import { entryOf, entryRequestOf, stepUpOf, stepUpRequestOf } from "./otp-forms.ts";
import type { OtpServices } from "./otp-request.ts";
import { requestStepUpCode, verifyStepUpCode } from "./otp.ts";

/** Where codes go: exactly one of the two. */
export const codeNames = {
  phone: t.Optional(
    t.String({
      pattern: "^\\+[1-9][0-9]{6,14}$",
      description: "Phone number, E.164",
      examples: ["+2348012345678"],
    }),
  ),
  email: t.Optional(t.String({ format: "email", maxLength: 254, description: "Or an e-mail address" })),
};

export const Code = t.String({
  pattern: `^[0-9]{${codeDigits}}$`,
  description: "The digits that arrived",
  examples: ["123456"],
});

export const CodeRequested = t.Object({
  expires_in_s: t.Integer({ description: "Seconds that a code is good for" }),
  retry_after_s: t.Integer({ minimum: 0, description: "Seconds until another one can be asked for" }),
});

const OtpChallenge = t.Object({
  challenge_id: Uuid,
  destination: t.String({ description: "Where the code was sent to, most of it hidden" }),
  expires_at: Instant,
  retry_after_s: t.Integer({ minimum: 0, description: "Seconds until another code can be asked for" }),
});

const StepUp = t.Object({
  purpose: OneOf(["step_up"]),
  step_up_at: Instant,
  step_up_expires_at: Instant,
});

const purposes = [...entryPurposes, "step_up"] as const;

const CodeRequest = strict({
  purpose: OneOf(purposes, { description: "What the code will be good for" }),
  ...codeNames,
  channel: t.Optional(
    OneOf(otpChannels, {
      description: "Of `step_up`: which of the two ways to you is taken; else your phone",
    }),
  ),
});

const CodeTried = strict({
  purpose: t.Optional(
    OneOf(purposes, { description: "What the code was asked for; `step_up` when it is left out" }),
  ),
  ...codeNames,
  challenge_id: t.Optional(Uuid),
  code: Code,
  full_name: t.Optional(Text(200, "Of `signup`: your name as others see it")),
  password: t.Optional(Password),
  locale: t.Optional(Locale),
  timezone: t.Optional(TimeZone),
  currency: t.Optional(
    t.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217; `USD` when it is left out" }),
  ),
  business_name: t.Optional(Text(200, "Of `signup`: the name of your business; yours when it is left out")),
  new_password: t.Optional(Password),
});

const documented = {
  request: operation({
    id: "requestOneTimeCode",
    permission: "public",
    login: "optional",
    tag: "Authentication",
    success: 202,
    summary: "Get a one-time code",
    description:
      "Sends a code of six digits. It is good once, for five minutes and five tries, and takes the place of one sent before " +
      "for the same purpose. At most one in 30 seconds; the limits `otp` (per destination) and `otp_address` count them by " +
      "the hour.\n\n" +
      "`login`, `signup` and `reset_password` need no login, and `phone` or `email`. The answer is the same whoever has " +
      "it: a code goes to somebody's for `login` and `reset_password` and to nobody's for `signup`, where somebody is told " +
      "that they have an account instead. A server may be closed to `signup`.\n\n" +
      "`step_up` needs a login. The code goes to your own phone, or to your e-mail address when you have no phone, or by the " +
      "`channel` that you name; some operations (401 `step_up_required`) need one: verify it, and repeat the request.",
    errors: ["signup_closed", "no_code_destination", "code_delivery_unavailable"],
    examples: {
      request: { purpose: "login", phone: "+2348012345678" },
      response: { expires_in_s: 300, retry_after_s: 30 },
    },
  }),
  verify: operation({
    id: "verifyOneTimeCode",
    permission: "public",
    login: "optional",
    tag: "Authentication",
    limit: "login",
    summary: "Verify a one-time code",
    description:
      "`login` logs in. `signup` makes your account (`full_name`, and what else you give) with a business of your own. " +
      "`reset_password` sets `new_password` and ends all your sessions everywhere within a second. These three take the " +
      "`phone` or `email` that the code went to, and answer with tokens as a login does.\n\n" +
      "`step_up` takes the `challenge_id`, in the session that asked for the code, which is stepped up for five minutes.\n\n" +
      "A code that is wrong, was used, has expired or was somebody else's is refused in the same words, whether or not anybody " +
      "has the destination; after five wrong ones ask for another (429).",
    errors: ["invalid_code", "weak_password", "no_membership", "signup_closed"],
    examples: { request: { purpose: "login", phone: "+2348012345678", code: "123456" } },
  }),
};

/** One-time codes: asking for one, and proving that it arrived. */
export const otpRoutes = (deps: Deps, services: OtpServices & AuthServices) =>
  new Elysia({ name: "core.otp", prefix: "/api/v1", normalize: false })
    .use(publicEdge)
    .post(
      "/auth/otp",
      async ({ scope, body }) => {
        const { purpose } = body;
        if (purpose !== "step_up")
          return fresh(await requestEntryCode(deps, services, scope, entryRequestOf(purpose, body)), 202);
        const { channel } = stepUpRequestOf(body);
        return fresh(await requestStepUpCode(deps, services, scope, callerOf(scope), channel), 202);
      },
      {
        body: CodeRequest,
        response: { 202: t.Union([CodeRequested, OtpChallenge]) },
        detail: documented.request,
      },
    )
    .post(
      "/auth/otp/verify",
      async ({ scope, body }) => {
        const { purpose = "step_up" } = body;
        if (purpose !== "step_up")
          return fresh(await enterByCode(deps, services, scope, entryOf(purpose, body)));
        return written(await verifyStepUpCode(deps, callerOf(scope), stepUpOf(body)));
      },
      {
        body: CodeTried,
        response: { 200: t.Union([TokenPair, StepUp]) },
        detail: documented.verify,
      },
    );
