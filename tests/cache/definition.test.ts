import { beforeEach, describe, expect, test } from "bun:test";
import {
  businessTags,
  type Cache,
  type Definition,
  LocalOrder,
  type SharedBytes,
  type Tag,
  userTags,
} from "../../src/platform/cache/index.ts";
import { cacheOver, HeldTime } from "../helpers/cache.ts";

type Thing = { business_id: string; id: number };
const thingTag = businessTags("thing");

let cache: Cache;
beforeEach(() => {
  const time = new HeldTime();
  cache = cacheOver(new LocalOrder({ clock: time.clock }), time);
});

const define = (more: Partial<Definition<Thing, string>> = {}): Definition<Thing, string> => ({
  name: "test.thing",
  scope: "business",
  class: "bounded",
  ttl_ms: 60_000,
  tags: (p) => [thingTag(p.business_id, p.id)],
  load: async () => "1",
  ...more,
});

describe("definitions that stop the start", () => {
  const refuse = (more: object, why: string): void => {
    expect(() => cache.endpoint(define(more))).toThrow(why);
  };

  test("say what is wrong with them", () => {
    refuse({ name: "Not a name" }, "name");
    refuse({ class: "strict", grace_ms: 1 }, "strict has no grace");
    refuse({ confirm: "writer" }, "only strict");
    refuse({ class: "strict", confirm: "writer" }, "nobody awaits");
    refuse({ ttl_ms: 0 }, "ttl_ms");
    refuse({ ttl_ms: 12 * 3_600_000, grace_ms: 1 }, "ttl_ms + grace_ms");
    refuse({ negative_ttl_ms: 5_001 }, "negative_ttl_ms");
    refuse({ max_bytes: 1024 * 1024 + 1 }, "max_bytes");
    refuse({ tags: () => [businessTags("thing")("another")] }, "outside the scope");
    refuse({ tags: (p: Thing) => [userTags("thing")(p.business_id)] }, "outside the scope");
    cache.endpoint(define());
    refuse({}, "taken");
  });

  test("the types have nothing that writes to the bytes that callers share", () => {
    const write = (bytes: SharedBytes) => {
      // @ts-expect-error an element
      bytes[0] = 1;
      // @ts-expect-error all of them
      bytes.fill(0);
      // @ts-expect-error a view that could be written to
      return bytes.buffer;
    };
    expect(() => write(null as unknown as SharedBytes)).toThrow(TypeError);
  });

  test("the types demand the scope's id among the parts", () => {
    const open = { class: "relaxed", ttl_ms: 1, tags: () => [], load: async () => "1" } as const;
    // @ts-expect-error a business's answer needs a business_id in its key
    cache.endpoint<{ id: string }>({ ...open, name: "test.a", scope: "business" });
    // @ts-expect-error a user's answer needs a user_id in its key
    cache.endpoint<{ business_id: string }>({ ...open, name: "test.b", scope: "user" });
    // @ts-expect-error null names no business
    cache.endpoint<{ business_id: null }>({ ...open, name: "test.c", scope: "business" });
    // @ts-expect-error only the builders make tags
    const made: readonly Tag[] = ["pub|x"];
    expect(made).toHaveLength(1);
    cache.endpoint<{ id: string }>({ ...open, name: "test.e", scope: "public" });
    expect(cache.definitions().map(({ name }) => name)).toContain("test.e");
  });
});
