import { describe, expect, test } from "bun:test";
import { eachRow } from "../../src/http/each-row.ts";
import { createCursors, envelope, type Keyset, listName } from "../../src/http/pagination.ts";
import { Problem } from "../../src/http/problem.ts";

const cursors = createCursors("a-secret-for-tests-of-at-least-32-bytes");
const key = '["2026-11-20 08:15:00.123456+00","0199c0de-0000-7000-8000-000000000000"]';

describe("cursors", () => {
  test("a cursor gives back its keyset, in its own list", () => {
    expect(cursors.read("list", cursors.sign("list", key))).toEqual(JSON.parse(key) as Keyset);
    expect(cursors.read("list", undefined)).toBeNull();
  });

  test("one changed character anywhere, another list, another secret are refused", () => {
    const cursor = cursors.sign("list", key);
    for (let at = 0; at < cursor.length; at += 1) {
      const changed = `${cursor.slice(0, at)}${cursor[at] === "A" ? "B" : "A"}${cursor.slice(at + 1)}`;
      expect(() => cursors.read("list", changed)).toThrow(Problem);
    }
    expect(() => cursors.read("lis", cursor)).toThrow(Problem);
    expect(() => cursors.read("list", "")).toThrow(Problem);
    expect(() => cursors.read("list", `${cursor}A`)).toThrow(Problem);
    expect(() => createCursors("another-secret-of-at-least-32-bytes!").read("list", cursor)).toThrow(Problem);
  });
});

describe("lists", () => {
  test("are named by path, tenant and filters, in any order, without cursor and limit", () => {
    const name = (query: string, business = "a") => listName(`http://h/api/v1/jobs?${query}`, business);
    expect(name("b=2&a=1&limit=5&cursor=x")).toBe(name("a=1&b=2"));
    expect(name("a=1")).not.toBe(name("a=2"));
    expect(name("a=1")).not.toBe(name("a=1", "b"));
    expect(name("a=1&a=2")).toBe(name("a=2&a=1"));
  });

  test("the link keeps the filters; the last page has none", () => {
    const next = { url: "http://h/api/v1/jobs?status=draft&limit=2&cursor=old", list: "list", cursors };
    const { text, link } = envelope({ data: "[1,2]", has_more: true, last_key: key }, next);
    const cursor = cursors.sign("list", key);
    expect(JSON.parse(text)).toEqual({ data: [1, 2], meta: { next_cursor: cursor, has_more: true } });
    expect(link).toBe(`</api/v1/jobs?status=draft&limit=2&cursor=${cursor}>; rel="next"`);
    const last = envelope({ data: "[]", has_more: false, last_key: null }, next);
    expect(last).toEqual({ text: '{"data":[],"meta":{"next_cursor":null,"has_more":false}}', link: null });
  });

  test("every row of every page comes once, pages are read when they are needed", async () => {
    const rows = Array.from({ length: 1_234 }, (_, at) => at);
    let reads = 0;
    const read = (after: Keyset | null, limit: number) => {
      reads += 1;
      const from = after === null ? 0 : Number(after[0]) + 1;
      const data = rows.slice(from, from + limit);
      const last_key = data.length === 0 ? null : JSON.stringify([String(data.at(-1))]);
      return Promise.resolve({ data: JSON.stringify(data), has_more: from + limit < rows.length, last_key });
    };
    const seen: number[] = [];
    for await (const row of eachRow<number>(read)) {
      seen.push(row);
      if (seen.length === 50) expect(reads).toBe(1);
    }
    expect(seen).toEqual(rows);
    expect(reads).toBe(4);
  });
});
