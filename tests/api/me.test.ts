import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { memberRoles } from "../../src/platform/enums.ts";
import { type Page, read } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeBusiness } from "../helpers/fixtures.ts";
import { login, type Tokens } from "../helpers/login.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let token: string;

beforeAll(async () => {
  api = await startTestApp();
  token = await api.token(api.alpha.people.owner);
});
afterAll(() => api.stop());

type Me = { id: string; business_id: string; businesses: ({ status: string } & Record<string, string>)[] };
type Session = { id: string; is_current: boolean; user_agent: string };

const me = async (of: string = token, headers: Record<string, string> = {}) => {
  const response = await api.send("GET", "/api/v1/me", { token: of, headers });
  expect(response.status).toBe(200);
  return { etag: response.headers.get("etag") ?? "", body: await read<Me>(response) };
};

describe("profile", () => {
  test.each(memberRoles)("%s sees who they are and where they belong", async (role) => {
    const person = api.alpha.people[role];
    const { body } = await me(await api.token(person));
    expect(body).toMatchObject({ id: person.user_id, username: person.username, business_id: api.alpha.id });
    expect(body.businesses).toEqual([
      {
        id: api.alpha.id,
        code: "ALPHA",
        name: "ALPHA works",
        currency: "NGN",
        timezone: "Africa/Lagos",
        member_id: person.member_id,
        role,
        status: "active",
      },
    ]);
    expect(JSON.stringify(body)).not.toContain("argon2");
  });

  test("changes with If-Match only, and every change is a new version", async () => {
    const path = "/api/v1/me";
    const body = { full_name: "Adaeze Okafor", timezone: "Europe/London", locale: "en-GB" };
    const { etag } = await me();
    await expectProblem(api.send("PATCH", path, { token, body }), "precondition_required");
    const changed = await api.send("PATCH", path, { token, body, headers: { "if-match": etag } });
    expect(changed.status).toBe(200);
    expect(await changed.json()).toMatchObject(body);
    expect((await me()).etag).toBe(changed.headers.get("etag") ?? "");
    await expectProblem(
      api.send("PATCH", path, { token, body, headers: { "if-match": etag } }),
      "precondition_failed",
    );
  });

  test.each([
    ["an unknown time zone", { timezone: "Mars/Olympus" }],
    ["a time zone that is no name", { timezone: "XYZ-3" }],
    ["a locale that is none", { locale: "English, please" }],
    ["a blank name", { full_name: " " }],
    ["nothing", {}],
    ["what one logs in with", { username: "root" }],
    ["a role", { role: "owner" }],
    ["superpowers", { is_superadmin: true }],
    ["a password", { password_hash: "x" }],
  ])("does not take %s", async (_, body) => {
    await expectProblem(
      api.send("PATCH", "/api/v1/me", { token, body, headers: { "if-match": "*" } }),
      "validation",
    );
  });
});

describe("picture", () => {
  const png = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  );
  const upload = async (of: string, file: File): Promise<string> => {
    const body = new FormData();
    body.set("file", file);
    return (await read<{ id: string }>(api.send("POST", "/api/v1/files", { token: of, body }))).id;
  };
  const show = (of: string, avatar_file_id: string | null) =>
    api.send("PATCH", "/api/v1/me", { token: of, body: { avatar_file_id }, headers: { "if-match": "*" } });

  test("is an image that one uploaded oneself, and stays while it is shown", async () => {
    const mine = await api.token(api.alpha.people.manager);
    const id = await upload(mine, new File([png], "me.png", { type: "image/png" }));
    const theirs = await api.token(api.bravo.people.manager);
    for (const other of [
      await upload(token, new File([png], "colleague.png")),
      await upload(theirs, new File([png], "stranger.png")),
      await upload(mine, new File(["words"], "words.txt")),
      crypto.randomUUID(),
    ]) {
      const { errors } = await expectProblem(show(mine, other), "reference_not_found");
      expect(errors?.[0]?.pointer).toBe("/avatar_file_id");
    }
    const shown = await read<{ avatar_file_id: string; full_name: string }>(show(mine, id.toUpperCase()));
    expect(shown).toMatchObject({ avatar_file_id: id, full_name: "manager of ALPHA" });
    expect((await me(mine)).body).toMatchObject({ avatar_file_id: id });
    await expectProblem(api.send("DELETE", `/api/v1/files/${id}`, { token: mine }), "in_use");
    expect(await read<object>(show(mine, null))).toMatchObject({ avatar_file_id: null });
    expect((await api.send("DELETE", `/api/v1/files/${id}`, { token: mine })).status).toBe(204);
    await expectProblem(show(mine, id), "reference_not_found");
  });

  describe("of a customer", () => {
    const picture = (name: string) => new File([png], name, { type: "image/png" });
    const send = (
      of: string,
      file: File,
      fields: Record<string, string> = {},
      headers: Record<string, string> = {},
    ) => {
      const body = new FormData();
      body.set("file", file);
      for (const [name, value] of Object.entries(fields)) body.set(name, value);
      return api.send("POST", "/api/v1/files", { token: of, body, headers });
    };
    const statusOf = async (of: string, id: string) =>
      (await api.send("GET", `/api/v1/files/${id}`, { token: of })).status;

    test("is theirs alone; another takes the place of what is not shown", async () => {
      const mine = await api.token(api.alpha.people.customer);
      const shown = await upload(mine, picture("shown.png"));
      expect(await read<object>(show(mine, shown))).toMatchObject({ avatar_file_id: shown });
      const second = await upload(mine, picture("second.png"));
      const third = await upload(mine, picture("third.png"));
      expect([
        await statusOf(mine, shown),
        await statusOf(mine, second),
        await statusOf(mine, third),
      ]).toEqual([200, 404, 200]);
      await expectProblem(api.send("DELETE", `/api/v1/files/${shown}`, { token: mine }), "in_use");
      expect((await api.send("DELETE", `/api/v1/files/${third}`, { token: mine })).status).toBe(204);
    });

    test("is nothing but a picture, and belongs to no record", async () => {
      const mine = await api.token(api.alpha.people.customer);
      await expectProblem(send(mine, new File(["words"], "words.txt")), "file_type_not_allowed");
      const of = { ref_type: "job", ref_id: Bun.randomUUIDv7() };
      await expectProblem(send(mine, picture("job.png"), of), "forbidden");
    });

    test("leaves the files of others alone", async () => {
      const mine = await api.token(api.alpha.people.customer);
      const colleague = await upload(token, picture("colleague.png"));
      const stranger = await upload(await api.token(api.bravo.people.customer), picture("stranger.png"));
      for (const id of [colleague, stranger]) {
        expect(await statusOf(mine, id)).toBe(404);
        await expectProblem(api.send("DELETE", `/api/v1/files/${id}`, { token: mine }), "not_found");
      }
      expect(await statusOf(token, colleague)).toBe(200);
    });

    test("comes ten times in a day at most, however many at once, and what is refused leaves no bytes", async () => {
      const own = await makeBusiness(api.sql, { code: "PICTURES", timezone: "UTC", currency: "NGN" });
      const mine = await api.token(own.people.customer, own);
      const key = { "idempotency-key": "picture-key-1" };
      const first = await send(mine, picture("first.png"), {}, key);
      const answers = await Promise.all(
        Array.from({ length: 14 }, (_, at) => send(mine, picture(`${at}.png`))),
      );
      expect(
        [first.status, ...answers.map(({ status }) => status)].filter((one) => one === 201),
      ).toHaveLength(10);
      for (const refused of answers.filter(({ status }) => status !== 201)) {
        expect(refused.headers.get("retry-after")).toBe("86400");
        await expectProblem(Promise.resolve(refused), "rate_limited");
      }
      const replay = await send(mine, picture("first.png"), {}, key);
      expect([replay.status, await replay.text()]).toEqual([201, await first.text()]);
      const [row] =
        (await api.sql`select count(*)::int as rows, count(*) filter (where deleted_at is null)::int as kept
        from core.files where business_id = ${own.id}`) as { rows: number; kept: number }[];
      expect(row).toEqual({ rows: 10, kept: 1 });
      const folder = join(api.deps.config.files_dir, own.id);
      const bytes = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) =>
        one.isFile(),
      );
      expect(bytes).toHaveLength(10);
    });

    test("is never shown and gone, whatever comes at once", async () => {
      const { manager } = api.alpha.people;
      const own = await makeBusiness(api.sql, { code: "ATONCE", timezone: "UTC", currency: "NGN" });
      const mine = await api.token(own.people.customer, own);
      for (let round = 0; round < 4; round += 1) {
        const id = await upload(mine, picture("one.png"));
        await Promise.all([show(mine, id), send(mine, picture("other.png")), show(mine, id)]);
        const [shown] = (await api.sql`select f.deleted_at from core.users u
          join core.files f on f.id = u.avatar_file_id where u.id = ${own.people.customer.user_id}`) as {
          deleted_at: Date | null;
        }[];
        expect(shown?.deleted_at ?? null).toBeNull();
      }
      const theirs = await api.token(manager);
      for (let round = 0; round < 8; round += 1) {
        const id = await upload(theirs, picture("one.png"));
        await Promise.all([show(theirs, id), api.send("DELETE", `/api/v1/files/${id}`, { token: theirs })]);
        const [gone] = (await api.sql`select from core.users u join core.files f on f.id = u.avatar_file_id
          where u.id = ${manager.user_id} and f.deleted_at is not null`) as object[];
        expect(gone).toBeUndefined();
      }
    });

    test("is all that a customer deletes, also of what they uploaded in another role", async () => {
      const own = await makeBusiness(api.sql, { code: "ROLES", timezone: "UTC", currency: "NGN" });
      const { operator } = own.people;
      const id = await upload(await api.token(operator, own), new File(["plan"], "plan.txt"));
      const change = { token: await api.token(own.people.owner, own), headers: { "if-match": "*" } };
      const path = `/api/v1/members/${operator.member_id}`;
      expect((await api.send("PATCH", path, { ...change, body: { role: "customer" } })).status).toBe(200);
      const mine = await api.token(operator, own);
      await expectProblem(api.send("DELETE", `/api/v1/files/${id}`, { token: mine }), "in_use");
    });
  });
});

describe("sessions", () => {
  const sessions = async (of: string, query = "") => {
    const response = await api.send("GET", `/api/v1/me/sessions${query}`, { token: of });
    expect(response.status).toBe(200);
    return read<Page<Session>>(response);
  };

  test("are one's own living ones, the last first, page by page", async () => {
    const own = await makeBusiness(api.sql, { code: "PAGES", timezone: "UTC", currency: "NGN" });
    const person = own.people.manager;
    const open = () => api.token(person, own);
    const tokens = [await open(), await open(), await open()];
    await api.send("POST", "/api/v1/auth/logout", { token: tokens[0] ?? "" });
    const mine = tokens[1] ?? "";
    const all = await sessions(mine);
    expect(all.data).toHaveLength(2);
    expect(all.data.map((session) => session.is_current)).toEqual([false, true]);
    const first = await sessions(mine, "?limit=1");
    expect(first.meta.has_more).toBe(true);
    const second = await sessions(
      mine,
      `?limit=1&cursor=${encodeURIComponent(first.meta.next_cursor ?? "")}`,
    );
    expect([...first.data, ...second.data]).toEqual(all.data);
    expect(second.meta).toEqual({ has_more: false, next_cursor: null });
  });

  test("show where they were opened", async () => {
    const { username, password } = api.alpha.people.agent;
    const response = await api.send("POST", "/api/v1/auth/login", {
      body: { username, password },
      headers: { "user-agent": `browser ${"x".repeat(400)}` },
    });
    const { data } = await sessions((await read<Tokens>(response)).access_token);
    expect(data[0]).toMatchObject({ ip: "127.0.0.1", is_current: true, business_id: api.alpha.id });
    expect(data[0]?.user_agent).toHaveLength(300);
  });

  test("end one by one, and an ended one is not there", async () => {
    const person = api.alpha.people.compliance;
    const [mine, lost] = [await api.token(person), await api.token(person)];
    expect((await me(lost)).body.id).toBe(person.user_id);
    const { data } = await sessions(mine);
    const id = data.find((session) => !session.is_current)?.id ?? "";
    expect((await api.send("DELETE", `/api/v1/me/sessions/${id}`, { token: mine })).status).toBe(204);
    await expectProblem(api.send("GET", "/api/v1/me", { token: lost }), "session_revoked");
    await expectProblem(api.send("DELETE", `/api/v1/me/sessions/${id}`, { token: mine }), "not_found");
  });

  test("of somebody else are not there, not even of a colleague", async () => {
    for (const stranger of [api.alpha.people.admin, api.bravo.people.owner]) {
      const theirs = await api.token(stranger);
      const { data } = await sessions(theirs);
      await expectProblem(api.send("DELETE", `/api/v1/me/sessions/${data[0]?.id}`, { token }), "not_found");
      expect((await me(theirs)).body.id).toBe(stranger.user_id);
    }
    await expectProblem(api.send("DELETE", "/api/v1/me/sessions/7", { token }), "validation");
  });
});

describe("active business", () => {
  const enter = (of: string, business_id: string) =>
    api.send("POST", "/api/v1/me/active-business", { token: of, body: { business_id } });

  test("is switched with a token for it, stays so after a refresh, and is where the next login begins", async () => {
    const own = await makeBusiness(api.sql, { code: "SWITCH", timezone: "Asia/Tokyo", currency: "JPY" });
    const person = own.people.clerk;
    await api.sql`insert into core.memberships (business_id, id, user_id, role)
      values (${api.alpha.id}, ${Bun.randomUUIDv7()}, ${person.user_id}, 'manager')`;
    const first = await login(api, person);
    expect(first.business.code).toBe("SWITCH");
    const byHeader = await me(first.access_token, { "x-business-id": api.alpha.id });
    expect(byHeader.body.business_id).toBe(api.alpha.id);

    const switched = await enter(first.access_token, api.alpha.id);
    expect(switched.headers.get("cache-control")).toBe("no-store");
    const answer = await read<Tokens>(switched);
    expect(Object.keys(answer)).toEqual(["access_token", "token_type", "expires_in", "business"]);
    expect(answer.business.code).toBe("ALPHA");
    expect((await me(answer.access_token)).body.business_id).toBe(api.alpha.id);

    const body = { refresh_token: first.refresh_token };
    const refreshed = await read<Tokens>(api.send("POST", "/api/v1/auth/refresh", { body }));
    expect(refreshed.business.code).toBe("ALPHA");
    await api.send("POST", "/api/v1/auth/logout", { token: refreshed.access_token });
    expect((await login(api, person)).business.code).toBe("ALPHA");
  });

  test("cannot be one where the caller is not, was suspended, or that is closed", async () => {
    const own = await makeBusiness(api.sql, { code: "CLOSED", timezone: "UTC", currency: "NGN" });
    const person = api.alpha.people.clerk;
    const mine = await api.token(person);
    await expectProblem(enter(mine, api.bravo.id), "not_found");
    await expectProblem(enter(mine, crypto.randomUUID()), "not_found");
    const member_id = Bun.randomUUIDv7();
    await api.sql`insert into core.memberships (business_id, id, user_id, role, status)
      values (${own.id}, ${member_id}, ${person.user_id}, 'clerk', 'suspended')`;
    await expectProblem(enter(mine, own.id), "not_found");
    await api.sql`update core.memberships set status = 'active' where id = ${member_id}`;
    await api.sql`update core.businesses set status = 'closed' where id = ${own.id}`;
    await expectProblem(enter(mine, own.id), "not_found");
    await expectProblem(
      api.send("GET", "/api/v1/me", { token: mine, headers: { "x-business-id": own.id } }),
      "not_found",
    );
    await expectProblem(enter(mine, "7"), "validation");
  });

  test("accepts an invitation", async () => {
    const person = api.bravo.people.operator;
    const invited = await api.send("POST", "/api/v1/members", {
      token,
      body: { username: person.username, role: "clerk" },
    });
    expect(invited.status).toBe(201);
    const theirs = await api.token(person, api.bravo);
    expect((await me(theirs)).body.businesses.map(({ status }) => status)).toEqual(["invited", "active"]);
    await expectProblem(
      api.send("GET", "/api/v1/me", { token: theirs, headers: { "x-business-id": api.alpha.id } }),
      "not_found",
    );
    expect((await enter(theirs, api.alpha.id)).status).toBe(200);
    expect((await me(theirs, { "x-business-id": api.alpha.id })).body.business_id).toBe(api.alpha.id);
    const { id } = await read<{ id: string }>(invited);
    const rows = await api.sql`select business_id, actor_user_id from core.audit_log
      where entity_id = ${id} and action = 'member.updated'`;
    expect([...rows]).toEqual([{ business_id: api.alpha.id, actor_user_id: person.user_id }]);
  });
});

describe("business", () => {
  test("is seen by every role, changed by owners and admins with If-Match", async () => {
    const response = await api.send("GET", "/api/v1/business", {
      token: await api.token(api.alpha.people.customer),
    });
    expect(response.status).toBe(200);
    const etag = response.headers.get("etag") ?? "";
    const body = { name: "Okafor & Daughters", timezone: "Africa/Accra" };
    const change = (by: string, headers: Record<string, string>) =>
      api.send("PATCH", "/api/v1/business", { token: by, body, headers });
    await expectProblem(change(await api.token(api.alpha.people.manager), { "if-match": etag }), "forbidden");
    await expectProblem(change(token, {}), "precondition_required");
    const changed = await change(token, { "if-match": etag });
    expect(await changed.json()).toMatchObject({ ...body, code: "ALPHA", currency: "NGN", version: 2 });
    await expectProblem(change(token, { "if-match": etag }), "precondition_failed");
    const [audited] = await api.sql`select before, after from core.audit_log where entity_id = ${api.alpha.id}
      and action = 'business.updated'`;
    expect(audited.after).toEqual(body);
  });

  test.each([
    ["a currency", { currency: "USD" }],
    ["a code", { code: "OTHER" }],
    ["a time zone of nowhere", { timezone: "Nowhere" }],
    ["a blank name", { name: "" }],
  ])("does not take %s", async (_, body) => {
    await expectProblem(
      api.send("PATCH", "/api/v1/business", { token, body, headers: { "if-match": "*" } }),
      "validation",
    );
  });
});
