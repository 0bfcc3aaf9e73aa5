import { expect, test } from "bun:test";
import { createCodeSeal, hashOfCode, newCode } from "../../src/core/otp-code.ts";

const secret = "a-secret-for-tests-of-at-least-32-bytes";
const [one, other] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];

test("codes are six digits of which every place takes every value", () => {
  const codes = Array.from({ length: 2_000 }, newCode);
  expect(codes.filter((code) => !/^\d{6}$/.test(code))).toEqual([]);
  expect(new Set(codes).size).toBeGreaterThan(1_950);
  for (let place = 0; place < 6; place += 1) {
    const counts = Map.groupBy(codes, (code) => code[place]);
    // 200 each: more than 100 off is a chance of one in 10^12.
    expect(counts.size).toBe(10);
    for (const found of counts.values()) expect(found.length).toBeWithin(100, 301);
  }
});

test("the hash of a code is another for each challenge and each secret", () => {
  const hashes = [
    hashOfCode(secret, one, "012345"),
    hashOfCode(secret, other, "012345"),
    hashOfCode(`${secret}!`, one, "012345"),
    hashOfCode(secret, one, "12345"),
  ];
  expect(new Set(hashes.map((hash) => Buffer.from(hash).toString("hex"))).size).toBe(4);
  expect(hashOfCode(secret, one, "012345")).toEqual(hashes[0] ?? new Uint8Array());
});

test("a sealed code opens with the same secret for the same challenge, unchanged, and is never sealed the same", async () => {
  const seal = createCodeSeal(secret);
  const sealed = await seal.seal(one, "012345");
  expect(await createCodeSeal(secret).open(one, sealed)).toBe("012345");
  expect(await seal.open(other, sealed)).toBeNull();
  expect(await createCodeSeal(`${secret}!`).open(one, sealed)).toBeNull();
  expect(await seal.open(one, new Uint8Array())).toBeNull();
  for (let at = 0; at < sealed.length; at += 1) {
    const altered = Uint8Array.from(sealed);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(await seal.open(one, altered)).toBeNull();
  }
  expect(await seal.seal(one, "012345")).not.toEqual(sealed);
});
