import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseCsv } from "../../src/http/csv.ts";
import { startTestApp, type TestApp, testSecret } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";
import { type ServerProcess, startServerProcess } from "../helpers/server-process.ts";

let api: TestApp;
let owner: string;
let stranger: string;

beforeAll(async () => {
  api = await startTestApp({ env: { MAX_UPLOAD_BYTES: "3000000" } });
  owner = await api.token(api.alpha.people.owner);
  stranger = await api.token(api.bravo.people.owner);
  for (const business of [api.alpha, api.bravo]) {
    await api.sql`insert into core.units (business_id, id, name) values (${business.id}, ${Bun.randomUUIDv7()}, 'Ikeja, "main"')`;
  }
});
afterAll(() => api.stop());

type Report = {
  dry_run: boolean;
  rows: number;
  valid: number;
  created: number;
  error_count: number;
  errors: { line: number; column: string; detail: string }[];
};

const send = (csv: string, query = "", headers: Record<string, string> = {}, token = owner) =>
  api.send("POST", `/api/v1/customers/import${query}`, {
    token,
    body: csv,
    headers: { "content-type": "text/csv", ...headers },
  });
const report = async (response: Response) => (await response.json()) as Report;
const count = async (business = api.alpha) => {
  const [row] =
    await api.sql`select count(*)::int as n from core.customers where business_id = ${business.id}`;
  return row.n as number;
};
const exported = async (token: string, query = "") => {
  const response = await api.send("GET", `/api/v1/customers${query}`, {
    token,
    headers: { accept: "text/csv" },
  });
  expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
  return response.text();
};

describe("import", () => {
  const file = `name,phone,email,code,tax_no,notes,unit,address.city,is_active
Ada Obi,+234 801 234 5601,ada@example.test,C-1,T-1,"two
lines","Ikeja, ""main""",Lagos,
Bola,,,C-2,,,,,false
`;

  test("a dry run reports and changes nothing; then all rows are created, told to the audit trail", async () => {
    const before = await count();
    const looked = await send(file, "?dry_run=true");
    expect(looked.status).toBe(200);
    expect(await report(looked)).toEqual({
      dry_run: true,
      rows: 2,
      valid: 2,
      created: 0,
      error_count: 0,
      errors: [],
    });
    expect(await count()).toBe(before);
    const done = await send(file);
    expect(done.status).toBe(201);
    expect(await report(done)).toEqual({
      dry_run: false,
      rows: 2,
      valid: 2,
      created: 2,
      error_count: 0,
      errors: [],
    });
    const list = (await (await api.send("GET", "/api/v1/customers?sort=name", { token: owner })).json()) as {
      data: unknown[];
    };
    expect(list.data).toMatchObject([
      {
        name: "Ada Obi",
        phone: "+2348012345601",
        notes: "two\nlines",
        address: { city: "Lagos" },
        is_active: true,
      },
      { name: "Bola", phone: null, is_active: false, address: {} },
    ]);
    const [row] = await api.sql`select count(*)::int as n from core.audit_log
      where business_id = ${api.alpha.id} and action = 'customer.created'`;
    expect(row.n).toBe(2);
  });

  test("every fault is named by line and column, and nothing is imported", async () => {
    const before = await count();
    const csv = [
      "name,phone,email,code,unit,is_active,address",
      "Fine,,,,,,",
      ",08012345678,nobody,,,maybe,[]",
      "Two,,,D-1,,,",
      "Three,,,D-1,,,",
      "Four,,,C-1,Nowhere,,",
      "ada obi,+2348012345601,,,,,",
      "short,",
      `${"x".repeat(201)},,,,,,`,
      "bell\u0007,,,,,,",
      '"lines\n",,,,,,',
      ",,,,,,",
    ].join("\n");
    const expected = [
      [3, "address"],
      [3, "email"],
      [3, "is_active"],
      [3, "name"],
      [3, "phone"],
      [5, "code"],
      [6, "code"],
      [6, "unit"],
      [7, "phone"],
      [8, ""],
      [9, "name"],
      [10, "name"],
      [13, "name"],
    ];
    const dry = await report(await send(csv, "?dry_run=true"));
    expect(dry).toMatchObject({
      dry_run: true,
      rows: 11,
      valid: 3,
      created: 0,
      error_count: expected.length,
    });
    expect(dry.errors.map(({ line, column }) => [line, column])).toEqual(expected as [number, string][]);
    const refused = await expectProblem(await send(csv), "import_refused");
    expect(refused).toMatchObject({ rows: 11, valid: 3, created: 0, error_count: expected.length });
    expect(refused.errors?.[5]).toEqual({
      pointer: "/5/code",
      line: 5,
      column: "code",
      detail: "is a duplicate of line 4",
    });
    expect(await count()).toBe(before);
  });

  test("one row that clashes with the table keeps all others out", async () => {
    const before = await count();
    const csv = "name,code\nNew one,N-1\nOld one,C-1\n";
    const refused = await expectProblem(await send(csv), "import_refused");
    expect(refused["errors"]).toEqual([
      { pointer: "/3/code", line: 3, column: "code", detail: "another customer has this code" },
    ]);
    expect(await count()).toBe(before);
    // What is taken here is free in another business.
    expect((await send(csv, "", {}, stranger)).status).toBe(201);
  });

  test.each([
    ["no name", "phone\n+2348012345678\n", "/1/name"],
    ["an unknown column", "name,role\nA,owner\n", "/1/role"],
    ["a column twice", "name,name\nA,B\n", "/1/name"],
    ["nothing", "", "/1/name"],
  ])("a header with %s is refused", async (_, csv, pointer) => {
    const problem = await expectProblem(await send(csv), "validation");
    expect(problem["errors"]).toContainEqual({ pointer, detail: expect.any(String) });
  });

  test("broken quoting, NUL and bytes that are not UTF-8 are refused, never a failure", async () => {
    await expectProblem(await send('name\n"open'), "validation");
    await expectProblem(await send("name\nA\u0000B"), "import_refused");
    const bytes = new Uint8Array([...new TextEncoder().encode("name\ncaf"), 0xe9]);
    const headers = { "content-type": "text/csv" };
    const broken = await api.send("POST", "/api/v1/customers/import", { token: owner, body: bytes, headers });
    expect([400, 422]).toContain(broken.status);
  });

  test("a form with a file is the same; JSON, other members, other types are not", async () => {
    const form = (file: File | string, name = "file") => {
      const data = new FormData();
      data.append(name, file);
      return data;
    };
    const post = (body: unknown) =>
      api.send("POST", "/api/v1/customers/import?dry_run=true", { token: owner, body });
    expect(await report(await post(form(new File(["name\nA\n"], "a.csv"))))).toMatchObject({
      rows: 1,
      valid: 1,
    });
    await expectProblem(await post(form("name\nA\n")), "validation");
    await expectProblem(await post(form(new File(["name\nA\n"], "a.csv"), "data")), "validation");
    await expectProblem(await post({ name: "A" }), "unsupported_media_type");
  });

  test("with a key an import happens once, and a dry run uses no key", async () => {
    const key = { "idempotency-key": "import-key-1" };
    const csv = "name\nOnly once\n";
    expect((await send(csv, "?dry_run=true", key)).status).toBe(200);
    const first = await send(csv, "", key);
    const text = await first.text();
    const second = await send(csv, "", key);
    expect([first.status, second.status, await second.text()]).toEqual([201, 201, text]);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    await expectProblem(await send("name\nOther\n", "", key), "idempotency_mismatch");
  });

  test("clerks and agents write customers, but do not import them", async () => {
    for (const role of ["clerk", "agent", "compliance"] as const) {
      const token = await api.token(api.alpha.people[role]);
      await expectProblem(await send("name\nA\n", "", {}, token), "forbidden");
    }
  });
});

describe("export", () => {
  test("what one business exports another imports, and exports the same", async () => {
    const odd = [
      {
        name: "=cmd|' /C calc'!A0",
        code: "O-1",
        notes: "'=1+1",
        address: { street: "1, Broad St", landmark: "Bank" },
      },
      { name: 'Quote " and, comma', code: "O-2", notes: "-5", phone: "+2348099999999" },
      { name: "''@twice", code: "O-3", tax_no: "+12" },
      { name: "Zoë 🏭", code: "O-4", email: "zoe@example.test" },
    ];
    for (const body of odd)
      expect((await api.send("POST", "/api/v1/customers", { token: owner, body })).status).toBe(201);
    const all = await exported(owner);
    expect(all).toContain("'=cmd");
    await api.sql`delete from core.customers where business_id = ${api.bravo.id}`;
    const { records } = parseCsv(all, 100);
    expect(await report(await send(all, "", {}, stranger))).toMatchObject({ created: records.length });
    const meaning = (text: string) => {
      const { columns, records: rows } = parseCsv(text, 100);
      const plain = columns.map((name) => !["id", "created_at", "updated_at"].includes(name));
      return rows.map(({ fields }) => JSON.stringify(fields.filter((_, at) => plain[at]))).sort();
    };
    expect(meaning(await exported(stranger))).toEqual(meaning(all));
  });

  test("the filters of the list hold, whatever limit and cursor say", async () => {
    const names = parseCsv(await exported(owner, "?is_active=false&limit=1"), 10);
    expect(names.records.map(({ fields }) => fields[2])).toEqual(["Bola"]);
    const found = parseCsv(await exported(owner, "?q=o&sort=-name&limit=1"), 100);
    const order = found.records.map(({ fields }) => fields[2]);
    expect(order).toEqual(["Only once", "Ada Obi"]);
  });
});

describe("volume", () => {
  test("ten thousand rows are one statement; one more is refused, and so are too many bytes", async () => {
    const rows = (n: number) =>
      `name,code\n${Array.from({ length: n }, (_, at) => `Row ${at},R-${at}\n`).join("")}`;
    await expectProblem(await send(rows(10_001)), "validation");
    await expectProblem(await send(`name\n${"x".repeat(3_000_000)}`), "payload_too_large");
    const before = await count();
    const done = await send(rows(10_000));
    expect(await report(done)).toMatchObject({ created: 10_000 });
    expect(await count()).toBe(before + 10_000);
    const again = await expectProblem(await send(rows(10_000)), "import_refused");
    expect(again).toMatchObject({ error_count: 10_000, valid: 0 });
    expect((again["errors"] as unknown[]).length).toBe(1_000);
  });

  test("a hundred thousand rows take no more memory than ten thousand, ten times", async () => {
    const people = 100_000;
    await api.sql`set app.import = 'on'`;
    await api.sql`insert into core.customers (business_id, id, name, phone, notes, is_active, created_at, updated_at)
      select ${api.bravo.id}, gen_random_uuid(), 'Customer ' || i, '+23481' || lpad(i::text, 8, '0'), repeat('x', 400),
        i % 10 > 0, now() - i * interval '1 second', now()
      from generate_series(1, ${people}::int) i`;
    await api.sql`set app.import = 'off'`;
    await api.sql`vacuum analyze core.customers`;
    const server = await startServerProcess({ DATABASE_URL: api.database_url, JWT_SECRET: testSecret });
    try {
      const tenths = { rows: 0, bytes: 0, peak_bytes: 0 };
      for (let round = 0; round < 10; round += 1) await exportFrom(server, "?is_active=false", tenths);
      const whole = { rows: 0, bytes: 0, peak_bytes: 0 };
      await exportFrom(server, "", whole);
      expect(tenths.rows).toBeGreaterThanOrEqual(people);
      expect(whole.rows).toBeGreaterThanOrEqual(people);
      // Both made the same garbage, and only who gathers the rows of a file has more of them in the long one.
      expect(whole.peak_bytes - tenths.peak_bytes).toBeLessThan(whole.bytes);
    } finally {
      await server.stop();
    }
  }, 60_000);

  type Seen = { rows: number; bytes: number; peak_bytes: number };

  /** Reads an export as it comes, and looks at the server's memory every two megabytes. */
  async function exportFrom(server: ServerProcess, query: string, seen: Seen): Promise<void> {
    const headers = { accept: "text/csv", authorization: `Bearer ${stranger}` };
    const response = await fetch(`${server.url}/api/v1/customers${query}`, { headers });
    expect(response.status).toBe(200);
    let next_look = seen.bytes;
    for await (const chunk of response.body ?? []) {
      for (const byte of chunk) if (byte === 10) seen.rows += 1;
      seen.bytes += chunk.length;
      if (seen.bytes < next_look) continue;
      next_look = seen.bytes + 2_000_000;
      seen.peak_bytes = Math.max(seen.peak_bytes, (await server.usage()).resident_bytes);
    }
  }

  test("a client that leaves in the middle leaves no work behind", async () => {
    const gone = new AbortController();
    const headers = { accept: "text/csv" };
    const response = await api.send("GET", "/api/v1/customers", {
      token: stranger,
      headers,
      signal: gone.signal,
    });
    await response.body?.getReader().read();
    gone.abort();
    await Bun.sleep(100);
    const used = api.deps.db.stats().report;
    await Bun.sleep(200);
    expect(api.deps.db.stats().report).toEqual(used);
  });
});
