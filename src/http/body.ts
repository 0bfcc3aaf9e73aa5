// Content: https://www.rfc-editor.org/rfc/rfc9110#section-6.4
import { type Form, parseForm } from "./multipart.ts";
import { Problem } from "./problem.ts";
import type { RequestScope } from "./scope.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The media type of a Content-Type header without its parameters, lower case. */
export function mediaTypeOf(header: string | null): string {
  return (header ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Refuses a body in a media type or coding that the route does not take, before anything is read. */
export function requireMediaType(request: Request, consumes: readonly string[]): void {
  const coding = request.headers.get("content-encoding");
  if (coding !== null && coding.trim().toLowerCase() !== "identity") {
    throw new Problem("unsupported_media_type", {
      detail: "Send the body as it is: none is taken with a Content-Encoding",
      headers: { "accept-encoding": "identity" },
    });
  }
  const type = mediaTypeOf(request.headers.get("content-type"));
  if (consumes.includes(type)) return;
  throw new Problem("unsupported_media_type", {
    detail: `Send the body as ${consumes.join(" or ")}${type === "" ? ", with a Content-Type header" : ""}`,
    headers: { "accept-post": consumes.join(", ") },
  });
}

/** Refuses a body that announces more than `limit` bytes; one that announces nothing is counted while it is read. */
export function requireSize(request: Request, limit_bytes: number): void {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > limit_bytes) throw tooLarge(limit_bytes);
}

/**
 * Reads a body once and parses it by its media type: JSON to a value, form data to an object, anything else to
 * text. The bytes' text stays in the scope, where the idempotency hash finds it.
 */
export async function readBody(scope: RequestScope, limit_bytes: number): Promise<unknown> {
  const { request } = scope;
  const type = mediaTypeOf(request.headers.get("content-type"));
  const bytes = await readBytes(request, limit_bytes);
  if (type === "multipart/form-data") {
    const form = parseForm(bytes, request.headers.get("content-type") ?? "");
    scope.body = await digestOf(form);
    return form;
  }
  const text = textOf(bytes);
  scope.body = text;
  return type !== "application/json" && !type.endsWith("+json") ? text : jsonOf(text);
}

/** @throws {Problem} `malformed_json` where bytes are no UTF-8 */
export function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Problem("malformed_json", { detail: "The body is not valid UTF-8" });
  }
}

/** @throws {Problem} `malformed_json` where text is no JSON, or is nested deeper than anything we take */
export function jsonOf(text: string): unknown {
  if (text === "") throw new Problem("malformed_json", { detail: "A JSON body is required" });
  if (isDeeper(text, maxDepth)) {
    throw new Problem("malformed_json", { detail: `JSON may be nested ${maxDepth} levels deep at most` });
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem("malformed_json");
  }
}

/** Far above what any route takes; what walks a value (validation, its messages) takes time that grows with the square. */
const maxDepth = 32;
const [quote, backslash, open, close] = [0x22, 0x5c, 0x5b, 0x5d];

/** Whether JSON text is nested deeper than `limit`: brackets are counted, those in strings are not. */
function isDeeper(text: string, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      for (at += 1; at < text.length && text.charCodeAt(at) !== quote; at += 1) {
        if (text.charCodeAt(at) === backslash) at += 1;
      }
      // Braces are the brackets with one bit more.
    } else if ((code & 0xdf) === open) {
      depth += 1;
      if (depth > limit) return true;
    } else if ((code & 0xdf) === close) depth -= 1;
  }
  return false;
}

/** What a form says, whatever boundary it was sent with: a client that sends it again draws another one. */
async function digestOf(form: Form): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const [name, value] of Object.entries(form)) {
    if (typeof value === "string") hash.update(JSON.stringify([name, value]));
    else {
      hash.update(JSON.stringify([name, value.name, value.type, value.size]));
      hash.update(await value.arrayBuffer());
    }
  }
  return hash.digest("hex");
}

/** The bytes of a body as they came, `limit_bytes` at most. */
export async function readBytes(request: Request, limit_bytes: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (request.headers.has("content-length") || request.body === null)
      return new Uint8Array(await request.arrayBuffer());
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of request.body) {
      size += chunk.byteLength;
      if (size > limit_bytes) throw tooLarge(limit_bytes);
      chunks.push(chunk);
    }
    return new Uint8Array(Buffer.concat(chunks));
  } catch (error) {
    if (error instanceof Problem) throw error;
    // The client has gone: nobody reads this, but it is no bug of ours.
    throw new Problem("malformed_json", { detail: "The body ended before its end", cause: error });
  }
}

function tooLarge(limit_bytes: number): Problem {
  // The rest of the body is not read, so the connection cannot be used again.
  return new Problem("payload_too_large", {
    detail: `The body may be ${limit_bytes} bytes at most`,
    headers: { connection: "close" },
  });
}
