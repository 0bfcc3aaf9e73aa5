import { afterAll, beforeAll, describe, expect, test } from "bun:test";
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

type Customer = {
  id: string;
  name: string;
  code: string | null;
  phone: string | null;
  is_active: boolean;
  version: number;
};
type List = { data: Customer[]; meta: { next_cursor: string | null; has_more: boolean } };

async function create(body: Record<string, unknown>, token = owner): Promise<Customer> {
  const response = await api.send("POST", "/api/v1/customers", { token, body });
  expect(response.status).toBe(201);
  return (await response.json()) as Customer;
}

async function get(path: string, token = owner): Promise<List> {
  const response = await api.send("GET", path, { token });
  expect(response.status).toBe(200);
  return (await response.json()) as List;
}

describe("writing", () => {
  test("a customer is created, read by its Location, and not read again while nothing changed", async () => {
    const body = {
      name: "Ngozi Bello",
      phone: "+2348012345678",
      address: { city: "Lagos" },
      notes: "line\nbreak",
    };
    const created = await api.send("POST", "/api/v1/customers", { token: owner, body });
    expect(created.status).toBe(201);
    const path = created.headers.get("location") ?? "";
    const read = await api.send("GET", path, { token: owner });
    expect(await read.json()).toMatchObject({
      ...body,
      version: 1,
      is_active: true,
      code: null,
      unit_id: null,
    });
    const etag = read.headers.get("etag") ?? "";
    const again = await api.send("GET", path, { token: owner, headers: { "if-none-match": etag } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    await expectProblem(await api.send("GET", path, { token: stranger }), "not_found");
  });

  test("a change needs the version that was read", async () => {
    const { id } = await create({ name: "Version", email: "v@example.test" });
    const path = `/api/v1/customers/${id}`;
    const patch = (match: string | null, body: unknown) =>
      api.send("PATCH", path, { token: owner, body, headers: match === null ? {} : { "if-match": match } });
    await expectProblem(await patch(null, { name: "No" }), "precondition_required");
    const changed = await patch('"1"', { name: "Changed", email: null });
    expect(await changed.json()).toMatchObject({ name: "Changed", email: null, version: 2 });
    await expectProblem(await patch('"1"', { name: "Late" }), "precondition_failed");
    expect((await patch(changed.headers.get("etag"), { notes: "x" })).status).toBe(200);
    expect((await patch("*", { notes: "y" })).status).toBe(200);
  });

  test.each([
    ["an unknown member", { name: "A", is_active: false }, "/is_active"],
    ["a phone number without a country", { name: "A", phone: "08012345678" }, "/phone"],
    ["a bad e-mail address", { name: "A", email: "nobody" }, "/email"],
    ["a long name", { name: "x".repeat(201) }, "/name"],
    ["an address that is no text", { name: "A", address: { city: 5 } }, "/address/city"],
  ])("%s is refused and named", async (_, body, pointer) => {
    const problem = await expectProblem(
      await api.send("POST", "/api/v1/customers", { token: owner, body }),
      "validation",
    );
    expect(problem["errors"]).toContainEqual({ pointer, detail: expect.any(String) });
  });

  test.each([
    ["a prototype", '{"name":"A","__proto__":{"is_active":false}}'],
    ["NUL", '{"name":"A\\u0000"}'],
    ["NUL in the address", '{"name":"A","address":{"city":"\\u0000"}}'],
    ["a lone surrogate", '{"name":"A\\ud800"}'],
  ])("%s in a body is 422, never 500", async (_, body) => {
    const headers = { "content-type": "application/json" };
    await expectProblem(
      await api.send("POST", "/api/v1/customers", { token: owner, body, headers }),
      "validation",
    );
  });

  test("a code is unique in its business and only there; a unit must be its own", async () => {
    const first = await create({ name: "One", code: "U-1" });
    const again = await api.send("POST", "/api/v1/customers", {
      token: owner,
      body: { name: "Two", code: "U-1" },
    });
    expect((await expectProblem(again, "already_exists"))["errors"]).toEqual([
      { pointer: "/code", detail: "Another customer has this code" },
    ]);
    await create({ name: "Theirs", code: "U-1" }, stranger);
    const unit_id = Bun.randomUUIDv7();
    await api.sql`insert into core.units (business_id, id, name) values (${api.bravo.id}, ${unit_id}, 'Theirs')`;
    const foreign = await api.send("PATCH", `/api/v1/customers/${first.id}`, {
      token: owner,
      body: { unit_id },
      headers: { "if-match": "*" },
    });
    await expectProblem(foreign, "reference_not_found");
  });
});

describe("idempotency", () => {
  const post = (key: string, body: unknown, token = owner) =>
    api.send("POST", "/api/v1/customers", { token, body, headers: { "idempotency-key": key } });

  test("a replay answers byte for byte and does nothing", async () => {
    const first = await post("replay-key-1", { name: "Once", code: "ONCE" });
    const text = await first.text();
    const second = await post("replay-key-1", { name: "Once", code: "ONCE" });
    expect([second.status, await second.text()]).toEqual([201, text]);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(second.headers.get("location")).toBe(first.headers.get("location"));
    expect(second.headers.get("etag")).toBe(first.headers.get("etag"));
    await expectProblem(await post("replay-key-1", { name: "Other" }), "idempotency_mismatch");
    const theirs = await post("replay-key-1", { name: "Other" }, stranger);
    expect([theirs.status, theirs.headers.get("idempotency-replayed")]).toEqual([201, null]);
  });

  test("a hundred at once with one key make one customer", async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => post("hundred-key", { name: "One of a hundred" })),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].filter((status) => status !== 201 && status !== 409 && status !== 503)).toEqual([]);
    const [row] =
      await api.sql`select count(*)::int as n from core.customers where name = 'One of a hundred'`;
    expect(row.n).toBe(1);
    const bodies = await Promise.all(
      answers.filter(({ status }) => status === 201).map((answer) => answer.text()),
    );
    expect(new Set(bodies).size).toBe(1);
  });
});

describe("archive and restore", () => {
  test("each moves once and names what is allowed instead", async () => {
    const { id } = await create({ name: "Retired" });
    const move = (verb: string, headers = {}) =>
      api.send("POST", `/api/v1/customers/${id}/${verb}`, { token: owner, headers });
    const refused = await expectProblem(await move("restore"), "illegal_transition");
    expect(refused).toMatchObject({ from: "active", to: "active", allowed: ["archived"] });
    await expectProblem(await move("archive", { "if-match": '"7"' }), "precondition_failed");
    const archived = await move("archive", { "if-match": '"1"' });
    expect(await archived.json()).toMatchObject({ is_active: false, version: 2 });
    const again = await expectProblem(await move("archive"), "illegal_transition");
    expect(again).toMatchObject({ from: "archived", to: "archived", allowed: ["active"] });
    expect(await (await move("restore")).json()).toMatchObject({ is_active: true, version: 3 });
    const other = await api.send("POST", `/api/v1/customers/${id}/archive`, { token: stranger });
    await expectProblem(other, "not_found");
  });

  test("a hundred archives at once are one move", async () => {
    const { id } = await create({ name: "Contended" });
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        api.send("POST", `/api/v1/customers/${id}/archive`, { token: owner }),
      ),
    );
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect([count(200), count(409) + count(503)]).toEqual([1, 99]);
  });

  test("roles that only read may not", async () => {
    const { id } = await create({ name: "Guarded" });
    for (const role of ["operator", "sub_agent", "compliance"] as const) {
      const token = await api.token(api.alpha.people[role]);
      await expectProblem(await api.send("POST", `/api/v1/customers/${id}/archive`, { token }), "forbidden");
    }
  });
});

describe("lists", () => {
  let token: string;

  beforeAll(async () => {
    token = await api.token(api.bravo.people.manager);
    // Many share a name and an instant: pages must not lose or repeat them.
    await api.sql`insert into core.customers (business_id, id, name, phone, is_active)
      select ${api.bravo.id}, gen_random_uuid(), (array['Ada','Bola','Chidi','ada','Zoë','100% Foods','Ok_Ltd'])[1 + i % 7] ||
        case when i % 3 = 0 then ' Okafor' else '' end, '+234700000' || lpad(i::text, 4, '0'), i % 5 <> 0
      from generate_series(1, 230) i`;
  });

  const orders = {
    "-created_at": "created_at desc, id desc",
    created_at: "created_at, id",
    name: "name, id",
    "-name": "name desc, id desc",
  } as const;

  test.each(Object.entries(orders))(
    "all pages by %s, one after the other, are the naive order",
    async (sort, order) => {
      for (const [filter, condition] of [
        ["", "true"],
        ["&is_active=false", "not is_active"],
        ["&q=okafor", "name ilike '%okafor%'"],
      ]) {
        const naive = await api.sql.unsafe(
          `select id from core.customers where business_id = $1 and ${condition} order by ${order}`,
          [api.bravo.id],
        );
        const seen: string[] = [];
        let path: string | null = `/api/v1/customers?limit=17&sort=${sort}${filter}`;
        while (path !== null) {
          const response: Response = await api.send("GET", path, { token });
          const { data, meta } = (await response.json()) as List;
          seen.push(...data.map(({ id }) => id));
          const link: string | null = response.headers.get("link");
          expect(link === null).toBe(!meta.has_more);
          path = link === null ? null : link.slice(1, link.indexOf(">"));
        }
        expect(seen).toEqual(naive.map((row: { id: string }) => row.id));
      }
    },
  );

  test("a cursor is good for its own list only", async () => {
    const { meta } = await get("/api/v1/customers?limit=5&sort=name", token);
    const cursor = meta.next_cursor ?? "";
    const use = (path: string, as = token) => api.send("GET", path, { token: as });
    expect((await use(`/api/v1/customers?limit=9&sort=name&cursor=${cursor}`)).status).toBe(200);
    const flipped = `${cursor.slice(0, 30)}${cursor[30] === "A" ? "B" : "A"}${cursor.slice(31)}`;
    for (const [path, as] of [
      [`/api/v1/customers?sort=name&cursor=${flipped}`, token],
      [`/api/v1/customers?sort=-name&cursor=${cursor}`, token],
      [`/api/v1/customers?sort=name&q=a&cursor=${cursor}`, token],
      [`/api/v1/customers?sort=name&cursor=${cursor}`, owner],
      ["/api/v1/customers?cursor=x", token],
      ["/api/v1/customers?cursor=", token],
    ] as const) {
      await expectProblem(await use(path, as), "invalid_cursor");
    }
  });

  test("a search finds parts of names as they are written, and beginnings of phone numbers", async () => {
    const names = async (q: string) => {
      const { data } = await get(`/api/v1/customers?limit=200&q=${encodeURIComponent(q)}`, token);
      return [...new Set(data.map(({ name }) => name))].sort();
    };
    expect(await names("0% f")).toEqual(["100% Foods", "100% Foods Okafor"]);
    expect(await names("k_l")).toEqual(["Ok_Ltd", "Ok_Ltd Okafor"]);
    expect(await names("zoë")).toEqual(["Zoë", "Zoë Okafor"]);
    expect(await names("hid")).toEqual(["Chidi", "Chidi Okafor"]);
    // One letter finds the beginnings of words, not letters within.
    expect(await names("z")).toEqual(["Zoë", "Zoë Okafor"]);
    expect(await names("ad")).toEqual(["Ada", "Ada Okafor", "ada", "ada Okafor"]);
    expect(await names("%")).toEqual([]);
    expect(await names("nobody at all")).toEqual([]);
    for (const q of ["+2347000000012", "2347000000012", " 234 700 000 0012", "+234-700-000-0012"]) {
      const { data } = await get(`/api/v1/customers?q=${encodeURIComponent(q)}`, token);
      expect(data.map(({ phone }) => phone)).toEqual(["+2347000000012"]);
    }
  });

  test.each([
    "limit=0",
    "limit=201",
    "limit=x",
    "sort=phone",
    "is_active=maybe",
    "q=",
    "q=%20",
    "colour=red",
  ])("?%s is refused", async (query) => {
    await expectProblem(await api.send("GET", `/api/v1/customers?${query}`, { token }), "validation");
  });

  test("NUL and broken characters in a search are no failure of ours", async () => {
    for (const q of ["%00", "a%00b%00c", "%ff%fe", "%ed%a0%80"]) {
      const { status } = await api.send("GET", `/api/v1/customers?q=${q}`, { token });
      expect([200, 422]).toContain(status);
    }
  });
});
