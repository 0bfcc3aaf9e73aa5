import { SLOTS, type CompiledPolicy } from "./policy.ts";
import { settleScript } from "./script.ts";
import type { Subject, Waiter } from "./subject.ts";
import type { RedisConnection } from "../redis.ts";

/** All keys share one hash tag, so that one script may touch many subjects on a Redis Cluster too. */
export const rate_limit_hash_tag = "rate-limit";
const PREFIX = `{${rate_limit_hash_tag}}:`;
/** Shortest deadline of an exchange whose oldest request has already waited for the one before. */
const DEADLINE_LEAST_MS = 10;
/** Without news a refused subject is asked about again after this long, doubling: leases may have come back. */
const RECHECK_MS = { first: 250, last: 4000 } as const;
const WANT_MAX = 8192;

/** One subject's part of an exchange, as it was when the request was written. */
export type Part = { subject: Subject; waiters: Waiter[]; need: number; debt: number; restores: boolean };

/** `answers` is false when the epoch that was named is over. */
export type Answers = { now: number; epoch: string; answers: number[][] | false };

export type Exchange = { parts: Part[]; keys: string[]; body: string; deadline_ms: number };

/**
 * Writes what the subjects owe, return and want into one request, and takes it off them: leases that ended go back,
 * waiters and debts move into the exchange.
 */
export function writeExchange(
  subjects: readonly Subject[],
  options: { replicas: number; deadline_ms: number; epoch: string | null; now: number },
): Exchange {
  const { replicas, deadline_ms, epoch, now } = options;
  const policies: CompiledPolicy[] = [];
  const keys = [`${PREFIX}epoch`];
  const entries: number[][] = [];
  const parts: Part[] = [];
  let oldest = now;
  for (const subject of subjects) {
    const { policy } = subject;
    let index = policies.indexOf(policy);
    if (index < 0) index = policies.push(policy) - 1;
    let need = 0;
    for (const { cost, since } of subject.waiters) {
      need += cost;
      oldest = Math.min(oldest, since);
    }
    const extra = policy.guarded ? 0 : extraOf(subject, need, now);
    let back = 0;
    if (subject.lease > 0 && now >= subject.lease_until) {
      back = subject.lease;
      subject.lease = 0;
    }
    entries.push([index, need, extra, 2 * replicas, back, subject.lease_at, ...debtsOf(subject, now)]);
    keys.push(`${PREFIX}${policy.name}:${subject.name}`);
    parts.push({ subject, waiters: subject.waiters, need, debt: subject.debt, restores: subject.forgotten });
    subject.waiters = [];
    // On its way: it comes back when the exchange is known to have failed.
    subject.debt = 0;
    subject.exchanged_at = now;
  }
  const described = policies.map(({ wire, lease_ms, longest_ms }) => ({
    windows: wire,
    lease_ms,
    longest_ms,
  }));
  const epochs = { epoch: epoch ?? "", fresh_epoch: Bun.randomUUIDv7() };
  const body = JSON.stringify({ slots: SLOTS, ...epochs, policies: described, entries });
  return { parts, keys, body, deadline_ms: Math.max(DEADLINE_LEAST_MS, deadline_ms - (now - oldest)) };
}

/**
 * How much to lease beyond the need: nothing for a subject that comes now and then; twice as much as last time while
 * leases are spent before they end; half when most of one came back.
 */
function extraOf(subject: Subject, need: number, now: number): number {
  const spent = subject.ahead - subject.lease;
  const busy = now - subject.exchanged_at <= 2 * subject.policy.lease_ms;
  if (!busy) subject.want = 0;
  else if (subject.lease <= subject.ahead / 4)
    subject.want = Math.min(Math.max(1, subject.want) * 2, WANT_MAX);
  else if (subject.lease > subject.ahead / 2) subject.want = Math.floor(subject.want / 2);
  return need > 0 || (busy && spent > 0) ? subject.want : 0;
}

function debtsOf(subject: Subject, now: number): number[] {
  const { policy, usage } = subject;
  if (!subject.forgotten) return policy.quotas.map(() => subject.debt);
  usage.advance(now);
  return policy.quotas.map((_, at) => usage.total(at));
}

/**
 * Sends it. Throws RedisUnavailable or the server's error. `late` hears what became of an exchange whose deadline has
 * passed: an answer, or null when there will be none.
 */
export async function sendExchange(
  redis: RedisConnection,
  exchange: Exchange,
  late: (answers: Answers | null) => void,
): Promise<Answers> {
  const { keys, body, deadline_ms } = exchange;
  const reply = await redis.script("rate-limit", settleScript, keys, [body], {
    deadline_ms,
    late: (outcome) => late(outcome === null ? null : (JSON.parse(String(outcome.value)) as Answers)),
  });
  return JSON.parse(String(reply)) as Answers;
}

/** Brings the subject up to what Redis answered: its lease, its debt, what is free, and until when it is closed. */
export function applyAnswer(part: Part, answer: readonly number[], serverNow: number, now: number): void {
  const { subject, need } = part;
  const { policy } = subject;
  const [granted = 0, retryMs = 0] = answer;
  if (part.restores) subject.forgotten = false;
  if (granted > 0) {
    subject.lease += granted;
    subject.lease_until = now + policy.lease_ms;
    subject.lease_at = serverNow + policy.lease_ms;
  }
  subject.ahead = subject.lease - Math.min(granted, need);
  subject.heard();
  for (let at = 0; at < policy.quotas.length; at += 1) {
    subject.free[at] = (policy.quotas[at] ?? 0) - (answer[2 + 2 * at] ?? 0);
    subject.returns_at[at] = now + (answer[3 + 2 * at] ?? 0);
  }
  if (retryMs > 0) {
    subject.retry_at = now + retryMs;
    subject.recheck_ms = Math.min(Math.max(RECHECK_MS.first, subject.recheck_ms * 2), RECHECK_MS.last);
    // A guarded limit has no leases out that could come back: what Redis says is exact.
    subject.closed_until = policy.guarded
      ? subject.retry_at
      : Math.min(subject.retry_at, now + subject.recheck_ms);
  } else {
    subject.recheck_ms = 0;
    subject.closed_until = 0;
  }
}
