import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ProblemCode } from "../../src/http/problem.ts";
import { read } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { type CodeDesk, holdsCode, startCodeDesk } from "../helpers/code-desk.ts";
import { makeBusiness } from "../helpers/fixtures.ts";
import { login, type Tokens } from "../helpers/login.ts";
import { codeFor, type Contact, enter, requestEntryCode, wrongCode } from "../helpers/one-time-codes.ts";
import { expectProblem } from "../helpers/problem.ts";

let desk: CodeDesk;
let api: TestApp;
let other: TestApp;
let people: TestApp["alpha"]["people"];

beforeAll(async () => {
  desk = await startCodeDesk();
  ({ api, other } = desk);
  people = api.alpha.people;
});
afterAll(() => desk.stop());

const me = (token: string, on: TestApp = api) => on.send("GET", "/api/v1/me", { token });

/** What is refused, without the id of the request. */
async function refusal(answer: Promise<Response>, code: ProblemCode): Promise<string> {
  const { request_id: _, ...body } = await expectProblem(answer, code);
  return JSON.stringify(body);
}

describe("asking for a code without a login", () => {
  test("is answered in the same bytes whoever has the destination, and each leaves the same row", async () => {
    const { email } = { email: `${people.clerk.username}@example.test` };
    const gone = await desk.phoneOf(people.operator);
    await api.sql`update core.users set status = 'suspended' where id = ${people.operator.user_id}`;
    const bodies = new Set<string>();
    for (const purpose of ["login", "signup", "reset_password"]) {
      for (const to of [{ email }, { email: "nobody@example.test" }, gone, desk.newPhone()]) {
        const response = await requestEntryCode(api, purpose, to);
        expect(response.headers.get("cache-control")).toBe("no-store");
        bodies.add(await response.text());
      }
    }
    expect([...bodies]).toEqual(['{"expires_in_s":300,"retry_after_s":0}']);
    const rows =
      await api.sql`select distinct user_id is null as nobodys, attempts, sealed_code is not null as is_sealed,
      length(sealed_code) as bytes, next_delivery_at is not null as is_due from core.otp_challenges`;
    expect([...rows]).toEqual([{ nobodys: true, attempts: 0, is_sealed: true, bytes: 34, is_due: true }]);
    await api.sql`update core.users set status = 'active' where id = ${people.operator.user_id}`;
  });

  test("sends it to people for login and reset, to strangers for signup, and tells people who sign up anew", async () => {
    await api.sql`delete from core.otp_challenges`;
    const known = await desk.phoneOf(people.clerk);
    const [unknown, suspended] = [desk.newPhone(), await desk.phoneOf(people.operator)];
    await api.sql`update core.users set locale = 'ha' where id = ${people.clerk.user_id}`;
    await api.sql`update core.users set status = 'suspended' where id = ${people.operator.user_id}`;
    for (const purpose of ["login", "signup", "reset_password"])
      for (const to of [known, unknown, suspended]) await requestEntryCode(api, purpose, to);
    const expected = [`signup ${unknown.phone} ${await codeFor(api, "signup", unknown)}`];
    for (const purpose of ["login", "reset_password"])
      expected.push(`${purpose} ${known.phone} ${await codeFor(api, purpose, known)}`);
    const sent = (await desk.deliver()).map(({ type, data }): Record<string, string> => ({ ...data, type }));
    const told = sent.filter(({ type }) => type === "one_time_code.created");
    expect(
      new Set(told.map(({ purpose, destination, code }) => `${purpose} ${destination} ${code}`)),
    ).toEqual(new Set(expected));
    expect(told.find(({ purpose }) => purpose === "login")).toMatchObject({ channel: "sms", locale: "ha" });
    const notices = sent.filter(({ type }) => type === "account.exists");
    expect(new Set(notices.map(({ destination }) => destination))).toEqual(
      new Set([known.phone, suspended.phone]),
    );
    for (const notice of notices) expect(notice).not.toHaveProperty("code");
    expect(sent).toHaveLength(5);
    const [left] =
      await api.sql`select count(*)::int as count from core.otp_challenges where sealed_code is not null`;
    expect(left).toEqual({ count: 0 });
    await api.sql`update core.users set status = 'active' where id = ${people.operator.user_id}`;
  });

  test("needs exactly one destination, and one that is written as such", async () => {
    const phone = "+2348012345678";
    for (const body of [
      { purpose: "login" },
      { purpose: "login", phone, email: "a@example.test" },
      { purpose: "login", phone: "08012345678" },
      { purpose: "login", email: "a@example.test\r\nBcc: b@example.test" },
      { purpose: "login", email: '"a@evil.test b"@example.test' },
      { purpose: "login", phone, channel: "sms" },
      { purpose: "change_contact", phone },
      { purpose: "login", phone, user_id: people.owner.user_id },
    ])
      await expectProblem(api.send("POST", "/api/v1/auth/otp", { body }), "validation");
  });

  test("a step-up still needs a login, and says why there is none", async () => {
    const ask = (headers: Record<string, string>) =>
      api.send("POST", "/api/v1/auth/otp", { body: { purpose: "step_up" }, headers });
    await expectProblem(ask({}), "unauthenticated");
    await expectProblem(ask({ authorization: "Bearer eyJ.eyJ.x" }), "invalid_token");
    // A token that is no good any more keeps nobody from logging in.
    const headers = { authorization: "Bearer eyJ.eyJ.x" };
    const body = { purpose: "login", ...desk.newPhone() };
    expect((await api.send("POST", "/api/v1/auth/otp", { body, headers })).status).toBe(202);
    await expectProblem(enter(api, { challenge_id: Bun.randomUUIDv7(), code: "123456" }), "unauthenticated");
  });
});

describe("logging in with a code", () => {
  test("gives tokens as a login does, by phone or by e-mail in any case, once", async () => {
    const to = await desk.phoneOf(people.manager);
    const code = await desk.drawn("login", to);
    const response = await enter(api, { purpose: "login", ...to, code });
    expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const tokens = await read<Tokens>(response);
    const byPassword = await login(api, people.manager);
    expect(Object.keys(tokens)).toEqual(Object.keys(byPassword));
    expect(tokens.business).toEqual(byPassword.business);
    expect((await me(tokens.access_token)).status).toBe(200);
    const { refresh_token } = tokens;
    expect((await api.send("POST", "/api/v1/auth/refresh", { body: { refresh_token } })).status).toBe(200);
    await expectProblem(enter(api, { purpose: "login", ...to, code }), "invalid_code");
    const email = `${people.manager.username}@example.test`;
    await requestEntryCode(api, "login", { email: email.toUpperCase() });
    const other = await codeFor(api, "login", { email });
    expect((await enter(api, { purpose: "login", email, code: other })).status).toBe(200);
    // A code alone is no step-up.
    const [row] = await api.sql`select count(step_up_at)::int as count from core.sessions
      where user_id = ${people.manager.user_id}`;
    expect(row.count).toBe(0);
  });

  test("of 100 parallel tries with the right code exactly one succeeds", async () => {
    const to = await desk.phoneOf(people.agent);
    const code = await desk.drawn("login", to);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => enter(at % 2 ? api : other, { purpose: "login", ...to, code })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => ![200, 401, 503].includes(status))).toEqual([]);
    const [row] =
      await api.sql`select count(*)::int as count from core.sessions where user_id = ${people.agent.user_id}`;
    expect(row.count).toBe(1);
  });

  test("wrong, old, used, replaced, foreign and no codes are refused in the same words, with and without anybody there", async () => {
    const bodies = new Set<string>();
    const add = async (body: Record<string, unknown>) =>
      bodies.add(await refusal(enter(api, body), "invalid_code"));
    const suspended = await desk.phoneOf(people.operator);
    await api.sql`update core.users set status = 'suspended' where id = ${people.operator.user_id}`;
    const [known, unknown] = [await desk.phoneOf(people.clerk), desk.newPhone()];
    for (const to of [known, unknown, suspended]) {
      await add({ purpose: "login", ...to, code: "123456" });
      const first = await desk.drawn("login", to);
      const replacing = await desk.drawn("login", to);
      if (first !== replacing) await add({ purpose: "login", ...to, code: first });
      await add({ purpose: "login", ...to, code: wrongCode(replacing) });
      // For another purpose, and of another destination.
      const foreign = { purpose: "reset_password", new_password: "four walls and a roof", ...to };
      await add({ ...foreign, code: replacing });
      await add({ purpose: "login", ...desk.newPhone(), code: replacing });
      await api.sql`update core.otp_challenges set expires_at = now() where destination = ${to.phone}`;
      await add({ purpose: "login", ...to, code: replacing });
    }
    // The right one, where there is nobody to let in; and a person's own, once the account is suspended.
    for (const to of [unknown, suspended])
      await add({ purpose: "login", ...to, code: await desk.drawn("login", to) });
    expect(bodies.size).toBe(1);
    await api.sql`update core.users set status = 'active' where id = ${people.operator.user_id}`;
  });

  test("after five wrong ones the right one is refused too, for good, whoever has the destination", async () => {
    const bodies = new Set<string>();
    for (const to of [await desk.phoneOf(people.sub_agent), desk.newPhone()]) {
      const code = await desk.drawn("login", to);
      const wrong = { purpose: "login", ...to, code: wrongCode(code) };
      const tries = await Promise.all(Array.from({ length: 20 }, () => enter(api, wrong)));
      expect(tries.filter(({ status }) => status === 401).length).toBeWithin(1, 6);
      const [{ attempts }] =
        await api.sql`select attempts from core.otp_challenges where destination = ${to.phone}`;
      expect(attempts).toBe(5);
      const sixth = enter(api, { purpose: "login", ...to, code });
      expect(Number((await sixth).headers.get("retry-after"))).toBeWithin(1, 31);
      bodies.add(await refusal(sixth, "rate_limited"));
    }
    expect(bodies.size).toBe(1);
    // Another one is as good as the first would have been.
    const [to] = [await desk.phoneOf(people.sub_agent)];
    expect((await enter(api, { purpose: "login", ...to, code: await desk.drawn("login", to) })).status).toBe(
      200,
    );
  });

  test("is refused to who belongs to nothing, and accepts an invitation where there is nothing else", async () => {
    const own = await makeBusiness(api.sql, { code: "CODES", timezone: "UTC", currency: "NGN" });
    const { clerk } = own.people;
    const to = await desk.phoneOf(clerk);
    await api.sql`update core.memberships set status = 'suspended' where id = ${clerk.member_id}`;
    const refused = enter(api, { purpose: "login", ...to, code: await desk.drawn("login", to) });
    await expectProblem(refused, "no_membership");
    const token = await api.token(people.owner);
    const body = { username: clerk.username, role: "clerk" };
    expect((await api.send("POST", "/api/v1/members", { token, body })).status).toBe(201);
    const tokens = await read<Tokens>(
      enter(api, { purpose: "login", ...to, code: await desk.drawn("login", to) }),
    );
    expect(tokens.business.id).toBe(api.alpha.id);
    expect((await me(tokens.access_token)).status).toBe(200);
  });

  test("takes only what belongs to its purpose", async () => {
    const named = { phone: "+2348012345678", code: "123456" };
    const id = Bun.randomUUIDv7();
    for (const body of [
      { purpose: "login", code: "123456" },
      { purpose: "login", ...named, challenge_id: id },
      { purpose: "login", ...named, new_password: "four walls and a roof" },
      { purpose: "login", ...named, email: "a@example.test" },
      { purpose: "login", ...named, code: "12345" },
      { purpose: "signup", ...named },
      { purpose: "reset_password", ...named },
      { purpose: "reset_password", ...named, new_password: "x", full_name: "Ada" },
      { purpose: "change_contact", ...named },
    ])
      await expectProblem(enter(api, body), "validation");
    const token = await api.token(people.owner);
    for (const body of [
      { code: "123456" },
      { challenge_id: id, ...named },
      { challenge_id: id, code: "1", purpose: "step_up" },
    ])
      await expectProblem(api.send("POST", "/api/v1/auth/otp/verify", { token, body }), "validation");
  });
});

describe("limits", () => {
  test("hold with Redis gone: one in 30 seconds and so many an hour for a destination, five tries a minute", async () => {
    const start = () =>
      startTestApp({
        database_url: api.database_url,
        businesses: [api.alpha, api.bravo],
        env: {
          RATE_LIMIT_ENABLED: "true",
          REDIS_URL: "redis://127.0.0.1:9/",
          OTP_ADDRESS_RATE_LIMIT_PER_HOUR: "4",
        },
      });
    const [limited, stranger] = [await start(), await start()];
    try {
      const ask = (to: Contact, on = limited) =>
        on.send("POST", "/api/v1/auth/otp", { body: { purpose: "login", ...to } });
      const email = "Owner.Of@Example.test";
      const first = await ask({ email });
      expect((await read<{ retry_after_s: number }>(first)).retry_after_s).toBeWithin(29, 33);
      // However it is spelt, for whichever purpose, and whoever has it.
      const again = await limited.send("POST", "/api/v1/auth/otp", {
        body: { purpose: "signup", email: email.toLowerCase() },
      });
      expect(Number(again.headers.get("retry-after"))).toBeWithin(1, 33);
      expect(again.headers.get("ratelimit")).toStartWith('"otp-resend";r=0');
      await expectProblem(again, "rate_limited");
      // Nor does a replica that has not heard of the first one send another.
      const elsewhere = await ask({ email }, stranger);
      expect(elsewhere.headers.get("retry-after")).toBe("30");
      await expectProblem(elsewhere, "rate_limited");
      const known = await desk.phoneOf(people.clerk);
      const statuses: number[] = [];
      for (const to of [known, desk.newPhone(), desk.newPhone(), desk.newPhone(), desk.newPhone()])
        statuses.push((await ask(to)).status);
      expect(statuses).toEqual([202, 202, 202, 429, 429]);
      const tries: number[] = [];
      for (let count = 0; count < 6; count += 1)
        tries.push((await enter(limited, { purpose: "login", ...known, code: "000000" })).status);
      expect(tries).toEqual([401, 401, 401, 401, 401, 429]);
    } finally {
      await limited.stop();
      await stranger.stop();
    }
  });
});

test("whether anybody has a destination does not show in the time either, of asking or of trying", async () => {
  const known = await desk.phoneOf(people.clerk);
  const time = async (send: () => Promise<Response>, status: number): Promise<number> => {
    const started = performance.now();
    expect((await send()).status).toBe(status);
    return performance.now() - started;
  };
  // Between the two in the middle: whoever is first in a pair may be slower, and is so in every other one.
  const median = (values: number[]): number => {
    const [low = 0, high = 0] = values.sort((a, b) => a - b).slice((values.length >> 1) - 1);
    return Math.sqrt(low * high);
  };
  const asking: [number[], number[]] = [[], []];
  const trying: [number[], number[]] = [[], []];
  const of = (purpose: string, to: Contact) => () => requestEntryCode(api, purpose, to);
  for (let round = 0; round < 40; round += 1) {
    // In turns, each before the other half of the time, so that neither has the better moments.
    const pair = [known, desk.newPhone()] as const;
    for (const at of round % 2 ? [0, 1] : [1, 0]) {
      const to = pair[at] ?? known;
      asking[at]?.push(await time(of("login", to), 202));
      trying[at]?.push(await time(() => enter(api, { purpose: "login", ...to, code: "000000" }), 401));
    }
  }
  for (const [one, two] of [asking, trying]) {
    // Of pairs, which had the same moment: where half of all answers meet something else, two medians come apart.
    const ratio = median(one.map((ms, round) => ms / (two[round] ?? 0)));
    expect(ratio).toBeGreaterThan(0.6);
    expect(ratio).toBeLessThan(1.6);
  }
});

test("no code stands in clear in a log or in any row", async () => {
  const everything = await desk.everything();
  expect(everything).toContain("/api/v1/auth/otp/verify");
  expect(desk.codes.length).toBeGreaterThan(10);
  expect(desk.codes.filter((code) => holdsCode(everything, code))).toEqual([]);
});
