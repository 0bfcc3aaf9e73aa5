// multipart/form-data: https://www.rfc-editor.org/rfc/rfc7578, its boundaries: https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
import { Problem } from "./problem.ts";

/** Members of a form by name: text, or a file with the name and media type that the client gave it. */
export type Form = Record<string, string | File>;

/** Parts that a form may have; ours have three. */
const maxParts = 100;
const headerMaxBytes = 8_192;

/**
 * Parses a form by hand, because Bun's `formData()` takes the media type of a file from the ending of its name and drops
 * the one the client declared (https://github.com/oven-sh/bun/issues/33012; a test tells when that has changed).
 *
 * @throws {Problem} `validation` when the body is no well-formed form, or names a member twice
 */
export function parseForm(bytes: Uint8Array, contentType: string): Form {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const delimiter = Buffer.from(`\r\n--${boundary?.[1] ?? boundary?.[2] ?? ""}`);
  if (boundary === null) throw malformed("names no boundary");
  // The first delimiter may open the body: one line break before it makes it like the others.
  const body = Buffer.concat([Buffer.from("\r\n"), bytes]);
  const form: Form = Object.create(null) as Form;
  let at = body.indexOf(delimiter);
  for (let part = 0; at >= 0; part += 1) {
    const begin = at + delimiter.length;
    if (body.toString("latin1", begin, begin + 2) === "--") return form;
    const head = body.indexOf("\r\n", begin);
    if (head < 0 || body.toString("latin1", begin, head).trim() !== "" || part === maxParts) break;
    at = body.indexOf(delimiter, head);
    if (at < 0) break;
    const { name, value } = readPart(body.subarray(head, at));
    if (name in form)
      throw new Problem("validation", { errors: [{ pointer: `/${name}`, detail: "is there twice" }] });
    form[name] = value;
  }
  throw malformed("does not end where it says, or has too many parts");
}

/** A part: line break, headers, empty line, content. */
function readPart(part: Buffer): { name: string; value: string | File } {
  const end = part.indexOf("\r\n\r\n");
  if (end < 0 || end > headerMaxBytes) throw malformed("has a part without an end of its headers");
  const headers = part.toString("utf8", 0, end);
  const disposition = /\r\ncontent-disposition:\s*form-data\s*(;[^\r\n]*)/i.exec(headers)?.[1] ?? "";
  const name = parameterOf(disposition, "name");
  if (name === null) throw malformed("has a part without a name");
  const filename = parameterOf(disposition, "filename");
  const content = part.subarray(end + 4);
  if (filename === null) return { name, value: textOf(content) };
  const type = /\r\ncontent-type:[ \t]*([^\r\n]*)/i.exec(headers)?.[1]?.trim() ?? "";
  return { name, value: new File([new Uint8Array(content)], filename, { type }) };
}

/** Browsers write quotes and line breaks in names as %22, %0D and %0A (https://html.spec.whatwg.org/#multipart-form-data). */
function parameterOf(disposition: string, parameter: string): string | null {
  const found = new RegExp(`;\\s*${parameter}=(?:"([^"]*)"|([^\\s;"]+))`, "i").exec(disposition);
  const value = found?.[1] ?? found?.[2];
  if (value === undefined) return null;
  return value.replaceAll(/%(22|0D|0A)/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function textOf(content: Buffer): string {
  try {
    return utf8.decode(content);
  } catch {
    throw malformed("has text that is not UTF-8");
  }
}

function malformed(detail: string): Problem {
  return new Problem("validation", {
    detail: `The body is not well-formed multipart/form-data: it ${detail}`,
  });
}
