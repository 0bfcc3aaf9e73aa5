import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { passwordParameters } from "../../src/core/passwords.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeBusiness, type Business } from "../helpers/fixtures.ts";
import { login, timeUntilRefused } from "../helpers/login.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let other: TestApp;
let people: Business["people"];

beforeAll(async () => {
  api = await startTestApp();
  other = await startTestApp({ database_url: api.database_url, businesses: [api.alpha, api.bravo] });
  people = api.alpha.people;
});
afterAll(async () => {
  await other.stop();
  await api.stop();
});

const post = (body: unknown, app: TestApp = api) => app.send("POST", "/api/v1/auth/login", { body });

/** A business of the test's own: what is done to its people concerns no other test. */
let made = 0;
const ownPeople = async () => {
  made += 1;
  return (await makeBusiness(api.sql, { code: `OWN${made}`, timezone: "UTC", currency: "NGN" })).people;
};

const failures = async (user_id: string): Promise<{ failed_logins: number; wait_s: number | null }> => {
  const [row] =
    await api.sql`select failed_logins, round(extract(epoch from locked_until - now()))::int as wait_s
    from core.users where id = ${user_id}`;
  return row;
};

/** Failures are counted beside the answer. */
async function failUntil(person: { user_id: string; username: string }, count: number): Promise<void> {
  for (let done = (await failures(person.user_id)).failed_logins; done < count; done += 1) {
    await expectProblem(post({ username: person.username, password: "wrong" }), "invalid_credentials");
    while ((await failures(person.user_id)).failed_logins <= done) await Bun.sleep(5);
  }
}

describe("login", () => {
  test("answers with tokens that work, the person and the business", async () => {
    const response = await post({ username: people.owner.username, password: people.owner.password });
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const text = await response.text();
    expect(text).not.toContain("argon2");
    const answer = JSON.parse(text);
    expect(answer).toMatchObject({
      token_type: "Bearer",
      expires_in: 900,
      user: { id: people.owner.user_id, username: people.owner.username },
      business: { id: api.alpha.id, code: "ALPHA", timezone: "Africa/Lagos", currency: "NGN" },
    });
    expect(answer.refresh_token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const me = await api.send("GET", "/api/v1/me", { token: answer.access_token });
    expect(me.status).toBe(200);
  });

  test("takes the e-mail address in any case, or the phone number", async () => {
    const { password, user_id, username } = people.manager;
    await api.sql`update core.users set phone = '+2348012345678' where id = ${user_id}`;
    expect((await post({ email: `${username}@EXAMPLE.test`, password })).status).toBe(200);
    expect((await post({ phone: "+2348012345678", password })).status).toBe(200);
    expect((await post({ username: username.toUpperCase(), password })).status).toBe(200);
  });

  test("takes exactly one name", async () => {
    const { username, password } = people.owner;
    await expectProblem(post({ password }), "validation");
    await expectProblem(post({ username, email: `${username}@example.test`, password }), "validation");
    await expectProblem(post({ username, password, role: "owner" }), "validation");
    await expectProblem(post({ username, password: "" }), "validation");
    await expectProblem(post({ username, password: "x".repeat(257) }), "validation");
  });

  test("refuses in the same words whatever is wrong", async () => {
    const own = await ownPeople();
    await api.sql`update core.users set status = 'suspended' where id = ${own.admin.user_id}`;
    await api.sql`update core.users set status = 'locked' where id = ${own.clerk.user_id}`;
    await api.sql`update core.users set status = 'deleted' where id = ${own.manager.user_id}`;
    await api.sql`update core.users set password_hash = null where id = ${own.operator.user_id}`;
    await api.sql`update core.users set locked_until = now() + interval '1 minute' where id = ${own.agent.user_id}`;
    const attempts = [
      { username: "nobody-at-all", password: "a-password-for-tests" },
      { email: "nobody@example.test", password: "a-password-for-tests" },
      { username: own.owner.username, password: "wrong" },
      ...[own.admin, own.clerk, own.manager, own.operator, own.agent].map(({ username, password }) => ({
        username,
        password,
      })),
    ];
    const bodies = new Set<string>();
    for (const attempt of attempts) {
      const { request_id: _, ...body } = await expectProblem(post(attempt), "invalid_credentials");
      bodies.add(JSON.stringify(body));
    }
    expect(bodies.size).toBe(1);
  });

  test("an unknown user takes as long as a wrong password", async () => {
    const own = await ownPeople();
    const hash = await Bun.password.hash("a-password-for-tests", passwordParameters);
    await api.sql`update core.users set password_hash = ${hash} where id = ${own.owner.user_id}`;
    const time = async (username: string): Promise<number> => {
      const started = performance.now();
      await expectProblem(post({ username, password: "wrong" }), "invalid_credentials");
      return performance.now() - started;
    };
    const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
    const [known, unknown]: [number[], number[]] = [[], []];
    for (let round = 0; round < 11; round += 1) {
      known.push(await time(own.owner.username));
      unknown.push(await time(`nobody-${round}`));
    }
    const ratio = median(known) / median(unknown);
    expect(ratio).toBeGreaterThan(0.6);
    expect(ratio).toBeLessThan(1.6);
    // Both did the work: without a hash to compare it is a matter of two milliseconds.
    expect(median(unknown)).toBeGreaterThan(8);
  });

  test("the sixth in a minute from one address is 429 with Retry-After", async () => {
    const limited = await startTestApp({
      database_url: api.database_url,
      businesses: [api.alpha, api.bravo],
      env: { RATE_LIMIT_ENABLED: "true" },
    });
    try {
      const attempt = { username: "nobody-at-all", password: "wrong" };
      for (let count = 0; count < 5; count += 1)
        await expectProblem(post(attempt, limited), "invalid_credentials");
      const sixth = await post(attempt, limited);
      expect(Number(sixth.headers.get("retry-after"))).toBeGreaterThan(0);
      await expectProblem(sixth, "rate_limited");
    } finally {
      await limited.stop();
    }
  });

  test("is counted by how it ended", async () => {
    const own = await ownPeople();
    await api.sql`update core.memberships set status = 'suspended' where id = ${own.clerk.member_id}`;
    const counts = async () => {
      const text = await api.deps.metrics.render();
      const lines = text.matchAll(/^login_attempts_total\{outcome="(\w+)"\} (\d+)$/gm);
      return Object.fromEntries([...lines].map(([, outcome = "", count]) => [outcome, Number(count)]));
    };
    const before = await counts();
    await login(api, own.owner);
    await expectProblem(post({ username: own.owner.username, password: "wrong" }), "invalid_credentials");
    await expectProblem(
      post({ username: own.clerk.username, password: own.clerk.password }),
      "no_membership",
    );
    await expectProblem(post({ password: "no name" }), "validation");
    const after = await counts();
    const counted = Object.entries(after).map(([outcome, count]) => [
      outcome,
      count - (before[outcome] ?? 0),
    ]);
    expect(Object.fromEntries(counted)).toMatchObject({
      success: 1,
      invalid_credentials: 1,
      no_membership: 1,
    });
  });

  test("a person without an active membership is told so, once the password was right", async () => {
    const own = await ownPeople();
    await api.sql`update core.memberships set status = 'suspended' where id = ${own.clerk.member_id}`;
    const { username, password } = own.clerk;
    await expectProblem(post({ username, password: "wrong" }), "invalid_credentials");
    await expectProblem(post({ username, password }), "no_membership");
    const [row] =
      await api.sql`select count(*)::int as sessions from core.sessions where user_id = ${own.clerk.user_id}`;
    expect(row.sessions).toBe(0);
  });

  test("who has only an invitation accepts it by logging in, and the audit trail says who did", async () => {
    const own = await ownPeople();
    const { user_id, member_id } = own.clerk;
    await api.sql`update core.memberships set status = 'invited', invited_as = 'x' where id = ${member_id}`;
    await login(api, own.clerk);
    const [row] = await api.sql`select m.status, m.invited_as,
      (select a.actor_user_id from core.audit_log a where a.entity_id = m.id order by a.id desc limit 1) as actor
      from core.memberships m where m.id = ${member_id}`;
    expect(row).toEqual({ status: "active", invited_as: null, actor: user_id });
  });
});

describe("failed logins", () => {
  test("hold the account up from the fifth, at an address that is strange to it", async () => {
    const { owner } = await ownPeople();
    await failUntil(owner, 5);
    expect((await failures(owner.user_id)).wait_s).toBe(2);
    await expectProblem(post({ username: owner.username, password: owner.password }), "invalid_credentials");
    await api.sql`update core.users set locked_until = now() where id = ${owner.user_id}`;
    await login(api, owner);
    expect(await failures(owner.user_id)).toEqual({ failed_logins: 0, wait_s: null });
  });

  test("never hold it up for longer than 64 s, and not longer for trying on", async () => {
    const { owner } = await ownPeople();
    await api.sql`update core.users set failed_logins = 99, locked_until = now() - interval '1 s' where id = ${owner.user_id}`;
    await failUntil(owner, 100);
    expect((await failures(owner.user_id)).wait_s).toBe(64);
    const [before] = await api.sql`select locked_until::text from core.users where id = ${owner.user_id}`;
    await expectProblem(post({ username: owner.username, password: "wrong" }), "invalid_credentials");
    await Bun.sleep(100);
    const [after] = await api.sql`select locked_until::text from core.users where id = ${owner.user_id}`;
    expect(after).toEqual(before);
  });

  test("do not hold it up where the person has been logged in before", async () => {
    const { owner } = await ownPeople();
    await login(api, owner);
    await failUntil(owner, 5);
    await login(api, owner);
  });

  test("are no change of the person and leave no audit row", async () => {
    const { owner } = await ownPeople();
    await failUntil(owner, 2);
    const [row] = await api.sql`select u.version,
      (select count(*)::int from core.audit_log a where a.entity_id = u.id and a.action = 'user.updated') as changes
      from core.users u where u.id = ${owner.user_id}`;
    expect(row).toEqual({ version: 1, changes: 0 });
  });
});

describe("logout", () => {
  test("ends the session here at once, elsewhere within a second, and its refresh token", async () => {
    const { access_token, refresh_token } = await login(api, people.owner);
    expect((await other.send("GET", "/api/v1/me", { token: access_token })).status).toBe(200);
    expect((await api.send("POST", "/api/v1/auth/logout", { token: access_token })).status).toBe(204);
    await expectProblem(api.send("GET", "/api/v1/me", { token: access_token }), "session_revoked");
    expect(await timeUntilRefused(other, access_token)).toBeLessThan(1_000);
    await expectProblem(
      api.send("POST", "/api/v1/auth/refresh", { body: { refresh_token } }),
      "invalid_refresh_token",
    );
  });
});

describe("password change", () => {
  const change = (token: string, old_password: string, new_password: string) =>
    api.send("POST", "/api/v1/auth/password", { token, body: { old_password, new_password } });

  test("ends every other session everywhere, keeps this one, and only the new password logs in", async () => {
    const { clerk } = await ownPeople();
    const mine = await login(api, clerk);
    const lost = await login(api, clerk);
    expect((await other.send("GET", "/api/v1/me", { token: lost.access_token })).status).toBe(200);
    expect((await change(mine.access_token, clerk.password, "four walls and a roof")).status).toBe(204);
    await expectProblem(api.send("GET", "/api/v1/me", { token: lost.access_token }), "session_revoked");
    expect(await timeUntilRefused(other, lost.access_token)).toBeLessThan(1_000);
    expect((await api.send("GET", "/api/v1/me", { token: mine.access_token })).status).toBe(200);
    const { refresh_token } = mine;
    expect((await api.send("POST", "/api/v1/auth/refresh", { body: { refresh_token } })).status).toBe(200);
    await expectProblem(
      api.send("POST", "/api/v1/auth/refresh", { body: { refresh_token: lost.refresh_token } }),
      "invalid_refresh_token",
    );
    await expectProblem(post({ username: clerk.username, password: clerk.password }), "invalid_credentials");
    await login(api, { ...clerk, password: "four walls and a roof" });
  });

  test("refuses a wrong old password and a weak new one, pointing at it", async () => {
    const { access_token } = await login(api, people.admin);
    const wrong = await expectProblem(change(access_token, "wrong", "four walls and a roof"), "validation");
    expect(wrong.errors?.[0]?.pointer).toBe("/old_password");
    for (const weak of [
      "short",
      people.admin.password,
      `${people.admin.username}-2026-x`,
      "passwordpassword",
    ]) {
      const body = await expectProblem(change(access_token, people.admin.password, weak), "weak_password");
      expect(body.errors?.[0]?.pointer).toBe("/new_password");
    }
  });

  test("of two at once one wins", async () => {
    const { clerk } = await ownPeople();
    const { access_token } = await login(api, clerk);
    const answers = await Promise.all(
      ["four walls and a roof", "five walls and no roof"].map((next) =>
        change(access_token, clerk.password, next),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 422]);
  });

  test("is told in the audit trail without any hash", async () => {
    const { clerk } = await ownPeople();
    const { access_token } = await login(api, clerk);
    await change(access_token, clerk.password, "four walls and a roof");
    const rows = await api.sql`select a.action, a.actor_user_id from core.audit_log a
      where a.entity_id = ${clerk.user_id} and a.action = 'user.updated'`;
    expect([...rows]).toEqual([{ action: "user.updated", actor_user_id: clerk.user_id }]);
    const [leaks] =
      await api.sql`select count(*)::int as n from core.audit_log a where a::text like '%argon2%'`;
    expect(leaks.n).toBe(0);
    expect(api.lines.join("\n")).not.toContain("argon2");
    expect(api.lines.join("\n")).not.toContain("four walls");
  });
});
