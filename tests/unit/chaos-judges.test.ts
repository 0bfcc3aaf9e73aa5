import { expect, test } from "bun:test";
import type { Fate } from "../chaos/fleet/client.ts";
import { mostInAMinute } from "../chaos/fleet/logins.ts";
import { Recorder } from "../chaos/fleet/record.ts";
import { answeredWithin, atLeast, noneFailed, onlyRefused } from "../chaos/fleet/scenario.ts";
import { answeredGets } from "../chaos/fleet/server-log.ts";

const fate = (status: number, headers: Fate["headers"] = {}): Fate => ({
  status,
  failure: status === 0 ? "closed" : null,
  headers,
  body: "",
  answered_ms: 0,
});

function recorded(...fates: readonly Fate[]) {
  const recorder = new Recorder();
  for (const of of fates) recorder.add("get", recorder.now_ms(), of);
  return recorder.entries;
}

test("the most in a minute is counted over every window, its end excluded", () => {
  expect(mostInAMinute([])).toBe(0);
  expect(mostInAMinute([0, 60_000, 120_000])).toBe(1);
  expect(mostInAMinute([0, 1, 59_999, 60_000])).toBe(3);
  expect(mostInAMinute([0, 50_000, 70_000, 100_000, 109_999])).toBe(4);
});

test("one lost answer among thousands is found, and named", () => {
  const entries = recorded(...Array.from({ length: 5_000 }, () => fate(200)), fate(0));
  expect(noneFailed(entries, "all")).toEqual(["all: 1 of 5001 failed: get closed"]);
  expect(atLeast(entries, 0.999, "all")).toEqual([]);
  expect(atLeast(entries.slice(-500), 0.999, "all")).toHaveLength(1);
});

test("a run that asked nothing proves nothing", () => {
  expect(noneFailed([], "all")).toHaveLength(1);
  expect(atLeast([], 0.999, "all")).toHaveLength(1);
});

test("a refusal without Retry-After, another status, and a late answer are found", () => {
  const told = fate(503, { "retry-after": "1" });
  expect(onlyRefused(recorded(fate(200), told))).toEqual([]);
  for (const bad of [fate(503), fate(502), fate(0)]) expect(onlyRefused(recorded(told, bad))).toHaveLength(1);
  expect(answeredWithin(recorded(fate(200)), -1)).toHaveLength(1);
});

test("what GETs have waited for Redis is read from the log, whatever else stands there", () => {
  const line = { time: "2026-01-02T03:04:05.006Z", method: "GET", status: 200, redis_ms: 12.5 };
  const others = [
    { ...line, method: "POST" },
    { ...line, status: 503 },
    { time: line.time, message: "ready" },
  ];
  const output = ["started", ...[line, ...others].map((one) => JSON.stringify(one)), ""].join("\n");
  expect(answeredGets(output)).toEqual([{ at: Date.UTC(2026, 0, 2, 3, 4, 5, 6), redis_ms: 12.5 }]);
});

test("what an answer took beside the database is the cache's part and its own", () => {
  const [entry] = recorded(
    fate(200, { "server-timing": "auth;dur=1.5, cache;dur=2, db;dur=40, app;dur=0.25" }),
  );
  expect(entry?.beside_database_ms).toBe(2.25);
});
