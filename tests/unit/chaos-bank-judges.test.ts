import { describe, expect, test } from "bun:test";
import {
  type Effect,
  judgeAnswers,
  judgeContended,
  judgeEffects,
  judgeLooks,
  judgePairs,
  judgeRepeated,
  type Look,
} from "../chaos/bank/judges.ts";
import { type Answered, claimsOf, isKept, isOpen, type Movement, textOf } from "../chaos/bank/movement.ts";
import type { Fate } from "../chaos/fleet/client.ts";

const fate = (status: number, body: unknown = "", headers: Fate["headers"] = {}): Fate => ({
  status,
  failure: status === 0 ? "closed" : null,
  headers,
  body: typeof body === "string" ? body : JSON.stringify(body),
  answered_ms: 1,
});

const movement = (mark: string): Movement => ({ mark, kind: "internal", from: "a", to: "b", amount: 5 });
const effect = (mark: string, changes: Partial<Effect> = {}): Effect => ({
  ...movement(mark),
  id: `id of ${mark}`,
  is_in_ledger: true,
  ...changes,
});

function asked(of: Fate, marks: readonly string[], is_atomic = false): Answered {
  const [key = ""] = marks;
  const movements = marks.map(movement);
  return { asked: { key, username: "u", path: "/p", body: {}, movements, is_atomic }, fate: of };
}
const posted = (mark: string) => asked(fate(201, { id: `id of ${mark}` }), [mark]);
const refused = (mark: string) => asked(fate(422, { code: "insufficient_funds" }), [mark]);
const unknown = (mark: string) => asked(fate(0), [mark]);

describe("what an answer says", () => {
  test("success and refusal are definite, everything a repetition may change is open", () => {
    expect(claimsOf(posted("m"))).toEqual([{ is_posted: true, id: "id of m" }]);
    expect(claimsOf(refused("m"))).toEqual([{ is_posted: false, id: null }]);
    for (const open of [fate(0), fate(502), fate(503), fate(409, { code: "idempotency_in_progress" })]) {
      expect(isOpen(open)).toBeTrue();
      expect(claimsOf(asked(open, ["m"]))).toBeNull();
    }
    expect([fate(201), fate(422), fate(409, { code: "in_use" })].filter(isOpen)).toEqual([]);
  });

  test("a batch says it of each item; one that was refused as a whole is not kept", () => {
    const data = [
      { status: 201, transfer: { id: "id of x" } },
      { status: 422, problem: {} },
    ];
    expect(claimsOf(asked(fate(200, { data }), ["x", "y"]))).toEqual([
      { is_posted: true, id: "id of x" },
      { is_posted: false, id: null },
    ]);
    expect(isKept(asked(fate(422), ["x", "y"], true))).toBeFalse();
    expect(isKept(refused("m"))).toBeTrue();
  });

  test("answers that are neither success, refusal nor open are found", () => {
    expect(judgeAnswers([posted("a"), refused("b"), unknown("c")])).toEqual([]);
    for (const status of [400, 401, 404, 409, 429])
      expect(judgeAnswers([asked(fate(status), ["d"])])).toHaveLength(1);
  });
});

describe("what was done", () => {
  const answers = [posted("a"), refused("b"), unknown("c"), unknown("d")];
  const effects = [effect("a"), effect("c")];

  test("acknowledged is there, refused is not, unknown may be there once", () => {
    expect(judgeEffects(answers, effects)).toEqual([]);
  });

  const bad: Record<string, [Effect[], string]> = {
    "an acknowledged movement that is lost": [[effect("c")], "a was acknowledged and is not there"],
    "an acknowledged movement that is there twice": [[...effects, effect("a")], "a was done 2 times"],
    "an acknowledged movement under another id": [[effect("a", { id: "x" })], "a was acknowledged as"],
    "an unknown movement that was done twice": [[...effects, effect("c")], "c was done 2 times"],
    "a refused movement that was done": [[...effects, effect("b")], "b was refused and is there"],
    "a movement of another amount": [[effect("a", { amount: 6 })], "a is not what was asked for"],
    "a movement to somebody else": [[effect("a", { to: "c" })], "a is not what was asked for"],
    "a movement that the ledger does not have": [
      [effect("a", { is_in_ledger: false })],
      "a is not in the ledger",
    ],
    "a movement that nobody asked for": [[...effects, effect("z")], "z was asked by nobody"],
  };
  for (const [what, [found, words]] of Object.entries(bad)) {
    test(`${what} is found`, () => {
      expect(judgeEffects(answers, found)).toEqual([expect.stringContaining(words)]);
    });
  }

  test("half of a batch that is all or none is found, also when nobody knows what became of it", () => {
    const batch = asked(fate(0), ["k/0", "k/1"], true);
    expect(judgeEffects([posted("a"), batch], [effect("a"), effect("k/0"), effect("k/1")])).toEqual([]);
    expect(judgeEffects([posted("a"), batch], [effect("a"), effect("k/1")])).toEqual([
      expect.stringContaining("1 of 2 were done"),
    ]);
  });

  test("a run in which nothing was acknowledged proves nothing", () => {
    expect(judgeEffects([unknown("a")], [])).toHaveLength(1);
  });
});

describe("looks at the ledger", () => {
  const look: Look = { of: "sql", total: 900, accounts: 3, least_available: 0, unbalanced: null };
  const expected = { total: 900, accounts: 3, of: ["sql"] };

  test("a unit too much or too little, an overdraft, an account less and an imbalance are found", () => {
    expect(judgeLooks([look, { ...look, unbalanced: 0 }], expected)).toEqual([]);
    for (const wrong of [
      { total: 901 },
      { total: 899 },
      { least_available: -1 },
      { accounts: 2 },
      { unbalanced: 1 },
    ])
      expect(judgeLooks([look, { ...look, ...wrong }], expected)).toEqual([
        expect.stringMatching(/^1 wrong looks at the ledger: sql /),
      ]);
  });

  test("a replica that was never looked through is found", () => {
    expect(judgeLooks([look], { ...expected, of: ["sql", "api-1"] })).toHaveLength(1);
  });
});

describe("answers under one key", () => {
  test("one byte of difference is found, in the body or in what names the transfer", () => {
    const first = fate(201, { id: 1 }, { location: "/t/1", date: "now" });
    expect(textOf({ ...first, headers: { location: "/t/1", date: "later" } })).toBe(textOf(first));
    expect(textOf(fate(201, { id: 1 }, { location: "/t/2" }))).not.toBe(textOf(first));
    expect(judgeRepeated([{ key: "k", first: "a", again: "a" }])).toEqual([]);
    expect(judgeRepeated([{ key: "k", first: null, again: "a" }])).toEqual([]);
    expect(judgeRepeated([{ key: "k", first: "a", again: "b" }])).toHaveLength(1);
    expect(judgeRepeated([{ key: "k", first: "a", again: null }])).toHaveLength(1);
    expect(judgeRepeated([{ key: "k", first: null, again: null }])).toHaveLength(1);
  });

  test("a second effect, a missing one, another answer and no answer are found", () => {
    const key = { key: "k", answers: ["x", "x"], effects: 1, effects_due: 1 };
    expect(judgeContended([key])).toEqual([]);
    for (const wrong of [
      { effects: 2 },
      { effects: 0 },
      { answers: ["x", "y"] },
      { answers: ["x", null] },
      { answers: [] },
    ])
      expect(judgeContended([key, { ...key, ...wrong }])).toHaveLength(1);
    expect(judgeContended([])).toHaveLength(1);
  });
});

test("one old balance is found, and so are too few that were read", () => {
  expect(judgePairs({ right: 10, old: [], unanswered: 3 }, 10)).toEqual([]);
  expect(judgePairs({ right: 10, old: ["x"], unanswered: 0 }, 10)).toHaveLength(1);
  expect(judgePairs({ right: 9, old: [], unanswered: 1 }, 10)).toHaveLength(1);
});
