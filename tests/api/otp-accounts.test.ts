import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { read } from "../helpers/answers.ts";
import type { TestApp } from "../helpers/app.ts";
import { type CodeDesk, holdsCode, startCodeDesk } from "../helpers/code-desk.ts";
import { makeBusiness } from "../helpers/fixtures.ts";
import { login, timeUntilRefused, type Tokens } from "../helpers/login.ts";
import { codeFor, enter, requestEntryCode, stepUp, wrongCode } from "../helpers/one-time-codes.ts";
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

describe("signing up", () => {
  test("makes a person and a business of their own, in one statement, and logs them in", async () => {
    const to = desk.newPhone();
    const given = { full_name: "Adaeze Okafor", currency: "NGN", timezone: "Africa/Lagos", locale: "ig" };
    const code = await desk.drawn("signup", to);
    const body = { purpose: "signup", ...to, code, ...given, business_name: "Okafor & Daughters" };
    const password = "four walls and a roof";
    const tokens = await read<Tokens>(enter(api, { ...body, password }));
    expect(tokens.user).toMatchObject({ full_name: "Adaeze Okafor", ...to, email: null, locale: "ig" });
    expect(tokens.business).toMatchObject({
      name: "Okafor & Daughters",
      currency: "NGN",
      timezone: "Africa/Lagos",
    });
    const profile = await read<{ businesses: unknown[] }>(me(tokens.access_token, other));
    expect(profile.businesses).toMatchObject([{ role: "owner", status: "active" }]);
    const again = await api.send("POST", "/api/v1/auth/login", { body: { ...to, password } });
    expect(again.status).toBe(200);
    const actions = await api.sql`select action, actor_user_id from core.audit_log
      where business_id = ${tokens.business.id} order by id`;
    expect([...actions]).toEqual(
      ["user", "business", "member"].map((entity) => ({
        action: `${entity}.created`,
        actor_user_id: tokens.user.id,
      })),
    );
  });

  test("needs a name only, and then codes are all one logs in with", async () => {
    const email = "new.person@example.test";
    const code = await desk.drawn("signup", { email });
    const tokens = await read<Tokens>(
      enter(api, { purpose: "signup", email, code, full_name: "New Person" }),
    );
    expect(tokens.business).toMatchObject({ name: "New Person", currency: "USD", timezone: "UTC" });
    const body = { email, password: "anything at all" };
    await expectProblem(api.send("POST", "/api/v1/auth/login", { body }), "invalid_credentials");
    const login = { purpose: "login", email, code: await desk.drawn("login", { email }) };
    expect((await read<Tokens>(enter(api, login))).user.id).toBe(tokens.user.id);
  });

  test("is refused where somebody has the destination, also since the code was sent", async () => {
    const count = async () => (await api.sql`select count(*)::int as count from core.businesses`)[0].count;
    const before = await count();
    const taken = await desk.phoneOf(people.clerk);
    const late = desk.newPhone();
    const bodies = [taken, late].map(async (to) => ({
      purpose: "signup",
      ...to,
      code: await desk.drawn("signup", to),
    }));
    const [first, second] = await Promise.all(bodies);
    await api.sql`update core.users set phone = ${late.phone} where id = ${people.operator.user_id}`;
    for (const body of [first, second])
      await expectProblem(enter(api, { ...body, full_name: "Other Person" }), "invalid_code");
    expect(await count()).toBe(before);
  });

  test("a weak password, a currency and a zone of nowhere are told, and use nothing up", async () => {
    const to = desk.newPhone();
    const body = { purpose: "signup", ...to, code: await desk.drawn("signup", to), full_name: "Ada" };
    const told = await expectProblem(enter(api, { ...body, password: "short" }), "weak_password");
    expect(told.errors?.[0]?.pointer).toBe("/password");
    for (const [member, value] of [
      ["currency", "ZZZ"],
      ["timezone", "Mars/Olympus"],
    ] as const) {
      const { errors } = await expectProblem(enter(api, { ...body, [member]: value }), "validation");
      expect(errors?.[0]?.pointer).toBe(`/${member}`);
    }
    expect((await enter(api, body)).status).toBe(200);
  });
});

describe("a new password by code", () => {
  test("ends every session on every replica within a second, logs in, and is told in a notification", async () => {
    const own = await makeBusiness(api.sql, { code: "RESET", timezone: "UTC", currency: "NGN" });
    const { owner } = own.people;
    const to = await desk.phoneOf(owner);
    const lost = await login(api, owner);
    await api.sql`update core.users set failed_logins = 9, locked_until = now() + interval '1 minute' where id = ${owner.user_id}`;
    expect((await me(lost.access_token, other)).status).toBe(200);
    const new_password = "four walls and a roof";
    const code = await desk.drawn("reset_password", to);
    const weak = enter(api, { purpose: "reset_password", ...to, code, new_password: to.phone.slice(1) });
    await expectProblem(weak, "weak_password");
    const tokens = await read<Tokens>(enter(api, { purpose: "reset_password", ...to, code, new_password }));
    await expectProblem(me(lost.access_token), "session_revoked");
    expect(await timeUntilRefused(other, lost.access_token)).toBeLessThan(1_000);
    const { refresh_token } = lost;
    const refreshed = api.send("POST", "/api/v1/auth/refresh", { body: { refresh_token } });
    await expectProblem(refreshed, "invalid_refresh_token");
    for (const on of [api, other]) expect((await me(tokens.access_token, on)).status).toBe(200);
    const old = { username: owner.username, password: owner.password };
    await expectProblem(api.send("POST", "/api/v1/auth/login", { body: old }), "invalid_credentials");
    expect((await login(api, { ...owner, password: new_password })).user.id).toBe(owner.user_id);
    const { access_token: token } = tokens;
    const list = await read<{ data: unknown[] }>(api.send("GET", "/api/v1/notifications", { token }));
    expect(list.data).toMatchObject([{ type: "password_reset" }]);
    const [audited] = await api.sql`select actor_user_id, business_id from core.audit_log
      where entity_id = ${owner.user_id} and action = 'user.updated' and after ? 'token_version'`;
    expect(audited).toEqual({ actor_user_id: owner.user_id, business_id: own.id });
  });
});

describe("a new phone or e-mail address", () => {
  const change = (token: string, body: object) => api.send("POST", "/api/v1/me/contact", { token, body });
  const verify = (token: string, body: object) =>
    api.send("POST", "/api/v1/me/contact/verify", { token, body });

  test("counts once its code came back, and from then on instead of the old one", async () => {
    const person = people.compliance;
    const [old, to] = [await desk.phoneOf(person), desk.newPhone()];
    const token = await api.token(person);
    const before = await read<{ phone: string; version: number }>(me(token));
    await expectProblem(change(token, to), "step_up_required");
    await stepUp(api, token);
    const asked = await change(token, to);
    expect([asked.status, await asked.text()]).toEqual([202, '{"expires_in_s":300,"retry_after_s":0}']);
    expect(await read<object>(me(token))).toEqual(before);
    const code = await codeFor(api, "change_contact", to);
    desk.codes.push(code);
    await expectProblem(verify(token, { ...to, code: wrongCode(code) }), "invalid_code");
    // Somebody else's token, and a login by it.
    await expectProblem(verify(await api.token(people.owner), { ...to, code }), "invalid_code");
    await expectProblem(enter(api, { purpose: "login", ...to, code }), "invalid_code");
    const response = await verify(token, { ...to, code });
    expect(response.status).toBe(200);
    const changed = (await response.json()) as { phone: string; version: number };
    expect(changed).toMatchObject({ ...to, version: before.version + 1 });
    expect(response.headers.get("etag")).toStartWith(`W/"${changed.version}.`);
    expect(await read<object>(me(token))).toEqual(changed);
    await expectProblem(verify(token, { ...to, code }), "invalid_code");
    const login = { purpose: "login", ...to, code: await desk.drawn("login", to) };
    expect((await read<Tokens>(enter(api, login))).user.id).toBe(person.user_id);
    for (const number of [old, to]) await requestEntryCode(api, "login", number);
    const sent = (await desk.deliver()).map(({ data }) => data["destination"]);
    expect(sent).toContain(to.phone);
    expect(sent).not.toContain(old.phone);
    const list = await read<{ data: unknown[] }>(api.send("GET", "/api/v1/notifications", { token }));
    expect(list.data).toMatchObject([{ type: "contact_changed", title: "Your phone number was changed" }]);
  });

  test("of somebody else gets no code and the same answer, and nobody takes it by guessing right", async () => {
    await api.sql`delete from core.otp_challenges`;
    const token = await api.token(people.customer);
    await stepUp(api, token);
    const theirs = { email: `${people.owner.username}@example.test` };
    const answers = await Promise.all(
      [theirs, { email: "free@example.test" }].map((to) => change(token, to)),
    );
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1);
    const code = await codeFor(api, "change_contact", theirs);
    const types = (await desk.deliver()).map(({ type, data }) => `${type} ${data["destination"]}`);
    expect(types.sort()).toEqual([
      `account.exists ${theirs.email}`,
      "one_time_code.created free@example.test",
    ]);
    await expectProblem(verify(token, { ...theirs, code }), "invalid_code");
    for (let count = 1; count < 5; count += 1) await verify(token, { ...theirs, code: wrongCode(code) });
    const sixth = await verify(token, { ...theirs, code });
    expect(Number(sixth.headers.get("retry-after"))).toBeWithin(1, 31);
    await expectProblem(sixth, "rate_limited");
    await expectProblem(change(token, {}), "validation");
    await expectProblem(change(token, { ...theirs, ...desk.newPhone() }), "validation");
  });

  test("needs no step-up from who is reached by nothing, and a step-up goes by the way that is named", async () => {
    const person = people.admin;
    const token = await api.token(person);
    const email = { email: `${person.username}@example.test` };
    await desk.phoneOf(person);
    const ask = (channel: string) =>
      api.send("POST", "/api/v1/auth/otp", { token, body: { purpose: "step_up", channel } });
    expect((await read<{ destination: string }>(ask("email"))).destination).toBe("a***@example.test");
    expect((await read<{ destination: string }>(ask("sms"))).destination).toStartWith("+*");
    await api.sql`update core.users set phone = null, email = null where id = ${person.user_id}`;
    await expectProblem(ask("email"), "no_code_destination");
    expect((await change(token, email)).status).toBe(202);
    const code = await codeFor(api, "change_contact", email);
    expect((await verify(token, { ...email, code })).status).toBe(200);
  });
});

test("no code stands in clear in a log or in any row", async () => {
  const everything = await desk.everything();
  expect(everything).toContain("/api/v1/auth/otp/verify");
  expect(desk.codes.length).toBeGreaterThan(5);
  expect(desk.codes.filter((code) => holdsCode(everything, code))).toEqual([]);
});
