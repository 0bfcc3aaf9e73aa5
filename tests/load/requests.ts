import type { LoopResult } from "./closed-loop.ts";

/** A run with other answers than this one measures nothing. */
export function requireOnly(status: string, result: LoopResult): void {
  const others = Object.keys(result.statuses).filter((found) => found !== status);
  if (others.length > 0 || result.lost_connections > 0 || result.requests === 0) {
    throw new Error(`a run with failures measures nothing: ${JSON.stringify(result)}`);
  }
}

/** A POST of JSON under a key of its own, as text for a socket. The body is ASCII. */
export function postRequest(path: string, token: string, body: unknown): string {
  const text = JSON.stringify(body);
  return (
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nIdempotency-Key: ${crypto.randomUUID()}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  );
}
