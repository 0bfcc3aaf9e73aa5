import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeEntry, encodeEntry, entityTagOf } from "../../src/platform/cache/entry.ts";

const header = {
  position: 12_345,
  created: 1_700_000_000_123,
  life_ms: 60_000,
  cost_ms: 1.234,
  etag: 'W/"abc"',
};
const key = "test.name:id=s1:é";
const bytesOf = (size: number, random: boolean): Uint8Array => {
  const bytes = new Uint8Array(size);
  if (random) for (let i = 0; i < size; i += 65_536) crypto.getRandomValues(bytes.subarray(i, i + 65_536));
  return bytes;
};

describe("an entry", () => {
  test("comes back as it went, at every size around the limits", async () => {
    for (const size of [0, 1, 4095, 4096, 4097, 65_536, 65_537, 1_048_576]) {
      for (const random of [false, true]) {
        const payload = bytesOf(size, random);
        const packed = await encodeEntry(header, key, payload);
        expect(await decodeEntry(packed, key)).toEqual({ ...header, payload });
        // zeros shrink, noise does not; below 4 KiB nothing is tried
        expect(packed.byteLength < size).toBe(!random && size >= 4096);
      }
    }
    expect(await decodeEntry(await encodeEntry(header, key, null), key)).toEqual({
      ...header,
      payload: null,
    });
  });

  test("leaves the event loop above 64 KiB only", () => {
    expect(encodeEntry(header, key, bytesOf(65_536, false))).toBeInstanceOf(Uint8Array);
    expect(encodeEntry(header, key, bytesOf(65_537, false))).toBeInstanceOf(Promise);
  });

  test("says its position where FILL looks for it", async () => {
    const packed = await encodeEntry(header, key, null);
    expect(new DataView(packed.buffer).getFloat64(2)).toBe(12_345);
  });

  test("of other parts is a miss, so that not even a colliding hash leaks", async () => {
    expect(await decodeEntry(await encodeEntry(header, key, null), `${key}x`)).toBeNull();
  });

  test("cut, changed or made up is a miss and never throws", async () => {
    const packed = await encodeEntry(header, key, bytesOf(5_000, false));
    for (let end = 0; end < packed.byteLength; end++)
      expect(await decodeEntry(packed.slice(0, end), key)).toBeNull();
    for (let at = 0; at < packed.byteLength; at++) {
      const changed = packed.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(await decodeEntry(changed, key)).toBeNull();
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (noise) => {
        expect(await decodeEntry(noise, key)).toBeNull();
      }),
    );
  });

  test("has a weak ETag of its bytes", () => {
    expect(entityTagOf(new Uint8Array([1]))).toMatch(/^W\/"[0-9a-z]+"$/);
    expect(entityTagOf(new Uint8Array([1]))).not.toBe(entityTagOf(new Uint8Array([2])));
  });
});
