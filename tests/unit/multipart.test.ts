import { describe, expect, test } from "bun:test";
import { parseForm } from "../../src/http/multipart.ts";
import { Problem } from "../../src/http/problem.ts";

const type = 'multipart/form-data; boundary="b"';
const part = (headers: string, content: string) => `--b\r\n${headers}\r\n\r\n${content}\r\n`;
const parse = (text: string, contentType = type) => parseForm(new TextEncoder().encode(text), contentType);

describe("forms", () => {
  test("what a browser's form says comes out again, whatever the bytes are", async () => {
    const bytes = new Uint8Array(70_000).map((_, at) => (at * 7919) % 251);
    bytes.set(new TextEncoder().encode("\r\n--b\r\n--"), 1_000);
    const form = new FormData();
    form.append("file", new File([bytes], 'a "b" é.png', { type: "application/pdf" }));
    form.append("ref_type", "job");
    form.append("empty", "");
    form.append("text", "two\r\nlines, é");
    const request = new Response(form);
    const contentType = request.headers.get("content-type") ?? "";
    const parsed = parseForm(new Uint8Array(await request.arrayBuffer()), contentType);
    const { file, ...texts } = parsed;
    expect(texts).toEqual({ ref_type: "job", empty: "", text: "two\r\nlines, é" });
    expect(file).toBeInstanceOf(File);
    expect([(file as File).name, (file as File).type]).toEqual(['a "b" é.png', "application/pdf"]);
    expect(await (file as File).bytes()).toEqual(bytes);
  });

  test("parts without quotes, with an epilogue, with padding after the boundary", () => {
    const text = `preamble\r\n--b  \r\ncontent-disposition: FORM-DATA; name=a\r\n\r\n1\r\n--b--\r\nepilogue`;
    expect({ ...parse(text, "multipart/form-data; boundary=b; charset=utf-8") }).toEqual({ a: "1" });
  });

  test("a name of a prototype is a name", () => {
    const form = parse(`${part('Content-Disposition: form-data; name="__proto__"', "x")}--b--`);
    expect(Object.keys(form)).toEqual(["__proto__"]);
  });

  const good = part('Content-Disposition: form-data; name="a"', "1");
  test.each([
    ["nothing", ""],
    ["no end", good],
    ["a cut end", `${good}--b`],
    ["a part without headers", "--b\r\n\r\n1\r\n--b--"],
    ["a part without a name", `${part("Content-Disposition: form-data", "1")}--b--`],
    ["a part that is no form data", `${part('Content-Disposition: attachment; name="a"', "1")}--b--`],
    ["a name twice", `${good}${good}--b--`],
    [
      "a thousand parts",
      `${Array.from({ length: 1_000 }, (_, at) => good.replace('"a"', `"a${at}"`)).join("")}--b--`,
    ],
    ["a boundary that goes on", `--bogus\r\n\r\n\r\n--bogus--`],
    ["endless headers", `--b\r\n${"x".repeat(10_000)}\r\n\r\n1\r\n--b--`],
  ])("%s is refused as not well-formed", (_, text) => {
    expect(() => parse(text)).toThrow(Problem);
  });

  test("a header without a boundary, and text that is not UTF-8, are refused", () => {
    expect(() => parse(`${good}--b--`, "multipart/form-data")).toThrow(Problem);
    const bytes = new TextEncoder().encode(`${good}--b--`).map((byte) => (byte === 0x31 ? 0xff : byte));
    expect(() => parseForm(bytes, type)).toThrow(Problem);
  });

  test("no cut of a form is anything but refused", () => {
    const whole = `${part('Content-Disposition: form-data; name="a"; filename="f"\r\nContent-Type: text/plain', "1")}--b--`;
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => parse(whole.slice(0, length))).toThrow(Problem);
    }
  });

  test("Bun's own parser still drops the declared media type; when this fails, use it instead of ours", async () => {
    const text = `${part('Content-Disposition: form-data; name="a"; filename="a.png"\r\nContent-Type: application/pdf', "1")}--b--`;
    const form = await new Response(text, {
      headers: { "content-type": "multipart/form-data; boundary=b" },
    }).formData();
    expect((form.get("a") as unknown as File).type).toBe("image/png");
  });
});
