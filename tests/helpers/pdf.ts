import { inflateSync } from "node:zlib";

/**
 * The pages of a PDF as lines of text, as far as our own documents go: one embedded font with a /ToUnicode map, text in
 * hexadecimal strings, streams deflated or plain (ISO 32000-1, sections 7.3.8, 9.4.3 and 9.10.3). Throws on what is no PDF.
 */
export function readPdf(bytes: Uint8Array): string[][] {
  const text = Buffer.from(bytes).toString("latin1");
  if (!text.startsWith("%PDF-1.") || !text.trimEnd().endsWith("%%EOF")) throw new Error("not a whole PDF");
  const streams = streamsOf(bytes, text);
  const letters = new Map(streams.flatMap((stream) => [...lettersOf(stream)]));
  return streams.filter((stream) => /\bTJ\b/.test(stream)).map((stream) => linesOf(stream, letters));
}

/** How many pages its page tree says it has. */
export function countPages(bytes: Uint8Array): number {
  const counts = [
    ...Buffer.from(bytes)
      .toString("latin1")
      .matchAll(/\/Type \/Pages[\s\S]*?\/Count (\d+)/g),
  ];
  return Number(counts[0]?.[1]);
}

function streamsOf(bytes: Uint8Array, text: string): string[] {
  return [...text.matchAll(/<<((?:(?!endobj)[\s\S])*?)>>\s*stream\r?\n/g)].map((match) => {
    const start = match.index + match[0].length;
    const end = text.indexOf("endstream", start);
    const raw = bytes.subarray(start, end);
    return (match[1] ?? "").includes("/FlateDecode")
      ? inflateSync(raw).toString("latin1")
      : Buffer.from(raw).toString("latin1");
  });
}

/** Glyph → text, of a CMap. */
function lettersOf(stream: string): Map<number, string> {
  const letters = new Map<number, string>();
  if (!stream.includes("begincmap")) return letters;
  const hex = (digits: string) => Number.parseInt(digits, 16);
  const unicode = (digits: string) =>
    String.fromCharCode(...(digits.match(/.{4}/g) ?? []).map((unit) => hex(unit)));
  for (const [, first = "", , targets = ""] of stream.matchAll(
    /<([0-9a-f]{4})>\s*<([0-9a-f]{4})>\s*\[([^\]]*)\]/gi,
  )) {
    for (const [index, [, target = ""]] of [...targets.matchAll(/<([0-9a-f ]*)>/gi)].entries()) {
      letters.set(hex(first) + index, unicode(target.replaceAll(" ", "")));
    }
  }
  return letters;
}

/** What one page shows: a line for each text that is set. */
function linesOf(stream: string, letters: ReadonlyMap<number, string>): string[] {
  return [...stream.matchAll(/\[([^\]]*)\]\s*TJ/g)].map(([, parts = ""]) =>
    [...parts.matchAll(/<([0-9a-f]*)>/gi)]
      .flatMap(([, glyphs = ""]) => glyphs.match(/.{4}/g) ?? [])
      .map((glyph) => letters.get(Number.parseInt(glyph, 16)) ?? "\uFFFD")
      .join(""),
  );
}
