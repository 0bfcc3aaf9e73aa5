import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Page, read } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { type Business, makeBusiness } from "../helpers/fixtures.ts";
import { login, timeUntilRefused } from "../helpers/login.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let other: TestApp;
let owner: string;
let admin: string;

beforeAll(async () => {
  api = await startTestApp();
  other = await startTestApp({ database_url: api.database_url, businesses: [api.alpha, api.bravo] });
  owner = await api.token(api.alpha.people.owner);
  admin = await api.token(api.alpha.people.admin);
});
afterAll(async () => {
  await other.stop();
  await api.stop();
});

const path = "/api/v1/members";
type Member = { id: string; username: string };
const any = { "if-match": "*" };
const add = (token: string, body: object, headers: Record<string, string> = {}) =>
  api.send("POST", path, { token, body, headers });
const patch = (token: string, id: string, body: object, headers: Record<string, string> = any) =>
  api.send("PATCH", `${path}/${id}`, { token, body, headers });
const move = (token: string, id: string, to: "suspend" | "reactivate") =>
  api.send("POST", `${path}/${id}/${to}`, { token });
const person = (name: string) => ({
  username: name,
  full_name: `${name} Bello`,
  password: "four walls and a roof",
});

let made = 0;
/** A business of the test's own with a token of its owner: what is done to its people concerns no other test. */
const own = async (): Promise<{ business: Business; owner: string }> => {
  made += 1;
  const business = await makeBusiness(api.sql, { code: `MEMB${made}`, timezone: "UTC", currency: "NGN" });
  return { business, owner: await api.token(business.people.owner, business) };
};

describe("adding", () => {
  test("somebody new makes a login that works", async () => {
    const response = await add(owner, { ...person("tunde"), email: "tunde@example.test", role: "clerk" });
    expect(response.status).toBe(201);
    const text = await response.text();
    expect(text).not.toContain("argon2");
    expect(text).not.toContain("four walls");
    const member = JSON.parse(text);
    expect(member).toMatchObject({
      username: "tunde",
      email: "tunde@example.test",
      role: "clerk",
      status: "active",
      invited_as: null,
      version: 1,
    });
    expect(response.headers.get("location")).toBe(`${path}/${member.id}`);
    const session = await login(api, { username: "tunde", password: "four walls and a roof" });
    expect(session.business.code).toBe("ALPHA");
    const [leaks] = await api.sql`select count(*)::int as n from core.audit_log a
      where a::text like '%argon2%' or a::text like '%four walls%'`;
    expect(leaks.n).toBe(0);
  });

  test("somebody with a login invites them, and tells nothing that was not known", async () => {
    const stranger = api.bravo.people.clerk;
    const response = await add(admin, { email: `${stranger.username}@example.test`, role: "manager" });
    expect(response.status).toBe(201);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      status: "invited",
      invited_as: `${stranger.username}@example.test`,
      full_name: null,
      username: null,
    });
    expect(text).not.toContain("clerk of BRAVO");
    const found = await read<Page<Member>>(api.send("GET", `${path}?q=clerk%20of%20BRAVO`, { token: admin }));
    expect(found.data).toEqual([]);
    await expectProblem(add(admin, { username: stranger.username, role: "manager" }), "already_exists");
  });

  test.each([
    ["no name at all", { role: "clerk" }, "validation", ""],
    [
      "two names of somebody with a login",
      { username: "abc", email: "a@b.test", role: "clerk" },
      "validation",
      "",
    ],
    [
      "a full name without a password",
      { username: "abc", full_name: "A", role: "clerk" },
      "validation",
      "/password",
    ],
    [
      "a password without a full name",
      { username: "abc", password: "four walls and a roof", role: "clerk" },
      "validation",
      "/full_name",
    ],
    ["no role", person("norole"), "validation", "/role"],
    ["an unknown role", { ...person("norole"), role: "king" }, "validation", "/role"],
    [
      "somebody nobody knows",
      { username: "nobody-at-all", role: "clerk" },
      "reference_not_found",
      "/username",
    ],
    [
      "a weak password",
      { ...person("weak"), password: "short", role: "clerk" },
      "weak_password",
      "/password",
    ],
    ["a taken user name", { ...person("alpha.clerk"), role: "clerk" }, "already_exists", "/username"],
    [
      "a sub-agent without an agent",
      { ...person("sub1"), role: "sub_agent" },
      "validation",
      "/parent_member_id",
    ],
    [
      "a unit of nobody",
      { ...person("sub2"), role: "clerk", unit_id: "0199c0de-0000-7000-8000-000000000000" },
      "reference_not_found",
      "/unit_id",
    ],
  ] as const)("%s is refused", async (_, body, code, pointer) => {
    const refused = await expectProblem(add(owner, body), code);
    expect(refused.errors?.[0]?.pointer).toBe(pointer);
    if ("full_name" in body && body.username !== "alpha.clerk") {
      const [row] =
        await api.sql`select count(*)::int as n from core.users where username = ${body.username}`;
      expect(row.n).toBe(0);
    }
  });

  test("a sub-agent works for an agent of this business", async () => {
    const body = (name: string, parent_member_id: string) => ({
      ...person(name),
      role: "sub_agent",
      parent_member_id,
    });
    expect((await add(owner, body("sub3", api.alpha.people.agent.member_id))).status).toBe(201);
    for (const wrong of [api.alpha.people.clerk, api.bravo.people.agent]) {
      const refused = await expectProblem(add(owner, body("sub4", wrong.member_id)), "reference_not_found");
      expect(refused.errors?.[0]?.pointer).toBe("/parent_member_id");
    }
    const clerk = { ...body("sub5", api.alpha.people.agent.member_id), role: "clerk" };
    await expectProblem(add(owner, clerk), "validation");
  });

  test("with a key happens once; the stored hash of the request is keyed", async () => {
    const body = { ...person("once"), role: "clerk" };
    const headers = { "idempotency-key": "add-once-please" };
    const [first, second] = [await add(owner, body, headers), await add(owner, body, headers)];
    expect(first.status).toBe(201);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await second.text()).toBe(await first.text());
    await expectProblem(add(owner, { ...body, role: "agent" }, headers), "idempotency_mismatch");
    const plain = new Bun.CryptoHasher("sha256")
      .update(`POST\n${path}\n${JSON.stringify(body)}`)
      .digest("hex");
    const [row] = await api.sql`select encode(request_hash, 'hex') as hash from core.idempotency_keys
      where key = 'add-once-please'`;
    expect(row.hash).not.toBe(plain);
  });
});

describe("the list", () => {
  const names = async (query: string): Promise<string[]> => {
    const response = await api.send("GET", `${path}?${query}`, {
      token: await api.token(api.bravo.people.owner),
    });
    expect(response.status).toBe(200);
    return (await read<Page<Member>>(response)).data.map(({ username }) => username);
  };

  test("is filtered by role, status and search", async () => {
    expect(await names("role=agent")).toEqual(["bravo.agent"]);
    expect(await names("status=suspended")).toEqual([]);
    expect(await names("q=bravo.a")).toEqual(["bravo.agent", "bravo.admin"]);
    expect(await names("q=ADMIN%20of")).toEqual(["bravo.admin"]);
    expect(await names("q=%25")).toEqual([]);
    expect((await names("")).length).toBe(9);
  });

  test("comes in pages, newest first or last", async () => {
    const newest = await names("limit=200");
    expect(await names("limit=200&sort=created_at")).toEqual(newest.toReversed());
    const token = await api.token(api.bravo.people.owner);
    const first = await read<Page<Member>>(api.send("GET", `${path}?limit=4`, { token }));
    const cursor = encodeURIComponent(first.meta.next_cursor ?? "");
    const second = await read<Page<Member>>(api.send("GET", `${path}?limit=200&cursor=${cursor}`, { token }));
    const found = [...first.data, ...second.data].map(({ username }) => username);
    expect(found).toEqual(newest);
    await expectProblem(
      api.send("GET", `${path}?limit=4&role=agent&cursor=${cursor}`, { token }),
      "invalid_cursor",
    );
  });
});

describe("roles", () => {
  test("a new role counts here at once and elsewhere within a second", async () => {
    const { business, owner } = await own();
    const { clerk } = business.people;
    const theirs = await api.token(clerk, business);
    const list = (app: TestApp) => app.send("GET", path, { token: theirs });
    expect([(await list(api)).status, (await list(other)).status]).toEqual([403, 403]);
    expect((await patch(owner, clerk.member_id, { role: "manager" })).status).toBe(200);
    expect((await list(api)).status).toBe(200);
    await Bun.sleep(1_000);
    expect((await list(other)).status).toBe(200);
  });

  test("only an owner makes, changes and suspends owners", async () => {
    const { business, owner } = await own();
    const admin = await api.token(business.people.admin, business);
    const { clerk, owner: boss } = business.people;
    await expectProblem(add(admin, { ...person("boss"), role: "owner" }), "forbidden");
    await expectProblem(patch(admin, clerk.member_id, { role: "owner" }), "forbidden");
    await expectProblem(patch(admin, boss.member_id, { role: "clerk" }), "forbidden");
    await expectProblem(patch(admin, boss.member_id, { unit_id: null }), "forbidden");
    await expectProblem(move(admin, boss.member_id, "suspend"), "forbidden");
    expect((await patch(owner, clerk.member_id, { role: "owner" })).status).toBe(200);
    expect((await move(owner, clerk.member_id, "suspend")).status).toBe(200);
    await expectProblem(move(admin, clerk.member_id, "reactivate"), "forbidden");
    expect((await move(owner, clerk.member_id, "reactivate")).status).toBe(200);
  });

  test("the last active owner stays, also when two go at once", async () => {
    const { business, owner } = await own();
    const { owner: first, admin: second } = business.people;
    await expectProblem(patch(owner, first.member_id, { role: "admin" }), "last_owner");
    await expectProblem(move(owner, first.member_id, "suspend"), "last_owner");
    await patch(owner, second.member_id, { role: "owner" });
    const answers = await Promise.all([
      patch(owner, second.member_id, { role: "admin" }),
      patch(await api.token(second, business), first.member_id, { role: "admin" }),
    ]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const [row] = await api.sql`select count(*)::int as owners from core.memberships
      where business_id = ${business.id} and role = 'owner' and status = 'active'`;
    expect(row.owners).toBe(1);
  });

  test("an agent with sub-agents stays one; a sub-agent who becomes something else has no agent", async () => {
    const { business, owner } = await own();
    const { agent, sub_agent } = business.people;
    await expectProblem(patch(owner, agent.member_id, { role: "clerk" }), "in_use");
    const changed = await patch(owner, sub_agent.member_id, { role: "clerk" });
    expect(await changed.json()).toMatchObject({ role: "clerk", parent_member_id: null });
    expect((await patch(owner, agent.member_id, { role: "clerk" })).status).toBe(200);
    await expectProblem(patch(owner, agent.member_id, { parent_member_id: agent.member_id }), "validation");
  });

  test("a change needs the version that was read, and names what it may change", async () => {
    const { business, owner } = await own();
    const { clerk } = business.people;
    const found = await api.send("GET", `${path}/${clerk.member_id}`, { token: owner });
    const stale = { "if-match": found.headers.get("etag") ?? "" };
    await expectProblem(patch(owner, clerk.member_id, { role: "manager" }, {}), "precondition_required");
    expect((await patch(owner, clerk.member_id, { role: "manager" }, stale)).status).toBe(200);
    await expectProblem(patch(owner, clerk.member_id, { role: "clerk" }, stale), "precondition_failed");
    for (const body of [
      {},
      { status: "suspended" },
      { user_id: business.people.owner.user_id },
      { role: null },
    ]) {
      await expectProblem(patch(owner, clerk.member_id, body), "validation");
    }
    const unit = await read<Member>(
      api.send("POST", "/api/v1/units", { token: owner, body: { name: "HQ" } }),
    );
    const placed = await patch(owner, clerk.member_id, { unit_id: unit.id });
    // A patch without a role keeps it: an enum of the schema must not fill one in.
    expect(await placed.json()).toMatchObject({ unit_id: unit.id, role: "manager" });
  });
});

describe("suspending", () => {
  test("refuses the member everywhere within a second, and reactivating lets them in", async () => {
    const { business, owner } = await own();
    const { clerk } = business.people;
    const theirs = await api.token(clerk, business);
    expect((await other.send("GET", "/api/v1/me", { token: theirs })).status).toBe(200);
    expect(await (await move(owner, clerk.member_id, "suspend")).json()).toMatchObject({
      status: "suspended",
    });
    await expectProblem(api.send("GET", "/api/v1/me", { token: theirs }), "session_revoked");
    expect(await timeUntilRefused(other, theirs)).toBeLessThan(1_000);
    const again = await expectProblem(move(owner, clerk.member_id, "suspend"), "illegal_transition");
    expect(again).toMatchObject({ from: "suspended", to: "suspended", allowed: ["active"] });
    expect(await (await move(owner, clerk.member_id, "reactivate")).json()).toMatchObject({
      status: "active",
    });
    expect((await api.send("GET", "/api/v1/me", { token: theirs })).status).toBe(200);
    await expectProblem(move(owner, clerk.member_id, "reactivate"), "illegal_transition");
  });

  test("somebody invited withdraws the invitation, and reactivating does not accept it for them", async () => {
    const { owner } = await own();
    const invited = await read<Member>(add(owner, { username: "bravo.manager", role: "clerk" }));
    expect((await move(owner, invited.id, "suspend")).status).toBe(200);
    expect(await (await move(owner, invited.id, "reactivate")).json()).toMatchObject({
      status: "invited",
      full_name: null,
    });
  });
});

test("another business's member is not there", async () => {
  const id = api.bravo.people.clerk.member_id;
  await expectProblem(api.send("GET", `${path}/${id}`, { token: owner }), "not_found");
  await expectProblem(patch(owner, id, { role: "owner" }), "not_found");
  await expectProblem(move(owner, id, "suspend"), "not_found");
  await expectProblem(move(owner, id, "reactivate"), "not_found");
  await expectProblem(patch(admin, crypto.randomUUID(), { role: "clerk" }), "not_found");
});
