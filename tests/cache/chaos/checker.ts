import { classOf, ROWS, type Seen } from "./messages.ts";

/** Longest that any lookup may be behind, whatever fails: a lease, and a little for the checker's own clocks. */
export const STALE_MAX_MS = 1050;
/** The same while nothing fails and the machine keeps up. */
export const STALE_HEALTHY_MS = 50;

export type Observation = Seen & Readonly<{ worker: number }>;

/** What one stretch of the run came to. */
export type Verdict = Readonly<{
  lookups: number;
  /** Lookups that answered a version when a later one existed already. Not wrong as such. */
  behind: number;
  /**
   * Answers older than an acknowledged write, of a strict class. A replica that knows itself cut off may give those of
   * rows whose writers wait (I17): they are counted apart. Where readers check, nothing excuses one.
   */
  strict_stale: number;
  apart_stale: number;
  /** Behind for longer than allowed. */
  too_old: number;
  /** Milliseconds behind at most: strict rows, such stale ones apart, bounded rows, and those while nothing failed. */
  worst_strict_ms: number;
  worst_apart_ms: number;
  worst_bounded_ms: number;
  worst_healthy_ms: number;
  healthy_late: number;
  details: readonly string[];
}>;

type Ack = { at: number; version: number; by: string };
const DETAILS_MAX = 8;

/**
 * Knows when each version of each row was committed and acknowledged at the latest, and compares what lookups answered.
 * A lookup that begins at `t` is stale by `t - commit of the next version`: what is written while it runs excuses it.
 */
export class Checker {
  /** For each row, by version, the instant by which it was surely committed. */
  readonly #commits = Array.from({ length: ROWS }, (): number[] => []);
  /** The same as the writer itself saw it, which a dead writer did not. */
  readonly #answers = Array.from({ length: ROWS }, (): number[] => []);
  readonly #acks = Array.from({ length: ROWS }, (): Ack[] => []);
  #observations: Observation[] = [];
  #healthy: { from: number; until: number }[] = [];

  /** By this instant the version was committed, and all before it. */
  committed(row: number, version: number, at: number): void {
    const commits = this.#commits[row];
    if (commits !== undefined) commits[version] = Math.min(commits[version] ?? Number.POSITIVE_INFINITY, at);
  }
  /** The database has answered the writer: from now on it is for the cache to be quick. */
  written(row: number, version: number, at: number): void {
    this.committed(row, version, at);
    const answers = this.#answers[row];
    if (answers !== undefined) answers[version] = at;
  }
  acknowledged(row: number, version: number, at: number, by: string): void {
    this.#acks[row]?.push({ at, version, by });
  }
  observed(worker: number, seen: readonly Seen[]): void {
    for (const one of seen) this.#observations.push({ ...one, worker });
  }
  /** Nothing failed from then to then, and no process was late. */
  healthy(from: number, until: number): void {
    this.#healthy.push({ from, until });
  }
  /** The latest version known to be committed. */
  latest(row: number): number {
    return (this.#commits[row]?.length ?? 1) - 1;
  }

  /** Judges everything observed since the last time. All reports must have come in. */
  judge(): Verdict {
    const tally = {
      lookups: 0,
      behind: 0,
      strict_stale: 0,
      apart_stale: 0,
      too_old: 0,
      worst_strict_ms: 0,
      worst_apart_ms: 0,
      worst_bounded_ms: 0,
      worst_healthy_ms: 0,
      healthy_late: 0,
    };
    const details: string[] = [];
    const note = (what: string, seen: Observation, more: string): void => {
      if (details.length >= DETAILS_MAX) return;
      const { row, version, worker, from } = seen;
      details.push(
        `${what}: worker ${worker} row ${row} (${classOf(row)}) version ${version} of ${this.latest(row)} from ${from}: ${more}`,
      );
    };
    for (const row of this.#commits.keys()) this.#settle(row);
    for (const seen of this.#observations) {
      tally.lookups += seen.lookups;
      const strict = classOf(seen.row) !== "bounded";
      const owed = strict ? this.#owed(seen.row, seen.began) : null;
      const stale = owed !== null && seen.version < owed.version;
      const excused = seen.apart && classOf(seen.row) === "writer";
      if (stale && excused) tally.apart_stale += 1;
      else if (stale) {
        tally.strict_stale += 1;
        const committed = this.#commits[seen.row]?.[owed.version] ?? Number.NaN;
        const ages = [seen.began - committed, seen.began - owed.at].map((age) => age.toFixed(1));
        note(
          "STRICT",
          seen,
          `${owed.version} was committed ${ages.join(" and acknowledged ")} ms before by ${owed.by}`,
        );
      }
      const next = this.#commits[seen.row]?.[seen.version + 1];
      const behind_ms = next === undefined ? 0 : seen.began - next;
      if (next === undefined || behind_ms <= 0) continue;
      tally.behind += 1;
      if (stale && excused) tally.worst_apart_ms = Math.max(tally.worst_apart_ms, behind_ms);
      if (strict) tally.worst_strict_ms = Math.max(tally.worst_strict_ms, behind_ms);
      else tally.worst_bounded_ms = Math.max(tally.worst_bounded_ms, behind_ms);
      if (behind_ms > STALE_MAX_MS) {
        tally.too_old += 1;
        note("TOO OLD", seen, `${behind_ms.toFixed(1)} ms behind`);
      }
      const answered = this.#answers[seen.row]?.[seen.version + 1];
      if (strict || answered === undefined || !this.#wasHealthy(next, seen.began)) continue;
      const own_ms = seen.began - answered;
      tally.worst_healthy_ms = Math.max(tally.worst_healthy_ms, own_ms);
      if (own_ms > STALE_HEALTHY_MS) {
        tally.healthy_late += 1;
        const ack = this.#acks[seen.row]?.find(({ version }) => version > seen.version);
        const told = ack === undefined ? "never" : `after ${(ack.at - next).toFixed(1)} ms by ${ack.by}`;
        note("LATE", seen, `${behind_ms.toFixed(1)} ms behind while nothing failed; acknowledged ${told}`);
      }
    }
    this.#observations = [];
    this.#healthy = [];
    return { ...tally, details };
  }

  /** Versions of a row are committed in order: each by the time that a later one was. */
  #settle(row: number): void {
    const commits = this.#commits[row] ?? [];
    let bound = Number.POSITIVE_INFINITY;
    for (let version = commits.length - 1; version > 0; version -= 1) {
      bound = Math.min(bound, commits[version] ?? bound);
      commits[version] = bound;
    }
    const acks = this.#acks[row] ?? [];
    acks.sort((a, b) => a.at - b.at);
    let highest = 0;
    for (const ack of acks) ack.version = highest = Math.max(highest, ack.version);
    // What came later cannot lower it again; long runs keep the last thousand.
    if (acks.length > 2000) acks.splice(0, acks.length - 1000);
  }

  /** The highest version acknowledged before this instant. */
  #owed(row: number, at: number): Ack | null {
    const acks = this.#acks[row] ?? [];
    let [low, high] = [0, acks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((acks[middle] as Ack).at < at) low = middle + 1;
      else high = middle;
    }
    const found = acks[low - 1];
    // The earliest acknowledgement of that version tells how late a lookup that misses it is.
    for (let index = low - 1; index > 0 && acks[index - 1]?.version === found?.version; index -= 1)
      low = index;
    return acks[low - 1] ?? null;
  }

  #wasHealthy(from: number, until: number): boolean {
    return this.#healthy.some((stretch) => stretch.from <= from && until <= stretch.until);
  }
}
