// https://owasp.org/www-project-secure-headers/

/** JSON is never a document, so its policy forbids everything; pages (docs, ops) bring a policy of their own. */
const forbidEverything = "default-src 'none'; frame-ancestors 'none'";

/** `Cache-Control` of what a person was told: their browser may keep it and asks each time whether it still holds. */
export const privately = "private, no-cache";

/** Set on every answer, whatever it is. The last one tells who has them. */
const securityHeaders: readonly (readonly [name: string, value: string])[] = [
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-opener-policy", "same-origin"],
];

/** Adds what every answer carries whatever it is about; policies that it has already stay. */
export function dress(headers: Headers, cache_control: string): void {
  if (!headers.has("cache-control")) headers.set("cache-control", cache_control);
  if (!headers.has("content-security-policy")) headers.set("content-security-policy", forbidEverything);
  for (const [name, value] of securityHeaders) headers.set(name, value);
  headers.append("vary", "origin");
}

/** Whether `dress` was here before. */
export const isDressed = (headers: Headers): boolean => headers.has("cross-origin-opener-policy");
