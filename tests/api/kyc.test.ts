import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer, openAccount } from "../helpers/bank.ts";
import { dayFromNow, type Document, kycOf } from "../helpers/kyc.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let kyc: ReturnType<typeof kycOf>;
let compliance: string;
let manager: string;

beforeAll(async () => {
  api = await startTestApp();
  kyc = kycOf(api);
  compliance = await api.token(api.alpha.people.compliance);
  manager = await api.token(api.alpha.people.manager);
});
afterAll(() => api.stop());

const identity = ["passport", "national_id", "drivers_license"];
const address = ["utility_bill", "bank_statement"];
const last = { decision: "approved", expires_on: "2099-12-31" };

/** A customer with these documents approved, and the decision on them. */
async function makeApproved(documents: readonly string[]): Promise<string> {
  const customer_id = await makeCustomer(api.sql, api.alpha);
  for (const type of documents) {
    await kyc.approved(compliance, (await kyc.sent(compliance, type, { customer_id })).id);
  }
  await kyc.decided(compliance, { customer_id, ...last });
  return customer_id;
}

describe("levels", () => {
  test.each([
    [["passport"], 1],
    [["national_id"], 1],
    [["drivers_license", "selfie"], 1],
    [["passport", "utility_bill"], 2],
    [["bank_statement", "national_id", "passport"], 2],
  ])("%j prove level %d, and leave what that level does not ask for", async (documents, level) => {
    const customer_id = await makeApproved(documents);
    expect(await kyc.status(manager, customer_id)).toMatchObject({ status: "approved", level });
    const { missing } = await kyc.steps(compliance, customer_id);
    expect(missing).toEqual(level === 2 ? [] : [{ any_of: address }]);
  });

  test.each([[[]], [["selfie"]], [["utility_bill", "bank_statement"]]])(
    "%j prove nothing",
    async (documents: string[]) => {
      const customer_id = await makeCustomer(api.sql, api.alpha);
      await kyc.sent(compliance, "selfie", { customer_id });
      await kyc.decided(compliance, { customer_id, decision: "in_review" });
      for (const type of documents) {
        await kyc.approved(compliance, (await kyc.sent(compliance, type, { customer_id })).id);
      }
      await expectProblem(await kyc.decide(compliance, { customer_id, ...last }), "kyc_incomplete");
      expect(await kyc.status(compliance, customer_id)).toMatchObject({ status: "in_review", level: 0 });
    },
  );

  test("from sending the first document to the address: what is missing, what is waited for, what it opens", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const { account_id } = await openAccount(api.sql, api.alpha, { customer_id, kyc_level: 0 });
    const accounts = async () =>
      (
        await api.sql`select status::text, daily_limit::int as limit from bank.accounts where id = ${account_id}`
      )[0];
    const before = await accounts();
    expect(before).toMatchObject({ status: "pending" });
    expect(await kyc.steps(manager, customer_id)).toEqual({
      status: "not_started",
      level: 0,
      missing: [{ any_of: identity }, { any_of: address }],
      rejected: [],
      expires_on: null,
    } as never);
    const passport = await kyc.sent(compliance, "passport", { customer_id });
    expect((await kyc.steps(manager, customer_id)).missing).toEqual([{ any_of: address }]);
    await kyc.rejected(compliance, passport.id);
    const steps = await kyc.steps(manager, customer_id);
    expect(steps.missing).toEqual([{ any_of: identity }, { any_of: address }]);
    expect(steps.rejected).toEqual([{ document_id: passport.id, code: "unreadable" }]);
    const again = await kyc.sent(compliance, "passport", { customer_id });
    expect((await kyc.steps(manager, customer_id)).rejected).toEqual([]);
    await kyc.approved(compliance, again.id);
    expect(await accounts()).toEqual(before);
    await kyc.decided(compliance, { customer_id, ...last });
    const opened = await accounts();
    expect(opened).toMatchObject({ status: "active" });
    expect(opened.limit).toBeGreaterThan(before.limit);
    // An approved customer rises with the document, without another decision.
    const bill = await kyc.sent(compliance, "utility_bill", { customer_id });
    expect(await kyc.status(manager, customer_id)).toMatchObject({ status: "approved", level: 1 });
    await kyc.approved(compliance, bill.id);
    expect(await kyc.status(manager, customer_id)).toMatchObject({ level: 2, submitted_at: null });
    expect((await accounts()).limit).toBeGreaterThan(opened.limit);
  });

  test("level 3 is a decision beside level 2, and none without it", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const decision = { customer_id, ...last, enhanced_due_diligence: true, risk: "high" };
    await kyc.approved(compliance, (await kyc.sent(compliance, "passport", { customer_id })).id);
    await expectProblem(await kyc.decide(compliance, decision), "kyc_incomplete");
    await kyc.approved(compliance, (await kyc.sent(compliance, "utility_bill", { customer_id })).id);
    expect(await kyc.decided(compliance, decision)).toMatchObject({ level: 3, risk: "high" });
  });

  test("what is approved stays evidence until the newer one is, and when the newer one is rejected", async () => {
    const customer_id = await makeApproved(["passport", "utility_bill"]);
    const newer = await kyc.sent(compliance, "passport", { customer_id });
    const evidence = async () =>
      (await kyc.documents(compliance, customer_id))
        .filter(({ document_type }) => document_type === "passport")
        .map(({ status, is_evidence }) => [status, is_evidence]);
    expect(await evidence()).toEqual([
      ["uploaded", false],
      ["superseded", true],
    ]);
    await kyc.rejected(compliance, newer.id);
    expect(await kyc.status(compliance, customer_id)).toMatchObject({ status: "approved", level: 2 });
    const newest = await kyc.sent(compliance, "passport", { customer_id });
    await kyc.approved(compliance, newest.id);
    expect(await evidence()).toEqual([
      ["approved", true],
      ["rejected", false],
      ["superseded", false],
    ]);
    expect(await kyc.status(compliance, customer_id)).toMatchObject({ status: "approved", level: 2 });
  });

  test("a bill that grew old while it waited cannot be approved any more", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const { id } = await kyc.sent(compliance, "utility_bill", { customer_id });
    await api.sql`update bank.kyc_documents set issued_on = current_date - 100 where id = ${id}`;
    await expectProblem(await kyc.review(compliance, id, "approve"), "kyc_document_outdated");
    expect((await kyc.rejected(compliance, id)).status).toBe("rejected");
  });

  test("an approval that compliance ends takes the level, and what was sent meanwhile waits again", async () => {
    const customer_id = await makeApproved(["passport"]);
    await kyc.sent(compliance, "utility_bill", { customer_id });
    const ended = await kyc.decided(compliance, { customer_id, decision: "expired" });
    expect(ended).toMatchObject({ status: "pending", level: 0, reason: "Looked at" });
    expect(ended.submitted_at).not.toBeNull();
  });
});

describe("decisions", () => {
  test.each([
    ["an approval without a last day", { decision: "approved" }, "/expires_on"],
    ["an approval that ends today", { decision: "approved", expires_on: dayFromNow(-1) }, "/expires_on"],
    ["a rejection without a reason", { decision: "rejected", reason: null }, "/reason"],
    ["a state that nobody decides on", { decision: "pending" }, "/decision"],
  ])("%s is refused and named", async (_, decision, pointer) => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    await kyc.approved(compliance, (await kyc.sent(compliance, "passport", { customer_id })).id);
    const problem = await expectProblem(
      await kyc.decide(compliance, { customer_id, ...decision }),
      "validation",
    );
    expect(problem["errors"]).toContainEqual({ pointer, detail: expect.any(String) });
  });

  test("need the version that was read, of which a new document makes another", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const decision = { customer_id, decision: "in_review" };
    await kyc.sent(compliance, "passport", { customer_id });
    const { version } = await kyc.status(compliance, customer_id);
    const bare = await api.send("POST", "/api/v1/kyc/decision", { token: compliance, body: decision });
    await expectProblem(bare, "precondition_required");
    await kyc.sent(compliance, "utility_bill", { customer_id });
    await expectProblem(await kyc.decide(compliance, decision, version), "precondition_failed");
    expect((await kyc.decide(compliance, decision, version + 1)).status).toBe(200);
  });

  test("of many reviewers at once one wins, for a customer and for a document", async () => {
    const colleague = await api.token(api.alpha.people.compliance);
    const at = (place: number) => (place % 2 === 0 ? compliance : colleague);
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const { id } = await kyc.sent(compliance, "passport", { customer_id });
    const reviews = await Promise.all(
      Array.from({ length: 8 }, (_, n) => kyc.review(at(n), id, n % 2 === 0 ? "approve" : "reject")),
    );
    const statuses = (answers: readonly Response[]) =>
      answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses(reviews)).toEqual([200, ...Array.from({ length: 7 }, () => 409)]);
    const { version } = await kyc.status(compliance, customer_id);
    const decisions = await Promise.all(
      Array.from({ length: 8 }, (_, n) => kyc.decide(at(n), { customer_id, decision: "rejected" }, version)),
    );
    expect(statuses(decisions)).toEqual([200, ...Array.from({ length: 7 }, () => 412)]);
  });

  test("and rejections are told to the person behind the customer, with code and note", async () => {
    const person = api.bravo.people.customer;
    const token = await api.token(person);
    await makeCustomer(api.sql, api.bravo, { user_id: person.user_id });
    const reviewer = await api.token(api.bravo.people.compliance);
    const document = await kyc.sent(token, "passport");
    await kyc.rejected(reviewer, document.id);
    const newer = await kyc.sent(token, "passport");
    await kyc.approved(reviewer, newer.id);
    await kyc.decided(reviewer, { customer_id: document.customer_id, ...last, risk: "high" });
    const response = await api.send("GET", "/api/v1/notifications", { token });
    const { data } = (await response.json()) as { data: { type: string; body: string }[] };
    expect(data.map(({ type, body }) => [type, body])).toEqual([
      ["kyc.approved", "Looked at"],
      ["kyc.document_rejected", "passport: unreadable: Out of focus"],
    ]);
    // Who is one customer need not say which, and is not told the risk.
    expect(await kyc.status(token)).toMatchObject({ status: "approved", level: 1, risk: null });
    expect((await kyc.status(reviewer, document.customer_id)).risk).toBe("high");
  });
});

describe("who sees what", () => {
  const base = "/api/v1/kyc";
  const paths = ["status", "next-steps", "documents"];

  test("a customer sees their own only, and says which where there are several", async () => {
    const token = await api.token(api.alpha.people.customer);
    const { user_id } = api.alpha.people.customer;
    for (const path of paths) {
      await expectProblem(await api.send("GET", `${base}/${path}`, { token }), "not_found");
    }
    const one = await makeCustomer(api.sql, api.alpha, { user_id });
    expect((await kyc.status(token)).customer_id).toBe(one);
    const two = await makeCustomer(api.sql, api.alpha, { user_id });
    for (const path of paths) {
      const problem = await expectProblem(await api.send("GET", `${base}/${path}`, { token }), "validation");
      expect(problem["errors"]).toMatchObject([{ pointer: "customer_id" }]);
    }
    await expectProblem(await kyc.send(token, { document_type: "passport" }), "validation");
    const sent = await kyc.sent(token, "passport", { customer_id: two });
    expect(await kyc.documents(token, one)).toEqual([]);
    expect((await kyc.documents(token, two)).map(({ id }) => id)).toEqual([sent.id]);
  });

  test("another's, and another business's, are 404 for reading, sending, taking back and reviewing", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const { id } = await kyc.sent(compliance, "passport", { customer_id });
    const before = await kyc.documents(compliance, customer_id);
    const other = await api.token(api.alpha.people.customer);
    const strangers = [other, await api.token(api.bravo.people.compliance)];
    for (const token of strangers) {
      for (const path of paths) {
        const response = await api.send("GET", `${base}/${path}?customer_id=${customer_id}`, { token });
        await expectProblem(response, "not_found");
      }
      await expectProblem(await kyc.send(token, { document_type: "selfie", customer_id }), "not_found");
      await expectProblem(await api.send("DELETE", `${base}/documents/${id}`, { token }), "not_found");
    }
    const [, stranger = ""] = strangers;
    await expectProblem(await kyc.review(stranger, id, "approve"), "not_found");
    await expectProblem(await kyc.decide(stranger, { customer_id, decision: "in_review" }), "not_found");
    expect(await kyc.documents(compliance, customer_id)).toEqual(before);
  });

  test("staff must say whom they mean", async () => {
    for (const path of ["status", "next-steps"]) {
      await expectProblem(await api.send("GET", `${base}/${path}`, { token: manager }), "validation");
    }
  });
});

test("the queue has who waits longest first, whatever came later, until it is decided", async () => {
  const { id: business_id } = api.alpha;
  await api.sql`update bank.kyc_profiles set status = 'in_review' where status = 'pending'`;
  await api.sql`update bank.kyc_profiles set status = 'rejected', submitted_at = null where status = 'in_review'`;
  const waiting: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const customer_id = await makeCustomer(api.sql, api.alpha, { name: `Waiting ${n}` });
    await kyc.sent(compliance, "passport", { customer_id });
    waiting.push(customer_id);
  }
  const [first = "", second = "", third = ""] = waiting;
  await kyc.sent(compliance, "utility_bill", { customer_id: first });
  type Item = { customer_id: string; customer_name: string; status: string; documents: Document[] };
  type Page = { data: Item[]; meta: { next_cursor: string | null } };
  const page = async (query: string): Promise<Page> =>
    (await (await api.send("GET", `/api/v1/kyc/queue?${query}`, { token: compliance })).json()) as Page;
  const all = async (query: string): Promise<Item[]> => {
    const { data, meta } = await page(`limit=1${query}`);
    const cursor = meta.next_cursor;
    return cursor === null ? data : [...data, ...(await all(`&cursor=${encodeURIComponent(cursor)}`))];
  };
  const idsOf = (items: readonly Item[]) => items.map(({ customer_id }) => customer_id);
  const found = await all("");
  expect(idsOf(found)).toEqual([first, second, third]);
  expect(found[0]).toMatchObject({ customer_name: "Waiting 0", status: "pending" });
  expect(found[0]?.documents.map(({ document_type }) => document_type)).toEqual(["passport", "utility_bill"]);
  await kyc.approved(compliance, found[1]?.documents[0]?.id ?? "");
  expect(idsOf((await page("status=in_review")).data)).toEqual([second]);
  await kyc.decided(compliance, { customer_id: second, ...last });
  expect(idsOf(await all(""))).toEqual([first, third]);
  await kyc.sent(compliance, "bank_statement", { customer_id: second });
  expect(idsOf((await page("")).data)).toEqual([first, third, second]);
  expect(idsOf((await page("status=approved")).data)).toEqual([second]);
  const [row] = await api.sql`select count(*)::int as n from bank.kyc_profiles
    where business_id = ${business_id} and submitted_at is not null`;
  expect(row.n).toBe(3);
});
