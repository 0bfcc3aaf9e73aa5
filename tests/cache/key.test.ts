import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  cellOf,
  KeyEncoder,
  type Parts,
  type PartValue,
  safeId,
  storedKey,
} from "../../src/platform/cache/key.ts";
import {
  businessTags,
  cellsOfTag,
  definitionTag,
  isAwaited,
  publicTags,
  scopeOf,
  userTags,
  wholeBusiness,
  wholePublic,
} from "../../src/platform/cache/tags.ts";

const value = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ maxLength: 200 }),
  fc.constantFrom("", "1", "true", "null", "\ud800", "\udfff", "\ufffd", "a=s1:b", "s1:x", "~", "#", "d800"),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const parts = fc.dictionary(fc.constantFrom("a", "b", "ab", "a_b", "s1"), value, { maxKeys: 4 });
const encode = (p: Parts): string => new KeyEncoder("test.name").encode(p) ?? "refused";
const same = (a: Parts, b: Parts): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, one]) => Object.hasOwn(b, name) && Object.is(one, b[name]));

describe("a key", () => {
  test("is injective, also as stored, whatever the parts hold", () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(encode(a) === encode(b)).toBe(same(a, b));
        const [left, right] = [
          storedKey(encode(a), "test.name", "r1"),
          storedKey(encode(b), "test.name", "r1"),
        ];
        // Redis sees UTF-8, in which all lone surrogates are the same.
        expect(Buffer.from(left).equals(Buffer.from(right))).toBe(same(a, b));
      }),
      { numRuns: 5_000 },
    );
  });

  test("tells the types apart", () => {
    const all = [1, "1", true, "true", null, "null", "", false, 0, -0, "0", Number.NaN, "NaN"];
    expect(new Set(all.map((a) => encode({ a }))).size).toBe(all.length);
  });

  test("does not depend on the order in which the parts are written, nor on what was encoded before", () => {
    const encoder = new KeyEncoder("n");
    const first = encoder.encode({ a: 1, b: 2 });
    expect(encoder.encode({ b: 2, a: 1 })).toBe(first);
    expect(encoder.encode({ a: 1 })).toBe("n:a=n1:1");
    expect(encoder.encode({})).toBe("n:");
    expect(encoder.encode({ b: 2, a: 1 })).toBe(first);
  });

  test("is refused where the types were got round", () => {
    expect(new KeyEncoder("n").encode({ a: undefined } as unknown as Parts)).toBeNull();
    expect(new KeyEncoder("n").encode({ a: [1] } as unknown as Parts)).toBeNull();
    expect(new KeyEncoder("n").encode({ "a=s1:b": "c" })).toBeNull();
  });

  test("is a SHA-256 from 121 bytes on, counted in UTF-8", () => {
    const of = (text: string): string => storedKey(`n:${text}`, "n", "r1");
    expect(of("x".repeat(120))).toBe(`n:r1:${"x".repeat(120)}`);
    expect(of("x".repeat(121))).toMatch(/^n:r1:#[A-Za-z0-9_-]{43}$/);
    expect(of("é".repeat(60))).toBe(`n:r1:${"é".repeat(60)}`);
    expect(of("é".repeat(61))).toMatch(/^n:r1:#/);
    expect(of("€".repeat(41))).toMatch(/^n:r1:#/);
  });
});

describe("a tag", () => {
  test("stands in its scope, and says whether it is awaited", () => {
    const account = businessTags("account");
    const session = userTags("session", { awaited: true });
    expect(String(account("acme", "a1"))).toBe("b:acme|account:a1");
    expect(scopeOf(account("acme", "a1"))).toBe("b:acme");
    expect(scopeOf(session("ann"))).toBe("u:ann");
    expect(scopeOf(publicTags("rates")())).toBe("pub");
    expect(scopeOf(wholeBusiness("acme"))).toBe("b:acme");
    expect([isAwaited(account("acme", 1)), isAwaited(session("ann")), isAwaited(wholePublic)]).toEqual([
      false,
      true,
      true,
    ]);
    expect(scopeOf("nonsense")).toBeNull();
  });

  test("with ids made to deceive is never another's", () => {
    const account = businessTags("account");
    const id = fc.oneof(
      fc.constantFrom("a|b", "a:b", "a", "b", "a!b", "~", "*", "\ud800", "\ufffd", ""),
      fc.string(),
    );
    fc.assert(
      fc.property(id, id, id, id, (a, b, c, d) => {
        expect(account(a, b) === account(c, d)).toBe(a === c && b === d);
        expect(scopeOf(account(a, b)) === scopeOf(account(c, d))).toBe(a === c);
      }),
    );
    expect(safeId("x".repeat(65))).toMatch(/^~/);
  });

  test("goes to its scope's cell, a definition's to all", () => {
    expect(cellsOfTag(definitionTag("a.b"), 3)).toEqual([0, 1, 2]);
    expect(cellsOfTag(wholeBusiness("acme"), 16)).toEqual([cellOf("b:acme", 16)]);
    expect(cellsOfTag("nonsense", 16)).toEqual([]);
    const hit = new Set(Array.from({ length: 500 }, (_, i) => cellOf(`b:${i}`, 16)));
    expect(hit.size).toBe(16);
    expect(() => businessTags("Not a kind")).toThrow("not a kind");
  });
});

describe("an index by the values of parts", () => {
  type Held = { name: string; key: string; values: readonly PartValue[] | null };
  const some = fc.record({
    a: fc.constantFrom("x", "y", "1", "", 0, -0, 1, Number.NaN, null, true, false),
    b: fc.constantFrom("x", "y", "0", 0, null),
    c: fc.constantFrom("x", 1),
  });
  const step = fc.record({ drop: fc.boolean(), parts: some });

  test("finds what the key finds, nothing else, and is empty when all is dropped", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const encoder = new KeyEncoder("test.name");
        const byKey = new Map<string, Held>();
        for (const [at, { drop: drops, parts }] of steps.entries()) {
          const key = encoder.encode(parts) ?? "refused";
          const spot = encoder.spot(parts);
          const former = byKey.get(key);
          if (former !== undefined) spot?.index.drop(former);
          byKey.delete(key);
          if (!drops) {
            const held = { name: `item ${at}`, key, values: spot?.values ?? null };
            byKey.set(key, held);
            spot?.index.put(held);
          }
          for (const { parts: asked } of steps) {
            const expected = byKey.get(encoder.encode(asked) ?? "refused");
            expect(encoder.find(asked) as Held | undefined).toBe(
              expected?.values === null ? undefined : expected,
            );
          }
        }
        const index = encoder.spot({ a: "x", b: "x", c: "x" })?.index;
        for (const held of byKey.values()) {
          index?.drop(held);
          index?.drop(held);
        }
        expect(index?.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test("does not mix parts of different names", () => {
    const encoder = new KeyEncoder("test.name");
    const one = { values: ["x"] };
    encoder.spot({ a: "x" })?.index.put(one);
    expect(encoder.find({ a: "x" })).toBe(one);
    expect(encoder.find({ b: "x" })).toBeUndefined();
    expect(encoder.find({ a: "x", b: "x" })).toBeUndefined();
    expect(encoder.find({ a: "y" })).toBeUndefined();
    expect(encoder.find({ a: "x" })).toBe(one);
  });
});
