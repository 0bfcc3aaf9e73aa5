import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { coreJobs } from "../../src/core/background-jobs.ts";
import { proveAll } from "../../src/core/verify.ts";
import { parseCsv } from "../../src/http/csv.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let owner: string;
let customer_id: string;

beforeAll(async () => {
  api = await startTestApp();
  owner = await api.token(api.alpha.people.owner);
  const stranger = await api.token(api.bravo.people.owner);
  const post = async (token: string, body: unknown) =>
    (await (await api.send("POST", "/api/v1/customers", { token, body })).json()) as { id: string };
  ({ id: customer_id } = await post(owner, { name: "First", notes: "=secret" }));
  const manager = await api.token(api.alpha.people.manager);
  const patch = {
    token: manager,
    body: { name: "Second" },
    headers: { "if-match": "*", "x-request-id": "request-for-audit" },
  };
  await api.send("PATCH", `/api/v1/customers/${customer_id}`, patch);
  for (let n = 0; n < 30; n += 1) await post(owner, { name: `Other ${n}` });
  await post(stranger, { name: "Theirs" });
});
afterAll(() => api.stop());

type Row = {
  id: number;
  at: string;
  action: string;
  entity_id: string;
  actor_user_id: string;
  actor_name: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  seq: number | null;
  hash: string | null;
};
type List = { data: Row[]; meta: { next_cursor: string | null } };

async function get(query: string, token = owner): Promise<List> {
  const response = await api.send("GET", `/api/v1/audit-logs?${query}`, { token });
  expect(response.status).toBe(200);
  return (await response.json()) as List;
}

describe("reading", () => {
  test("a change says who, when, what it was and what it became", async () => {
    const { data } = await get(`entity_type=customer&entity_id=${customer_id}`);
    const { manager, owner: creator } = api.alpha.people;
    expect(data).toMatchObject([
      {
        action: "customer.updated",
        actor_user_id: manager.user_id,
        actor_name: "manager of ALPHA",
        request_id: "request-for-audit",
        ip: "127.0.0.1",
        before: { name: "First" },
        after: { name: "Second" },
      },
      { action: "customer.created", actor_user_id: creator.user_id, before: null, after: { name: "First" } },
    ]);
  });

  test("every filter holds, and all pages are the naive order", async () => {
    expect((await get(`actor_user_id=${api.alpha.people.manager.user_id}`)).data.length).toBe(1);
    expect((await get("action=customer.updated&limit=200")).data.length).toBe(1);
    expect((await get("entity_type=nothing")).data).toEqual([]);
    const [first] = (await get("action=customer.updated")).data;
    const at = encodeURIComponent(first?.at ?? "");
    expect((await get(`entity_type=customer&to=${at}`)).data.length).toBe(1);
    expect((await get(`entity_type=customer&from=${at}&limit=200`)).data.length).toBe(31);
    const seen: number[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: List = await get(`limit=7${cursor === "" ? "" : `&cursor=${cursor}`}`);
      seen.push(...page.data.map(({ id }) => id));
      cursor = page.meta.next_cursor;
    }
    const naive =
      await api.sql`select id::int from core.audit_log where business_id = ${api.alpha.id} order by at desc, id desc`;
    expect(seen).toEqual(naive.map((row: { id: number }) => row.id));
    const { meta } = await get("limit=7");
    const other = `/api/v1/audit-logs?action=customer.created&cursor=${meta.next_cursor}`;
    await expectProblem(await api.send("GET", other, { token: owner }), "invalid_cursor");
  });

  test.each(["from=yesterday", "entity_id=1", "actor_user_id=me", "limit=500", "unknown=1"])(
    "?%s is refused",
    async (query) => {
      await expectProblem(
        await api.send("GET", `/api/v1/audit-logs?${query}`, { token: owner }),
        "validation",
      );
    },
  );

  test("another business reads its own trail only; roles below compliance none", async () => {
    const { data } = await get("entity_type=customer", await api.token(api.bravo.people.compliance));
    expect(data.map(({ after }) => after?.["name"])).toEqual(["Theirs"]);
    for (const role of ["manager", "clerk", "agent"] as const) {
      const token = await api.token(api.alpha.people[role]);
      await expectProblem(await api.send("GET", "/api/v1/audit-logs", { token }), "forbidden");
    }
  });

  test("as CSV it is the whole of what matches, values as JSON", async () => {
    const path = `/api/v1/audit-logs?entity_type=customer&limit=1`;
    const response = await api.send("GET", path, { token: owner, headers: { accept: "text/csv" } });
    const { columns, records } = parseCsv(await response.text(), 1_000);
    expect(records.length).toBe(32);
    const after = records.at(-1)?.fields[columns.indexOf("after")] ?? "";
    expect(JSON.parse(after)).toMatchObject({ id: customer_id, name: "First", notes: "=secret" });
  });
});

describe("sealing and proving", () => {
  const verify = async () => {
    const lines: string[] = [];
    const log = { error: () => {} };
    const holds = await proveAll({ url: api.database_url, log, out: (line) => void lines.push(line) });
    return { holds, text: lines.join("\n") };
  };

  test("the sealer numbers and hashes what was written, and verify proves it", async () => {
    const seal = coreJobs(api.deps).find(({ name }) => name === "seal audit trail");
    // A transaction of anybody on this server that is older than a row keeps it waiting.
    for (let left = 1; left > 0; await Bun.sleep(10)) {
      await seal?.run();
      [{ left }] = await api.sql`select count(*)::int as left from core.audit_log where seq is null`;
    }
    const { data } = await get("limit=200");
    expect(data.filter(({ seq, hash }) => seq === null || !/^[0-9a-f]{64}$/.test(hash ?? ""))).toEqual([]);
    const [row] = await api.sql`select count(*)::text as n from core.audit_log`;
    expect(await verify()).toEqual({
      holds: true,
      text: expect.stringMatching(new RegExp(`^ok +audit trail: ${row.n} rows proven, 0 not sealed`)),
    });
  });

  test("a row that was changed behind our back is named", async () => {
    const [row] = await api.sql`select seq::text, id::text from core.audit_log
      where action = 'customer.updated' and business_id = ${api.alpha.id}`;
    await api.sql`alter table core.audit_log disable trigger refuse_change`;
    await api.sql`update core.audit_log set after = '{"name":"Forged"}' where id = ${row.id}`;
    const broken = await verify();
    expect(broken.holds).toBe(false);
    expect(broken.text).toContain(`BROKEN audit trail: row ${row.seq} (id ${row.id}, `);
    expect(broken.text).toContain("was changed after it was sealed");
  });

  test("every check runs, also after one that failed", async () => {
    const lines: string[] = [];
    const check = (name: string, ok: boolean) => ({
      name,
      run: () => Promise.resolve({ ok, summary: name }),
    });
    const holds = await proveAll({
      url: api.database_url,
      log: { error: () => {} },
      out: (line) => void lines.push(line.slice(0, 10)),
      checks: [check("one", false), check("two", true)],
    });
    expect([holds, ...lines]).toEqual([false, "BROKEN one", "ok     two"]);
  });
});
