import { describe, expect, test } from "bun:test";
import { Problem } from "../../src/http/problem.ts";
import { createPasswords, weaknessOf } from "../../src/core/passwords.ts";
import { failureOf } from "../helpers/failure.ts";

describe("hashing", () => {
  test("a hash is argon2id with 19 MiB and two passes, salted", async () => {
    const passwords = createPasswords();
    const [first, second] = await Promise.all([
      passwords.hash("a long password"),
      passwords.hash("a long password"),
    ]);
    expect(first).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
    expect(first).not.toBe(second);
    expect(await passwords.verify("a long password", first)).toBe(true);
    expect(await passwords.verify("a long passworD", first)).toBe(false);
  });

  test("without a hash nothing matches", async () => {
    expect(await createPasswords().verify("anything", null)).toBe(false);
  });

  test("the same text matches however it was composed", async () => {
    const passwords = createPasswords();
    const hash = await passwords.hash("cafe\u0301 au lait");
    expect(await passwords.verify("caf\u00e9 au lait", hash)).toBe(true);
  });

  test("at most `width` run at a time, and the first to come are the first to run", async () => {
    const passwords = createPasswords({ width: 1 });
    const done: number[] = [];
    const jobs = [0, 1, 2].map(async (at) => {
      await passwords.hash("a long password");
      done.push(at);
    });
    expect(passwords.stats().running).toBe(1);
    await Promise.all(jobs);
    expect(done).toEqual([0, 1, 2]);
    expect(passwords.stats()).toEqual({ running: 0, waiting: 0, refused: 0 });
  });

  test("whoever would wait too long is told so at once, and the more, the longer a turn takes", async () => {
    const passwords = createPasswords({ width: 1, queue_max: 1_000, wait_max_ms: 300 });
    const burst = () => {
      const tries = Array.from({ length: 60 }, () => passwords.verify("whatever it is", null));
      return Promise.allSettled(tries);
    };
    const taken = async () => (await burst()).filter(({ status }) => status === "fulfilled").length;
    // At 20 ms a turn fifteen fit into the wait, and one is at work.
    expect(await taken()).toBeLessThanOrEqual(17);
    const held = [performance.now()];
    const spin = setInterval(() => {
      // The loop notices late that a turn has ended, as on a core that others use.
      while (performance.now() - (held.at(-1) ?? 0) < 60);
      held.push(performance.now());
    }, 1);
    await burst();
    const when_busy = await taken();
    clearInterval(spin);
    expect(when_busy).toBeLessThanOrEqual(10);
    expect(passwords.stats().waiting).toBe(0);
  }, 30_000);

  test("who is next is not refused, however long turns took when it was busy", async () => {
    const passwords = createPasswords({ width: 1, wait_max_ms: 1 });
    await passwords.hash("the one that nobody has is made");
    const tries = [passwords.hash("a"), passwords.hash("b"), passwords.hash("c")];
    const fates = (await Promise.allSettled(tries)).map(({ status }) => status);
    expect(fates).toEqual(["fulfilled", "fulfilled", "rejected"]);
  });

  test.each([1, 4])(
    "a process that stood still refuses nobody who came meanwhile, with %i at a time",
    async (width) => {
      const passwords = createPasswords({ width });
      const verify = (times: number) =>
        Promise.allSettled(Array.from({ length: times }, () => passwords.verify("whatever it is", null)));
      for (let turn = 0; turn < 3; turn += 1) await verify(width);
      const overtaken = verify(width);
      await new Promise(setImmediate);
      expect(passwords.stats().running).toBe(width);
      // As when the machine, or its host, was needed elsewhere: one turn looks as if it had taken a hundred.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000);
      await overtaken;
      const fates = (await verify(width + 5)).map(({ status }) => status);
      expect(fates).not.toContain("rejected");
    },
  );

  test("whoever finds the queue full is told when to come back", async () => {
    const passwords = createPasswords({ width: 1, queue_max: 2 });
    const accepted = [passwords.hash("a"), passwords.hash("b")];
    const refused = await failureOf(passwords.hash("c"));
    expect(refused).toBeInstanceOf(Problem);
    expect((refused as Problem).code).toBe("overloaded");
    expect((refused as Problem).headers["retry-after"]).toBe("1");
    await Promise.all(accepted);
    expect(passwords.stats()).toEqual({ running: 0, waiting: 0, refused: 1 });
  });

  test("nothing is hashed for somebody who went away while waiting, and the place is given on", async () => {
    const passwords = createPasswords({ width: 1 });
    const client = new AbortController();
    const first = passwords.hash("a");
    const gone = failureOf(passwords.hash("b", client.signal));
    const last = passwords.hash("c");
    client.abort();
    expect(((await gone) as Problem).code).toBe("overloaded");
    await Promise.all([first, last]);
    expect(passwords.stats().running).toBe(0);
  });
});

describe("strength", () => {
  const names = ["ada.okafor", "ada@example.test", null];

  test.each([
    ["eleven-cha!", "at least 12 characters"],
    ["the old password", "is the old one"],
    ["aaaaaaaaaaaaaaaaaa", "repeats"],
    ["abcabcabcabcabcabc", "repeats"],
    ["Password-Password", "first that are tried"],
    ["xx-Ada.Okafor-2026", "a name of yours"],
    ["💥💥💥💥💥💥", "at least 12 characters"],
  ])("%p is weak", (password, reason) => {
    expect(weaknessOf(password, { old: "the old password", names })).toContain(reason);
  });

  test.each([
    "four walls and a roof",
    "correct horse battery",
    "пароль на двенадцать",
    "ada has 12 more words",
  ])("%p is not", (password) => {
    expect(weaknessOf(password, { old: "the old password", names })).toBeNull();
  });
});
