/** The embedded PostgreSQL cannot run; the message says what to do about it, for the person at the terminal. */
export class EmbeddedPostgresError extends Error {
  override readonly name = "EmbeddedPostgresError";
}
