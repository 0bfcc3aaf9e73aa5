import type { Clock } from "../clock.ts";
import { type RedisConnection, RedisUnavailable } from "../redis.ts";
import {
  type Answers,
  applyAnswer,
  type Exchange,
  type Part,
  sendExchange,
  writeExchange,
} from "./exchange.ts";
import type { Decision, LimitPolicy, RateLimiter, RateLimiterStats } from "./policy.ts";
import { SubjectTable } from "./subject-table.ts";
import type { Subject } from "./subject.ts";

export type { Decision, LimitPolicy, LimitWindow, RateLimiter, RateLimiterStats } from "./policy.ts";

const DEADLINE_MS = 36;
/** A guarded limit waits this much longer for an answer that is late before it goes by its share: shares come on top. */
const PATIENCE_MS = 150;
/** Subjects remembered per policy. */
const SUBJECTS_MAX = 20_000;
/** Subjects in one exchange: about 1.5 ms of the server's time. */
const BATCH_MAX = 64;
/** Exchanges in a row that may fail before Redis counts as away: one may be a slow moment of a busy machine. */
const FAILURES_MAX = 2;
/** Unreported takes wait this long for company. */
const REPORT_MS = 1000;
/** How often ended leases are looked for while any are out. */
const SWEEP_MS = 250;
/** Wait before an away Redis is asked (with a PING) whether it is back. */
const RETRY_MS = 1000;

export type RateLimiterOptions = {
  redis: RedisConnection | null;
  /** How many replicas share the limits; sizes leases and local shares. */
  replicas: number;
  clock: Clock;
  log: { warn(fields: object, message: string): void; info(fields: object, message: string): void };
  /** Subjects remembered per policy; default 20,000. */
  subjects_max?: number;
  /** Longest that a request waits for Redis; default 36 ms, so that with all around it stays below 50. */
  deadline_ms?: number;
};

/**
 * Rate limits for a fleet of replicas.
 *
 * **What is counted.** Each window is a token bucket whose tokens come back one window after they were taken (kept in
 * 24 slots, so up to 1/24 of the window later). Hence no window of that length ever holds more than its quota, and a
 * client that never lets up gets at least 95 % of it. GCRA with the quota as burst, the usual choice, lets nearly twice the quota through in the first window
 * and the sixth login after twelve seconds; "5 per minute" would not be true.
 *
 * **Who decides.** A general limit spends, in this order: tokens leased from Redis (charged there before they are
 * spent, so they can only make the total smaller); then, while the subject has plenty, a few unreported tokens (over
 * all replicas at most 5 % of the quota, or one each within 10 %), reported within a second together with everybody
 * else's; otherwise it asks and waits. A lease is granted from a share of what is left, free ÷ 2 replicas, so leases
 * shrink to single tokens as the quota runs out; it grows only while leases are used up, and goes back after 250 ms.
 * So the fleet's total errs by at most 10 % on either side: unreported takes above, leases not yet returned below.
 * A subject known to be exhausted is refused without asking. All subjects that have something to say share one script
 * call, and one call is under way at a time: the busier the replica, the fewer commands per request.
 * A guarded limit always asks for exactly what it needs, and is refused locally only while Redis' own refusal lasts.
 *
 * **When Redis is away** a few requests wait for at most 40 ms (at a guarded limit 200), the others not at all: every replica counts against its share
 * (quota ÷ replicas, at least 1), including what it allowed before. What it allows is reported when Redis is back; it
 * is asked with a PING first, since a frozen server would run every report that was ever sent to it. A guarded limit
 * also keeps to its share for one window after it was away, or lost data (its epoch or its run_id changed). When it has
 * lost everything, a replica is granted nothing before it has reported anew what it allowed itself, subject by subject.
 *
 * **Memory.** At most 20,000 subjects per policy (about 2 KiB each), least recently used go first, and policies
 * do not evict each other's. A forgotten subject costs little: with Redis there the count is there, and it can take
 * the few unreported tokens before it is known again (none if guarded). Without Redis it starts afresh, but to forget
 * one subject takes requests from 20,000 other ones, each of which has a quota of its own anyway.
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  return new Limiter(options);
}

class Limiter implements RateLimiter {
  readonly #options: RateLimiterOptions;
  readonly #redis: RedisConnection | null;
  readonly #clock: Clock;
  readonly #subjects: SubjectTable;
  /** Those with something to report, and those with a lease. */
  #listed: Subject[] = [];
  readonly #leased = new Set<Subject>();
  #waiting: Subject[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timer_at = 0;
  #underway: Promise<void> | null = null;
  #scheduled = false;
  #away = false;
  #failures_in_row = 0;
  #retry_at = 0;
  #epoch: string | null = null;
  #server: string | null = null;
  /** When Redis may have forgotten: for a window from then guarded limits also keep to their share. */
  #suspect_since = Number.NEGATIVE_INFINITY;
  /** Whether a guarded take was allowed while Redis was away. */
  #risked = false;
  #closed = false;
  readonly #counts = { exchanges: 0, settled: 0, failures: 0 };

  constructor(options: RateLimiterOptions) {
    this.#options = options;
    this.#redis = options.redis;
    this.#clock = options.clock;
    this.#subjects = new SubjectTable(options.replicas, options.subjects_max ?? SUBJECTS_MAX);
  }

  take(policy: LimitPolicy, name: string, cost = 1): Decision | Promise<Decision> {
    const now = this.#now();
    const subject = this.#subjects.find(policy, name);
    if (subject.lease >= cost && now < subject.lease_until) return this.#spend(subject, cost, now);
    subject.usage.advance(now);
    if (this.#isAway(now)) return this.#decideLocally(subject, cost, now);
    if (now < subject.closed_until) return subject.refuse(now);
    const { optimism, caution, guarded, shares } = subject.policy;
    if (subject.debt + cost <= optimism && subject.waiters.length === 0 && subject.tightest() > caution) {
      subject.debt += cost;
      this.#list(subject);
      return subject.allow(cost, now);
    }
    if (guarded && this.#isSuspect(subject, now) && !subject.usage.fits(cost, shares)) {
      return subject.refuseLocally(cost, shares, now);
    }
    return new Promise((settle) => {
      if (subject.waiters.length === 0) this.#waiting.push(subject);
      subject.waiters.push({ cost, since: now, settle });
      this.#soon();
    });
  }

  stats(): RateLimiterStats {
    return { ...this.#counts, subjects: this.#subjects.size(), local: this.#redis === null || this.#away };
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#underway;
    for (const subject of this.#leased) subject.lease_until = 0;
    this.#sweep(this.#now());
    while (!this.#away && (this.#waiting.length > 0 || this.#listed.length > 0)) {
      await (this.#underway ?? this.#exchange());
    }
    this.#answerLocally();
  }

  /** Spends leased tokens, and asks for more in the background before they run out. */
  #spend(subject: Subject, cost: number, now: number): Decision {
    const decision = subject.spend(cost, now);
    if (subject.lease * 4 <= subject.ahead && subject.ahead >= 4 && !subject.listed) {
      this.#list(subject);
      this.#soon();
    }
    return decision;
  }

  #decideLocally(subject: Subject, cost: number, now: number): Decision {
    const { shares } = subject.policy;
    if (!subject.usage.fits(cost, shares)) return subject.refuseLocally(cost, shares, now);
    if (this.#redis !== null) {
      if (subject.policy.guarded) this.#risked = true;
      subject.debt += cost;
      this.#list(subject);
    }
    return subject.allowLocally(cost, shares, now);
  }

  /** Whole milliseconds, as Redis counts too: so a window of sixty seconds is told as 60, not as 61. */
  #now(): number {
    return Math.floor(this.#clock.monotonic());
  }

  #isAway(now: number): boolean {
    if (this.#redis === null || this.#closed) return true;
    if (!this.#away && this.#redis.state() === "disconnected") this.#leave(now, "disconnected");
    return this.#away;
  }

  #isSuspect(subject: Subject, now: number): boolean {
    return now - this.#suspect_since < subject.policy.longest_ms;
  }

  #list(subject: Subject): void {
    if (subject.listed) return;
    subject.listed = true;
    this.#listed.push(subject);
    if (this.#listed.length >= BATCH_MAX && !this.#away) this.#soon();
    else this.#wake(this.#now() + REPORT_MS);
  }

  /** Exchanges at the end of this turn of the event loop, so that everything of the turn shares it. */
  #soon(): void {
    if (this.#scheduled || this.#underway !== null) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#exchange();
    });
  }

  #wake(at: number): void {
    if (this.#closed || (this.#timer !== null && this.#timer_at <= at)) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer_at = at;
    this.#timer = setTimeout(() => this.#tick(), Math.max(1, at - this.#now()));
    this.#timer.unref();
  }

  #tick(): void {
    this.#timer = null;
    const now = this.#now();
    if (this.#away) {
      void this.#comeBack(now);
      return;
    }
    this.#sweep(now);
    if (this.#listed.length > 0) this.#soon();
    if (this.#leased.size > 0) this.#wake(now + SWEEP_MS);
  }

  /** Lists the leases that have ended. */
  #sweep(now: number): void {
    for (const subject of this.#leased) {
      if (subject.lease > 0 && now < subject.lease_until) continue;
      this.#leased.delete(subject);
      if (subject.lease > 0) this.#list(subject);
    }
  }

  async #exchange(): Promise<void> {
    if (this.#redis === null || this.#underway !== null || this.#away) return;
    const subjects = this.#batch();
    if (subjects.length === 0) return;
    const { replicas, deadline_ms = DEADLINE_MS } = this.#options;
    const exchange = writeExchange(subjects, { replicas, deadline_ms, epoch: this.#epoch, now: this.#now() });
    this.#underway = this.#settle(this.#redis, exchange);
    await this.#underway;
    this.#underway = null;
    if (this.#waiting.length > 0 || this.#listed.length >= BATCH_MAX) this.#soon();
  }

  /** Those who wait first, then those who have something to report. */
  #batch(): Subject[] {
    const batch = this.#waiting.splice(0, BATCH_MAX);
    const chosen = new Set(batch);
    let read = 0;
    while (chosen.size < BATCH_MAX && read < this.#listed.length) {
      const subject = this.#listed[read] as Subject;
      read += 1;
      subject.listed = false;
      chosen.add(subject);
    }
    this.#listed.splice(0, read);
    return [...chosen];
  }

  async #settle(redis: RedisConnection, exchange: Exchange): Promise<void> {
    const { parts } = exchange;
    this.#counts.exchanges += 1;
    this.#counts.settled += parts.length;
    const late = (answers: Answers | null) => {
      // Who still waits is served; what was granted to those who do not goes back when its lease ends.
      if (answers !== null) return this.#apply(answers, parts, redis);
      this.#takeBack(parts);
      this.#decide(parts);
    };
    try {
      const answers = await sendExchange(redis, exchange, late);
      this.#failures_in_row = 0;
      this.#apply(answers, parts, redis);
    } catch (error) {
      const now = this.#now();
      this.#counts.failures += 1;
      this.#failures_in_row += 1;
      const mayComeLate = error instanceof RedisUnavailable && error.reason === "deadline";
      if (!mayComeLate) this.#takeBack(parts);
      if (this.#failures_in_row >= FAILURES_MAX) this.#leave(now, String(error));
      const isPatient = ({ subject }: Part) => subject.policy.guarded && mayComeLate && !this.#away;
      this.#decide(parts.filter((part) => !isPatient(part)));
      const patient = parts.filter(isPatient);
      if (patient.length > 0) setTimeout(() => this.#decide(patient), PATIENCE_MS);
      this.#answerLocally();
    }
  }

  /** Decides by itself for those who still wait. */
  #decide(parts: readonly Part[]): void {
    const now = this.#now();
    for (const part of parts) {
      const { subject, waiters } = part;
      part.waiters = [];
      subject.usage.advance(now);
      for (const { cost, settle } of waiters) settle(this.#decideLocally(subject, cost, now));
    }
  }

  #apply({ now: serverNow, epoch, answers }: Answers, parts: readonly Part[], redis: RedisConnection): void {
    const now = this.#now();
    this.#notice(epoch, redis.server(), now);
    if (answers === false) {
      this.#takeBack(parts);
      this.#repeat(parts);
      return;
    }
    parts.forEach((part, at) => {
      applyAnswer(part, answers[at] ?? [], serverNow, now);
      part.subject.serve(part.waiters.splice(0), this.#isSuspect(part.subject, now), now);
      if (part.subject.lease > 0) this.#leased.add(part.subject);
    });
    if (this.#leased.size > 0) this.#wake(now + SWEEP_MS);
  }

  /** An exchange did not happen: what it would have reported is owed again. */
  #takeBack(parts: readonly Part[]): void {
    for (const { subject, debt } of parts) {
      subject.debt += debt;
      if (debt > 0) this.#list(subject);
    }
  }

  /** Redis has forgotten: the same subjects again, with all that is known of them. */
  #repeat(parts: readonly Part[]): void {
    for (const { subject, waiters } of parts) {
      if (waiters.length === 0) this.#list(subject);
      else {
        if (subject.waiters.length === 0) this.#waiting.push(subject);
        subject.waiters = [...waiters, ...subject.waiters];
      }
    }
  }

  /** Redis has new data when the epoch is another one, and may have old data when the server is. */
  #notice(epoch: string, server: string | null, now: number): void {
    const lost = this.#epoch !== null && epoch !== this.#epoch;
    const restarted = this.#server !== null && server !== this.#server;
    this.#epoch = epoch;
    this.#server = server;
    if (!lost && !restarted) return;
    this.#suspect_since = now;
    this.#options.log.warn({ lost, restarted }, "redis may have forgotten rate limits");
    if (!lost) return;
    for (const subject of this.#subjects.all()) {
      subject.forgotten = true;
      subject.lease = 0;
    }
  }

  #leave(now: number, reason: string): void {
    if (this.#away) return;
    this.#away = true;
    this.#retry_at = now + RETRY_MS;
    this.#wake(this.#retry_at);
    this.#options.log.warn({ reason }, "rate limits are local");
    this.#answerLocally();
  }

  /** Those who have not been sent yet; guarded ones are, as long as Redis is not away. */
  #answerLocally(): void {
    const now = this.#now();
    for (const subject of this.#waiting.splice(0)) {
      if (subject.policy.guarded && !this.#away && !this.#closed) {
        this.#waiting.push(subject);
        continue;
      }
      const waiters = subject.waiters;
      subject.waiters = [];
      subject.usage.advance(now);
      for (const { cost, settle } of waiters) settle(this.#decideLocally(subject, cost, now));
    }
  }

  async #comeBack(now: number): Promise<void> {
    const answers = await this.#redis
      ?.call((client) => client.ping())
      .then(
        () => true,
        () => false,
      );
    if (this.#closed) return;
    if (answers !== true) {
      this.#wake(now + RETRY_MS);
      return;
    }
    this.#away = false;
    // What other replicas allowed meanwhile may not be reported yet.
    if (this.#risked) this.#suspect_since = this.#now();
    this.#risked = false;
    this.#options.log.info({}, "rate limits are shared again");
    if (this.#listed.length > 0) this.#soon();
    if (this.#leased.size > 0) this.#wake(now + SWEEP_MS);
  }
}
