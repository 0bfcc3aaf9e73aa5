import { describe, expect, test } from "bun:test";
import { judgeFile, sniff } from "../../src/core/file-types.ts";

const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** A ZIP archive of empty entries: local headers are left out, for programs read the central directory. */
function zip(names: readonly string[], comment = ""): Uint8Array {
  const entries = names.map((name) => {
    const entry = new Uint8Array(46 + name.length);
    const view = new DataView(entry.buffer);
    view.setUint32(0, 0x02014b50, true);
    view.setUint16(28, name.length, true);
    entry.set(bytes(name), 46);
    return entry;
  });
  const directory = Buffer.concat(entries);
  const end = new Uint8Array(22 + comment.length);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(10, names.length, true);
  view.setUint32(12, directory.length, true);
  view.setUint32(16, 4, true);
  view.setUint16(20, comment.length, true);
  end.set(bytes(comment), 22);
  return new Uint8Array(Buffer.concat([bytes("PK\x03\x04"), directory, end]));
}

const sheet = ["[Content_Types].xml", "xl/workbook.xml"];
const document = ["[Content_Types].xml", "word/document.xml"];

describe("sniffing", () => {
  test.each([
    ["pdf", bytes("%PDF-1.4")],
    ["png", bytes("\x89PNG\r\n\x1a\n")],
    ["jpeg", bytes("\xff\xd8\xff\xe0")],
    ["gif", bytes("GIF89a..")],
    ["webp", bytes("RIFF\x00\x00\x00\x00WEBPVP8 ")],
    ["xlsx", zip(sheet)],
    ["xlsx", zip(sheet, "a comment")],
    ["docx", zip(document)],
    ["text", new TextEncoder().encode("\uFEFFname,città\r\n\t1\n")],
  ] as const)("knows %s by its bytes", (type, content) => {
    expect(sniff(content)).toBe(type);
  });

  test.each([
    ["an archive that is no document", zip(["a.txt"])],
    ["a document with macros", zip([...document, "word/vbaProject.bin"])],
    ["an archive that is both", zip([...sheet, "word/document.xml"])],
    ["an archive without an end", bytes("PK\x03\x04")],
    ["an archive whose directory lies", zip(sheet).fill(0, 4, 8)],
    ["an archive cut short", zip(sheet).slice(20)],
    ["NUL in text", bytes("a\x00b")],
    ["text that is not UTF-8", bytes("caf\xe9")],
    ["WAV, which begins as WebP does", bytes("RIFF\x00\x00\x00\x00WAVE")],
  ])("does not know %s", (_, content) => {
    expect(sniff(content)).toBeNull();
  });

  test("no prefix of an archive makes it fail", () => {
    const whole = zip(sheet, "comment");
    for (let length = 0; length < whole.length; length += 1)
      expect(() => sniff(whole.slice(0, length))).not.toThrow();
  });
});

describe("judging", () => {
  const text = bytes("a,b\n");
  test.each([
    [text, "a.csv", "text/csv", "text/csv"],
    [text, "a.csv", "application/vnd.ms-excel", "text/csv"],
    [text, "a.csv", "text/plain", "text/csv"],
    [text, "A.CSV", "", "text/csv"],
    [text, "a.txt", "text/plain; charset=utf-8", "text/plain"],
    [text, "a", "", "text/plain"],
    [text, "a", "text/csv", "text/csv"],
    [bytes("\xff\xd8\xff"), "a.jpeg", "image/jpg", "image/jpeg"],
    [bytes("%PDF-"), "a", "application/octet-stream", "application/pdf"],
  ])("agrees on %#: %s %s %s", (content, name, declared, mime) => {
    expect(judgeFile(content, name, declared)).toEqual({ ok: true, mime });
  });

  test.each([
    [text, "a.pdf", "", "file_type_mismatch"],
    [text, "a.txt", "text/csv", "file_type_mismatch"],
    [text, "a", "image/png", "file_type_mismatch"],
    [bytes("%PDF-"), "a.txt", "text/plain", "file_type_mismatch"],
    [zip(document), "a.xlsx", "", "file_type_mismatch"],
    [text, "a.svg", "image/svg+xml", "file_type_not_allowed"],
    [text, "a.js", "", "file_type_not_allowed"],
    [bytes("\x00"), "a.txt", "", "file_type_not_allowed"],
  ])("refuses %#: %s %s %s", (content, name, declared, code) => {
    expect(judgeFile(content, name, declared)).toMatchObject({ ok: false, code });
  });
});
