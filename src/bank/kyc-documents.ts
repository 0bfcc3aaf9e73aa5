import { act } from "../core/act.ts";
import { isWhole } from "../core/file-ends.ts";
import { judgeFile } from "../core/file-types.ts";
import { type FileDeps, keepFile } from "../core/files.ts";
import type { Deps } from "../http/deps.ts";
import { Problem } from "../http/problem.ts";
import type { Written } from "../http/respond.ts";
import type { Caller } from "../http/scope.ts";
import type { DocumentRejectionCode, DocumentType } from "../platform/enums.ts";
import { levelTags, refusedMove } from "./kyc.ts";
import { ownUserOf } from "./own.ts";
import { findKycDocument, reviewKycDocument, sendKycDocument, withdrawKycDocument } from "./statements.ts";
import { kycTag, overviewTag } from "./tags.ts";

/** Largest file of a document: 5 MB. */
export const documentBytes = 5 * 1_024 * 1_024;

/** What a document may be, by its bytes. */
const documentMimes: ReadonlySet<string> = new Set(["image/jpeg", "image/png", "application/pdf"]);

/** Days are `YYYY-MM-DD`, as they stand on the document. */
export type NewDocument = Readonly<{
  file: File;
  customer_id: string;
  document_type: DocumentType;
  issued_on?: string;
  expires_on?: string;
}>;

/** What compliance says of a document; a rejection has a code, and a note for the sender. */
export type DocumentReview = Readonly<
  { to_status: "approved" } | { to_status: "rejected"; code: DocumentRejectionCode; note?: string | null }
>;

/**
 * Takes a document of a customer. The one of its type before is superseded; whoever has no profile in review, or approved,
 * waits for one from now on.
 *
 * @throws {Problem} `payload_too_large` over 5 MB, `unsupported_media_type` for a file that is no whole JPEG, PNG or PDF,
 * `validation` for days that its type may not have, `not_found` for a customer who is not there or somebody else's
 */
export function sendDocument(
  deps: FileDeps,
  caller: Caller,
  { file, customer_id, ...given }: NewDocument,
): Promise<Written | null> {
  const { business_id } = caller;
  const document = JSON.stringify({ id: deps.id(), customer_id, ...given });
  return keepFile(deps, caller, file, {
    limit_bytes: Math.min(documentBytes, deps.config.limits.upload_bytes),
    mimeOf: (bytes, filename) => documentMimeOf(bytes, filename, file.type),
    record: (stored) => {
      const parameters = { own_user_id: ownUserOf(caller), document, file: JSON.stringify(stored) };
      const tags = [kycTag(business_id, customer_id), overviewTag(business_id)];
      return act(deps, caller, sendKycDocument, parameters, tags);
    },
  });
}

/** The media type of a document, if its bytes, its name and what the client declared agree and are allowed. */
function documentMimeOf(bytes: Uint8Array, filename: string, declared: string): string {
  const verdict = judgeFile(bytes, filename, declared);
  const refused = (detail: string) => new Problem("unsupported_media_type", { detail });
  if (!verdict.ok) throw refused(verdict.detail);
  if (!documentMimes.has(verdict.mime)) throw refused("Send the document as JPEG, PNG or PDF");
  if (!isWhole(bytes, verdict.mime)) throw refused("The file ends too early: it was cut short");
  return verdict.mime;
}

/**
 * Takes back a document that nobody has looked at, with its file.
 *
 * @throws {Problem} `illegal_transition` when it is too late, `not_found` for what is not there or somebody else's
 */
export async function withdrawDocument(deps: Deps, caller: Caller, document_id: string): Promise<Written> {
  const { business_id } = caller;
  const found = await find(deps, caller, document_id);
  const parameters = { own_user_id: ownUserOf(caller), document_id };
  const tags = levelTags(business_id, found.customer_id);
  const result = await act(deps, caller, withdrawKycDocument, parameters, tags);
  if (result !== null) return result;
  throw refusedMove(await find(deps, caller, document_id), { to: "withdrawn", version: null });
}

/**
 * Approves or rejects a document; taking it up is part of it. With a new approval the level of an approved customer rises.
 *
 * @throws {Problem} `illegal_transition`, `precondition_failed`, `kyc_document_outdated`, `not_found`
 */
export async function reviewDocument(
  deps: Deps,
  caller: Caller,
  document_id: string,
  review: DocumentReview,
): Promise<Written> {
  const { customer_id } = await find(deps, caller, document_id);
  const { to_status } = review;
  const reason = to_status === "rejected" ? review : null;
  const parameters = {
    document_id,
    version: caller.if_match,
    to_status,
    code: reason?.code ?? null,
    note: reason?.note ?? null,
  };
  const tags = levelTags(caller.business_id, customer_id);
  const result = await act(deps, caller, reviewKycDocument, parameters, tags);
  if (result !== null) return result;
  throw refusedMove(await find(deps, caller, document_id), { to: to_status, version: caller.if_match });
}

/** Whose a document is, and in which state; 404 for what is not there or somebody else's. */
async function find({ db }: Deps, caller: Caller, document_id: string) {
  const parameters = { business_id: caller.business_id, document_id, own_user_id: ownUserOf(caller) };
  const [row] = await db.fast.query(findKycDocument, parameters, caller);
  if (row === undefined) throw new Problem("not_found");
  return row;
}
