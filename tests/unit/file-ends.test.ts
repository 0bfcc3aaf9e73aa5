import { describe, expect, test } from "bun:test";
import { isWhole } from "../../src/core/file-ends.ts";
import { jpeg, pdf, pngOf } from "../helpers/kyc.ts";

const png = pngOf(200);
const bytes = (hex: string) => Uint8Array.fromHex(hex);

/** A JPEG of two scans, with a table between them, as a picture that sharpens while it loads has. */
const progressive = bytes("ffd8ffe000041234ffda0004000011ff0022ffc40004abcdffda0004000033ffd9");

describe("a whole file", () => {
  test.each([
    ["PNG", png, "image/png"],
    ["JPEG, with what a camera writes behind it", jpeg, "image/jpeg"],
    ["JPEG of several scans", progressive, "image/jpeg"],
    ["PDF", pdf, "application/pdf"],
    ["PDF with blank lines at its end", new Uint8Array([...pdf, 10, 10, 10]), "application/pdf"],
  ])("%s is known", (_, content, mime) => {
    expect(isWhole(content, mime)).toBe(true);
  });
});

describe("a file that was cut short", () => {
  test.each([
    ["PNG", png, "image/png", png.length],
    ["JPEG", progressive, "image/jpeg", progressive.length],
    ["PDF", pdf, "application/pdf", pdf.indexOf(0x25, 10) + 5],
  ])("%s is known wherever it ends", (_, content, mime, whole) => {
    const wrong: number[] = [];
    for (let end = 0; end < whole; end += 1) if (isWhole(content.slice(0, end), mime)) wrong.push(end);
    expect(wrong).toEqual([]);
  });

  test.each([
    ["an end of image in a comment only", bytes("ffd8fffe0006ffd90000ffda0004000011ff0022"), "image/jpeg"],
    ["a segment that is longer than the file", bytes("ffd8fffeffffffd9"), "image/jpeg"],
    ["a picture without a scan", bytes("ffd8ffe000041234ffd9"), "image/jpeg"],
    [
      "a PNG whose first chunk is its last",
      png.slice(0, 8).toHex() + "0000000049454e4400000000",
      "image/png",
    ],
  ])("%s is not whole", (_, content, mime) => {
    expect(isWhole(typeof content === "string" ? bytes(content) : content, mime)).toBe(false);
  });

  test("a chunk that says it has no end, or no length, ends the search", () => {
    const endless = png.slice();
    endless.set([0xff, 0xff, 0xff, 0xff], 8);
    expect(isWhole(endless, "image/png")).toBe(false);
    expect(isWhole(bytes("ffd8ffe00000ffd9"), "image/jpeg")).toBe(false);
  });
});
