import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { documentBytes } from "../../src/bank/kyc-documents.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer } from "../helpers/bank.ts";
import { type Document, jpeg, kycOf, pdf, pngOf } from "../helpers/kyc.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let kyc: ReturnType<typeof kycOf>;
let customer: string;
let compliance: string;
let own: string;

beforeAll(async () => {
  api = await startTestApp();
  kyc = kycOf(api);
  customer = await api.token(api.alpha.people.customer);
  compliance = await api.token(api.alpha.people.compliance);
  own = await makeCustomer(api.sql, api.alpha, { user_id: api.alpha.people.customer.user_id });
});
afterAll(() => api.stop());

const named = (bytes: Uint8Array<ArrayBuffer>, name: string, type = "") => new File([bytes], name, { type });
const passport = { document_type: "passport" };

describe("files", () => {
  test.each([
    ["JPEG", named(jpeg, "me.jpg", "image/jpeg"), "image/jpeg"],
    ["PNG", named(pngOf(), "me.png"), "image/png"],
    ["PDF", named(pdf, "me", "application/pdf"), "application/pdf"],
  ])("%s is taken, with what its bytes are and their SHA-256", async (_, file, mime) => {
    const response = await kyc.send(customer, passport, file);
    expect(response.status).toBe(201);
    const bytes = await file.bytes();
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const sent = (await response.json()) as Document;
    expect(sent).toMatchObject({ customer_id: own, status: "uploaded", version: 1, is_evidence: false });
    expect(sent.file).toMatchObject({ mime, sha256, size_bytes: bytes.length, filename: file.name });
    const content = await api.send("GET", `/api/v1/files/${sent.file.id}/content`, { token: customer });
    expect(await content.bytes()).toEqual(bytes);
  });

  test.each([
    ["a text with the name of a picture", named(new TextEncoder().encode("hello"), "me.png", "image/png")],
    ["a picture with the name of a PDF", named(pngOf(), "me.pdf", "application/pdf")],
    ["a PDF that is declared to be a picture", named(pdf, "me", "image/png")],
    ["a GIF", named(new TextEncoder().encode("GIF89a...."), "me.gif", "image/gif")],
    ["a text", named(new TextEncoder().encode("hello"), "me.txt", "text/plain")],
    ["half a PNG", named(pngOf(500).slice(0, 400), "me.png", "image/png")],
    ["half a JPEG", named(jpeg.slice(0, 18), "me.jpg", "image/jpeg")],
    ["half a PDF", named(pdf.slice(0, 20), "me.pdf", "application/pdf")],
  ])("%s is 415", async (_, file) => {
    await expectProblem(await kyc.send(customer, passport, file), "unsupported_media_type");
  });

  test("a file of 5 MB is taken, one of a byte more is 413, and so is a far larger body", async () => {
    const send = (size: number) => kyc.send(customer, passport, named(pngOf(size), "me.png"));
    expect((await send(documentBytes)).status).toBe(201);
    await expectProblem(await send(documentBytes + 1), "payload_too_large");
    await expectProblem(await send(documentBytes + 100_000), "payload_too_large");
  });

  test("an empty file, and none, are 422", async () => {
    await expectProblem(await kyc.send(customer, passport, named(new Uint8Array(), "me.png")), "validation");
    const body = new FormData();
    body.set("document_type", "passport");
    const problem = await expectProblem(
      await api.send("POST", "/api/v1/kyc/documents", { token: customer, body }),
      "validation",
    );
    expect(problem["errors"]).toEqual([{ pointer: "/file", detail: "must be a file" }]);
  });

  test("are read by the customer and by compliance, and by nobody else; they go with their document only", async () => {
    const { id, file } = await kyc.sent(compliance, "national_id", { customer_id: own });
    const path = `/api/v1/files/${file.id}`;
    for (const token of [customer, compliance]) {
      for (const suffix of ["", "/content"])
        expect((await api.send("GET", path + suffix, { token })).status).toBe(200);
    }
    const other = await api.token(api.alpha.people.owner);
    const stranger = await api.token(api.bravo.people.compliance);
    for (const token of [other, stranger, await api.token(api.bravo.people.customer)]) {
      await expectProblem(await api.send("GET", path, { token }), "not_found");
      await expectProblem(await api.send("GET", `${path}/content`, { token }), "not_found");
    }
    await expectProblem(await api.send("DELETE", path, { token: other }), "not_found");
    await expectProblem(await api.send("DELETE", path, { token: compliance }), "in_use");
    const withdrawn = await api.send("DELETE", `/api/v1/kyc/documents/${id}`, { token: customer });
    expect([withdrawn.status, await withdrawn.text()]).toEqual([204, ""]);
    await expectProblem(await api.send("GET", path, { token: compliance }), "not_found");
    await expectProblem(
      await api.send("DELETE", `/api/v1/kyc/documents/${id}`, { token: customer }),
      "not_found",
    );
  });
});

describe("days", () => {
  /** In Lagos, where this business is: an hour before UTC. */
  const today = () => new Date(Date.now() + 3_600_000).toISOString().slice(0, 10);
  const daysBefore = (days: number) =>
    new Date(Date.parse(today()) - days * 86_400_000).toISOString().slice(0, 10);

  test.each([
    ["a bill of 90 days ago", "utility_bill", () => ({ issued_on: daysBefore(90) })],
    ["a bill of today", "utility_bill", () => ({ issued_on: today() })],
    ["a passport of long ago", "passport", () => ({ issued_on: "2019-05-01" })],
    ["a passport that ends today", "passport", () => ({ expires_on: today() })],
    ["a selfie without any day", "selfie", () => ({})],
  ])("%s is taken", async (_, document_type, days) => {
    expect((await kyc.send(customer, { document_type, ...days() })).status).toBe(201);
  });

  test.each([
    ["a bill of 91 days ago", "utility_bill", () => ({ issued_on: daysBefore(91) }), "/issued_on"],
    ["a bill without a day", "bank_statement", () => ({}), "/issued_on"],
    ["a passport of tomorrow", "passport", () => ({ issued_on: daysBefore(-1) }), "/issued_on"],
    ["a passport that ended yesterday", "passport", () => ({ expires_on: daysBefore(1) }), "/expires_on"],
    ["30 February", "passport", () => ({ issued_on: "2026-02-30" }), "/issued_on"],
    ["an unknown type", "library_card", () => ({}), "/document_type"],
    ["an unknown member", "passport", () => ({ status: "approved" }), "/status"],
  ])("%s is refused and named, and leaves nothing", async (_, document_type, days, pointer) => {
    const before = await kyc.documents(customer, own);
    const problem = await expectProblem(await kyc.send(customer, { document_type, ...days() }), "validation");
    expect(problem["errors"]).toContainEqual({ pointer, detail: expect.any(String) });
    expect(await kyc.documents(customer, own)).toEqual(before);
  });
});

test("a document sent again with its key is one document, and another file with it is refused", async () => {
  const headers = { "idempotency-key": "kyc-document-key" };
  const send = (bytes = pdf) =>
    kyc.send(customer, { document_type: "selfie" }, named(bytes, "a.pdf"), headers);
  const text = await (await send()).text();
  const again = await send();
  expect([again.status, await again.text(), again.headers.get("idempotency-replayed")]).toEqual([
    201,
    text,
    "true",
  ]);
  await expectProblem(await send(new Uint8Array([...pdf, 10])), "idempotency_mismatch");
});

test("a newer document supersedes the live one of its type, and no other", async () => {
  const customer_id = await makeCustomer(api.sql, api.alpha);
  const [first, other] = [
    await kyc.sent(compliance, "passport", { customer_id }),
    await kyc.sent(compliance, "utility_bill", { customer_id }),
  ];
  await kyc.rejected(compliance, first.id);
  const second = await kyc.sent(compliance, "passport", { customer_id });
  const third = await kyc.sent(compliance, "passport", { customer_id });
  const found = await kyc.documents(compliance, customer_id);
  expect(found.map(({ id, status }) => [id, status])).toEqual([
    [third.id, "uploaded"],
    [second.id, "superseded"],
    [other.id, "uploaded"],
    [first.id, "rejected"],
  ]);
  const both = await Promise.all([1, 2, 3, 4].map(() => kyc.sent(compliance, "passport", { customer_id })));
  const live = (await kyc.documents(compliance, customer_id)).filter(({ status }) => status === "uploaded");
  expect(live.map(({ document_type }) => document_type).toSorted()).toEqual(["passport", "utility_bill"]);
  expect(both.map(({ id }) => id)).toContain(live.find((d) => d.document_type === "passport")?.id ?? "");
});
