/** A new UUIDv7 (RFC 9562 section 5.7): sorts by the time it was made. */
export const newId = (): string => Bun.randomUUIDv7();

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID of any version (RFC 9562 section 4), which PostgreSQL takes without an error. */
export const isUuid = (text: string): boolean => uuid.test(text);
