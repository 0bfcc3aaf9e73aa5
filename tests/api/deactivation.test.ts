import { afterAll, beforeAll, expect, test } from "bun:test";
import { businessTag, membershipsTag, membersTag, sessionTag, userTag } from "../../src/core/tags.ts";
import type { TestApp } from "../helpers/app.ts";
import { makeBusiness, type Person } from "../helpers/fixtures.ts";
import { type Replicas, startReplicas, until } from "../helpers/replicas.ts";

/** What there is no route for is changed in the database: it counts on every replica within a second all the same. */

let fleet: Replicas;
beforeAll(async () => {
  fleet = await startReplicas();
});
afterAll(() => fleet.stop());

const sessionOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { sid: string }).sid;

const changes: Readonly<
  Record<string, (person: Person, business_id: string, sid: string) => [string, string]>
> = {
  "a person is suspended": ({ user_id }) => [
    "update core.users set status = 'suspended' where id = $1",
    user_id,
  ],
  "a password is reset": ({ user_id }) => [
    "update core.users set password_hash = null, token_version = token_version + 1 where id = $1",
    user_id,
  ],
  "a member is suspended": ({ member_id }) => [
    "update core.memberships set status = 'suspended' where id = $1",
    member_id,
  ],
  "a member is removed": ({ member_id }) => ["delete from core.memberships where id = $1", member_id],
  "a business is closed": (_person, business_id) => [
    "update core.businesses set status = 'closed' where id = $1",
    business_id,
  ],
  "a session is ended": (_person, _business_id, sid) => [
    "update core.sessions set revoked_at = now(), revoke_reason = 'by hand' where id = $1",
    sid,
  ],
  "a session is removed": (_person, _business_id, sid) => ["delete from core.sessions where id = $1", sid],
};

test.each(Object.keys(changes))("%s: refused on every replica within a second", async (name) => {
  const { one, two } = fleet;
  const code = `D${Object.keys(changes).indexOf(name)}HAND`;
  const business = await makeBusiness(one.sql, { code, timezone: "Africa/Lagos", currency: "NGN" });
  const person = business.people.clerk;
  const token = await one.token(person, business);
  const statusOf = async (app: TestApp) => (await app.send("GET", "/api/v1/business", { token })).status;
  for (const app of [one, two]) for (const _ of [1, 2]) expect(await statusOf(app)).toBe(200);
  const [text, id] = changes[name]?.(person, business.id, sessionOf(token)) ?? ["", ""];
  await one.sql.unsafe(text, [id]);
  const since = performance.now();
  for (const app of [one, two]) {
    const left_ms = 1_050 - (performance.now() - since);
    await until("it is refused", async () => (await statusOf(app)) === 401, left_ms);
  }
});

test("the rows name the tags that the cache knows; seeds, logins and refreshes name none", async () => {
  const { sql } = fleet.one;
  const { id, people } = fleet.one.alpha;
  const { user_id, member_id } = people.operator;
  const sid = sessionOf(await fleet.one.token(people.operator));
  const tagsOf = (...statements: readonly string[]): Promise<string[]> =>
    sql.begin(async (transaction) => {
      for (const statement of statements) await transaction.unsafe(statement);
      const rows: { tags: string[] }[] = await transaction`select tags from core.cache_outbox
        where xmin::text = (pg_current_xact_id()::xid)::text`;
      return rows.flatMap(({ tags }) => tags);
    });
  const locked = `update core.users set status = 'active' where id = '${user_id}'`;
  expect(await tagsOf(locked)).toEqual([userTag(user_id)]);
  expect(await tagsOf(`update core.businesses set name = name where id = '${id}'`)).toEqual([
    businessTag(id),
  ]);
  expect(await tagsOf(`update core.memberships set role = role where id = '${member_id}'`)).toEqual([
    membershipsTag(user_id),
    membersTag(id),
  ]);
  expect(await tagsOf(`update core.sessions set expires_at = expires_at where id = '${sid}'`)).toEqual([
    sessionTag(user_id, sid),
  ]);
  expect(await tagsOf("set local app.import = 'on'", locked)).toEqual([]);
  expect(await tagsOf(`set local app.user_id = '${user_id}'`, locked)).toEqual([]);
  expect(await tagsOf(`update core.users set failed_logins = 1 where id = '${user_id}'`)).toEqual([]);
  expect(await tagsOf(`update core.sessions set last_seen_at = now() where id = '${sid}'`)).toEqual([]);
});
