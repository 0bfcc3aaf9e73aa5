/** The bytes of an entry in Redis. FILL reads the format and the position from the front and nothing else. */

/** Part of every entry's key in Redis, so that formats live side by side. */
export const ENTRY_FORMAT = 1;
/** Below this, compression is not tried. */
export const COMPRESS_FROM_BYTES = 4 * 1024;
/** Above this, it leaves the event loop. */
export const COMPRESS_ASYNC_BYTES = 64 * 1024;

const RAW = 0;
const ZSTD = 1;
const NULL = 2;
/** format 1, codec 1, position 8, creation 8, life 4, cost 4, raw length 4, etag length 2, key length 4 */
const HEADER_BYTES = 36;
const CHECKSUM_BYTES = 8;

export type EntryHeader = Readonly<{
  position: number;
  /** In the order's time (Redis's), milliseconds. */
  created: number;
  /** From creation to the end of the ttl; grace comes on top. */
  life_ms: number;
  /** What the load took. */
  cost_ms: number;
  etag: string;
}>;

export type Entry = EntryHeader & { readonly payload: Uint8Array | null };

const encoder = new TextEncoder();

/**
 * Bytes of an entry: header, ETag, key (name and parts in full, also where Redis's key holds their hash), payload, and
 * the checksum of it all. Big-endian; position and creation are doubles. A promise only above 64 KiB.
 */
export function encodeEntry(
  header: EntryHeader,
  key: string,
  payload: Uint8Array | null,
): Uint8Array | Promise<Uint8Array> {
  if (payload === null) return pack(header, key, NULL, new Uint8Array(0), 0);
  const pick = (zstd: Uint8Array): Uint8Array =>
    zstd.byteLength <= payload.byteLength * 0.8
      ? pack(header, key, ZSTD, zstd, payload.byteLength)
      : pack(header, key, RAW, payload, payload.byteLength);
  if (payload.byteLength < COMPRESS_FROM_BYTES) {
    return pack(header, key, RAW, payload, payload.byteLength);
  }
  if (payload.byteLength <= COMPRESS_ASYNC_BYTES) return pick(Bun.zstdCompressSync(payload));
  return Bun.zstdCompress(payload).then(pick);
}

function pack(header: EntryHeader, key: string, codec: number, stored: Uint8Array, raw: number): Uint8Array {
  const etag = encoder.encode(header.etag);
  const name = encoder.encode(key);
  const start = HEADER_BYTES + etag.byteLength + name.byteLength;
  const end = start + stored.byteLength;
  const bytes = new Uint8Array(end + CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ENTRY_FORMAT);
  view.setUint8(1, codec);
  view.setFloat64(2, header.position);
  view.setFloat64(10, header.created);
  view.setUint32(18, header.life_ms);
  view.setUint32(22, Math.min(0xffff_ffff, Math.round(header.cost_ms * 1000)));
  view.setUint32(26, raw);
  view.setUint16(30, etag.byteLength);
  view.setUint32(32, name.byteLength);
  bytes.set(etag, HEADER_BYTES);
  bytes.set(name, HEADER_BYTES + etag.byteLength);
  bytes.set(stored, start);
  view.setBigUint64(end, Bun.hash.xxHash3(bytes.subarray(0, end)));
  return bytes;
}

/**
 * Reads an entry back. Null for whatever is not exactly an entry of this format for this key: cut, altered, older,
 * newer, or of other parts. A promise only for compressed payloads above 64 KiB. Never throws or rejects. What was not
 * compressed is a view of `given`.
 */
export function decodeEntry(given: Uint8Array, key: string): Entry | null | Promise<Entry | null> {
  if (given.byteLength < HEADER_BYTES + CHECKSUM_BYTES) return null;
  const bytes =
    given instanceof Buffer ? given : Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (bytes[0] !== ENTRY_FORMAT) return null;
  // Copied to where a view lies ready: to make one costs as much as all that is read through it.
  bytes.copy(head, 0, 0, HEADER_BYTES);
  const end = bytes.byteLength - CHECKSUM_BYTES;
  const etagEnd = HEADER_BYTES + view.getUint16(30);
  const start = etagEnd + view.getUint32(32);
  if (start > end || !isIntact(bytes, end)) return null;
  if (bytes.toString("utf8", etagEnd, start) !== key) return null;
  const header: EntryHeader = {
    position: view.getFloat64(2),
    created: view.getFloat64(10),
    life_ms: view.getUint32(18),
    cost_ms: view.getUint32(22) / 1000,
    etag: bytes.toString("utf8", HEADER_BYTES, etagEnd),
  };
  if (!Number.isSafeInteger(header.position) || !Number.isFinite(header.created)) return null;
  return unpack(header, bytes[1], bytes.subarray(start, end), view.getUint32(26));
}

/** Nothing is awaited while they hold something. */
const head = Buffer.alloc(HEADER_BYTES);
const view = new DataView(head.buffer, head.byteOffset, HEADER_BYTES);
const sum = new Uint8Array(CHECKSUM_BYTES);
const sumView = new DataView(sum.buffer);

/** Whether the checksum at `end` is that of what stands before it. */
function isIntact(bytes: Uint8Array, end: number): boolean {
  sumView.setBigUint64(0, Bun.hash.xxHash3(bytes.subarray(0, end)));
  for (let at = 0; at < CHECKSUM_BYTES; at += 1) if (sum[at] !== bytes[end + at]) return false;
  return true;
}

function unpack(
  header: EntryHeader,
  codec: number | undefined,
  stored: Uint8Array,
  raw: number,
): Entry | null | Promise<Entry | null> {
  if (codec === NULL) return stored.byteLength === 0 ? entryOf(header, null) : null;
  if (codec === RAW) return stored.byteLength === raw ? entryOf(header, stored) : null;
  if (codec !== ZSTD) return null;
  const accept = (payload: Uint8Array): Entry | null =>
    payload.byteLength === raw ? entryOf(header, payload) : null;
  if (raw > COMPRESS_ASYNC_BYTES) return Bun.zstdDecompress(stored).then(accept, () => null);
  try {
    return accept(Bun.zstdDecompressSync(stored));
  } catch {
    return null;
  }
}

/** Name by name: a spread costs several times as much. */
function entryOf(
  { position, created, life_ms, cost_ms, etag }: EntryHeader,
  payload: Uint8Array | null,
): Entry {
  return { position, created, life_ms, cost_ms, etag, payload };
}

/** The weak ETag of a body, as every answer of the API carries it; with the version of the row where it has one. */
export function entityTagOf(payload: Uint8Array | null, version?: number | null): string {
  const hash = Bun.hash.xxHash3(payload ?? "null").toString(36);
  return version === undefined || version === null ? `W/"${hash}"` : `W/"${version}.${hash}"`;
}
