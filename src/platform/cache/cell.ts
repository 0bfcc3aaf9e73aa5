import type { CacheClock, Holes } from "./deps.ts";
import type { Mark, Stamp } from "./stamp.ts";

export type { Mark, Stamp } from "./stamp.ts";

/** A proof older than this proves nothing. */
export const LEASE_MS = 1000;
/** L1 life, counted from the position; the table of bumps lives as long. */
export const L1_LIFE_MS = 15 * 60_000;
/** Tags in the table of bumps, and in that of undelivered ones. */
export const TABLE_TAGS_MAX = 100_000;
/** Wall and monotonic clock may drift apart by this much between two proofs; more is a machine that was suspended. */
const SKEW_MAX_MS = 50;
/** How often covers are let go of while no proof does it. */
const UNCOVER_INTERVAL_MS = 100;
/** How often the table marks its age. */
const MARK_INTERVAL_MS = 10_000;

type Cover = { sequence: number; at: number; backed: boolean; delivered: boolean };

/**
 * One cell as this replica sees it: pure state, no I/O. The bus (or the local order) tells it what it hears; lookups ask
 * it what still holds. Every change of anything that validity depends on raises `epoch`, so an answer found valid once
 * is valid while the epoch stands.
 */
export class Cell {
  readonly index: number;
  /** The numbers are made in this process: its table is the order itself, and needs no confirmation. */
  readonly authoritative: boolean;
  /** Called in the turn in which a bump is heard, or was given its number here. */
  bumped: () => void = () => undefined;
  readonly #clock: CacheClock;
  readonly #tagsMax: number;
  readonly #holes: Holes | undefined;
  readonly #bumps = new Map<string, number>();
  readonly #covers = new Map<string, Cover>();
  #marks: { n: number; at: number }[] = [];
  #generation: string | null = null;
  #floor = 0;
  #heard = 0;
  /** The highest number that any tag was bumped with: nobody above it need be compared tag by tag. */
  #bumped = 0;
  /** When OPEN was answered last. */
  #openedAt = Number.NEGATIVE_INFINITY;
  #life = 0;
  #epoch = 1;
  #sequence = 0;
  /** The latest cover that was let go: what cannot be compared with the table, and is older, counts as covered. */
  #sequenceSettled = 0;
  /** Covers at or below were forgotten for room: everything older counts as covered. */
  #sequenceFloor = 0;
  #overflow: { at: number; backed: boolean } | null = null;
  #proof = Number.NEGATIVE_INFINITY;
  #lapsed = true;
  /** The instant that was last found to be within the lease: several lookups of a turn ask for the same one. */
  #liveAt = Number.NaN;
  #uncoveredAt = Number.NEGATIVE_INFINITY;
  #skew = 0;
  #time = 0;
  #timeAt = Number.NEGATIVE_INFINITY;

  constructor(options: {
    index: number;
    clock: CacheClock;
    authoritative?: boolean;
    tags_max?: number;
    holes?: Holes | undefined;
  }) {
    this.index = options.index;
    this.#clock = options.clock;
    this.authoritative = options.authoritative ?? false;
    this.#tagsMax = options.tags_max ?? TABLE_TAGS_MAX;
    this.#holes = options.holes;
  }

  get generation(): string | null {
    return this.#generation;
  }
  get floor(): number {
    return this.#floor;
  }
  /** The number up to which every bump was heard. */
  get heard(): number {
    return this.#heard;
  }
  /** Counts the OPENs and lapses: the same number before and after means "live throughout" if live after. */
  get life(): number {
    return this.#life;
  }
  get epoch(): number {
    return this.#epoch;
  }
  get sequence(): number {
    return this.#sequence;
  }
  get proof(): number {
    return this.#proof;
  }
  /** Tags in the tables, for the gauges. */
  get tags(): number {
    return this.#bumps.size + this.#covers.size;
  }

  /**
   * OPEN has answered. All L1 answers with a lower position, or of another generation, are distrusted from now on; the
   * cell is live after the next proof.
   */
  open(generation: string, n: number): void {
    if (generation !== this.#generation) {
      this.#floor = 0;
      this.#generation = generation;
      this.#bumps.clear();
      this.#bumped = 0;
    } else {
      // A bump of our own may have been numbered after OPEN was answered and before we read the answer.
      for (const [tag, bumped] of this.#bumps) if (bumped <= n) this.#bumps.delete(tag);
    }
    this.#marks = [];
    this.#heard = n;
    this.#openedAt = this.#clock.monotonic();
    this.#floor = Math.max(this.#floor, n);
    this.#proof = Number.NEGATIVE_INFINITY;
    this.#lapsed = false;
    this.#liveAt = Number.NaN;
    this.#life += 1;
    this.#epoch += 1;
  }

  /** The stream brought number `n` with its tags (none: a beat). False is a gap: the cell has lapsed, OPEN again. */
  hear(n: number, tags: readonly string[]): boolean {
    if (this.#lapsed) return false;
    if (n !== this.#heard + 1 && this.#holes?.has("gapless_stream") !== true) {
      this.lapse();
      return false;
    }
    this.#heard = n;
    if (tags.length > 0) this.#record(n, tags);
    return true;
  }

  /** A bump of this process was given the number `n` in `generation`; the stream will bring it too. */
  applied(generation: string, n: number, tags: readonly string[], sequence: number): void {
    if (generation !== this.#generation) return;
    this.#record(n, tags);
    this.settled(tags, sequence);
  }

  /**
   * These commits have their numbers, unless a later one has renewed the cover: L2 can be believed again. The cover
   * itself stays for the length of a lease, because answers that are only young are compared with nothing else.
   */
  settled(tags: readonly string[], sequence: number): void {
    for (const tag of tags) {
      const cover = this.#covers.get(tag);
      if (cover !== undefined && cover.sequence === sequence) cover.delivered = true;
    }
  }

  /**
   * `instant` (monotonic; Infinity: no lease is needed) is one before which no commit was missed. False when the lease had ended already: only OPEN
   * revives the cell then.
   */
  prove(instant: number): boolean {
    if (this.#lapsed) return false;
    const now = this.#clock.monotonic();
    const skew = this.#clock.now() - now;
    const first = this.#proof === Number.NEGATIVE_INFINITY;
    if (!first && (now - this.#proof > LEASE_MS || Math.abs(skew - this.#skew) > SKEW_MAX_MS)) {
      this.lapse();
      return false;
    }
    this.#skew = skew;
    if (instant > this.#proof) this.#proof = instant;
    this.#uncover(now);
    this.#forgetOld(now);
    return true;
  }

  /** The order can no longer be heard. Idempotent. */
  lapse(): void {
    if (this.#lapsed) return;
    this.#lapsed = true;
    this.#life += 1;
    this.#epoch += 1;
  }

  /** Whether a server still names the generation that was asked for, and it is ours. If another, Redis has moved on: lapses. */
  agrees(asked: string | null, named: string | null): boolean {
    if (asked !== this.#generation) return false;
    if (named === asked || this.#holes?.has("generation_in_keys") === true) return true;
    this.lapse();
    return false;
  }

  /** Whether the lease holds at this instant; an end noticed here is final until OPEN. */
  live(now: number): boolean {
    if (this.#lapsed) return false;
    if (now === this.#liveAt) return true;
    if (this.#holes?.has("lease_from_beats") === true || this.#proof === Number.POSITIVE_INFINITY)
      return true;
    if (now - this.#proof > LEASE_MS) {
      // Before the first proof there is nothing to lose yet.
      if (this.#proof !== Number.NEGATIVE_INFINITY) this.lapse();
      return false;
    }
    if (Math.abs(this.#clock.now() - now - this.#skew) > SKEW_MAX_MS) {
      this.lapse();
      return false;
    }
    this.#liveAt = now;
    return true;
  }

  /** Redis's time as a beat carried it, heard at this monotonic instant. Freshness only; validity never asks. */
  beat(time_ms: number, heard_at: number): void {
    this.#time = time_ms;
    this.#timeAt = heard_at;
  }

  /** The order's time at a monotonic instant; null before the first beat. */
  time(at: number): number | null {
    return this.#timeAt === Number.NEGATIVE_INFINITY ? null : this.#time + (at - this.#timeAt);
  }

  /** To be taken before a lookup is sent and before anything of the load begins. */
  mark(): Mark {
    return {
      generation: this.#generation,
      known: Math.max(this.#heard, this.#bumped),
      sequence: this.#sequence,
      life: this.#life,
      at: this.#clock.monotonic(),
      wall: this.#clock.now(),
    };
  }

  /**
   * Tags were changed by a commit of this process whose number is not known yet. From now on nothing begun before is
   * valid here, Redis or no Redis. Ends with `applied`, or, when an outbox row backs it, with a later proof.
   */
  cover(tags: readonly string[], backed: boolean): number {
    const sequence = ++this.#sequence;
    const at = this.#clock.monotonic();
    if (at - this.#uncoveredAt >= UNCOVER_INTERVAL_MS) this.#uncover(at);
    for (const tag of tags) {
      const former = this.#covers.get(tag);
      const open = former !== undefined && !former.delivered;
      this.#covers.delete(tag);
      this.#covers.set(tag, { sequence, at, backed: backed && (!open || former.backed), delivered: false });
    }
    if (this.#covers.size > this.#tagsMax) {
      this.#sequenceFloor = sequence;
      let all = this.#overflow?.backed ?? true;
      for (const cover of this.#covers.values()) all &&= cover.backed || cover.delivered;
      this.#overflow = { at, backed: all };
      this.#covers.clear();
    }
    this.#epoch += 1;
    return sequence;
  }

  /** Whether an answer taken from elsewhere (L2) may hide a commit of this process that was not delivered yet. */
  covered(tags: readonly string[]): boolean {
    if (this.#overflow !== null) return true;
    if (this.#covers.size === 0) return false;
    for (const tag of tags) {
      const cover = this.#covers.get(tag);
      if (cover !== undefined && !cover.delivered && !(cover.backed && cover.at < this.#proof)) return true;
    }
    return false;
  }

  /**
   * Whether no bump that this replica knows of came after the answer. Says nothing of expiry or of the lease: see
   * `live` and `young`.
   */
  holds(stamp: Stamp, tags: readonly string[]): boolean {
    if (stamp.judged === this.#epoch) return true;
    if (stamp.generation !== this.#generation || stamp.position < this.#floor) return false;
    if (!this.unbumped(stamp, tags)) return false;
    stamp.judged = this.#epoch;
    return true;
  }

  /** The part of `holds` that stands without an order: own commits, and the bumps in the table. */
  unbumped(stamp: Stamp, tags: readonly string[]): boolean {
    if (stamp.sequence < this.#sequenceFloor) return false;
    // Loaded without a lease, yet after OPEN: its position is what was heard when it began.
    const comparable =
      stamp.generation === this.#generation || (stamp.generation === null && stamp.began > this.#openedAt);
    if (stamp.sequence < this.#sequenceSettled && !(comparable && stamp.position >= this.#floor))
      return false;
    if (comparable && stamp.position >= this.#bumped && this.#covers.size === 0) return true;
    for (const tag of tags) {
      if (comparable) {
        const n = this.#bumps.get(tag);
        if (n !== undefined && n > stamp.position) return false;
      }
      if (this.#covers.size > 0) {
        const cover = this.#covers.get(tag);
        if (cover !== undefined && cover.sequence > stamp.sequence) return false;
      }
    }
    return true;
  }

  /**
   * The proof of last resort: this process loaded the answer under a second ago, and knows of no change since. After
   * OPEN it confirms all numbers so far without having heard them, so what was loaded before must be gone by then.
   */
  young(stamp: Stamp, tags: readonly string[], now: number): boolean {
    if (now - stamp.began >= LEASE_MS || stamp.began <= this.#openedAt) return false;
    // A suspended machine stops the one clock, a stepped clock moves the other: both must agree.
    const age = this.#clock.now() - stamp.began_wall;
    return age < LEASE_MS && age >= -SKEW_MAX_MS && this.unbumped(stamp, tags);
  }

  #record(n: number, tags: readonly string[]): void {
    this.bumped();
    if (n > this.#bumped) this.#bumped = n;
    for (const tag of tags) {
      const former = this.#bumps.get(tag) ?? 0;
      // A bump of our own, of which the stream tells too.
      if (former >= n) continue;
      // Set anew, so that the oldest stay in front.
      this.#bumps.delete(tag);
      this.#bumps.set(tag, n);
    }
    this.#epoch += 1;
    const now = this.#clock.monotonic();
    const last = this.#marks.at(-1);
    if (last === undefined || now - last.at >= MARK_INTERVAL_MS) {
      this.#marks.push({ n: Math.max(n, last?.n ?? 0), at: now });
    }
    // Not even begun without need: what was set anew has left gaps in front, which an iterator walks over one by one.
    if (this.#bumps.size <= this.#tagsMax) return;
    for (const [tag, dropped] of this.#bumps) {
      if (this.#bumps.size <= this.#tagsMax) break;
      this.#drop(tag, dropped);
    }
  }

  #drop(tag: string, n: number): void {
    this.#bumps.delete(tag);
    if (n > this.#floor) {
      this.#floor = n;
      this.#epoch += 1;
    }
  }

  /** Bumps older than any L1 answer may be. */
  #forgetOld(now: number): void {
    let mark = this.#marks[0];
    while (mark !== undefined && now - mark.at > L1_LIFE_MS) {
      for (const [tag, n] of this.#bumps) {
        if (n > mark.n) break;
        this.#drop(tag, n);
      }
      this.#marks.shift();
      mark = this.#marks[0];
    }
  }

  /**
   * Lets go of covers: delivered, or committed before the proof and so heard; and older than a lease, so that nothing
   * young is older than they are.
   */
  #uncover(now: number): void {
    this.#uncoveredAt = now;
    if (this.#overflow !== null && this.#overflow.backed && this.#overflow.at < this.#proof) {
      this.#overflow = null;
    }
    for (const [tag, cover] of this.#covers) {
      if (now - cover.at <= LEASE_MS) break;
      if (cover.delivered || (cover.backed && cover.at < this.#proof)) {
        this.#covers.delete(tag);
        this.#sequenceSettled = Math.max(this.#sequenceSettled, cover.sequence);
      }
    }
  }
}
