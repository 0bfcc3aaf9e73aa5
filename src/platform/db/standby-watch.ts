import { awaitWalReplay, getServerIdentity } from "../statements.ts";
import type { Queryable } from "./call.ts";
import type { DatabaseLog } from "./pool.ts";
import { walBytes, type WalFence } from "./wal-fence.ts";

const ROUND_INTERVAL_MS = 1_000;
/** A standby that is up to date has replayed the present position within this many steps of 2 ms. */
const STEPS_MAX = 50;
/** An hour of positions that were not replayed yet; what comes later adds nothing to the lag that is told. */
const SAMPLES_MAX = 3_600;

/** Why reports are not sent to the standby; null while they are. */
export type StandbyTrouble =
  "starting" | "away" | "lagging" | "not_a_standby" | "another_system" | "another_timeline";

type Sample = Readonly<{ bytes: bigint; at_ms: number }>;

export type StandbyWatchOptions = Readonly<{
  primary: Queryable;
  /** A connection to the standby that nothing else keeps busy. */
  standby: Queryable;
  fence: WalFence;
  log: DatabaseLog;
  /** The standby does not answer: what was asked of it must not be waited for. */
  lost: () => void;
}>;

/**
 * Looks once a second whether the standby is one of our primary, and whether it keeps up. It says who may be believed,
 * never that a report is fresh enough: that is asked of the standby for every report.
 */
export class StandbyWatch {
  readonly #options: StandbyWatchOptions;
  #trouble: StandbyTrouble | null = "starting";
  #timeline: number | null = null;
  /** What the primary had written when; the first one is the last that the standby has replayed. */
  #samples: Sample[] = [];
  #replayed = false;
  #said: StandbyTrouble | null = "starting";
  #timer: ReturnType<typeof setTimeout> | null = null;
  #closed = false;

  constructor(options: StandbyWatchOptions) {
    this.#options = options;
    void this.#turn();
  }

  /** The timeline of a standby that may be asked; null while none may. */
  get timeline(): number | null {
    return this.#trouble === null ? this.#timeline : null;
  }

  get trouble(): StandbyTrouble | null {
    return this.#trouble;
  }

  /** How old the primary's state is that the standby shows, at most, milliseconds; null before it was seen at all. */
  lag_ms(): number | null {
    const [replayed, ...ahead] = this.#samples;
    if (!this.#replayed || replayed === undefined) return null;
    return ahead.length === 0 && this.#trouble === null ? 0 : performance.now() - replayed.at_ms;
  }

  /** The standby did not do what the last round had found it to do; it is asked again after the next round, which logs. */
  distrust(trouble: "away" | "lagging"): void {
    this.#trouble ??= trouble;
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #turn(): Promise<void> {
    await this.#round();
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#turn(), ROUND_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    const { primary, standby, fence, lost } = this.#options;
    const at_ms = performance.now();
    const known = await Promise.all([fence.position(), primary.query(getServerIdentity, { token: 1 })]).catch(
      () => null,
    );
    // Without the primary nothing can be said of the standby; reports share the primary's fate meanwhile.
    if (known === null || this.#closed) return;
    const [position, [ours]] = known;
    this.#sample({ bytes: walBytes(position.wal), at_ms });
    try {
      const [theirs] = await standby.query(getServerIdentity, { token: 1 });
      const replay = await standby.query(awaitWalReplay, { wal: position.wal, steps_max: STEPS_MAX });
      if (this.#closed || theirs === undefined || replay[0] === undefined) return;
      this.#timeline = theirs.timeline;
      if (theirs.system !== ours?.system) return this.#set("another_system");
      if (!theirs.is_standby) return this.#set("not_a_standby");
      // Positions of two timelines cannot be compared: https://www.postgresql.org/docs/18/continuous-archiving.html
      if (theirs.timeline !== position.timeline) return this.#set("another_timeline");
      this.#forget(walBytes(replay[0].replayed));
      this.#set(replay[0].has_replayed ? null : "lagging");
    } catch {
      if (this.#closed) return;
      this.#set("away");
      lost();
    }
  }

  #sample(sample: Sample): void {
    if (this.#samples.length < SAMPLES_MAX) this.#samples.push(sample);
  }

  /** Keeps the last position that was replayed, and those that were not. */
  #forget(replayed: bigint): void {
    let last = -1;
    for (const [at, { bytes }] of this.#samples.entries()) if (bytes <= replayed) last = at;
    if (last < 0) return;
    this.#replayed = true;
    this.#samples.splice(0, last);
  }

  #set(trouble: StandbyTrouble | null): void {
    this.#trouble = trouble;
    if (trouble === this.#said) return;
    this.#said = trouble;
    if (trouble === null) this.#options.log.info({}, "reports are read from the standby");
    else this.#options.log.warn({ trouble }, "reports are read from the primary");
  }
}
