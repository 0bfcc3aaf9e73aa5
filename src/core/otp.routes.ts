import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { fresh, written } from "../http/respond.ts";
import { Instant, OneOf, strict, Uuid } from "../http/schema.ts";
import { codeDigits } from "./otp-code.ts";
import { type OtpServices, requestStepUpCode, verifyStepUpCode } from "./otp.ts";

const Purpose = OneOf(["step_up"], { description: "What the code will be good for" });

const OtpChallenge = t.Object({
  challenge_id: Uuid,
  destination: t.String({ description: "Where the code was sent to, most of it hidden" }),
  expires_at: Instant,
  retry_after_s: t.Integer({ minimum: 0, description: "Seconds until another code can be asked for" }),
});

const StepUp = t.Object({
  purpose: Purpose,
  step_up_at: Instant,
  step_up_expires_at: Instant,
});

/** One-time codes: asking for one, and proving that it arrived. */
export const otpRoutes = (deps: Deps, services: OtpServices) =>
  new Elysia({ name: "core.otp", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/auth/otp",
      async ({ caller, scope }) => fresh(await requestStepUpCode(deps, services, scope, caller), 202),
      {
        body: strict({ purpose: Purpose }),
        response: { 202: OtpChallenge },
        detail: operation({
          id: "requestOneTimeCode",
          permission: "self",
          tag: "Authentication",
          success: 202,
          summary: "Get a one-time code",
          description:
            "Sends a code of six digits to your phone, or to your e-mail address when you have no phone. It is good once, " +
            "in this session, for five minutes and five tries, and takes the place of one sent before. Some operations " +
            "(401 `step_up_required`) need one: verify it, and repeat the request. At most one in 30 seconds; the limits " +
            "`otp` and `otp_address` count them by the hour.",
          errors: ["no_code_destination", "code_delivery_unavailable"],
          examples: {
            request: { purpose: "step_up" },
            response: {
              challenge_id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05",
              destination: "+**********678",
              expires_at: "2026-11-20T08:20:00.000Z",
              retry_after_s: 30,
            },
          },
        }),
      },
    )
    .post(
      "/auth/otp/verify",
      async ({ caller, body }) => written(await verifyStepUpCode(deps, caller, body)),
      {
        body: strict({
          challenge_id: Uuid,
          code: t.String({ pattern: `^[0-9]{${codeDigits}}$`, description: "The digits that arrived" }),
        }),
        response: { 200: StepUp },
        detail: operation({
          id: "verifyOneTimeCode",
          permission: "self",
          tag: "Authentication",
          limit: "login",
          summary: "Verify a one-time code",
          description:
            "The right code steps this session up for five minutes. A code that is wrong, was used, has expired or belongs to " +
            "another session is refused in the same words; after five wrong ones ask for another (429).",
          errors: ["invalid_code"],
          examples: {
            request: { challenge_id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05", code: "123456" },
            response: {
              purpose: "step_up",
              step_up_at: "2026-11-20T08:15:00.000Z",
              step_up_expires_at: "2026-11-20T08:20:00.000Z",
            },
          },
        }),
      },
    );
