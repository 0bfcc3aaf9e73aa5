// Content: https://www.rfc-editor.org/rfc/rfc9110#section-6.4
import { type Form, parseForm } from "./multipart.ts";
import { Problem } from "./problem.ts";
import type { RequestScope } from "./scope.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The media type of a Content-Type header without its parameters, lower case. */
export function mediaTypeOf(header: string | null): string {
  return (header ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Refuses a body in a media type that the route does not take, before anything is read. */
export function requireMediaType(request: Request, consumes: readonly string[]): void {
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
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Problem("malformed_json", { detail: "The body is not valid UTF-8" });
  }
  scope.body = text;
  if (type !== "application/json" && !type.endsWith("+json")) return text;
  if (text === "") throw new Problem("malformed_json", { detail: "A JSON body is required" });
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem("malformed_json");
  }
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

async function readBytes(request: Request, limit_bytes: number): Promise<Uint8Array<ArrayBuffer>> {
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
}

function tooLarge(limit_bytes: number): Problem {
  // The rest of the body is not read, so the connection cannot be used again.
  return new Problem("payload_too_large", {
    detail: `The body may be ${limit_bytes} bytes at most`,
    headers: { connection: "close" },
  });
}
