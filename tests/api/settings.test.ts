import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { settingKeys, settings } from "../../src/core/settings-catalogue.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let owner: string;
let stranger: string;

beforeAll(async () => {
  api = await startTestApp();
  owner = await api.token(api.alpha.people.owner);
  stranger = await api.token(api.bravo.people.owner);
});
afterAll(() => api.stop());

type Setting = { key: string; value: unknown; source: string; default: unknown; version: number };

const path = (key: string) => `/api/v1/settings/${key}`;
const read = async (key: string, token = owner) =>
  (await (await api.send("GET", path(key), { token })).json()) as Setting;
const put = (key: string, value: unknown, headers: Record<string, string> = {}, token = owner) =>
  api.send("PUT", path(key), { token, body: { value }, headers });

describe("reading", () => {
  test("what nobody has set is the default, with its schema", async () => {
    const { data, meta } = (await (await api.send("GET", "/api/v1/settings", { token: owner })).json()) as {
      data: Setting[];
      meta: unknown;
    };
    expect(meta).toEqual({ next_cursor: null, has_more: false });
    expect(data.map(({ key, value, source, version }) => [key, value, source, version])).toEqual(
      settingKeys(api.deps.config.modules).map((key) => [key, settings[key].default, "default", 0]),
    );
    expect(data.find(({ key }) => key === "shop.over_production_bps")).toMatchObject({
      value: 0,
      schema: { type: "integer", minimum: 0, maximum: 10_000 },
    });
  });

  test("the installation overlays the defaults, and the business overlays the installation", async () => {
    const key = "shop.parallel_work";
    await api.sql`insert into core.settings (business_id, key, value) values (null, ${key}, 'true')`;
    await api.forget();
    expect(await read(key)).toMatchObject({
      value: true,
      source: "installation",
      default: false,
      version: 0,
    });
    expect((await put(key, false)).status).toBe(200);
    expect(await read(key)).toMatchObject({ value: false, source: "business", version: 1 });
    expect(await read(key, stranger)).toMatchObject({ value: true, source: "installation" });
  });

  test.each(["shop.unknown", "toString", "__proto__", "shop", "a%00b"])("%s is no setting", async (key) => {
    await expectProblem(await api.send("GET", path(key), { token: owner }), "not_found");
    await expectProblem(await put(key, 1), "not_found");
  });

  test("a setting of a module that is switched off is not there", async () => {
    const bank = await startTestApp({
      env: { MODULES: "bank" },
      database_url: api.database_url,
      businesses: [api.alpha, api.bravo],
    });
    const token = await bank.token(api.alpha.people.owner);
    await expectProblem(await bank.send("GET", path("shop.job_number"), { token }), "not_found");
    const list = await bank.send("GET", "/api/v1/settings", { token });
    const { data } = (await list.json()) as { data: Setting[] };
    expect(new Set(data.map(({ key }) => key.split(".")[0]))).toEqual(new Set(["bank"]));
    await bank.stop();
  });
});

describe("writing", () => {
  test("the first value needs no If-Match, every later one does", async () => {
    const key = "shop.over_production_bps";
    const first = await put(key, 500);
    expect([first.status, await first.json()]).toMatchObject([
      200,
      { key, value: 500, version: 1, source: "business" },
    ]);
    await expectProblem(await put(key, 600), "precondition_required");
    await expectProblem(await put(key, 600, { "if-match": '"0"' }), "precondition_failed");
    await expectProblem(await put(key, 600, { "if-match": '"9"' }), "precondition_failed");
    const tag = (await api.send("GET", path(key), { token: owner })).headers.get("etag") ?? "";
    expect(await (await put(key, 600, { "if-match": tag })).json()).toMatchObject({ value: 600, version: 2 });
    await expectProblem(await put(key, 700, { "if-match": tag }), "precondition_failed");
    expect(await (await put(key, 700, { "if-match": "*" })).json()).toMatchObject({ value: 700, version: 3 });
  });

  test("a version that never was is refused also before the first value", async () => {
    await expectProblem(await put("shop.job_number", "{n}", { "if-match": '"3"' }), "precondition_failed");
    expect(await read("shop.job_number")).toMatchObject({ source: "default" });
    expect((await put("shop.job_number", "W{n:4}", { "if-match": '"0"' })).status).toBe(200);
  });

  test("of twenty first values at once one wins", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => put("shop.over_production_bps", at, {}, stranger)),
    );
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 428)]);
  });

  test.each([
    ["shop.parallel_work", "yes"],
    ["shop.parallel_work", null],
    ["shop.over_production_bps", 1.5],
    ["shop.over_production_bps", -1],
    ["shop.over_production_bps", 10_001],
    ["shop.job_number", "no number"],
    ["shop.job_number", { n: 1 }],
    ["shop.job_number", "\u0000{n}"],
  ])("%s cannot be %j", async (key, value) => {
    const problem = await expectProblem(await put(key, value, { "if-match": "*" }), "validation");
    expect(problem["errors"]).toEqual([{ pointer: "/value", detail: expect.any(String) }]);
  });

  test.each([[{}], [{ value: true, source: "default" }], [[]]])("the body %j is refused", async (body) => {
    await expectProblem(
      await api.send("PUT", path("shop.parallel_work"), { token: owner, body }),
      "validation",
    );
  });

  test("only owners and admins set, and the audit trail says who", async () => {
    for (const role of ["manager", "clerk", "compliance"] as const) {
      const token = await api.token(api.alpha.people[role]);
      await expectProblem(await put("shop.parallel_work", true, { "if-match": "*" }, token), "forbidden");
      expect((await api.send("GET", path("shop.parallel_work"), { token })).status).toBe(200);
    }
    const rows = await api.sql`select actor_user_id, after from core.audit_log
      where business_id = ${api.alpha.id} and entity_type = 'setting' and action = 'setting.created'`;
    expect(rows.length).toBe(3);
    const [change] = await api.sql`select before, after from core.audit_log
      where business_id = ${api.alpha.id} and action = 'setting.updated' order by id limit 1`;
    const key = "shop.over_production_bps";
    expect(change).toEqual({ before: { key, value: 500 }, after: { key, value: 600 } });
    expect(
      rows.every((row: { actor_user_id: string }) => row.actor_user_id === api.alpha.people.owner.user_id),
    ).toBe(true);
  });
});
