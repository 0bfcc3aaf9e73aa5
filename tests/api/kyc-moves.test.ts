import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { kycDecisions } from "../../src/bank/kyc.ts";
import { documentStatuses, kycStatuses } from "../../src/platform/enums.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeCustomer } from "../helpers/bank.ts";
import { dayFromNow, kycOf } from "../helpers/kyc.ts";
import { expectProblem } from "../helpers/problem.ts";

/** Every state with every move, held to the one table of moves: what it has succeeds, everything else is 409. */
let api: TestApp;
let kyc: ReturnType<typeof kycOf>;
let compliance: string;

beforeAll(async () => {
  api = await startTestApp();
  kyc = kycOf(api);
  compliance = await api.token(api.alpha.people.compliance);
});
afterAll(() => api.stop());

type Move = { from_status: string; to_status: string; actor: string };

const profileMoves = (): Promise<Move[]> => api.sql`select * from bank.kyc_profile_moves()`;
const documentMoves = (): Promise<Move[]> => api.sql`select * from bank.kyc_document_moves()`;

/** States that compliance may go to from here, as answers say them: in the order of the states. */
const allowedFrom = (moves: readonly Move[], from: string, order: readonly string[]): string[] =>
  order.filter((to) =>
    moves.some((m) => m.from_status === from && m.to_status === to && m.actor === "compliance"),
  );

async function makeDocument(customer_id: string, status: string, document_type = "passport") {
  const [id, file_id] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  const code = status === "rejected" ? "unreadable" : null;
  await api.sql`insert into core.files (business_id, id, sha256, size_bytes, mime, filename, storage_key)
    values (${api.alpha.id}, ${file_id}, sha256('x'), 1, 'image/png', 'x', ${file_id})`;
  await api.sql`insert into bank.kyc_documents (business_id, id, customer_id, document_type, file_id, status, is_evidence,
      rejection_code, issued_on)
    values (${api.alpha.id}, ${id}, ${customer_id}, ${document_type}, ${file_id}, ${status}, ${status === "approved"},
      ${code}, ${dayFromNow(-10)})`;
  return id;
}

/** A customer whose profile is in a state, with a document that an approval can rest on. */
async function makeProfile(status: string): Promise<string> {
  const customer_id = await makeCustomer(api.sql, api.alpha);
  const level = status === "approved" ? 1 : 0;
  await api.sql`insert into bank.kyc_profiles (business_id, customer_id, status, level, expires_on, submitted_at)
    values (${api.alpha.id}, ${customer_id}, ${status}, ${level}, '2099-01-01', now())`;
  await makeDocument(customer_id, "approved");
  return customer_id;
}

const statusOf = async (table: "kyc_profiles" | "kyc_documents", id: string): Promise<unknown> => {
  const key = table === "kyc_profiles" ? "customer_id" : "id";
  const [row] = await api.sql.unsafe(`select status::text from bank.${table} where ${key} = $1`, [id]);
  return row?.status;
};

describe("the profile", () => {
  test.each([...kycStatuses])("a decision on one that is %s goes where the table says", async (from) => {
    const moves = await profileMoves();
    const allowed = allowedFrom(moves, from, kycStatuses);
    for (const decision of kycDecisions) {
      const customer_id = await makeProfile(from);
      const expires_on = decision === "approved" ? { expires_on: "2099-06-30" } : {};
      const response = await kyc.decide(compliance, { customer_id, decision, ...expires_on });
      if (allowed.includes(decision)) {
        expect(await response.json()).toMatchObject({ status: decision, reason: "Looked at" });
      } else {
        const problem = await expectProblem(response, "illegal_transition");
        expect(problem).toMatchObject({ from, to: decision, allowed });
        expect(await statusOf("kyc_profiles", customer_id)).toBe(from);
      }
    }
  });

  test.each([...kycStatuses])(
    "sending a document to one that is %s goes where the table says",
    async (from) => {
      const moves = await profileMoves();
      const customer_id = await makeProfile(from);
      await kyc.sent(compliance, "selfie", { customer_id });
      const to =
        moves.find((move) => move.from_status === from && move.actor === "sender")?.to_status ?? from;
      expect(await statusOf("kyc_profiles", customer_id)).toBe(to);
    },
  );

  test("who has sent nothing cannot be decided on, and who is not there even less", async () => {
    const nothing = { customer_id: await makeCustomer(api.sql, api.alpha), decision: "in_review" };
    const problem = await expectProblem(await kyc.decide(compliance, nothing), "illegal_transition");
    expect(problem).toMatchObject({ from: "not_started", to: "in_review", allowed: [] });
    const nobody = { ...nothing, customer_id: Bun.randomUUIDv7() };
    await expectProblem(await kyc.decide(compliance, nobody), "not_found");
  });
});

describe("a document", () => {
  const verbs = { approve: "approved", reject: "rejected" } as const;

  test.each([...documentStatuses])("that is %s is reviewed as the table says", async (from) => {
    const moves = await documentMoves();
    // Looking at it takes it up.
    const allowed = allowedFrom(moves, from === "uploaded" ? "in_review" : from, documentStatuses);
    for (const verb of ["approve", "reject"] as const) {
      const id = await makeDocument(await makeProfile("in_review"), from, "utility_bill");
      const response = await kyc.review(compliance, id, verb);
      if (allowed.includes(verbs[verb])) {
        expect(await response.json()).toMatchObject({ status: verbs[verb] });
      } else {
        const problem = await expectProblem(response, "illegal_transition");
        expect(problem).toMatchObject({ from, to: verbs[verb], allowed });
        expect(await statusOf("kyc_documents", id)).toBe(from);
      }
    }
  });

  test.each([...documentStatuses])("that is %s is superseded as the table says", async (from) => {
    const moves = await documentMoves();
    const customer_id = await makeProfile("in_review");
    const id = await makeDocument(customer_id, from, "utility_bill");
    await kyc.sent(compliance, "utility_bill", { customer_id });
    const to = moves.find((move) => move.from_status === from && move.actor === "sender")?.to_status ?? from;
    expect(await statusOf("kyc_documents", id)).toBe(to);
  });

  test.each([...documentStatuses])(
    "that is %s is taken back only if nobody has looked at it",
    async (from) => {
      const id = await makeDocument(await makeProfile("in_review"), from, "utility_bill");
      const response = await api.send("DELETE", `/api/v1/kyc/documents/${id}`, { token: compliance });
      if (from === "uploaded") expect(response.status).toBe(204);
      else await expectProblem(response, "illegal_transition");
      expect(await statusOf("kyc_documents", id)).toBe(from === "uploaded" ? undefined : from);
    },
  );

  test("taking up a pending profile is part of the first look, and both moves are in the audit trail", async () => {
    const customer_id = await makeCustomer(api.sql, api.alpha);
    const { id } = await kyc.sent(compliance, "passport", { customer_id });
    const second = await kyc.sent(compliance, "selfie", { customer_id });
    await kyc.approved(compliance, id);
    expect(await kyc.status(compliance, customer_id)).toMatchObject({ status: "in_review", level: 0 });
    const seen: { status: string }[] = await api.sql`select after ->> 'status' as status from core.audit_log
      where entity_id = ${id} order by id`;
    expect(seen.map(({ status }) => status)).toEqual(["uploaded", "in_review", "approved"]);
    expect(await statusOf("kyc_documents", second.id)).toBe("uploaded");
  });
});

test("the database itself refuses every other move", async () => {
  const cases = [
    { table: "kyc_profiles", key: "customer_id", states: kycStatuses, moves: await profileMoves() },
    { table: "kyc_documents", key: "id", states: documentStatuses, moves: await documentMoves() },
  ] as const;
  const wrong: string[] = [];
  for (const { table, key, states, moves } of cases) {
    for (const from of states) {
      const customer_id = await makeProfile(table === "kyc_profiles" ? from : "in_review");
      const id = table === "kyc_profiles" ? customer_id : await makeDocument(customer_id, from, "selfie");
      for (const to of states.filter((state) => state !== from)) {
        const isLegal = moves.some((move) => move.from_status === from && move.to_status === to);
        if (isLegal) continue;
        const refused = await api.sql
          .unsafe(
            `update bank.${table} set status = $2::text::bank.${table === "kyc_profiles" ? "kyc" : "document"}_status
            where ${key} = $1`,
            [id, to],
          )
          .then(
            () => "moved",
            (error: { constraint?: string }) => error.constraint,
          );
        if (refused !== "illegal_transition") wrong.push(`${table}: ${from} → ${to}: ${refused}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});
