// The Idempotency-Key header: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
import { Problem } from "./problem.ts";
import type { Idempotency, RequestScope } from "./scope.ts";

const shape = /^[\x21-\x7e]{8,255}$/;

/**
 * The key of this request where its route takes one. The draft's structured-field form (`"key"` in quotes) and the
 * bare form that most clients send are the same key. The hash covers method, path with query, and body.
 */
export function idempotencyOf({ request, route, body }: RequestScope): Idempotency | null {
  const demand = route?.declaration.idempotency;
  if (demand === undefined) return null;
  const header = request.headers.get("idempotency-key");
  if (header === null) {
    if (demand === "required") throw new Problem("idempotency_key_required");
    return null;
  }
  const key = /^".*"$/.test(header) ? header.slice(1, -1) : header;
  if (!shape.test(key)) {
    throw new Problem("invalid_header", {
      detail: "Idempotency-Key must be 8 to 255 visible ASCII characters",
    });
  }
  const url = new URL(request.url);
  const hash = new Bun.CryptoHasher("sha256");
  hash.update(`${request.method}\n${url.pathname}${url.search}\n`).update(body ?? "");
  return { key, request_hash: hash.digest("hex") };
}
