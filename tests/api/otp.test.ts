import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ProblemCode } from "../../src/http/problem.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeBusiness, type Person } from "../helpers/fixtures.ts";
import { codeOf, requestCode, stepUp, verifyCode, wrongCode } from "../helpers/one-time-codes.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let people: TestApp["alpha"]["people"];

beforeAll(async () => {
  api = await startTestApp();
  people = api.alpha.people;
});
afterAll(() => api.stop());

const ask = (token: string, body: unknown = { purpose: "step_up" }, app: TestApp = api) =>
  app.send("POST", "/api/v1/auth/otp", { token, body });

/** A code that was asked for, by a person in a session of its own. */
async function challengeOf(person: Person) {
  const token = await api.token(person);
  const { challenge_id } = await requestCode(api, token);
  return { token, challenge_id, code: await codeOf(api, challenge_id) };
}

const rowOf = async (challenge_id: string): Promise<Record<string, unknown>> => {
  const [row] =
    await api.sql`select c.*, c::text as all_of_it from core.otp_challenges c where id = ${challenge_id}`;
  return row;
};

/** The session that a token names. */
const sessionOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { sid: string }).sid;

const steppedUpAt = async (token: string): Promise<Date | null> => {
  const [row]: { step_up_at: Date | null }[] =
    await api.sql`select step_up_at from core.sessions where id = ${sessionOf(token)}`;
  return row?.step_up_at ?? null;
};

describe("asking for a code", () => {
  test("is answered with where it goes and when it ends, never with the code", async () => {
    const token = await api.token(people.owner);
    const response = await ask(token);
    expect([response.status, response.headers.get("cache-control")]).toEqual([202, "no-store"]);
    const text = await response.text();
    const answer = JSON.parse(text);
    expect(answer).toMatchObject({ destination: "a***@example.test", retry_after_s: 0 });
    expect(Date.parse(answer.expires_at) - Date.now()).toBeWithin(295_000, 301_000);
    const code = await codeOf(api, answer.challenge_id);
    expect(code).toMatch(/^\d{6}$/);
    expect(text.replaceAll(answer.challenge_id, "")).not.toContain(code);
  });

  test("goes to the phone of who has one, and to nobody who has neither", async () => {
    const { user_id } = people.manager;
    const token = await api.token(people.manager);
    await api.sql`update core.users set phone = '+2348012345678' where id = ${user_id}`;
    expect((await requestCode(api, token)).destination).toBe("+**********678");
    await api.sql`update core.users set phone = null, email = null where id = ${user_id}`;
    await expectProblem(ask(token), "no_code_destination");
  });

  test("the database holds neither the code nor what it could be found from", async () => {
    const { challenge_id, code } = await challengeOf(people.admin);
    const { all_of_it, ...row } = await rowOf(challenge_id);
    const { code_hash, sealed_code } = row as { code_hash: Uint8Array; sealed_code: Uint8Array };
    expect(String(all_of_it).replaceAll(challenge_id, "")).not.toContain(code);
    for (const bytes of [code_hash, sealed_code]) {
      expect(Buffer.from(bytes).includes(code)).toBe(false);
      for (const hash of ["sha256", "sha1", "md5"] as const) {
        const plain = [code, `${challenge_id}${code}`, `one-time code\n${challenge_id}\n${code}`];
        for (const text of plain) {
          expect(Buffer.from(bytes).includes(new Bun.CryptoHasher(hash).update(text).digest())).toBe(false);
        }
      }
    }
  });

  test("other purposes, and members that nobody knows, are invalid", async () => {
    const token = await api.token(people.owner);
    for (const body of [
      { purpose: "login" },
      { purpose: "signup" },
      { purpose: "reset_password" },
      {},
      { purpose: "step_up", phone: "+2348012345678" },
    ]) {
      await expectProblem(ask(token, body), "validation");
    }
  });

  test("is refused where nothing delivers codes", async () => {
    const mute = await startTestApp({
      database_url: api.database_url,
      businesses: [api.alpha, api.bravo],
      env: { OTP_DELIVERY: "none", OTP_WEBHOOK_URL: "", OTP_WEBHOOK_SECRET: "" },
    });
    try {
      const response = await ask(await mute.token(people.owner), undefined, mute);
      expect(response.headers.get("retry-after")).toBe("60");
      await expectProblem(response, "code_delivery_unavailable");
    } finally {
      await mute.stop();
    }
  });
});

describe("the right code", () => {
  test("steps up its own session and no other, and leaves an audit row", async () => {
    const elsewhere = await api.token(people.compliance);
    const { token, challenge_id, code } = await challengeOf(people.compliance);
    const response = await verifyCode(api, token, { challenge_id: challenge_id.toUpperCase(), code });
    expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const answer = (await response.json()) as Record<string, string>;
    const at = await steppedUpAt(token);
    expect(answer["purpose"]).toBe("step_up");
    expect(answer["step_up_at"]).toBe(at?.toISOString() ?? "");
    expect(Date.parse(answer["step_up_expires_at"] ?? "") - Date.parse(answer["step_up_at"] ?? "")).toBe(
      300_000,
    );
    expect(await steppedUpAt(elsewhere)).toBeNull();

    const trail = await api.send("GET", `/api/v1/audit-logs?entity_id=${sessionOf(token)}`, { token });
    const { data } = (await trail.json()) as { data: Record<string, unknown>[] };
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      action: "session.updated",
      entity_type: "session",
      actor_user_id: people.compliance.user_id,
      session_id: sessionOf(token),
      ip: "127.0.0.1",
      request_id: response.headers.get("x-request-id"),
      before: { step_up_at: null },
    });
    expect(JSON.stringify(data)).not.toContain(code);
  });

  test("of 200 parallel tries with it exactly one succeeds", async () => {
    const { token, challenge_id, code } = await challengeOf(people.agent);
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => verifyCode(api, token, { challenge_id, code })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    // A machine that is too busy says so.
    expect(statuses.filter((status) => ![200, 401, 503].includes(status))).toEqual([]);
    const [row] = await api.sql`select count(*)::int as count from core.audit_log
      where entity_id = ${sessionOf(token)} and action = 'session.updated'`;
    expect(row.count).toBe(1);
  });

  test("is gone with its session", async () => {
    const { token, challenge_id, code } = await challengeOf(people.clerk);
    await api.sql`update core.sessions set revoked_at = now(), revoke_reason = 'revoked' where id = ${sessionOf(token)}`;
    // As a replica that has not heard of it yet would take it.
    expect((await verifyCode(api, token, { challenge_id, code })).status).toBe(401);
    expect(await steppedUpAt(token)).toBeNull();
  });

  test("of a code that was replaced is good no more", async () => {
    const first = await challengeOf(people.clerk);
    const { challenge_id } = await requestCode(api, first.token);
    expect(challenge_id).not.toBe(first.challenge_id);
    await expectProblem(verifyCode(api, first.token, first), "invalid_code");
    const code = await codeOf(api, challenge_id);
    expect((await verifyCode(api, first.token, { challenge_id, code })).status).toBe(200);
  });
});

describe("refusals", () => {
  /** The body without the id of its request. */
  const refusal = async (answer: Promise<Response>, code: ProblemCode) => {
    const { request_id: _, ...body } = await expectProblem(answer, code);
    return JSON.stringify(body);
  };

  test("are the same for a wrong, used, expired, unknown or foreign code, and a foreign try counts for nothing", async () => {
    const mine = await challengeOf(people.operator);
    const bodies = new Set<string>();
    const add = async (token: string, given: { challenge_id: string; code: string }) =>
      bodies.add(await refusal(verifyCode(api, token, given), "invalid_code"));
    const { challenge_id, code } = mine;
    // Another person of the business, another business, and another session of the same person.
    for (const token of [
      await api.token(people.owner),
      await api.token(api.bravo.people.owner),
      await api.token(people.operator),
    ]) {
      await add(token, { challenge_id, code });
      await add(token, { challenge_id, code: wrongCode(code) });
    }
    expect(await rowOf(challenge_id)).toMatchObject({ attempts: 0, consumed_at: null });
    await add(mine.token, { challenge_id: Bun.randomUUIDv7(), code });
    await add(mine.token, { challenge_id, code: wrongCode(code) });
    expect(await rowOf(challenge_id)).toMatchObject({ attempts: 1, consumed_at: null });
    expect((await verifyCode(api, mine.token, { challenge_id, code })).status).toBe(200);
    await add(mine.token, { challenge_id, code });
    const late = await challengeOf(people.operator);
    await api.sql`update core.otp_challenges set expires_at = now() where id = ${late.challenge_id}`;
    await add(late.token, late);
    expect(bodies.size).toBe(1);
    expect(await steppedUpAt(late.token)).toBeNull();
  });

  test("after five wrong ones the right one is refused too, with the time until another can be had", async () => {
    const { token, challenge_id, code } = await challengeOf(people.sub_agent);
    const wrong = { challenge_id, code: wrongCode(code) };
    const tries = await Promise.all(Array.from({ length: 40 }, () => verifyCode(api, token, wrong)));
    expect(tries.filter(({ status }) => ![401, 429, 503].includes(status))).toEqual([]);
    expect(await rowOf(challenge_id)).toMatchObject({ attempts: 5, consumed_at: null });
    const sixth = await verifyCode(api, token, { challenge_id, code });
    expect(Number(sixth.headers.get("retry-after"))).toBeWithin(1, 31);
    expect((await expectProblem(sixth, "rate_limited")).detail).toContain("Five wrong codes");
    expect(await steppedUpAt(token)).toBeNull();
    await stepUp(api, token);
  });

  test("a code of another form is invalid and counts for nothing", async () => {
    const { token, challenge_id, code } = await challengeOf(people.customer);
    for (const odd of ["", "12345", `${code}0`, "abcdef", "١٢٣٤٥٦", `${code}\n`]) {
      await expectProblem(verifyCode(api, token, { challenge_id, code: odd }), "validation");
    }
    await expectProblem(verifyCode(api, token, { challenge_id: "7", code }), "validation");
    expect(await rowOf(challenge_id)).toMatchObject({ attempts: 0 });
  });
});

describe("limits", () => {
  test("one in 30 seconds for each person, and so many an hour for each address, which who waits does not use up", async () => {
    const limited = await startTestApp({
      database_url: api.database_url,
      businesses: [api.alpha, api.bravo],
      env: { RATE_LIMIT_ENABLED: "true", OTP_ADDRESS_RATE_LIMIT_PER_HOUR: "3" },
    });
    try {
      const { people } = await makeBusiness(api.sql, { code: "LIMIT", timezone: "UTC", currency: "NGN" });
      const token = await limited.token(people.owner, limited.alpha);
      await api.sql`insert into core.memberships (business_id, user_id, role) select ${api.alpha.id}, user_id, 'clerk'
        from core.memberships m join core.businesses b on b.id = m.business_id where b.code = 'LIMIT' and m.role <> 'sub_agent'`;
      const first = await ask(token, undefined, limited);
      expect(first.headers.get("ratelimit")).toMatch(/^"otp-resend";r=0;t=\d+, "otp";r=4;t=\d+$/);
      expect(((await first.json()) as { retry_after_s: number }).retry_after_s).toBeWithin(29, 33);
      for (let again = 0; again < 4; again += 1) {
        const refused = await ask(token, undefined, limited);
        expect(Number(refused.headers.get("retry-after"))).toBeWithin(1, 33);
        expect(refused.headers.get("ratelimit")).toStartWith('"otp-resend";r=0');
        await expectProblem(refused, "rate_limited");
      }
      const others = [people.admin, people.clerk, people.manager];
      const answers: Response[] = [];
      for (const person of others) {
        answers.push(await ask(await limited.token(person, limited.alpha), undefined, limited));
      }
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 429]);
      expect(answers[2]?.headers.get("ratelimit")).toStartWith('"otp-address";r=0');
      expect(Number(answers[2]?.headers.get("retry-after"))).toBeGreaterThan(3_000);
    } finally {
      await limited.stop();
    }
  });
});
