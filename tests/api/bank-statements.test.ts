import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseCsv } from "../../src/http/csv.ts";
import { pdfEntriesMax } from "../../src/bank/statement-pdf.ts";
import { listStatementRows } from "../../src/bank/statements.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { deposit, makeCustomer, openAccount } from "../helpers/bank.ts";
import { countPages, readPdf } from "../helpers/pdf.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let owner: string;
let customer: string;
let mine: string;
let theirs: string;

type Statement = Readonly<{
  id: string;
  opening: number;
  closing: number;
  entries: number;
  sha256: string;
  from: string;
  to: string;
  timezone: string;
}>;

beforeAll(async () => {
  api = await startTestApp();
  const { alpha, sql } = api;
  [owner, customer] = [await api.token(alpha.people.owner), await api.token(alpha.people.customer)];
  const customer_id = await makeCustomer(sql, alpha, {
    name: "Ṣọlá Adébáyọ̀",
    user_id: alpha.people.customer.user_id,
  });
  ({ account_id: mine } = await openAccount(sql, alpha, { customer_id }));
  ({ account_id: theirs } = await openAccount(sql, alpha));
  // Lagos is an hour ahead of UTC: the first is of January already, the last but one of January still.
  for (const [effective_at, amount] of [
    ["2025-12-31T22:59:59.999Z", 1_000],
    ["2025-12-31T23:00:00.000Z", 20],
    ["2026-01-15T12:00:00.000Z", 300],
    ["2026-01-31T22:59:59.999Z", 4_000],
    ["2026-01-31T23:00:00.000Z", 50_000],
  ] as const) {
    await deposit(sql, alpha, { account_id: mine, amount, effective_at });
  }
});
afterAll(() => api.stop());

const create = (body: object, token = owner, headers: Record<string, string> = {}) =>
  api.send("POST", "/api/v1/statements", { token, body, headers });
const make = async (account_id: string, from: string, to: string, token = owner): Promise<Statement> => {
  const response = await create({ account_id, from, to }, token);
  expect(response.status).toBe(201);
  return (await response.json()) as Statement;
};
const download = (id: string, accept: string, token = owner) =>
  api.send("GET", `/api/v1/statements/${id}/download`, { token, headers: { accept } });

/** Rows of the CSV form, by column. */
const csvOf = async (id: string, token = owner): Promise<Record<string, string>[]> => {
  const response = await download(id, "text/csv", token);
  expect(response.headers.get("content-type")).toStartWith("text/csv");
  const { columns, records } = parseCsv(await response.text(), 1_000_000);
  return records.map(({ fields }) =>
    Object.fromEntries(columns.map((name, index) => [name, fields[index] ?? ""])),
  );
};

/** The hash of the rows, as anybody can work it out from the CSV form. */
function hashOf(rows: readonly Record<string, string>[]): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const { balance: _, entry_id, amount, reference, description, ...others } of rows) {
    const { transaction_id, effective_at, kind, side, currency } = others;
    const texts = { reference: reference || null, description: description || null };
    const row = {
      entry_id: Number(entry_id),
      transaction_id,
      effective_at,
      kind,
      ...texts,
      side,
      amount: Number(amount),
    };
    hash.update(`${JSON.stringify({ ...row, currency })}\n`);
  }
  return hash.digest("hex");
}

describe("a statement", () => {
  let january: Statement;

  test("has what the ledger had when the business's first day began and its last one ended", async () => {
    january = await make(mine, "2026-01-01", "2026-01-31");
    expect(january).toMatchObject({ opening: 1_000, closing: 5_320, entries: 3, timezone: "Africa/Lagos" });
    const again = await api.send("GET", `/api/v1/statements/${january.id}`, { token: owner });
    expect((await again.json()) as Statement).toEqual(january);
  });

  test("has rows that lead from one to the other, and a hash that anybody can work out", async () => {
    const rows = await csvOf(january.id);
    expect(rows.map(({ side, amount, balance }) => [side, amount, balance])).toEqual([
      ["credit", "20", "1020"],
      ["credit", "300", "1320"],
      ["credit", "4000", "5320"],
    ]);
    expect(hashOf(rows)).toBe(january.sha256);
  });

  test("never changes: what is posted later for its days is not in it, nor is a day of another zone", async () => {
    const before = await csvOf(january.id);
    await deposit(api.sql, api.alpha, {
      account_id: mine,
      amount: 7,
      effective_at: "2026-01-10T00:00:00.000Z",
    });
    await api.sql`update core.businesses set timezone = 'Pacific/Kiritimati' where id = ${api.alpha.id}`;
    await api.forget();
    expect(await csvOf(january.id)).toEqual(before);
    expect(
      (
        (await (
          await api.send("GET", `/api/v1/statements/${january.id}`, { token: owner })
        ).json()) as Statement
      ).closing,
    ).toBe(5_320);
    await api.sql`update core.businesses set timezone = 'Africa/Lagos' where id = ${api.alpha.id}`;
    await api.forget();
    const later = await make(mine, "2026-01-05", "2026-01-31");
    expect(later).toMatchObject({ opening: 1_020, closing: 5_327, entries: 3 });
    for (const change of ["update ledger.entries set amount = 1", "update bank.statements set closing = 1"]) {
      await expect(api.sql.unsafe(change)).rejects.toThrow("append-only");
    }
  });

  test("of days in which nothing happened has no rows", async () => {
    const empty = await make(mine, "2024-02-29", "2024-02-29");
    expect(empty).toMatchObject({ opening: 0, closing: 0, entries: 0 });
    expect(await csvOf(empty.id)).toEqual([]);
    expect(empty.sha256).toBe(new Bun.CryptoHasher("sha256").update("").digest("hex"));
  });

  test("has the money that a hold moved when it was posted, under the hold's words, and no hold", async () => {
    const { sql, alpha } = api;
    const [{ id }] =
      await sql`select ledger.post(ledger.posting_of(${alpha.id}, gen_random_uuid(), 'pending', 'bank.wire', null,
        'W-1', p_description => 'To Accra'), jsonb_build_array(
        jsonb_build_object('account_id', ${mine}::uuid, 'side', 'debit', 'amount', 500),
        jsonb_build_object('account_id', ${theirs}::uuid, 'side', 'credit', 'amount', 500))) as id`;
    await sql`select ledger.resolve(${alpha.id}, gen_random_uuid(), ${id}, 'post', null)`;
    await sql`select ledger.post(ledger.posting_of(${alpha.id}, gen_random_uuid(), 'pending', 'bank.wire', null),
      jsonb_build_array(jsonb_build_object('account_id', ${mine}::uuid, 'side', 'debit', 'amount', 1),
        jsonb_build_object('account_id', ${theirs}::uuid, 'side', 'credit', 'amount', 1)))`;
    const [found] = await api.deps.db.report.query(listStatementRows, {
      business_id: alpha.id,
      account_id: mine,
      from_date: "2026-02-02",
      to_date: "2999-12-31",
      timezone: "UTC",
      through_entry_id: String(Number.MAX_SAFE_INTEGER),
      after: null,
      limit_rows: 10,
    });
    expect(JSON.parse(found?.data ?? "") as object).toMatchObject([
      { kind: "bank.wire", reference: "W-1", description: "To Accra", side: "debit", amount: 500 },
    ]);
  });

  test("is refused twice, for days that are not over, backwards, for more than a year, and of no account", async () => {
    await expectProblem(
      await create({ account_id: mine, from: "2026-01-01", to: "2026-01-31" }),
      "already_exists",
    );
    const today = new Date().toLocaleDateString("en-CA", { timeZone: "Africa/Lagos" });
    const wrong = [
      [{ from: "2026-01-01", to: today }, "/to"],
      [{ from: "2026-02-01", to: "2026-01-31" }, "/to"],
      [{ from: "2024-01-01", to: "2025-01-01" }, "/to"],
    ] as const;
    for (const [period, pointer] of wrong) {
      const problem = await expectProblem(await create({ account_id: mine, ...period }), "validation");
      expect(problem.errors).toMatchObject([{ pointer }]);
    }
    await make(mine, "2024-01-01", "2024-12-31");
    const nowhere = await create({ account_id: crypto.randomUUID(), from: "2026-01-01", to: "2026-01-31" });
    expect((await expectProblem(nowhere, "reference_not_found")).errors).toMatchObject([
      { pointer: "/account_id" },
    ]);
    await expectProblem(
      await create({ account_id: mine, from: "2026-02-30", to: "2026-03-01" }),
      "validation",
    );
  });

  test("with a key is made once, and answered again", async () => {
    const body = { account_id: mine, from: "2026-01-02", to: "2026-01-03" };
    const headers = { "idempotency-key": crypto.randomUUID() };
    const first = await create(body, owner, headers);
    const second = await create(body, owner, headers);
    expect([first.status, second.status, second.headers.get("idempotency-replayed")]).toEqual([
      201,
      201,
      "true",
    ]);
    expect(await second.text()).toBe(await first.text());
    expect(first.headers.get("location")).toStartWith("/api/v1/statements/");
  });
});

describe("who sees which", () => {
  test("a customer makes, lists and reads statements of own accounts, and of nobody else's", async () => {
    const { sql, alpha, bravo } = api;
    const other = await make(theirs, "2026-02-01", "2026-02-02");
    const own = await make(mine, "2026-02-01", "2026-02-02", customer);
    const refused = await create({ account_id: theirs, from: "2026-03-01", to: "2026-03-02" }, customer);
    await expectProblem(refused, "reference_not_found");
    const list = async (query: string, token: string): Promise<string[]> => {
      const response = await api.send("GET", `/api/v1/statements${query}`, { token });
      return ((await response.json()) as { data: Statement[] }).data.map(({ id }) => id);
    };
    const [all, seen] = [await list("", owner), await list("", customer)];
    expect(all.slice(0, 2)).toEqual([own.id, other.id]);
    expect(seen).toEqual(all.filter((id) => id !== other.id));
    expect(await list(`?account_id=${theirs}`, customer)).toEqual([]);
    expect(await list(`?account_id=${theirs.toUpperCase()}`, owner)).toEqual([other.id]);
    expect(await list("?from=2026-02-01&to=2026-02-02", customer)).toEqual([own.id]);
    for (const path of [`/api/v1/statements/${other.id}`, `/api/v1/statements/${other.id}/download`]) {
      await expectProblem(await api.send("GET", path, { token: customer }), "not_found");
    }
    const { account_id: foreign } = await openAccount(sql, bravo);
    await expectProblem(
      await create({ account_id: foreign, from: "2026-01-01", to: "2026-01-31" }),
      "reference_not_found",
    );
    const clerk = await api.token(alpha.people.clerk);
    await expectProblem(await api.send("GET", "/api/v1/statements", { token: clerk }), "forbidden");
  });

  test("pages lead through all of them, once each", async () => {
    const ids: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query = cursor === "" ? "" : `&cursor=${cursor}`;
      const response = await api.send("GET", `/api/v1/statements?limit=2${query}`, { token: customer });
      const page = (await response.json()) as { data: Statement[]; meta: { next_cursor: string | null } };
      ids.push(...page.data.map(({ id }) => id));
      cursor = page.meta.next_cursor;
    }
    expect(ids.length).toBeGreaterThan(4);
    expect(ids).toEqual([...new Set(ids)].toSorted().toReversed());
  });
});

describe("as a document", () => {
  let long: Statement;
  const entries = 20_000;

  /** An account with so many entries, ten seconds apart, as the ledger writes them. */
  async function fill(count: number): Promise<string> {
    const { sql, alpha } = api;
    const { account_id } = await openAccount(sql, alpha);
    await sql`with made as (
        insert into ledger.transactions (business_id, id, phase, kind, reference, description, effective_at, posted_at)
        select ${alpha.id}, gen_random_uuid(), 'single', 'bank.deposit', ${account_id} || g,
          case when g = 1 then '=1+1, "quoted"' when g % 2 = 0 then 'Umlaut ü ' || g end,
          timestamptz '2026-04-01T00:00:00Z' + g * interval '10 seconds', now()
        from generate_series(1, ${count}::int) g returning *)
      insert into ledger.entries (business_id, account_id, transaction_id, shard, side, amount, currency, phase, effective_at)
      select business_id, ${account_id}, id, 0, 'credit', 100, 'NGN', 'single', effective_at from made order by effective_at`;
    await sql`update ledger.balances set posted_credit = ${count * 100} where account_id = ${account_id}`;
    return account_id;
  }

  beforeAll(async () => {
    long = await make(await fill(entries), "2026-04-01", "2026-04-30");
  });

  test("CSV streams any number of rows in constant memory, each once, with the hash and balances that the statement says", async () => {
    expect(long).toMatchObject({ entries, closing: entries * 100 });
    const response = await download(long.id, "text/csv");
    const before = process.memoryUsage.rss();
    let most = 0;
    const decoder = new TextDecoder();
    const pieces: string[] = [];
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      pieces.push(decoder.decode(chunk, { stream: true }));
      most = Math.max(most, process.memoryUsage.rss());
    }
    // What is read here is some 4 MB; all rows at once would be ten times that.
    expect((most - before) / 1e6).toBeLessThan(60);
    const { columns, records } = parseCsv(pieces.join(""), entries);
    const rows = records.map(({ fields }) =>
      Object.fromEntries(columns.map((name, at) => [name, fields[at] ?? ""])),
    );
    expect(rows.length).toBe(entries);
    expect(rows.at(-1)?.["balance"]).toBe(String(entries * 100));
    // A spreadsheet would run it: the apostrophe is not the bank's.
    expect(rows[0]?.["description"]).toBe(`'=1+1, "quoted"`);
    rows[0] = { ...rows[0], description: '=1+1, "quoted"' };
    expect(hashOf(rows)).toBe(long.sha256);
  });

  test("a PDF of more rows than it may have is 406, and CSV for who takes anything", async () => {
    const problem = await expectProblem(await download(long.id, "application/pdf"), "not_acceptable");
    expect(problem.detail).toContain(`at most ${pdfEntriesMax}`);
    const any = await download(long.id, "*/*");
    expect(any.headers.get("content-type")).toStartWith("text/csv");
    await any.body?.cancel();
  });

  test("a PDF shows names in any letters, every row, opening and closing, on as many pages as it needs", async () => {
    const short = await make(mine, "2026-01-15", "2026-01-31");
    for (const accept of ["application/pdf", "*/*"]) {
      const response = await download(short.id, accept);
      expect(response.headers.get("content-type")).toBe("application/pdf");
      expect(response.headers.get("content-disposition")).toMatch(
        /^attachment; filename="statement-\d{10}-2026-01-15-2026-01-31.pdf"$/,
      );
      const bytes = new Uint8Array(await response.arrayBuffer());
      expect(countPages(bytes)).toBe(1);
      const [lines = []] = readPdf(bytes);
      expect(lines).toContain("Ṣọlá Adébáyọ̀");
      expect(lines.join(" ")).toContain("Opening balance 10.27 2026-01-15 Deposit 3.00 13.27");
      expect(lines.join(" ")).toContain("2026-01-31 Deposit 40.00 53.27 2026-01-31 Closing balance 53.27");
      expect(lines.at(-1)).toBe(`2 entries, SHA-256 ${short.sha256}`);
    }
    const several = await make(await fill(130), "2026-04-01", "2026-04-01");
    const response = await download(several.id, "application/pdf");
    const etag = response.headers.get("etag") ?? "";
    const bytes = new Uint8Array(await response.arrayBuffer());
    const pages = readPdf(bytes);
    expect([pages.length, countPages(bytes)]).toEqual([3, 3]);
    expect(
      pages
        .map((lines) => lines.filter((line) => line.startsWith("Umlaut ü")).length)
        .reduce((a, b) => a + b),
    ).toBe(65);
    expect(pages.map((lines) => lines.find((line) => line.includes("page")))).toMatchObject(
      [/page 1$/, /page 2$/, /page 3$/].map((page) => expect.stringMatching(page)),
    );
    // The same document each time: a client that has it need not take it again.
    const again = await api.send("GET", `/api/v1/statements/${several.id}/download`, {
      token: owner,
      headers: { accept: "application/pdf", "if-none-match": etag },
    });
    expect(again.status).toBe(304);
  });
});
