// UUIDv7: https://www.rfc-editor.org/rfc/rfc9562#section-5.7

const accepted = /^[A-Za-z0-9._:-]{8,128}$/;

/** The caller's `X-Request-Id` where it is harmless (no spaces, no control characters, bounded), else a new UUIDv7. */
export function requestIdOf(header: string | null): string {
  return header !== null && accepted.test(header) ? header : Bun.randomUUIDv7();
}
