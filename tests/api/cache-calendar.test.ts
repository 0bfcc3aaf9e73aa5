import { afterAll, beforeAll, expect, test } from "bun:test";
import { createTokens } from "../../src/http/tokens.ts";
import { startTestApp, type TestApp, testSecret } from "../helpers/app.ts";
import { makeSession } from "../helpers/fixtures.ts";
import { ask, steadily } from "../helpers/replicas.ts";
import { makeThings, type Things } from "../helpers/things.ts";

/** Answers that depend on what today is, on a server whose clock is set from hand; the database keeps its own. */

const noon_ms = Date.parse("2026-11-20T12:00:00Z");
let now_ms = noon_ms;
let api: TestApp;
let things: Things;
let token: string;

beforeAll(async () => {
  api = await startTestApp({
    env: { CACHE_WARM: "false" },
    clock: { now: () => now_ms, monotonic: () => performance.now() },
  });
  things = await makeThings(api.sql, api.alpha);
  const { owner } = api.alpha.people;
  const tokens = createTokens({ secret: testSecret, ttl_s: 90 * 86_400, now: () => now_ms });
  const sid = await makeSession(api.sql, owner, api.alpha.id);
  token = await tokens.issue({ sub: owner.user_id, sid, bid: api.alpha.id });
});
afterAll(() => api.stop());

/** Where each answer came from just now; after it, all of them are kept. */
const daily = (): string[] => [
  "/api/v1/dashboard/stats",
  "/api/v1/dashboard/recent-jobs",
  "/api/v1/jobs",
  "/api/v1/jobs?overdue=true",
  `/api/v1/jobs/${things.idOf("/api/v1/jobs/{id}")}`,
  `/api/v1/savings/${things.savings.savings_account_id}/markings`,
  `/api/v1/savings?agent_id=${api.alpha.people.agent.member_id}&behind_gte=1`,
];
const monthly = ["/api/v1/dashboard/chart/jobs-by-month"];
const timeless = [
  "/api/v1/dashboard/chart/jobs-by-status",
  "/api/v1/customers",
  "/api/v1/machines",
  "/api/v1/savings",
];

async function sourcesOf(paths: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(paths.map((path) => ask(api, path, token)));
  return [...new Set(answers.map(({ from }) => from))];
}

/** An answer of yesterday or of last month is not kept past midnight in the business's zone. */
async function walk(): Promise<void> {
  now_ms = noon_ms;
  for (const [instant, days, months] of [
    ["2026-11-20T22:59:59Z", "HIT l1", "HIT l1"],
    // Midnight in Lagos.
    ["2026-11-20T23:00:01Z", "MISS stored", "HIT l1"],
    ["2026-11-21T12:00:00Z", "HIT l1", "HIT l1"],
    ["2026-11-30T22:59:59Z", "MISS stored", "HIT l1"],
    ["2026-11-30T23:00:01Z", "MISS stored", "MISS stored"],
  ] as const) {
    await sourcesOf([...daily(), ...monthly, ...timeless]);
    now_ms = Date.parse(instant);
    expect([instant, ...(await sourcesOf(daily()))]).toEqual([instant, days]);
    expect([instant, ...(await sourcesOf(monthly))]).toEqual([instant, months]);
    expect([instant, ...(await sourcesOf(timeless))]).toEqual([instant, "HIT l1"]);
  }
}

test("an answer of yesterday or of last month is not kept past midnight in the business's zone", () =>
  steadily([api], walk));
