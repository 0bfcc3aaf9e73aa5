import type { Populated } from "./populate.ts";
import type { Samples } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const instant = "2026-01-01T00:00:00.000Z";
const json = JSON.stringify;

/** Values for the statements of KYC. */
export function ofKyc(rows: Populated): Samples["statements"] {
  const whose = { customer_id: rows.applicant_id, own_user_id: null };
  const document = { document_id: rows.document_id, own_user_id: null };
  const file = {
    id,
    sha256: "00".repeat(32),
    size_bytes: 1,
    mime: "image/png",
    filename: "a",
    storage_key: "sample",
  };
  return {
    "bank/decide_kyc": [{ ...whose, decision: json({ decision: "in_review" }) }],
    "bank/find_kyc_document": [document, { ...document, own_user_id: rows.user_id }],
    "bank/find_kyc_profile": [whose],
    "bank/get_kyc_next_steps": [whose],
    "bank/get_kyc_status": [whose],
    "bank/list_kyc_documents": [whose, { ...whose, status: "approved" }, { ...whose, after: json([id]) }],
    "bank/list_kyc_queue": [{}, { status: "approved" }, { after: json([instant, id]) }],
    "bank/review_kyc_document": [{ ...document, to_status: "rejected", code: "other", note: null }],
    "bank/send_kyc_document": [
      {
        own_user_id: null,
        document: json({ id, customer_id: rows.applicant_id, document_type: "selfie" }),
        file: json(file),
      },
    ],
    "bank/withdraw_kyc_document": [document],
  };
}
