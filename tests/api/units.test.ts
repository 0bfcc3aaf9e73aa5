import { afterAll, beforeAll, expect, test } from "bun:test";
import { memberRoles } from "../../src/platform/enums.ts";
import { type Page, read } from "../helpers/answers.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let token: string;

beforeAll(async () => {
  api = await startTestApp();
  token = await api.token(api.alpha.people.owner);
});
afterAll(() => api.stop());

const path = "/api/v1/units";
type Unit = { id: string; name: string };
const create = async (name: string, by: string = token) => {
  const response = await api.send("POST", path, { token: by, body: { name } });
  expect(response.status).toBe(201);
  return { etag: response.headers.get("etag") ?? "", unit: await read<Unit>(response) };
};

test("a unit is found by its id however the path spells it, and a wrong id is told so", async () => {
  const { unit } = await create("Spelt");
  const spellings = [
    unit.id,
    unit.id.toUpperCase(),
    `%${unit.id.charCodeAt(0).toString(16)}${unit.id.slice(1)}`,
  ];
  for (const spelt of spellings) {
    const found = await api.send("GET", `${path}/${spelt}`, { token });
    expect(found.status).toBe(200);
    expect((await read<Unit>(found)).id).toBe(unit.id);
  }
  const head = await api.send("HEAD", `${path}/${unit.id}`, { token });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  await expectProblem(api.send("GET", `${path}/${unit.id}x`, { token }), "validation");
  await expectProblem(api.send("GET", `${path}/%zz`, { token }), "validation");
});

test("a unit is created, read, changed and removed", async () => {
  const body = { name: "Ikeja", location: "12 Allen Avenue" };
  const created = await api.send("POST", path, { token, body });
  expect(created.status).toBe(201);
  const unit = await read<Unit>(created);
  expect(unit).toMatchObject({ ...body, version: 1 });
  expect(created.headers.get("location")).toBe(`${path}/${unit.id}`);
  const found = await api.send("GET", `${path}/${unit.id}`, { token });
  expect(await found.json()).toEqual(unit);
  const headers = { "if-match": found.headers.get("etag") ?? "" };
  const changed = await api.send("PATCH", `${path}/${unit.id}`, { token, body: { location: null }, headers });
  expect(await changed.json()).toMatchObject({ name: "Ikeja", location: null, version: 2 });
  await expectProblem(
    api.send("PATCH", `${path}/${unit.id}`, { token, body: { location: null }, headers }),
    "precondition_failed",
  );
  await expectProblem(api.send("DELETE", `${path}/${unit.id}`, { token, headers }), "precondition_failed");
  expect((await api.send("DELETE", `${path}/${unit.id}`, { token })).status).toBe(204);
  await expectProblem(api.send("GET", `${path}/${unit.id}`, { token }), "not_found");
  await expectProblem(api.send("DELETE", `${path}/${unit.id}`, { token }), "not_found");
  const rows = await api.sql`select action from core.audit_log where entity_id = ${unit.id} order by id`;
  expect(rows.map(({ action }: { action: string }) => action)).toEqual([
    "unit.created",
    "unit.updated",
    "unit.deleted",
  ]);
});

test("its name is unique in the business, not beyond it", async () => {
  await create("surulere");
  const again = await expectProblem(
    api.send("POST", path, { token, body: { name: "surulere" } }),
    "already_exists",
  );
  expect(again.errors?.[0]?.pointer).toBe("/name");
  await create("surulere", await api.token(api.bravo.people.owner));
});

test("with a key it is created once", async () => {
  const send = (body: object) =>
    api.send("POST", path, { token, body, headers: { "idempotency-key": "create-yaba" } });
  const [first, second] = [await send({ name: "Yaba" }), await send({ name: "Yaba" })];
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  expect(await second.text()).toBe(await first.text());
  await expectProblem(send({ name: "Not Yaba" }), "idempotency_mismatch");
});

test("one that anything refers to stays", async () => {
  const { unit: home } = await create("Somebody's");
  await api.sql`update core.memberships set unit_id = ${home.id} where id = ${api.alpha.people.clerk.member_id}`;
  await expectProblem(api.send("DELETE", `${path}/${home.id}`, { token }), "in_use");
  const { unit: shop } = await create("A customer's");
  await api.sql`insert into core.customers (business_id, unit_id, name) values (${api.alpha.id}, ${shop.id}, 'Ada')`;
  await expectProblem(api.send("DELETE", `${path}/${shop.id}`, { token }), "in_use");
});

test("they are listed by name, page by page, both ways", async () => {
  const by = await api.token(api.bravo.people.admin);
  for (const name of ["b", "a", "d", "c"]) await create(name, by);
  const names = async (sort: string): Promise<string[]> => {
    const found: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const more: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page<Unit> = await read(
        api.send("GET", `${path}?limit=2&sort=${sort}${more}`, { token: by }),
      );
      found.push(...page.data.map(({ name }) => name));
      cursor = page.meta.next_cursor;
    }
    return found;
  };
  const up = await names("name");
  expect(up).toEqual(["a", "b", "c", "d", "surulere"]);
  expect(await names("-name")).toEqual(up.toReversed());
});

test("another business's is not there", async () => {
  const { unit } = await create("Theirs", await api.token(api.bravo.people.owner));
  const headers = { "if-match": "*" };
  await expectProblem(api.send("GET", `${path}/${unit.id}`, { token }), "not_found");
  await expectProblem(
    api.send("PATCH", `${path}/${unit.id}`, { token, body: { name: "Mine" }, headers }),
    "not_found",
  );
  await expectProblem(api.send("DELETE", `${path}/${unit.id}`, { token }), "not_found");
});

test.each(memberRoles)("%s reads and writes as the policy says", async (role) => {
  const by = await api.token(api.alpha.people[role]);
  expect((await api.send("GET", path, { token: by })).status).toBe(role === "customer" ? 403 : 200);
  const written = await api.send("POST", path, { token: by, body: { name: `by ${role}` } });
  expect(written.status).toBe(role === "owner" || role === "admin" ? 201 : 403);
});
