import { describe, expect, test } from "bun:test";
import { array, assert, integer, property, record } from "fast-check";
import { limitPolicies, nextIn_s, rateLimitHeaders } from "../../src/http/rate-limit.ts";
import { createRateLimiter, type Decision, type LimitPolicy } from "../../src/platform/rate-limit/limiter.ts";
import { SLOTS } from "../../src/platform/rate-limit/policy.ts";

const log = { info: () => {}, warn: () => {} };

const defaults: LimitPolicy = {
  name: "default",
  class: "general",
  windows: [
    { name: "minute", quota: 60, window_s: 60 },
    { name: "hour", quota: 500, window_s: 3600 },
  ],
};
const login: LimitPolicy = {
  name: "login",
  class: "guarded",
  windows: [{ name: "login", quota: 5, window_s: 60 }],
};

const configured = {
  enabled: true,
  per_minute: 60,
  per_hour: 500,
  per_day: 2000,
  login_per_minute: 5,
  otp_per_hour: 5,
  otp_address_per_hour: 20,
  webhook_per_minute: 3000,
  search_per_minute: 50,
  chat_per_minute: 20,
};

/** A limiter without Redis, whose time the test holds. */
function localLimiter(options: { replicas?: number; subjects_max?: number } = {}) {
  const time = { now_ms: 1_000_000 };
  const clock = { now: () => time.now_ms, monotonic: () => time.now_ms };
  const limiter = createRateLimiter({ redis: null, replicas: 1, clock, log, ...options });
  const take = (policy: LimitPolicy, subject = "somebody", cost = 1): Decision => {
    const decision = limiter.take(policy, subject, cost);
    if (decision instanceof Promise) throw new Error("a local decision is synchronous");
    return decision;
  };
  return { time, take, limiter };
}

describe("a limiter without Redis", () => {
  test("allows the quota and refuses the next with the time to wait", () => {
    const { take, time } = localLimiter();
    for (let at = 1; at <= 5; at += 1)
      expect(take(login)).toMatchObject({ allowed: true, remaining: [5 - at] });
    time.now_ms += 10_000;
    expect(take(login)).toEqual({ allowed: false, remaining: [0], reset_s: [50], retry_after_s: 50 });
  });

  test("refuses the sixth login of a minute however the five are spread, and allows it after the minute", () => {
    const { take, time } = localLimiter();
    for (let at = 0; at < 5; at += 1) {
      expect(take(login).allowed).toBe(true);
      time.now_ms += 11_999;
    }
    const sixth = take(login);
    expect(sixth).toMatchObject({ allowed: false, retry_after_s: 1 });
    time.now_ms += sixth.retry_after_s * 1000;
    expect(take(login).allowed).toBe(true);
  });

  test("gives five one-time codes an hour, one in thirty seconds, and to who asks too soon nothing is charged", () => {
    const { take, time } = localLimiter();
    const { otp } = limitPolicies(configured);
    for (let code = 1; code <= 5; code += 1) {
      expect(take(otp)).toMatchObject({ allowed: true, remaining: [0, 5 - code] });
      for (let again = 0; again < 10; again += 1) expect(take(otp).allowed).toBe(false);
      time.now_ms += 29_000;
      expect(take(otp).allowed).toBe(false);
      time.now_ms += 2_250;
    }
    const sixth = take(otp);
    expect(sixth).toMatchObject({ allowed: false, remaining: [1, 0] });
    expect(sixth.retry_after_s).toBeWithin(3_400, 3_600);
  });

  test("counts every window: the hour refuses when the minute would not", () => {
    const { take, time } = localLimiter();
    let allowed = 0;
    for (let minute = 0; minute < 10; minute += 1) {
      for (let at = 0; at < 60; at += 1) if (take(defaults).allowed) allowed += 1;
      time.now_ms += 63_000;
    }
    expect(allowed).toBe(500);
    const refused = take(defaults);
    expect(refused.remaining).toEqual([60, 0]);
    expect(refused.retry_after_s).toBeGreaterThan(2900);
  });

  test("keeps subjects and policies apart", () => {
    const { take } = localLimiter();
    for (let at = 0; at < 6; at += 1) take(login, "one");
    expect(take(login, "one").allowed).toBe(false);
    expect(take(login, "two").allowed).toBe(true);
    expect(take(defaults, "one").allowed).toBe(true);
  });

  test("takes a cost as a whole or not at all", () => {
    const { take } = localLimiter();
    expect(take(login, "one", 4).allowed).toBe(true);
    expect(take(login, "one", 2).allowed).toBe(false);
    expect(take(login, "one", 1)).toMatchObject({ allowed: true, remaining: [0] });
  });

  test("gives each of several replicas its share, and never nothing", () => {
    const { take } = localLimiter({ replicas: 8 });
    const allowed = (policy: LimitPolicy) =>
      Array.from({ length: 70 }, () => take(policy)).filter((d) => d.allowed).length;
    expect(allowed(defaults)).toBe(7);
    expect(allowed(login)).toBe(1);
  });

  test("remembers a bounded number of subjects", () => {
    const { take, limiter } = localLimiter({ subjects_max: 100 });
    for (let at = 0; at < 1000; at += 1) take(defaults, String(at));
    expect(limiter.stats().subjects).toBe(100);
  });

  test("refuses a policy that limits nothing", () => {
    const { take } = localLimiter();
    expect(() => take({ name: "none", class: "general", windows: [] })).toThrow(RangeError);
    const zero = { ...login, name: "zero", windows: [{ name: "z", quota: 0, window_s: 60 }] };
    expect(() => take(zero)).toThrow(RangeError);
  });
});

describe("for any quota, window and rhythm", () => {
  const rhythm = record({
    quota: integer({ min: 1, max: 40 }),
    window_s: integer({ min: 1, max: 120 }),
    steps_ms: array(integer({ min: 0, max: 4000 }), { minLength: 1, maxLength: 400 }),
  });

  test("no window ever holds more than the quota, and what is refused would have been too many", () => {
    assert(
      property(rhythm, ({ quota, window_s, steps_ms }) => {
        const { take, time } = localLimiter();
        const policy = { ...defaults, windows: [{ name: "window", quota, window_s }] };
        const slotMs = Math.ceil((window_s * 1000) / SLOTS);
        const allowed: number[] = [];
        const within = (length_ms: number) => allowed.filter((at) => at > time.now_ms - length_ms).length;
        for (const step of steps_ms) {
          time.now_ms += step;
          if (take(policy).allowed) {
            allowed.push(time.now_ms);
            expect(within(window_s * 1000)).toBeLessThanOrEqual(quota);
          } else expect(within((SLOTS + 1) * slotMs)).toBeGreaterThanOrEqual(quota);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("whoever waits as long as Retry-After says is let in", () => {
    assert(
      property(rhythm, ({ quota, window_s, steps_ms }) => {
        const { take, time } = localLimiter();
        const policy = { ...defaults, windows: [{ name: "window", quota, window_s }] };
        for (const step of steps_ms) {
          time.now_ms += step;
          const decision = take(policy);
          if (decision.allowed) continue;
          time.now_ms += decision.retry_after_s * 1000;
          expect(take(policy).allowed).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("the RateLimit headers", () => {
  test("name every window and what is left of it", () => {
    const decision = { allowed: true, remaining: [59, 499], reset_s: [61, 3600], retry_after_s: 0 };
    expect(rateLimitHeaders(defaults, decision)).toEqual({
      "ratelimit-policy": '"minute";q=60;w=60, "hour";q=500;w=3600',
      ratelimit: '"minute";r=59;t=60, "hour";r=499;t=3600',
    });
  });

  test("of a refusal list the windows that refuse, none of which outlasts Retry-After", () => {
    const decision = { allowed: false, remaining: [0, 400], reset_s: [12, 3000], retry_after_s: 12 };
    expect(rateLimitHeaders(defaults, decision)).toEqual({
      "ratelimit-policy": '"minute";q=60;w=60, "hour";q=500;w=3600',
      ratelimit: '"minute";r=0;t=12',
      "retry-after": "12",
    });
  });

  test("say when the next take can be allowed, for the window that is used up longest", () => {
    expect(nextIn_s({ allowed: true, remaining: [0, 4], reset_s: [30, 3600], retry_after_s: 0 })).toBe(30);
    expect(nextIn_s({ allowed: true, remaining: [0, 0], reset_s: [30, 1200], retry_after_s: 0 })).toBe(1200);
    expect(nextIn_s({ allowed: true, remaining: [1, 4], reset_s: [30, 1200], retry_after_s: 0 })).toBe(0);
  });

  test("come from the configured limits, and what protects credentials is guarded", () => {
    const policies = limitPolicies(configured);
    const quotas = Object.values(policies).map(({ name, class: kind, windows }) => [
      name,
      kind,
      windows.map((w) => w.quota),
    ]);
    expect(quotas).toEqual([
      ["default", "general", [60, 500, 2000]],
      ["login", "guarded", [5]],
      ["search", "general", [50, 500, 2000]],
      ["chat", "general", [20, 500, 2000]],
      ["webhook", "general", [3000]],
      ["otp", "guarded", [1, 5]],
      ["otp_address", "guarded", [20]],
    ]);
  });
});
