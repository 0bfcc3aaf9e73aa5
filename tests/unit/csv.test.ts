import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { csvRecord, csvResponse, csvText, parseCsv, wantsCsv } from "../../src/http/csv.ts";
import { Problem } from "../../src/http/problem.ts";

describe("records", () => {
  test.each([
    [["plain", 1, true, null, ""], "plain,1,true,,\r\n"],
    [['say "hi"', "a,b", "two\nlines"], '"say ""hi""","a,b","two\nlines"\r\n'],
    [["+2348012345678", "-5.20", "5"], "+2348012345678,-5.20,5\r\n"],
    [["=1+1", "+cmd|x", "-a", "@SUM(A1)", "\tx"], "'=1+1,'+cmd|x,'-a,'@SUM(A1),'\tx\r\n"],
  ])("%j is written as %j", (fields, text) => {
    expect(csvRecord(fields)).toBe(text);
  });

  test("any text that was written is read back, formulas and apostrophes included", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("'=1", "''+a", "=1", "-5", "'-5", '"', "\r", "'"),
    );
    fc.assert(
      fc.property(fc.array(fc.array(texts, { minLength: 2, maxLength: 5 }), { maxLength: 8 }), (rows) => {
        const wide = rows.map((row) => [...row, "x"]);
        const { records } = parseCsv(`a\r\n${wide.map(csvRecord).join("")}`, 100);
        expect(records.map(({ fields }) => fields.map(csvText))).toEqual(wide);
      }),
      { seed: 42, numRuns: 300 },
    );
  });
});

describe("parsing", () => {
  test("lines are counted where records begin, through quotes, empty lines and any line end", () => {
    const { columns, records } = parseCsv('\uFEFFname, phone \n\n"two\nlines",1\r\na,"b ""c"""\rlast,', 10);
    expect(columns).toEqual(["name", "phone"]);
    expect(records).toEqual([
      { line: 3, fields: ["two\nlines", "1"] },
      { line: 5, fields: ["a", 'b "c"'] },
      { line: 6, fields: ["last", ""] },
    ]);
  });

  test.each([
    ["an open quote", 'a\n"b'],
    ["text after a quote", 'a\n"b"c'],
    ["too many rows", "a\n1\n2\n3\n4\n"],
  ])("%s is refused", (_, text) => {
    expect(() => parseCsv(text, 3)).toThrow(Problem);
  });

  test("nothing is no columns and no records", () => {
    expect(parseCsv("", 3)).toEqual({ columns: [], records: [] });
  });
});

test.each([
  [null, false],
  ["*/*", false],
  ["text/csv", true],
  ["TEXT/CSV; header=present", true],
  ["text/csv, application/json", true],
  ["application/json, text/csv", false],
  ["application/json;q=0.5, text/csv;q=0.9", true],
  ["text/csv;q=0.1, application/json", false],
  ["text/html, text/csv", true],
  ["text/csv, */*", true],
  ["*/*, text/csv", true],
  ["text/*", true],
  ["text/csv;q=0", false],
  ["text/csv;q=0, */*", false],
  ["text/csv;q=0.5, */*;q=0.8", false],
  ["application/json;q=0, text/csv", true],
])("Accept: %s means CSV: %p", (accept, wanted) => {
  expect(wantsCsv(accept)).toBe(wanted);
});

describe("responses", () => {
  async function* count(rows: number, seen: { rows: number; ended: boolean }) {
    try {
      for (let at = 0; at < rows; at += 1) {
        seen.rows += 1;
        yield [at, "x".repeat(100)];
      }
    } finally {
      seen.ended = true;
    }
  }

  test("rows are taken no faster than they are read", async () => {
    const seen = { rows: 0, ended: false };
    const response = csvResponse(["n", "text"], count(100_000, seen), {
      filename: "a.csv",
      signal: new AbortController().signal,
    });
    expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="a.csv"');
    const reader = response.body?.getReader();
    await reader?.read();
    await Bun.sleep(5);
    expect(seen.rows).toBeLessThan(1_000);
    await reader?.cancel();
    await Bun.sleep(1);
    expect(seen.ended).toBe(true);
  });

  test("a client that goes away ends the source", async () => {
    const seen = { rows: 0, ended: false };
    const gone = new AbortController();
    const response = csvResponse(["n", "text"], count(100_000, seen), {
      filename: "a.csv",
      signal: gone.signal,
    });
    await response.body?.getReader().read();
    gone.abort();
    await Bun.sleep(1);
    expect(seen.ended).toBe(true);
  });

  test("no rows are a header", async () => {
    const seen = { rows: 0, ended: false };
    const response = csvResponse(["n", "text"], count(0, seen), {
      filename: "a.csv",
      signal: new AbortController().signal,
    });
    expect(await response.text()).toBe("n,text\r\n");
  });
});
