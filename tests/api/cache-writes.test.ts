import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { TestApp } from "../helpers/app.ts";
import type { Person } from "../helpers/fixtures.ts";
import { ask, type Replicas, startReplicas, until } from "../helpers/replicas.ts";
import { makeThings, type Things } from "../helpers/things.ts";

/** What a bounded answer may be behind a write, where all is well: far less, but machines are slow at times. */
const bound_ms = 1_050;

let fleet: Replicas;
let things: Things;
let owner: string;
let operator: string;

beforeAll(async () => {
  fleet = await startReplicas();
  const { one } = fleet;
  things = await makeThings(one.sql, one.alpha);
  owner = await one.token(one.alpha.people.owner);
  operator = await one.token(one.alpha.people.operator);
});
afterAll(() => fleet.stop());

type Write = {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  token?: string;
};

/** A read that a write makes wrong, and whether its text is the new one. */
type Read = { path: string; shows: (text: string) => boolean; strict?: boolean; token?: string };

/**
 * Brings every read into the memory of both replicas, writes on the first, and reads again: there at once, and on the
 * other at once where it is strict, else within the bound.
 */
async function expectSeen(write: Write, reads: readonly Read[]): Promise<string> {
  const { one, two } = fleet;
  const read = (app: TestApp, { path, token = owner }: Read) => ask(app, path, token);
  for (const each of reads) {
    for (const app of [one, two]) {
      await until(`${each.path} is cached`, async () => (await read(app, each)).from === "HIT l1");
      expect(`${each.path} ${each.shows((await read(app, each)).text)}`).toBe(`${each.path} false`);
    }
  }
  const { method, path, token = owner, ...options } = write;
  const response = await one.send(method, path, { token, headers: { "if-match": "*" }, ...options });
  expect(response.status).toBeLessThan(300);
  const late: string[] = [];
  const answered = performance.now();
  for (const each of reads.filter(({ strict }) => strict === true)) {
    if (!each.shows((await read(two, each)).text)) late.push(`${each.path} on the other`);
  }
  for (const each of reads)
    if (!each.shows((await read(one, each)).text)) late.push(`${each.path} on the writer's`);
  expect(late).toEqual([]);
  const left_ms = (): number => bound_ms - (performance.now() - answered);
  for (const each of reads) {
    await until(
      `${each.path} is new on the other`,
      async () => each.shows((await read(two, each)).text),
      left_ms(),
    );
  }
  return response.text();
}

const has = (word: string) => (text: string) => text.includes(word);
/** PostgreSQL writes JSON with a space on both sides of the colon, or with none. */
const says = (member: string, value: unknown) => (text: string) =>
  text.replaceAll(" : ", ":").includes(`"${member}":${JSON.stringify(value)}`);
const hasNot = (word: string) => (text: string) => !text.includes(word);

describe("customers", () => {
  test("a new one is in the lists", async () => {
    await expectSeen({ method: "POST", path: "/api/v1/customers", body: { name: "Brand new" } }, [
      { path: "/api/v1/customers", shows: has("Brand new") },
      { path: "/api/v1/customers?q=brand", shows: has("Brand new") },
    ]);
  });

  test("another name is everywhere the name stands", async () => {
    const path = `/api/v1/customers/${things.customer_id}`;
    await expectSeen(
      {
        method: "PATCH",
        path: path.toUpperCase().replace("/API/V1/CUSTOMERS", "/api/v1/customers"),
        body: { name: "Renamed" },
      },
      [
        { path, shows: has("Renamed") },
        { path: "/api/v1/customers?sort=name", shows: has("Renamed") },
        { path: "/api/v1/jobs", shows: has("Renamed") },
        { path: `/api/v1/jobs/${things.idOf("/api/v1/jobs/{id}")}`, shows: has("Renamed") },
        { path: "/api/v1/dashboard/recent-jobs", shows: has("Renamed") },
      ],
    );
  });

  test("an archived one leaves the list of the active, a restored one comes back", async () => {
    const path = `/api/v1/customers/${things.customer_id}`;
    const active = "/api/v1/customers?is_active=true";
    await expectSeen({ method: "POST", path: `${path}/archive` }, [
      { path, shows: says("is_active", false) },
      { path: active, shows: hasNot(things.customer_id) },
    ]);
    await expectSeen({ method: "POST", path: `${path}/restore` }, [
      { path, shows: says("is_active", true) },
      { path: active, shows: has(things.customer_id) },
    ]);
  });

  test("imported ones are there; a dry run and a refused file end nothing", async () => {
    const path = "/api/v1/customers/import";
    const headers = { "content-type": "text/csv" };
    const list = "/api/v1/customers?limit=60";
    await fleet.one.sql`insert into core.customers (business_id, id, name, code)
      values (${fleet.one.alpha.id}, ${Bun.randomUUIDv7()}, 'Has a code', 'C-7')`;
    await until("the list is cached", async () => (await ask(fleet.one, list, owner)).from === "HIT l1");
    for (const [query, body, status] of [
      ["?dry_run=true", "name\nDry", 200],
      ["", "name,phone\nWrong,1", 422],
      ["", "name,code\nNot this one,C-7", 422],
    ] as const) {
      const response = await fleet.one.send("POST", path + query, { token: owner, body, headers });
      expect(response.status).toBe(status);
      expect((await ask(fleet.one, list, owner)).from).toBe("HIT l1");
    }
    await expectSeen({ method: "POST", path, body: "name\nFrom a file", headers }, [
      { path: list, shows: has("From a file") },
    ]);
  });

  test("a write that is repeated with its key ends it again: the first may have died before it said so", async () => {
    const send = () =>
      fleet.one.send("POST", "/api/v1/customers", {
        token: owner,
        body: { name: "Once" },
        headers: { "idempotency-key": "cache-writes-once" },
      });
    expect((await send()).status).toBe(201);
    const list = "/api/v1/customers?limit=61";
    await until("the list is cached", async () => (await ask(fleet.one, list, owner)).from === "HIT l1");
    expect((await send()).headers.get("idempotency-replayed")).toBe("true");
    expect((await ask(fleet.one, list, owner)).from).not.toBe("HIT l1");
  });
});

describe("units", () => {
  test("are made, renamed and removed", async () => {
    const list = "/api/v1/units";
    const made = await expectSeen({ method: "POST", path: list, body: { name: "Ikeja" } }, [
      { path: list, shows: has("Ikeja") },
    ]);
    const path = `${list}/${(JSON.parse(made) as { id: string }).id}`;
    await expectSeen({ method: "PATCH", path, body: { name: "Yaba" } }, [
      { path, shows: has("Yaba") },
      { path: list, shows: has("Yaba") },
    ]);
    await expectSeen({ method: "DELETE", path }, [
      { path, shows: has("not_found") },
      { path: list, shows: hasNot("Yaba") },
    ]);
  });
});

describe("strict answers are never older than the answer to the write, on any replica", () => {
  test("settings", async () => {
    const path = "/api/v1/settings/shop.over_production_bps";
    for (const value of [100, 200, 300, 400]) {
      await expectSeen({ method: "PUT", path, body: { value } }, [
        { path, shows: says("value", value), strict: true },
        { path: "/api/v1/settings", shows: says("value", value), strict: true },
      ]);
    }
  });

  test("the name of the business, for whoever belongs to it or is invited", async () => {
    const guest = fleet.one.bravo.people.clerk;
    await fleet.one.sql`insert into core.memberships (business_id, id, user_id, role, status, invited_as)
      values (${fleet.one.alpha.id}, ${Bun.randomUUIDv7()}, ${guest.user_id}, 'clerk', 'invited', 'guest')`;
    const invited = await fleet.one.token(guest);
    for (const name of ["First & Sons", "Second & Daughters"]) {
      await expectSeen({ method: "PATCH", path: "/api/v1/business", body: { name } }, [
        { path: "/api/v1/business", shows: has(name), strict: true },
        { path: "/api/v1/me", shows: has(name), strict: true },
        { path: "/api/v1/me", shows: has(name), strict: true, token: operator },
        { path: "/api/v1/me", shows: has(name), strict: true, token: invited },
      ]);
    }
  });

  test("one's own name, which stands beside one's work as well", async () => {
    await expectSeen(
      { method: "PATCH", path: "/api/v1/me", token: operator, body: { full_name: "Chidi Eze" } },
      [
        { path: "/api/v1/me", shows: has("Chidi Eze"), strict: true, token: operator },
        { path: `/api/v1/jobs/${things.idOf("/api/v1/jobs/{id}")}`, shows: has("Chidi Eze") },
      ],
    );
  });

  test("a new password is another version of its owner", async () => {
    const { one } = fleet;
    const admin = one.alpha.people.admin;
    const token = await one.token(admin);
    const body = { old_password: admin.password, new_password: "four walls and a roof" };
    await expectSeen({ method: "POST", path: "/api/v1/auth/password", token, body }, [
      { path: "/api/v1/me", shows: says("version", 2), strict: true, token },
    ]);
  });
});

describe("members", () => {
  const users = (total: number) => (text: string) =>
    (JSON.parse(text) as { users: { total: number } }).users.total === total;
  const total = async (): Promise<number> =>
    (
      JSON.parse((await ask(fleet.one, "/api/v1/dashboard/stats", owner)).text) as {
        users: { total: number };
      }
    ).users.total;
  test("are counted, and see their role, as soon as they change", async () => {
    const clerk = fleet.one.alpha.people.clerk;
    const token = await fleet.one.token(clerk);
    const path = `/api/v1/members/${clerk.member_id}`;
    const before = await total();
    await expectSeen({ method: "PATCH", path, body: { role: "manager" } }, [
      { path: "/api/v1/me", shows: says("role", "manager"), strict: true, token },
      {
        path: "/api/v1/dashboard/stats",
        shows: (text) => (JSON.parse(text) as { users: { managers: number } }).users.managers === 4,
      },
    ]);
    await expectSeen({ method: "POST", path: `${path}/suspend` }, [
      { path: "/api/v1/dashboard/stats", shows: users(before - 1) },
    ]);
    await expectSeen({ method: "POST", path: `${path}/reactivate` }, [
      { path: "/api/v1/dashboard/stats", shows: users(before) },
    ]);
    await expectSeen(
      {
        method: "POST",
        path: "/api/v1/members",
        body: {
          username: "new.hand",
          full_name: "New Hand",
          password: "four walls and a roof",
          role: "operator",
        },
      },
      [{ path: "/api/v1/dashboard/stats", shows: users(before + 1) }],
    );
  });

  test("an invitation is in the profile at once, and counts once it is accepted, by entering or by logging in", async () => {
    const { one } = fleet;
    const invite = async (person: Person): Promise<string> => {
      const token = await one.token(person);
      await expectSeen(
        { method: "POST", path: "/api/v1/members", body: { username: person.username, role: "agent" } },
        [{ path: "/api/v1/me", shows: has('"ALPHA"'), strict: true, token }],
      );
      return token;
    };
    const stats = "/api/v1/dashboard/stats";
    const entering = await invite(one.bravo.people.agent);
    await expectSeen(
      {
        method: "POST",
        path: "/api/v1/me/active-business",
        token: entering,
        body: { business_id: one.alpha.id },
      },
      [{ path: stats, shows: users((await total()) + 1) }],
    );
    const person = one.bravo.people.compliance;
    await invite(person);
    // Who has nothing but an invitation accepts it by logging in.
    await one.sql`update core.memberships set status = 'suspended' where id = ${person.member_id}`;
    const { username, password } = person;
    await expectSeen({ method: "POST", path: "/api/v1/auth/login", body: { username, password } }, [
      { path: stats, shows: users((await total()) + 1) },
    ]);
    const left = await one.sql`select tags from core.cache_outbox where tags::text like '%00000000-0000%'`;
    expect(left).toHaveLength(0);
  });
});
