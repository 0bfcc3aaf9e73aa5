import { expect } from "bun:test";
import type { TestApp } from "./app.ts";

/** A chunk of a PNG file; nobody looks at its checksum. */
function chunk(type: string, data: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(type, "latin1"), data, Buffer.alloc(4)]);
}

/** A whole PNG of exactly this many bytes. */
export function pngOf(size_bytes = 100): Uint8Array<ArrayBuffer> {
  const head = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const [first, last] = [chunk("IHDR", new Uint8Array(13)), chunk("IEND", new Uint8Array(0))];
  const filler = size_bytes - head.length - first.length - last.length - 12;
  return new Uint8Array(Buffer.concat([head, first, chunk("IDAT", new Uint8Array(filler).fill(7)), last]));
}

/** A whole JPEG: a comment, in which an end of image means nothing, a scan, and what a camera writes behind it. */
export const jpeg = new Uint8Array(Buffer.from("ffd8fffe0006ffd90000ffda0004000011ff0022ffd9cafe", "hex"));
export const pdf = new TextEncoder().encode("%PDF-1.7\n1 0 obj\nstartxref\n9\n%%EOF\n");

/** A document as the API shows it. */
export type Document = Readonly<{
  id: string;
  customer_id: string;
  document_type: string;
  status: string;
  is_evidence: boolean;
  rejection_code: string | null;
  version: number;
  file: { id: string; sha256: string; mime: string; size_bytes: number; filename: string };
}>;

export type Profile = Readonly<{
  customer_id: string;
  status: string;
  level: number;
  risk: string | null;
  expires_on: string | null;
  submitted_at: string | null;
  reason: string | null;
  version: number;
}>;

/** `YYYY-MM-DD`, some days from today in UTC. */
export const dayFromNow = (days: number): string =>
  new Date(Date.now() + days * 86_400_000).toISOString().slice(0, "YYYY-MM-DD".length);

/** What a test of KYC does over HTTP. `token`: of who asks. */
export function kycOf(api: TestApp) {
  const base = "/api/v1/kyc";
  const read = async <T>(response: Promise<Response>, status: number): Promise<T> => {
    const answer = await response;
    const text = await answer.text();
    expect([answer.status, answer.status === status ? "" : text]).toEqual([status, ""]);
    return JSON.parse(text === "" ? "null" : text) as T;
  };
  const send = (
    token: string,
    fields: Record<string, string>,
    file = new File([pdf], "document.pdf", { type: "application/pdf" }),
    headers: Record<string, string> = {},
  ): Promise<Response> => {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    body.set("file", file);
    return api.send("POST", `${base}/documents`, { token, body, headers });
  };
  const review = (token: string, id: string, verb: "approve" | "reject", code = "unreadable") =>
    api.send("POST", `${base}/documents/${id}/${verb}`, {
      token,
      ...(verb === "reject" ? { body: { code, note: "Out of focus" } } : {}),
    });
  const decide = (token: string, decision: Record<string, unknown>, version: number | "*" = "*") =>
    api.send("POST", `${base}/decision`, {
      token,
      body: { reason: "Looked at", ...decision },
      headers: { "if-match": version === "*" ? "*" : `"${version}"` },
    });
  return {
    send,
    review,
    decide,
    /** Sends a document with days that its type may have. */
    sent(token: string, document_type: string, fields: Record<string, string> = {}): Promise<Document> {
      const issued_on = dayFromNow(-10);
      return read<Document>(send(token, { document_type, issued_on, ...fields }), 201);
    },
    approved: (token: string, id: string) => read<Document>(review(token, id, "approve"), 200),
    rejected: (token: string, id: string) => read<Document>(review(token, id, "reject"), 200),
    decided: (token: string, decision: Record<string, unknown>) =>
      read<Profile>(decide(token, decision), 200),
    status: (token: string, customer_id?: string) =>
      read<Profile>(
        api.send("GET", `${base}/status${customer_id ? `?customer_id=${customer_id}` : ""}`, { token }),
        200,
      ),
    steps: (token: string, customer_id: string) =>
      read<{ level: number; status: string; missing: { any_of: string[] }[]; rejected: unknown[] }>(
        api.send("GET", `${base}/next-steps?customer_id=${customer_id}`, { token }),
        200,
      ),
    documents: async (token: string, customer_id: string) =>
      (
        await read<{ data: Document[] }>(
          api.send("GET", `${base}/documents?customer_id=${customer_id}`, { token }),
          200,
        )
      ).data,
  };
}
