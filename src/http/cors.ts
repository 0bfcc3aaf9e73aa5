// CORS: https://fetch.spec.whatwg.org/#http-cors-protocol

export type CorsOptions = { origins: readonly string[]; allow_credentials: boolean };

const exposed =
  "ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, X-Process-Time, Server-Timing, " +
  "X-Cache, Cache-Status, Idempotency-Replayed";
const allowedHeaders =
  "Authorization, Content-Type, Accept, Idempotency-Key, If-Match, If-None-Match, X-Business-Id, X-Request-Id, traceparent";

export type Cors = {
  /** Headers of every answer to this origin; null when the request is not cross-origin or not allowed. */
  headers(origin: string | null): Readonly<Record<string, string>> | null;
  /** Answer to a preflight: 204 with what is allowed. An origin off the list gets no permission, as the standard asks. */
  preflight(request: Request, allow: readonly string[]): Response;
};

/** An allow-list of origins; `*` alone allows any, and configuration refuses it together with credentials. */
export function createCors({ origins, allow_credentials }: CorsOptions): Cors {
  const any = origins.includes("*");
  const listed = new Set(origins);
  const headers = (origin: string | null) => {
    if (origin === null || !(any || listed.has(origin))) return null;
    return {
      "access-control-allow-origin": any ? "*" : origin,
      "access-control-expose-headers": exposed,
      ...(allow_credentials ? { "access-control-allow-credentials": "true" } : {}),
    };
  };
  return {
    headers,
    preflight(request, allow) {
      const permission = headers(request.headers.get("origin"));
      const answer = new Response(null, { status: 204, headers: { allow: allow.join(", ") } });
      if (permission !== null) {
        answer.headers.set("access-control-allow-methods", allow.join(", "));
        answer.headers.set("access-control-allow-headers", allowedHeaders);
        answer.headers.set("access-control-max-age", "600");
      }
      return answer;
    },
  };
}
