import { afterAll, beforeAll, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeBusiness, type Person } from "../helpers/fixtures.ts";
import { login, timeUntilRefused, type Tokens } from "../helpers/login.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let other: TestApp;
let owner: Person;

beforeAll(async () => {
  api = await startTestApp();
  other = await startTestApp({ database_url: api.database_url, businesses: [api.alpha, api.bravo] });
  owner = api.alpha.people.owner;
});
afterAll(async () => {
  await other.stop();
  await api.stop();
});

const refresh = (refresh_token: string, app: TestApp = api) =>
  app.send("POST", "/api/v1/auth/refresh", { body: { refresh_token } });
const refreshed = async (refresh_token: string): Promise<Tokens> => {
  const response = await refresh(refresh_token);
  expect(response.status).toBe(200);
  return (await response.json()) as Tokens;
};
const sessionOf = ({ access_token }: Tokens): string =>
  JSON.parse(Buffer.from(access_token.split(".")[1] ?? "", "base64url").toString()).sid;

/** The past moves back: every use of this session's tokens happened that much earlier. */
const age = (tokens: Tokens, interval: string) =>
  api.sql.unsafe("update core.refresh_tokens set used_at = used_at - $2::interval where session_id = $1", [
    sessionOf(tokens),
    interval,
  ]);
const stateOf = async (tokens: Tokens) => {
  const [row] = await api.sql`select s.revoke_reason, s.idle_expires_at = s.expires_at as at_the_end,
      round(extract(epoch from s.idle_expires_at - now()))::int as idle_s,
      (select count(*)::int from core.refresh_tokens t where t.session_id = s.id) as tokens,
      (select count(*)::int from core.refresh_tokens t where t.session_id = s.id and t.used_at is null) as living
    from core.sessions s where s.id = ${sessionOf(tokens)}`;
  return row as {
    revoke_reason: string | null;
    at_the_end: boolean;
    idle_s: number;
    tokens: number;
    living: number;
  };
};

test("a refresh token is followed by another one, and both answers look like a login", async () => {
  const first = await login(api, owner);
  const second = await refreshed(first.refresh_token);
  expect(Object.keys(second)).toEqual(Object.keys(first));
  expect(second.refresh_token).not.toBe(first.refresh_token);
  expect(second.business).toEqual(first.business);
  expect((await api.send("GET", "/api/v1/me", { token: second.access_token })).status).toBe(200);
  const third = await refreshed(second.refresh_token);
  expect(sessionOf(third)).toBe(sessionOf(first));
  expect(await stateOf(third)).toMatchObject({ tokens: 3, living: 1 });
});

test("the answer is never stored, and the database knows no token in the clear", async () => {
  const { refresh_token } = await login(api, owner);
  const response = await refresh(refresh_token);
  expect(response.headers.get("cache-control")).toBe("no-store");
  const [row] = await api.sql`select count(*)::int as n from core.refresh_tokens t
    where t.token_hash = convert_to(${refresh_token}, 'UTF8') or length(t.token_hash) <> 32`;
  expect(row.n).toBe(0);
  expect(api.lines.join("\n")).not.toContain(refresh_token);
});

test("used again within 10 s it is the same refresh: the same successor", async () => {
  const first = await login(api, owner);
  const second = await refreshed(first.refresh_token);
  await age(first, "9 s");
  const again = await refreshed(first.refresh_token);
  expect(again.refresh_token).toBe(second.refresh_token);
  expect(await stateOf(first)).toMatchObject({ tokens: 2, living: 1, revoke_reason: null });
});

test("used again later it ends the session: neither its successor nor an access token is good any more", async () => {
  const first = await login(api, owner);
  const second = await refreshed(first.refresh_token);
  expect((await other.send("GET", "/api/v1/me", { token: second.access_token })).status).toBe(200);
  await age(first, "11 s");
  await expectProblem(refresh(first.refresh_token), "invalid_refresh_token");
  expect((await stateOf(first)).revoke_reason).toBe("refresh_token_reused");
  await expectProblem(refresh(second.refresh_token), "invalid_refresh_token");
  await expectProblem(api.send("GET", "/api/v1/me", { token: second.access_token }), "session_revoked");
  expect(await timeUntilRefused(other, second.access_token)).toBeLessThan(1_000);
  expect(api.lines.some((line) => line.includes("refresh token reused"))).toBe(true);
});

test("a thief who refreshed first is thrown out when the owner comes", async () => {
  const stolen = await login(api, owner);
  let thief = await refreshed(stolen.refresh_token);
  await age(stolen, "1 minute");
  thief = await refreshed(thief.refresh_token);
  await expectProblem(refresh(stolen.refresh_token), "invalid_refresh_token");
  await expectProblem(refresh(thief.refresh_token), "invalid_refresh_token");
});

test("of a hundred at once, on two replicas, one rotates and all get its successor", async () => {
  const first = await login(api, owner);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) => refresh(first.refresh_token, at % 2 === 0 ? api : other)),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 200));
  const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as Tokens[];
  const successors = new Set(bodies.map(({ refresh_token }) => refresh_token));
  expect(successors.size).toBe(1);
  expect(await stateOf(first)).toMatchObject({ tokens: 2, living: 1, revoke_reason: null });
  await refreshed([...successors][0] ?? "");
});

test("of a hundred late ones at once none is answered, and the session ends once", async () => {
  const first = await login(api, owner);
  await refreshed(first.refresh_token);
  await age(first, "1 minute");
  const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(first.refresh_token)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  expect((await stateOf(first)).revoke_reason).toBe("refresh_token_reused");
});

test("an unknown token, an access token and nonsense are refused alike", async () => {
  const { access_token } = await login(api, owner);
  const unknown = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  for (const token of [unknown, access_token.slice(0, 200), "x", "ünïcode", "'; drop table core.users"]) {
    await expectProblem(refresh(token), "invalid_refresh_token");
  }
  await expectProblem(refresh(""), "validation");
});

test.each([
  ["idle", "idle_expires_at = now()"],
  ["at its absolute end", "idle_expires_at = now(), expires_at = now()"],
  ["revoked", "revoked_at = now(), revoke_reason = 'revoked'"],
])("a session that is %s is not refreshed, nor does its access token work", async (_, change) => {
  const tokens = await login(api, owner);
  await api.sql.unsafe(`update core.sessions set ${change} where id = $1`, [sessionOf(tokens)]);
  await expectProblem(refresh(tokens.refresh_token), "invalid_refresh_token");
  await expectProblem(api.send("GET", "/api/v1/me", { token: tokens.access_token }), "session_revoked");
});

test("a refresh moves the idle limit on, but never past the absolute one", async () => {
  const tokens = await login(api, owner);
  const { refresh_idle_ttl_s } = api.deps.config.auth;
  await api.sql`update core.sessions set idle_expires_at = now() + interval '1 s' where id = ${sessionOf(tokens)}`;
  const next = await refreshed(tokens.refresh_token);
  expect((await stateOf(next)).idle_s).toBeWithin(refresh_idle_ttl_s - 5, refresh_idle_ttl_s + 1);
  await api.sql`update core.sessions set idle_expires_at = now() + interval '60 s', expires_at = now() + interval '90 s'
    where id = ${sessionOf(tokens)}`;
  await refreshed(next.refresh_token);
  expect(await stateOf(next)).toMatchObject({ at_the_end: true });
});

test("a suspended person is not refreshed; a member of no business keeps the token until somebody lets them in", async () => {
  const own = await makeBusiness(api.sql, { code: "REFRESH", timezone: "UTC", currency: "NGN" });
  const { clerk, agent } = own.people;
  const suspended = await login(api, clerk);
  await api.sql`update core.users set status = 'suspended' where id = ${clerk.user_id}`;
  await expectProblem(refresh(suspended.refresh_token), "invalid_refresh_token");
  const left = await login(api, agent);
  await api.sql`update core.memberships set status = 'suspended' where id = ${agent.member_id}`;
  await expectProblem(refresh(left.refresh_token), "no_membership");
  await api.sql`update core.memberships set status = 'active' where id = ${agent.member_id}`;
  await refreshed(left.refresh_token);
});

test("who was suspended in the active business is refreshed into another one", async () => {
  const clerk = api.bravo.people.clerk;
  const member_id = Bun.randomUUIDv7();
  await api.sql`insert into core.memberships (business_id, id, user_id, role)
    values (${api.alpha.id}, ${member_id}, ${clerk.user_id}, 'clerk')`;
  const tokens = await login(api, clerk);
  expect(tokens.business.code).toBe("BRAVO");
  await api.sql`update core.memberships set status = 'suspended' where id = ${clerk.member_id}`;
  expect((await refreshed(tokens.refresh_token)).business.code).toBe("ALPHA");
});
