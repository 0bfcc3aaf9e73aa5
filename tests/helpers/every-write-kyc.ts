import type { Desk, Write } from "./every-write.ts";
import { dayFromNow, pdf } from "./kyc.ts";

/** The writes about who a customer is, by compliance. */
export function ofKyc({ api: { alpha }, by, things: { applicant_id, idOf } }: Desk): Write[] {
  const send = by(alpha.people.compliance);
  const sent = { id: "" };
  const sendDocument = async (document_type: string): Promise<Response> => {
    const body = new FormData();
    body.set("document_type", document_type);
    body.set("customer_id", applicant_id.toUpperCase());
    body.set("issued_on", dayFromNow(-10));
    body.set("file", new File([pdf], "document.pdf", { type: "application/pdf" }));
    const response = await send("POST", "/kyc/documents", { body });
    Object.assign(sent, await response.clone().json());
    return response;
  };
  const decide = (decision: Record<string, unknown>) =>
    send("POST", "/kyc/decision", { body: { customer_id: applicant_id, reason: "Looked at", ...decision } });
  const status = "bank.kyc.status";
  const steps = "bank.kyc.next_steps";
  const documents = "bank.kyc.documents";
  return [
    {
      route: "POST /kyc/documents",
      send: () => sendDocument("utility_bill"),
      changes: [status, steps, documents],
    },
    {
      route: "DELETE /kyc/documents/{id}",
      send: () => send("DELETE", `/kyc/documents/${sent.id.toUpperCase()}`),
      changes: [steps, documents],
    },
    {
      route: "POST /kyc/documents/{id}/approve",
      what: "and with it the profile is taken up",
      send: () => send("POST", `/kyc/documents/${idOf("/api/v1/kyc/documents/{id}")}/approve`),
      changes: [status, steps, documents, "bank.overview.business"],
    },
    {
      route: "POST /kyc/documents/{id}/reject",
      prepare: () => sendDocument("selfie"),
      send: () => send("POST", `/kyc/documents/${sent.id}/reject`, { body: { code: "unreadable" } }),
      changes: [steps, documents],
    },
    {
      route: "POST /kyc/decision",
      send: () => decide({ decision: "approved", expires_on: "2099-01-01" }),
      changes: [status, steps, "bank.overview.business"],
    },
  ];
}
