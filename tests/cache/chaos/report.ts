import { STALE_HEALTHY_MS, STALE_MAX_MS, type Verdict } from "./checker.ts";
import type { Fault } from "./faults.ts";
import type { FleetFigures } from "./fleet.ts";
import { OVERHEAD_MS } from "./messages.ts";

/** What lookups may spend on anything but their load: the bucket above 150 ms is beyond every deadline. */
const BESIDE_LOAD_P99_MS = 150;
/** While Redis answers nobody: its deadlines of 50 ms for a read and 150 ms for the first to fail, and some for timers. */
const AWAY_P99_MS = 75;
const AWAY_MAX_MS = 200;

/** All rounds together. */
export type Total = {
  lookups: number;
  /** Older than an answered write where that must not be; and from a replica that knew itself cut off. */
  strict_stale: number;
  apart_stale: number;
  too_old: number;
  healthy_late: number;
  /** Stretches in which nothing failed and every process kept up: only those count for `healthy_late`. */
  calm: number;
  rounds: number;
  worst_apart_ms: number;
  worst_bounded_ms: number;
  worst_healthy_ms: number;
};

export const noTotal = (): Total => ({
  lookups: 0,
  strict_stale: 0,
  apart_stale: 0,
  too_old: 0,
  healthy_late: 0,
  calm: 0,
  rounds: 0,
  worst_apart_ms: 0,
  worst_bounded_ms: 0,
  worst_healthy_ms: 0,
});

export type Round = Readonly<{
  lasted: number;
  recovery: number;
  verdict: Verdict;
  before: FleetFigures;
  during: FleetFigures;
}>;

/** Adds a verdict, and says what in it must not be. */
export function addVerdict(total: Total, verdict: Verdict): string[] {
  for (const key of ["lookups", "strict_stale", "apart_stale", "too_old", "healthy_late"] as const)
    total[key] += verdict[key];
  for (const key of ["worst_apart_ms", "worst_bounded_ms", "worst_healthy_ms"] as const)
    total[key] = Math.max(total[key], verdict[key]);
  total.rounds += 1;
  const said: readonly [number, string][] = [
    [verdict.strict_stale, "answers older than an answered write"],
    [verdict.too_old, `answers more than ${STALE_MAX_MS} ms behind`],
    [verdict.healthy_late, `answers more than ${STALE_HEALTHY_MS} ms behind though nothing failed`],
  ];
  return said.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}

/** What in the figures of a round must not be; `late_ms`: by what the machine delayed one that has nothing to do. */
export function wrongFigures(figures: FleetFigures, fault: Fault, late_ms: number): string[] {
  const { database = false, away = false } = fault;
  const wrong: string[] = [];
  const [slow, slowest] = [shareOf(figures.overhead, 0.99), shareOf(figures.overhead, 1)];
  if (slow > (away ? AWAY_P99_MS : BESIDE_LOAD_P99_MS) + late_ms)
    wrong.push(`p99 beside the load up to ${slow} ms`);
  if (away && slowest > AWAY_MAX_MS + late_ms)
    wrong.push(`a lookup that spent up to ${slowest} ms beside the load`);
  if (figures.calls_late > 0) wrong.push(`${figures.calls_late} calls past their deadline`);
  if (figures.unavailable > 0 && !database) wrong.push(`${figures.unavailable} loads or writes failed`);
  return wrong;
}

/** One round in one line. */
export function roundLine(name: string, round: Round): string {
  const { verdict, during, before } = round;
  const wrong = verdict.strict_stale + verdict.too_old + verdict.healthy_late;
  const ms = (value: number, width: number): string => value.toFixed(0).padStart(width);
  const apart = `${verdict.apart_stale} cut off, ${verdict.worst_apart_ms.toFixed(0)} ms`;
  return (
    `${wrong === 0 ? "ok  " : "BAD "}${name.padEnd(46)} ${ms(round.lasted, 5)} ms, ` +
    `back +${ms(round.recovery, 4)}; ${String(verdict.lookups).padStart(6)} lookups, ` +
    `behind: strict ${ms(verdict.worst_strict_ms, 4)} (${apart}), bounded ${ms(verdict.worst_bounded_ms, 4)}, ` +
    `calm ${ms(verdict.worst_healthy_ms, 3)} ms; beside the load p99 ${share(before.overhead, 0.99)} → ` +
    `${share(during.overhead, 0.99)}, max ${share(during.overhead, 1)}; ` +
    `calls ${during.calls}, max ${during.call_max_ms.toFixed(0)} ms, late ${during.calls_late}; ` +
    `refused ${during.refused}, failed ${during.unavailable}; lag ${during.lag_ms.toFixed(0)} ms`
  );
}

/** Everything in some lines. */
export function totalLine(total: Total): string {
  return (
    `${total.lookups} lookups: ${total.strict_stale} strict stale from whoever hears the order, ` +
    `${total.apart_stale} from replicas cut off (at most ${total.worst_apart_ms.toFixed(0)} ms behind), ` +
    `${total.too_old} over ${STALE_MAX_MS} ms, ${total.healthy_late} late while healthy; ` +
    `bounded at most ${total.worst_bounded_ms.toFixed(0)} ms behind, ` +
    `${total.worst_healthy_ms.toFixed(0)} ms in ${total.calm} calm stretches of ${total.rounds}`
  );
}

/** Upper end of the bucket below which this share lies. */
function shareOf(buckets: readonly number[], part: number): number {
  const sum = buckets.reduce((total, count) => total + count, 0);
  let seen = 0;
  for (const [at, count] of buckets.entries()) {
    seen += count;
    if (sum > 0 && seen >= sum * part) return OVERHEAD_MS[at] ?? Number.POSITIVE_INFINITY;
  }
  return 0;
}

const share = (buckets: readonly number[], part: number): string => `≤${shareOf(buckets, part)}`;
