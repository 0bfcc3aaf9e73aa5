// What a file is, by its bytes: https://mimesniff.spec.whatwg.org/, for the types that are allowed here.

/** A type of file that may be kept. */
type FileType = Readonly<{
  /** As it is stored and served. */
  mime: string;
  /** First is the usual one. */
  extensions: readonly string[];
  /** Other names that browsers and systems give it. */
  aliases: readonly string[];
  /** What the bytes can tell: CSV and text look the same. */
  content: Content;
}>;

type Content = "pdf" | "png" | "jpeg" | "webp" | "gif" | "xlsx" | "docx" | "text";

const openXml = "application/vnd.openxmlformats-officedocument";

/** The allow-list. Nothing that a browser runs (HTML, SVG, scripts), nothing with macros. */
export const fileTypes: readonly FileType[] = [
  { mime: "application/pdf", extensions: ["pdf"], aliases: ["application/x-pdf"], content: "pdf" },
  { mime: "image/png", extensions: ["png"], aliases: [], content: "png" },
  { mime: "image/jpeg", extensions: ["jpg", "jpeg"], aliases: ["image/jpg", "image/pjpeg"], content: "jpeg" },
  { mime: "image/webp", extensions: ["webp"], aliases: [], content: "webp" },
  { mime: "image/gif", extensions: ["gif"], aliases: [], content: "gif" },
  {
    mime: "text/csv",
    extensions: ["csv"],
    aliases: ["application/csv", "application/vnd.ms-excel"],
    content: "text",
  },
  { mime: "text/plain", extensions: ["txt"], aliases: [], content: "text" },
  { mime: `${openXml}.spreadsheetml.sheet`, extensions: ["xlsx"], aliases: [], content: "xlsx" },
  { mime: `${openXml}.wordprocessingml.document`, extensions: ["docx"], aliases: [], content: "docx" },
];

/** Media types that say nothing about the content. */
const undeclared = new Set(["", "application/octet-stream", "binary/octet-stream"]);

export type FileVerdict =
  | Readonly<{ ok: true; mime: string }>
  | Readonly<{ ok: false; code: "file_type_mismatch" | "file_type_not_allowed"; detail: string }>;

/**
 * Decides what a file is. Bytes, extension and declared media type must agree; an absent extension and an empty or
 * generic media type agree with anything.
 */
export function judgeFile(bytes: Uint8Array, filename: string, declared: string): FileVerdict {
  const content = sniff(bytes);
  const extension = /\.([A-Za-z0-9]{1,10})$/.exec(filename)?.[1]?.toLowerCase() ?? null;
  const media = declared.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const named =
    extension === null ? fileTypes : fileTypes.filter((type) => type.extensions.includes(extension));
  if (content === null || named.length === 0) {
    const shown = content === null ? "The content is of a type" : `Files named .${extension} are of a type`;
    return { ok: false, code: "file_type_not_allowed", detail: `${shown} that is not allowed` };
  }
  const matching = named.filter((type) => type.content === content);
  if (matching.length === 0) return mismatch(`The content is ${content}, the name says .${extension}`);
  const agreed = matching.find(
    (type) => undeclared.has(media) || type.mime === media || type.aliases.includes(media),
  );
  // Systems without a type for CSV declare plain text.
  const type = agreed ?? (content === "text" && media === "text/plain" ? matching[0] : undefined);
  if (type === undefined) return mismatch(`The content is ${content}, the media type says ${media}`);
  // Without a name or a type to say more, text is just text.
  const isBareText = content === "text" && extension === null && undeclared.has(media);
  return { ok: true, mime: isBareText ? "text/plain" : type.mime };
}

const mismatch = (detail: string): FileVerdict => ({ ok: false, code: "file_type_mismatch", detail });

/** The type of content that the bytes are, null for one that is not on the list. */
export function sniff(bytes: Uint8Array): Content | null {
  const begins = (text: string, at = 0) =>
    bytes.length >= at + text.length &&
    [...text].every((char, place) => bytes[at + place] === char.charCodeAt(0));
  if (begins("%PDF-")) return "pdf";
  if (begins("\x89PNG\r\n\x1a\n")) return "png";
  if (begins("\xff\xd8\xff")) return "jpeg";
  if (begins("GIF87a") || begins("GIF89a")) return "gif";
  if (begins("RIFF") && begins("WEBP", 8)) return "webp";
  if (begins("PK\x03\x04")) return officeKind(bytes);
  return isText(bytes) ? "text" : null;
}

/** Tells a spreadsheet from a document by the names in the archive; any other archive, or one with macros, is neither. */
function officeKind(bytes: Uint8Array): "xlsx" | "docx" | null {
  const names = zipNames(bytes);
  if (names === null || !names.includes("[Content_Types].xml")) return null;
  if (names.some((name) => /vbaProject|macrosheets|activeX/i.test(name))) return null;
  const isSheet = names.includes("xl/workbook.xml");
  const isDocument = names.includes("word/document.xml");
  if (isSheet === isDocument) return null;
  return isSheet ? "xlsx" : "docx";
}

const endRecordBytes = 22;
const commentMaxBytes = 65_535;
const entryBytes = 46;

/**
 * Names in the central directory of a ZIP archive (APPNOTE.TXT 4.3.12 and 4.3.16), which is what programs open; null
 * when it has none. Nothing is unpacked.
 */
function zipNames(bytes: Uint8Array): string[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stop = Math.max(0, bytes.length - endRecordBytes - commentMaxBytes);
  let end = bytes.length - endRecordBytes;
  while (end >= stop && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < stop) return null;
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const names: string[] = [];
  for (let entry = 0; entry < count; entry += 1) {
    if (at + entryBytes > bytes.length || view.getUint32(at, true) !== 0x02014b50) return null;
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const commentBytes = view.getUint16(at + 32, true);
    names.push(new TextDecoder().decode(bytes.subarray(at + entryBytes, at + entryBytes + nameBytes)));
    at += entryBytes + nameBytes + extraBytes + commentBytes;
  }
  return names;
}

// oxlint-disable-next-line no-control-regex
const binary = /[\u0000-\u0008\u000b\u000e-\u001a\u001c-\u001f\u007f]/;

/** UTF-8 without the control characters that text does not have. */
function isText(bytes: Uint8Array): boolean {
  try {
    return !binary.test(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return false;
  }
}
