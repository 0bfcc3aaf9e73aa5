import { describeBad, type Entry, goodShare, isGood, summary } from "./record.ts";
import { effectsOf, type Fleet } from "./rig.ts";
import { Traffic, type TrafficOptions } from "./traffic.ts";

export type Context = Readonly<{
  fleet: Fleet;
  random: () => number;
  /** The goal's own length; else a short form that finds gross faults. */
  long: boolean;
  /** Half of what the fleet gave when it was asked for all it can. */
  per_second: number;
  say(line: string): void;
}>;

export type Scenario = Readonly<{
  /** The goal that it holds, as in goals.md. */
  id: string;
  title: string;
  env?: Readonly<Record<string, string>>;
  /** Default: as many as the run has. */
  replicas?: number;
  /** Redis is to be reached over a network that can be slow and talk nonsense. */
  redis_network?: boolean;
  /** Default: true. Without, `per_second` is 0, and nobody has asked the fleet for anything before. */
  measured?: boolean;
  /** There is no short form. */
  long_only?: boolean;
  /** @returns what did not hold, for people; nothing when all did */
  run(context: Context): Promise<string[]>;
}>;

/** Mixed load while something is done to the fleet. */
export async function underLoad(
  context: Context,
  disturb: (traffic: Traffic) => Promise<void>,
  options: Partial<TrafficOptions> = {},
): Promise<Traffic> {
  const { fleet, per_second, random, say } = context;
  const traffic = new Traffic(fleet, { per_second, random, ...options });
  traffic.start();
  try {
    await disturb(traffic);
  } finally {
    await traffic.stop();
  }
  say(summary(traffic.recorder.entries));
  return traffic;
}

/** No request of these was answered with anything but success. */
export function noneFailed(entries: readonly Entry[], what: string): string[] {
  const bad = entries.filter((entry) => !isGood(entry));
  if (entries.length === 0) return [`${what}: nothing was asked`];
  return bad.length === 0 ? [] : [`${what}: ${bad.length} of ${entries.length} failed: ${describeBad(bad)}`];
}

export function atLeast(entries: readonly Entry[], share: number, what: string): string[] {
  const good = goodShare(entries);
  if (entries.length === 0) return [`${what}: nothing was asked`];
  if (good >= share) return [];
  const bad = entries.filter((entry) => !isGood(entry));
  return [
    `${what}: ${(good * 100).toFixed(3)} % good, ${(share * 100).toFixed(1)} % wanted: ${describeBad(bad)}`,
  ];
}

/** Nobody waited longer. */
export function answeredWithin(entries: readonly Entry[], limit_ms: number): string[] {
  const late = entries.filter(({ took_ms }) => took_ms > limit_ms);
  const longest = Math.max(0, ...late.map(({ took_ms }) => took_ms));
  return late.length === 0
    ? []
    : [`${late.length} waited longer than ${limit_ms} ms, the longest ${longest.toFixed(0)} ms`];
}

/** Every acknowledged write is there once, and no other is there twice. */
export async function effectsHold(fleet: Fleet, entries: readonly Entry[]): Promise<string[]> {
  const effects = await effectsOf(fleet);
  const writes = entries.filter(({ key }) => key !== null);
  const acknowledged = writes.filter(({ status }) => status === 201);
  const lost = acknowledged.filter(({ key }) => (effects.get(key ?? "") ?? 0) === 0);
  const doubled = [...effects].filter(([, count]) => count > 1);
  const wrong: string[] = [];
  if (acknowledged.length === 0) wrong.push("no write was acknowledged: nothing is proven of their effects");
  if (lost.length > 0)
    wrong.push(`${lost.length} of ${acknowledged.length} acknowledged writes are not there`);
  if (doubled.length > 0) wrong.push(`${doubled.length} writes have more than one effect`);
  return wrong;
}

/** Refusals are 503 with `Retry-After`, and there is nothing else than those and successes. */
export function onlyRefused(entries: readonly Entry[]): string[] {
  const bad = entries.filter((entry) => !isGood(entry));
  const other = bad.filter(({ status, retry_after }) => status !== 503 || retry_after === null);
  return other.length === 0 ? [] : [`something other than 503 with Retry-After: ${describeBad(other)}`];
}
