// https://owasp.org/www-project-secure-headers/

/**
 * Set on every answer that does not bring its own. JSON is never a document, so its policy forbids everything; pages
 * (docs, ops) set a policy of their own.
 */
export const securityHeaders: readonly (readonly [name: string, value: string])[] = [
  ["x-content-type-options", "nosniff"],
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["referrer-policy", "no-referrer"],
  ["cross-origin-opener-policy", "same-origin"],
];
