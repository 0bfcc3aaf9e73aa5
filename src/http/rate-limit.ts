// RateLimit header fields for HTTP: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11
import type { Config } from "../platform/config.ts";
import type { Decision, LimitPolicy, RateLimiter } from "../platform/rate-limit/limiter.ts";

export type LimitName = "default" | "login" | "search" | "chat" | "otp" | "otp_address" | "webhook";

/** What the pipeline needs to know: whether to go on, and the headers the answer carries either way. */
export type Verdict = {
  readonly allowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly decision: Decision;
};

/** The rate limits as requests see them: one question, answered with header fields. */
export interface RateLimits {
  /**
   * Counts a request. `subject` is the member, or the client's address when nobody is logged in; each limit counts
   * by itself. Never rejects.
   */
  take(limit: LimitName, subject: string): Verdict | Promise<Verdict>;
}

/** Another code may be asked for so many seconds after the last: as long as a message takes to arrive. */
export const otpResend_s = 30;

/**
 * The policies that the environment asks for. Login and one-time codes are guarded: they never open up, whatever happens
 * to Redis.
 */
export function limitPolicies(limits: Config["rate_limits"]): Readonly<Record<LimitName, LimitPolicy>> {
  const perMinute = (name: string, quota: number) => [{ name, quota, window_s: 60 }];
  const longer = [
    { name: "hour", quota: limits.per_hour, window_s: 3600 },
    { name: "day", quota: limits.per_day, window_s: 86_400 },
  ];
  return {
    default: {
      name: "default",
      class: "general",
      windows: [...perMinute("minute", limits.per_minute), ...longer],
    },
    login: { name: "login", class: "guarded", windows: perMinute("login", limits.login_per_minute) },
    search: {
      name: "search",
      class: "general",
      windows: [...perMinute("search", limits.search_per_minute), ...longer],
    },
    chat: {
      name: "chat",
      class: "general",
      windows: [...perMinute("chat", limits.chat_per_minute), ...longer],
    },
    webhook: { name: "webhook", class: "general", windows: perMinute("webhook", limits.webhook_per_minute) },
    otp: {
      name: "otp",
      class: "guarded",
      windows: [
        { name: "otp-resend", quota: 1, window_s: otpResend_s },
        { name: "otp", quota: limits.otp_per_hour, window_s: 3600 },
      ],
    },
    otp_address: {
      name: "otp_address",
      class: "guarded",
      windows: [{ name: "otp-address", quota: limits.otp_address_per_hour, window_s: 3600 }],
    },
  };
}

/** The limits of a server. `refused` is told the name of the limit at each refusal, for metrics. */
export function createRateLimits(options: {
  limiter: RateLimiter;
  limits: Config["rate_limits"];
  refused?: (limit: LimitName) => void;
}): RateLimits {
  const { limiter, refused } = options;
  const policies = limitPolicies(options.limits);
  const verdict = (limit: LimitName, decision: Decision): Verdict => {
    if (!decision.allowed) refused?.(limit);
    return { allowed: decision.allowed, headers: rateLimitHeaders(policies[limit], decision), decision };
  };
  return {
    take(limit, subject) {
      const decision = limiter.take(policies[limit], subject);
      return decision instanceof Promise
        ? decision.then((late) => verdict(limit, late))
        : verdict(limit, decision);
    },
  };
}

/** Whole seconds until the next take can be allowed; 0 while there is quota in every window. */
export const nextIn_s = ({ remaining, reset_s }: Decision): number =>
  Math.max(0, ...reset_s.filter((_, at) => (remaining[at] ?? 0) <= 0));

/**
 * `RateLimit-Policy` names every window; `RateLimit` says what is left of each and when more comes back. A refusal lists
 * only the windows that refuse, because by the draft (section 6) `Retry-After` should not lie before the end of any
 * effective window it is sent with.
 */
export function rateLimitHeaders(policy: LimitPolicy, decision: Decision): Readonly<Record<string, string>> {
  const { windows } = policy;
  const { allowed, remaining, reset_s } = decision;
  const texts = textsOf(policy);
  if (allowed) {
    const after = tailsOf(policy, reset_s);
    let limits = "";
    for (let at = 0; at < windows.length; at += 1) limits += `${texts.names[at]}${remaining[at]}${after[at]}`;
    return { "ratelimit-policy": texts.policy, ratelimit: limits };
  }
  const refusing = windows.flatMap((window, at) => (remaining[at] === 0 ? [{ window, at }] : []));
  const shown = refusing.length > 0 ? refusing : windows.map((window, at) => ({ window, at }));
  const limits = shown.map(({ window, at }) => {
    const until_s = Math.min(reset_s[at] ?? decision.retry_after_s, decision.retry_after_s);
    return `"${window.name}";r=${remaining[at]};t=${until_s}`;
  });
  return {
    "ratelimit-policy": texts.policy,
    ratelimit: limits.join(", "),
    "retry-after": String(decision.retry_after_s),
  };
}

/** What is constant for a policy, written once. Names are ours: visible ASCII without quotes. */
type Texts = Readonly<{ policy: string; names: readonly string[] }>;
const written = new WeakMap<LimitPolicy, Texts>();

function textsOf(policy: LimitPolicy): Texts {
  let texts = written.get(policy);
  if (texts === undefined) {
    const { windows } = policy;
    texts = {
      policy: windows.map(({ name, quota, window_s }) => `"${name}";q=${quota};w=${window_s}`).join(", "),
      names: windows.map(({ name }, at) => `${at === 0 ? "" : ", "}"${name}";r=`),
    };
    written.set(policy, texts);
  }
  return texts;
}

/** What follows the number of each window. The limiter gives the same list for as long as it says the same. */
const tails = new WeakMap<readonly number[], readonly string[]>();

function tailsOf({ windows }: LimitPolicy, reset_s: readonly number[]): readonly string[] {
  let known = tails.get(reset_s);
  if (known === undefined) {
    // A lease is charged a moment ahead: never show more than the window itself.
    known = windows.map(({ window_s }, at) => `;t=${Math.min(reset_s[at] ?? 1, window_s)}`);
    tails.set(reset_s, known);
  }
  return known;
}
