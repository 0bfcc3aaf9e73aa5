import { Elysia } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { fresh, written } from "../http/respond.ts";
import { strict } from "../http/schema.ts";
import { requestContactCode, verifyContact } from "./contact.ts";
import { Me } from "./me.routes.ts";
import { destinationOf, type OtpServices } from "./otp-request.ts";
import { Code, codeNames, CodeRequested } from "./otp.routes.ts";

const documented = {
  request: operation({
    id: "requestContactCode",
    permission: "self",
    tag: "Me",
    success: 202,
    summary: "Change your phone or e-mail address",
    description:
      "Sends a code to the new one, which becomes yours by `/me/contact/verify`. What somebody has already gets none, and the " +
      "answer is the same. Unless you have neither yet, verify a code of `/auth/otp` (`step_up`) in this session first. The " +
      "limits are those of `/auth/otp`.",
    errors: ["step_up_required", "code_delivery_unavailable"],
    examples: {
      request: { phone: "+2348012345678" },
      response: { expires_in_s: 300, retry_after_s: 30 },
    },
  }),
  verify: operation({
    id: "verifyContact",
    permission: "self",
    tag: "Me",
    limit: "login",
    summary: "Verify your new phone or e-mail address",
    description:
      "From now on you log in with it and not with the one before, and codes go there. A notification says so. A code that is " +
      "wrong, was used or has expired is refused in the same words; after five wrong ones ask for another (429).",
    errors: ["invalid_code"],
    examples: { request: { phone: "+2348012345678", code: "123456" } },
  }),
};

/** How the caller is reached: a new phone or e-mail address counts once a code came back from there. */
export const contactRoutes = (deps: Deps, services: OtpServices) =>
  new Elysia({ name: "core.contact", prefix: "/api/v1", normalize: false })
    .use(edge)
    .post(
      "/me/contact",
      async ({ caller, scope, body }) =>
        fresh(await requestContactCode(deps, services, scope, caller, destinationOf(body)), 202),
      { body: strict(codeNames), response: { 202: CodeRequested }, detail: documented.request },
    )
    .post(
      "/me/contact/verify",
      async ({ caller, body }) =>
        written(await verifyContact(deps, caller, { ...destinationOf(body), code: body.code })),
      {
        body: strict({ ...codeNames, code: Code }),
        response: { 200: Me },
        detail: documented.verify,
      },
    );
