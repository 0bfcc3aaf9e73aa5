// https://owasp.org/www-project-secure-headers/

/** JSON is never a document, so its policy forbids everything; pages (docs, ops) bring a policy of their own. */
export const forbidEverything = "default-src 'none'; frame-ancestors 'none'";

/** Set on every answer, whatever it is. */
export const securityHeaders: readonly (readonly [name: string, value: string])[] = [
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-opener-policy", "same-origin"],
];
