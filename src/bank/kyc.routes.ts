import { Elysia, t } from "elysia";
import { answered, cachedBytes, cachedResource } from "../http/cached.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { list, written } from "../http/respond.ts";
import {
  BusinessDate,
  Instant,
  listParameters,
  ListOf,
  Nullable,
  OneOf,
  strict,
  Text,
  Uuid,
  Version,
} from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import { documentRejectionCodes, documentTypes, kycRisks, kycStatuses } from "../platform/enums.ts";
import { KycDocument } from "./kyc-documents.routes.ts";
import type { kycCache } from "./kyc.cache.ts";
import { decide, kycCustomerOf, kycDecisions, listQueue } from "./kyc.ts";
import { ownUserOf } from "./own.ts";

const Level = t.Integer({
  minimum: 0,
  maximum: 3,
  description: "What is proved: 0 nothing, 1 identity, 2 address too, 3 after enhanced due diligence",
});
const Risk = OneOf(kycRisks, { description: "How compliance judges the risk" });

const KycProfile = t.Object({
  customer_id: Uuid,
  status: OneOf(kycStatuses),
  level: Level,
  risk: Nullable(Risk),
  enhanced_due_diligence: t.Boolean(),
  expires_on: Nullable(BusinessDate),
  submitted_at: Nullable(Instant),
  reviewed_at: Nullable(Instant),
  reason: Nullable(t.String({ description: "What compliance said with its last decision" })),
  version: Version,
});

const NextSteps = t.Object({
  status: OneOf(kycStatuses),
  level: Level,
  missing: t.Array(t.Object({ any_of: t.Array(OneOf(documentTypes)) }), {
    description: "One document of each group is missing for the next levels",
  }),
  rejected: t.Array(t.Object({ document_id: Uuid, code: OneOf(documentRejectionCodes) }), {
    description: "Rejected, and not sent anew",
  }),
  expires_on: Nullable(BusinessDate),
});

const Waiting = t.Object({
  customer_id: Uuid,
  customer_name: t.String(),
  status: OneOf(kycStatuses),
  level: Level,
  risk: Risk,
  submitted_at: Instant,
  version: Version,
  documents: t.Array(KycDocument, { description: "Those that are to be looked at" }),
});

const Decision = strict({
  customer_id: Uuid,
  decision: OneOf(kycDecisions, { description: "The state to go to" }),
  reason: t.Optional(
    Nullable(Text(500, "The customer is told; required with `rejected` and with `expired`")),
  ),
  expires_on: t.Optional(Nullable(BusinessDate)),
  risk: t.Optional(Risk),
  enhanced_due_diligence: t.Optional(
    t.Boolean({ description: "With `approved`: level 3, where the documents prove level 2" }),
  ),
});

/** Whom it concerns: customers with one record of their own need not say it. */
export const CustomerQuery = {
  customer_id: t.Optional(
    t.String({
      format: "uuid",
      description: "Whom it concerns; a customer who is only one need not say it",
    }),
  ),
};

const tag = "Bank: KYC";

const decideOperation = operation({
  id: "decideKyc",
  permission: "kyc.review",
  tag,
  idempotency: "optional",
  if_match: "required",
  summary: "Decide on a customer",
  description:
    "`in_review` takes up what a customer has sent. `approved` needs an approved identity document and `expires_on`, a later " +
    "day: the level is what the documents prove, accounts that waited for it become active. `rejected` and `expired` (an " +
    "approval that ends before its day) need a `reason`. The version for `If-Match` is that of `GET /kyc/status`.",
  errors: ["not_found", "illegal_transition", "kyc_incomplete"],
  examples: {
    request: {
      customer_id: "01987c3e-5a10-7b42-9c1d-3f6a2e8b7d05",
      decision: "approved",
      reason: "Passport and utility bill agree",
      expires_on: "2099-11-20",
    },
  },
});

/** Where customers stand, and what compliance decides. */
export const kycRoutes = (deps: Deps, cached: ReturnType<typeof kycCache>) => {
  const todayIn = createToday(deps.clock);
  return new Elysia({ name: "bank.kyc", prefix: "/api/v1/kyc", normalize: false })
    .use(edge)
    .get(
      "/status",
      async ({ caller, scope, query }) => {
        const customer_id = await kycCustomerOf(deps, caller, query.customer_id);
        const parts = { business_id: caller.business_id, customer_id, own_user_id: ownUserOf(caller) };
        return answered(scope, cached.status, parts, cachedResource);
      },
      {
        query: strict(CustomerQuery),
        response: { 200: KycProfile },
        detail: operation({
          id: "getKycStatus",
          cache: "bank.kyc.status",
          permission: "kyc.read",
          tag,
          summary: "Where a customer stands",
          description:
            "State, level and last day of the approval. Customers are not told their risk (null). Who has sent nothing is `not_started` in version 0.",
          errors: ["not_found"],
        }),
      },
    )
    .get(
      "/next-steps",
      async ({ caller, scope, query }) => {
        const customer_id = await kycCustomerOf(deps, caller, query.customer_id);
        const { business_id, timezone } = caller;
        const parts = { business_id, customer_id, own_user_id: ownUserOf(caller), today: todayIn(timezone) };
        return answered(scope, cached.nextSteps, parts, cachedBytes);
      },
      {
        query: strict(CustomerQuery),
        response: { 200: NextSteps },
        detail: operation({
          id: "getKycNextSteps",
          cache: "bank.kyc.next_steps",
          permission: "kyc.read",
          tag,
          summary: "What a customer has to send",
          description:
            "Level 1 asks for one of passport, national_id, drivers_license; level 2 for one of utility_bill, bank_statement " +
            "of the last 90 days besides. What waits for its review is not missing.",
          errors: ["not_found"],
        }),
      },
    )
    .get("/queue", async ({ caller, scope, query }) => list(deps, { caller, scope, query }, listQueue), {
      query: strict({ ...listParameters, status: t.Optional(OneOf(kycStatuses)) }),
      response: { 200: ListOf(Waiting) },
      detail: operation({
        id: "listKycQueue",
        cache: { uncached: "reviewers work from it: what a colleague has taken is gone from it at once" },
        permission: "kyc.review",
        tag,
        summary: "Who waits for compliance",
        description:
          "Who has waited longest comes first, with the documents to look at. Approved customers wait with a new document.",
        errors: ["invalid_cursor"],
      }),
    })
    .post("/decision", async ({ caller, body }) => written(await decide(deps, caller, body)), {
      body: Decision,
      response: { 200: KycProfile },
      detail: decideOperation,
    });
};
