import { Elysia, t } from "elysia";
import { createFileStorage } from "../core/file-storage.ts";
import type { FileDeps } from "../core/files.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { formBytes, formOf, readForm } from "../http/form.ts";
import { operation } from "../http/operation.ts";
import { pageParameters } from "../http/pagination.ts";
import { written } from "../http/respond.ts";
import {
  BusinessDate,
  IdParams,
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
import { documentRejectionCodes, documentStatuses, documentTypes } from "../platform/enums.ts";
import { documentBytes, reviewDocument, sendDocument, withdrawDocument } from "./kyc-documents.ts";
import type { kycCache } from "./kyc.cache.ts";
import { kycCustomerOf } from "./kyc.ts";
import { ownUserOf } from "./own.ts";

export const KycDocument = t.Object({
  id: Uuid,
  customer_id: Uuid,
  document_type: OneOf(documentTypes),
  status: OneOf(documentStatuses),
  issued_on: Nullable(BusinessDate),
  expires_on: Nullable(BusinessDate),
  is_evidence: t.Boolean({ description: "Whether the level rests on it" }),
  rejection_code: Nullable(OneOf(documentRejectionCodes)),
  rejection_note: Nullable(t.String()),
  reviewed_at: Nullable(Instant),
  file: t.Object({
    id: Uuid,
    filename: t.String({ examples: ["passport.jpg"] }),
    mime: t.String({ examples: ["image/jpeg"] }),
    size_bytes: t.Integer({ examples: [48_213] }),
    sha256: t.String({ description: "SHA-256 of the content, hexadecimal" }),
  }),
  version: Version,
  created_at: Instant,
  updated_at: Instant,
});

const CustomerId = t.Optional({
  ...Uuid,
  description: "Whose it is; a customer who is only one need not say it",
});
const documentFields = {
  document_type: OneOf(documentTypes),
  customer_id: CustomerId,
  issued_on: t.Optional({
    ...BusinessDate,
    description: "Day of issue; required for utility_bill and bank_statement, which are taken for 90 days",
  }),
  expires_on: t.Optional({ ...BusinessDate, description: "Last day on which it is valid" }),
};

const Rejection = strict({
  code: OneOf(documentRejectionCodes),
  note: t.Optional(Nullable(Text(500, "What the sender should know"))),
});

const tag = "Bank: KYC";

const sendOperation = (body_bytes: number) =>
  operation({
    id: "sendKycDocument",
    permission: "kyc.documents",
    tag,
    idempotency: "optional",
    consumes: ["multipart/form-data"],
    body_bytes,
    success: 201,
    summary: "Send a document",
    description:
      "A JPEG, PNG or PDF of 5 MB (5,242,880 bytes) at most; its bytes decide. It supersedes the customer's document of this " +
      "type before it; a document that was approved stays evidence until the newer one is. Its content: `GET /files/{id}/content`, " +
      "for the customer and for compliance.",
    errors: ["not_found", "unsupported_media_type"],
  });

const approveOperation = operation({
  id: "approveKycDocument",
  permission: "kyc.review",
  tag,
  idempotency: "optional",
  if_match: "optional",
  summary: "Approve a document",
  description: "Takes it up first, where nobody has. With it the level of an approved customer may rise.",
  errors: ["not_found", "illegal_transition", "kyc_document_outdated"],
});

const rejectOperation = operation({
  id: "rejectKycDocument",
  permission: "kyc.review",
  tag,
  idempotency: "optional",
  if_match: "optional",
  summary: "Reject a document",
  description: "The sender is told code and note.",
  errors: ["not_found", "illegal_transition"],
  examples: { request: { code: "unreadable", note: "The photo is out of focus" } },
});

const withdrawOperation = operation({
  id: "withdrawKycDocument",
  permission: "kyc.documents",
  tag,
  success: 204,
  summary: "Take back a document",
  description: "While nobody has looked at it. Its file goes with it.",
  errors: ["not_found", "illegal_transition"],
});

/** Documents that say who a customer is. */
export const kycDocumentRoutes = (platform: Deps, cached: ReturnType<typeof kycCache>) => {
  const deps: FileDeps = { ...platform, storage: createFileStorage(platform.config.files_dir) };
  return new Elysia({ name: "bank.kyc-documents", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/kyc/documents",
      async ({ caller, scope, query }) => {
        const customer_id = await kycCustomerOf(deps, caller, query.customer_id);
        return cached.documents.answer(scope, query.cursor, {
          business_id: caller.business_id,
          customer_id,
          own_user_id: ownUserOf(caller),
          status: query.status ?? null,
          ...pageParameters(query.limit, null),
        });
      },
      {
        query: strict({
          ...listParameters,
          customer_id: CustomerId,
          status: t.Optional(OneOf(documentStatuses)),
        }),
        response: { 200: ListOf(KycDocument) },
        detail: operation({
          id: "listKycDocuments",
          cache: "bank.kyc.documents",
          permission: "kyc.documents",
          tag,
          summary: "List the documents of a customer",
          description: "The newest first, superseded and rejected ones too.",
          errors: ["not_found", "invalid_cursor"],
        }),
      },
    )
    .post(
      "/kyc/documents",
      async ({ caller, body }) => {
        const document = readForm(body, documentFields);
        const customer_id = await kycCustomerOf(deps, caller, document.customer_id);
        return written(await sendDocument(deps, caller, { ...document, customer_id }));
      },
      {
        body: formOf(documentFields, "A JPEG, PNG or PDF"),
        response: { 201: KycDocument },
        detail: sendOperation(documentBytes + formBytes),
      },
    )
    .delete(
      "/kyc/documents/:id",
      async ({ caller, params }) => written(await withdrawDocument(deps, caller, params.id)),
      {
        params: IdParams,
        detail: withdrawOperation,
      },
    )
    .post(
      "/kyc/documents/:id/approve",
      async ({ caller, params }) =>
        written(await reviewDocument(deps, caller, params.id, { to_status: "approved" })),
      { params: IdParams, response: { 200: KycDocument }, detail: approveOperation },
    )
    .post(
      "/kyc/documents/:id/reject",
      async ({ caller, params, body }) =>
        written(await reviewDocument(deps, caller, params.id, { to_status: "rejected", ...body })),
      { params: IdParams, body: Rejection, response: { 200: KycDocument }, detail: rejectOperation },
    );
};
