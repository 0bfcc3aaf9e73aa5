import { afterAll, beforeAll, expect, test } from "bun:test";
import fc from "fast-check";
import { createClient, ErrorReply, RESP_TYPES } from "redis";
import {
  bumpScript,
  confirmScript,
  fillScript,
  initScript,
  openScript,
  type Script,
} from "../../src/platform/cache/script.ts";
import { type Argument, FakeRedis, FakeRefusal, isBlocked } from "../helpers/cache-model/fake-redis.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";

/** The model is worth as much as its Redis: the same commands on the fake and on a real one must say the same. */
let redis: TestRedis;
const connect = () => createClient({ url: redis.url, RESP: 3 });
let client: ReturnType<typeof connect>;

beforeAll(async () => {
  redis = await startRedis();
  client = connect();
  client.on("error", () => {});
  await client.connect();
});
afterAll(async () => {
  client.destroy();
  await redis.stop();
});

/** A command whose generation, if it needs one, is what the server said last (`same`) or another one. */
type Say = (generation: string, position: number) => readonly Argument[];

const tag = fc.constantFrom("b:1|a", "b:1|b", "*!d", "b:1!");
const tags = fc.uniqueArray(tag, { minLength: 1, maxLength: 4 });
const nonce = fc.constantFrom("x", "y");
const server = fc.constantFrom("s1", "s2");
const name = fc.constantFrom("k1", "k2");
const replica = fc.constantFrom("r1", "r2");
const token = fc.constantFrom("t1", "t2");
const offset = fc.integer({ min: -3, max: 2 });
const real = fc.constantFrom(true, true, true, true, true, false);
const G = "ch:{0}:g";

const nonceOf = (generation: string): string => generation.slice(generation.indexOf(" ") + 1);
const at = (generation: string, rest: string): string => `ch:{0}:${nonceOf(generation)}:${rest}`;
const which = (same: boolean, generation: string): string => (same ? generation : "s1 another");
const run = (script: Script, keys: readonly string[], args: readonly Argument[]): readonly Argument[] => [
  "EVAL",
  script.text,
  String(keys.length),
  ...keys,
  ...args,
];

function entry(position: number): Buffer {
  const bytes = Buffer.alloc(24, 7);
  bytes[0] = 1;
  bytes.writeDoubleBE(position, 2);
  return bytes;
}

const command: fc.Arbitrary<Say> = fc.oneof(
  fc.tuple(server, nonce, fc.constantFrom("", "r1", "r2"), token, fc.constantFrom("", "", "x", "y")).map(
    (args): Say =>
      () =>
        run(openScript, [G], args),
  ),
  fc.tuple(real, fc.constantFrom("a", "b", "p", "r"), fc.constantFrom("", "a note"), tags).map(
    ([same, kind, note, what]): Say =>
      (g) =>
        run(bumpScript, [G], [which(same, g), kind, note, ...what]),
  ),
  fc.tuple(real, tags).map(
    ([same, what]): Say =>
      (g) =>
        run(initScript, [G], [which(same, g), ...what]),
  ),
  fc.tuple(real, name, offset, tags, token).map(
    ([same, key, by, what, mine]): Say =>
      (g, n) =>
        run(
          fillScript,
          [G, at(g, `e:1:${key}`), ...what.map((one) => at(g, `v:${one}`))],
          [which(same, g), entry(n + by), String(n + by), "60000", at(g, `l:${key}`), mine],
        ),
  ),
  fc.tuple(real, name, token).map(
    ([same, key, mine]): Say =>
      (g) =>
        run(fillScript, [G], [which(same, g), "", "0", "0", at(g, `l:${key}`), mine]),
  ),
  fc.tuple(real, replica, token, offset, fc.constantFrom(1, 1, -1000)).map(
    ([same, who, mine, by, far]): Say =>
      (g, n) =>
        run(confirmScript, [G], [which(same, g), who, mine, String(far < 0 ? -1 : n + by)]),
  ),
  fc
    .tuple(name, token)
    .map(([key, mine]): Say => (g) => ["SET", at(g, `l:${key}`), mine, "NX", "PX", "60000"]),
  fc
    .tuple(name, tags)
    .map(([key, what]): Say => (g) => [
      "MGET",
      G,
      at(g, `e:1:${key}`),
      ...what.map((one) => at(g, `v:${one}`)),
    ]),
  fc.constant<Say>((g, n) => ["XREAD", "COUNT", "3", "STREAMS", at(g, "s"), `${Math.max(n - 4, 0)}-0`]),
  fc.constant<Say>((g) => ["HGETALL", at(g, "r")]),
  fc.constant<Say>(() => ["GET", G]),
  fc.constant<Say>((g) => ["STRLEN", at(g, "e:1:k1")]),
  fc.constant<Say>((g) => ["XTRIM", at(g, "s"), "MAXLEN", "1"]),
  fc.constantFrom("n", "s", "r", "v:b:1|a", "e:1:k1", "l:k1").map((rest): Say => (g) => ["DEL", at(g, rest)]),
  fc.constantFrom<Say>(
    () => ["DEL", G],
    () => ["FLUSHALL"],
  ),
);

/** Lost keys are rarer than work, or nothing would come of it. */
const commands = fc.array(command, { minLength: 5, maxLength: 60, size: "max" });
const opening: readonly Argument[] = run(openScript, [G], ["s1", "x", "r1", "t1", ""]);

/** Replies without what only time decides. */
function plain(reply: unknown): unknown {
  return JSON.parse(
    JSON.stringify(reply, (key, value: unknown) => (key === "at" ? 0 : value) ?? null).replace(
      /"at","\d+"/g,
      '"at",""',
    ),
  );
}

async function answerOf(args: readonly Argument[]): Promise<unknown> {
  try {
    return await client.sendCommand([...args], { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } });
  } catch (error) {
    if (error instanceof ErrorReply) return "refused";
    throw error;
  }
}

function fakeAnswer(fake: FakeRedis, args: readonly Argument[]): unknown {
  try {
    const reply = fake.run(args, "bytes");
    return isBlocked(reply) ? null : reply;
  } catch (error) {
    if (error instanceof FakeRefusal) return "refused";
    throw error;
  }
}

/** Bytes and text alike. */
const same = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? Buffer.from(value).toString("latin1")
    : Array.isArray(value)
      ? value.map(same)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, same(inner)]))
        : value;

test("the fake and a real server answer alike to whatever the cache may say", async () => {
  const seed = Number(process.env["CACHE_MODEL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`fake Redis: seed ${seed}`);
  await fc.assert(
    fc.asyncProperty(commands, async (script) => {
      await client.sendCommand(["FLUSHALL"]);
      const fake = new FakeRedis("fake", () => Date.now());
      let [generation, n] = ["s1 x", 1];
      const sayings: Say[] = [() => opening, ...script];
      for (const say of sayings) {
        const args = say(generation, n);
        const [theirs, ours] = [await answerOf(args), fakeAnswer(fake, args)];
        expect(plain(same(ours))).toEqual(plain(same(theirs)));
        // What a script says of the generation and its number is what the next ones use.
        if (args[0] === "EVAL" && Array.isArray(theirs) && String(theirs[0]).includes(" ")) {
          generation = String(theirs[0]);
          if (args[1] !== fillScript.text && args[1] !== confirmScript.text) n = Number(theirs[1] ?? n);
        }
      }
      const keys = await client.sendCommand<string[]>(["KEYS", "*"]);
      expect([...fake.data.keys()].sort()).toEqual(keys.map(String).sort());
    }),
    { seed, numRuns: 400 },
  );
}, 60_000);

test("a read that waits ends with the entry that comes, or with nothing", async () => {
  const ear = connect();
  ear.on("error", () => {});
  await ear.connect();
  await client.sendCommand(["FLUSHALL"]);
  const fake = new FakeRedis("fake", () => Date.now());
  const read = ["XREAD", "COUNT", "10", "BLOCK", "100", "STREAMS", "ch:{0}:x:s", "1-0"];
  const bump = run(bumpScript, [G], ["s1 x", "b", "", "b:1|a"]);
  await client.sendCommand([...opening]);
  fake.run(opening, "text");
  expect(await ear.sendCommand(read)).toBeNull();
  const waiting = fake.run(read, "text");
  if (!isBlocked(waiting)) throw new Error("the fake does not wait");
  expect(waiting.tried()).toBeNull();
  const theirs = ear.sendCommand(read);
  await client.sendCommand([...bump]);
  fake.run(bump, "text");
  expect(same(waiting.tried())).toEqual(same(await theirs));
  ear.destroy();
});

test("a script that the server does not know, and one it was taught", async () => {
  await client.sendCommand(["FLUSHALL"]);
  await client.sendCommand(["SCRIPT", "FLUSH"]);
  const fake = new FakeRedis("fake", () => Date.now());
  const by = (how: string, what: string): string[] => [how, what, "1", G, "s1", "x", "", "", ""];
  const first = by("EVALSHA", openScript.hash);
  expect(() => fake.run(first, "text")).toThrow("NOSCRIPT");
  await expect(client.sendCommand(first)).rejects.toThrow("NOSCRIPT");
  const taught = by("EVAL", openScript.text);
  expect(fake.run(taught, "text")).toEqual(same(await client.sendCommand(taught)));
  expect(fake.run(first, "text")).toEqual(same(await client.sendCommand(first)));
});
