// https://owasp.org/www-project-secure-headers/

/** JSON is never a document, so its policy forbids everything; pages (docs, ops) bring a policy of their own. */
const forbidEverything = "default-src 'none'; frame-ancestors 'none'";

/** `Cache-Control` of what a person was told: their browser may keep it and asks each time whether it still holds. */
export const privately = "private, no-cache";

/** Set on every answer, whatever it is. */
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

/** Ready headers with what never differs between the answers of one server under one rate limit. */
export type Wardrobe = (headers: Headers, ratelimit_policy: string) => Headers;

/** Makes each combination once: copying ready headers costs a fraction of setting them one by one. */
export function createWardrobe(replica: string): Wardrobe {
  const made = new Map<Headers, Map<string, Headers>>();
  return (headers, ratelimit_policy) => {
    const known = made.get(headers)?.get(ratelimit_policy);
    if (known !== undefined) return known;
    const whole = new Headers(headers);
    dress(whole, privately);
    whole.set("x-replica", replica);
    if (ratelimit_policy !== "") whole.set("ratelimit-policy", ratelimit_policy);
    const byPolicy = made.get(headers) ?? new Map<string, Headers>();
    made.set(headers, byPolicy.set(ratelimit_policy, whole));
    return whole;
  };
}
