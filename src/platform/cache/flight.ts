import type { Answer, AnswerCodec } from "./answers.ts";
import { type Cell, L1_LIFE_MS, type Mark, type Stamp } from "./cell.ts";
import type { Compiled, Parts } from "./definition.ts";
import { Company } from "./company.ts";
import type { Deadlines } from "./deadlines.ts";
import { encodeEntry } from "./entry.ts";
import { judge } from "./judge.ts";
import { keep } from "./keep.ts";
import { storedKey } from "./key.ts";
import { Item, type L1 } from "./l1.ts";
import { runLoad } from "./load.ts";
import type { Patience } from "./patience.ts";
import type { Semaphore } from "./semaphore.ts";
import type { Counters, LoadTimes } from "./stats.ts";
import {
  type CacheClock,
  type CacheLog,
  type CacheTimer,
  type CellOrder,
  type Holes,
  lookup,
} from "./types.ts";

/** Another replica's load is waited for at most so long. */
const LEASE_WAIT_MAX_MS = 250;
const POLL_FIRST_MS = 4;
const POLL_MAX_MS = 32;

/** What flights need of the cache they fly in. */
export type FlightDeps = Readonly<{
  l1: L1;
  clock: CacheClock;
  timer: CacheTimer;
  random: () => number;
  /** Whose answers in Redis are ours to read. */
  release: string;
  holes: Holes | undefined;
  log: CacheLog;
  /** Refill leases that this process holds. */
  leases: Set<string>;
  /** When the patience of those who wait for Redis ends. */
  deadlines: Deadlines;
  /** Runs in the background, counted until it ends; never rejects. */
  background(work: Promise<unknown>): void;
}>;

/** One definition with its counters, its semaphore and its way of making values. */
export type Subject<P extends Parts, T> = Readonly<{
  definition: Compiled<P, T>;
  codec: AnswerCodec;
  counters: Counters;
  times: LoadTimes;
  semaphore: Semaphore;
}>;

export type Landed = { readonly item: Item; readonly from: "l2" | "load" };

/**
 * live: the cell is live, read L2 and take a position. absent: it is, and L2 was read: nothing of use is there. unread:
 * it is, and Redis does not answer. blind: it is not live; load, and keep it as own and young. refresh: like live, but
 * only for something newer than what is held, and without waiting for another's load.
 */
export type FlightMode = "live" | "absent" | "unread" | "blind" | "refresh";

/** What takes off. `patience`: of the request that it is for, null for nobody's. */
export type Departure<P extends Parts> = Readonly<{
  order: CellOrder;
  parts: P;
  key: string;
  tags: readonly string[];
  mode: FlightMode;
  patience: Patience | null;
  held: Item | null;
}>;

/** `leased`: whether the refill lease was had on the way; null if it was not asked for. */
type Position = { mark: Mark; position: number; entry: Item | null; stored: boolean; leased: boolean | null };

/**
 * One load of one key on its way, shared by all who may. Whoever comes later may join only if an answer with this
 * flight's position would be valid then (`stamp`); otherwise the answer would be from before a commit that the
 * newcomer must see.
 */
export class Flight<P extends Parts, T> {
  readonly cell: Cell;
  readonly tags: readonly string[];
  readonly done: Promise<Landed | null>;
  /** Resolves when the position is final; the stamp before it is a lower bound. */
  readonly positioned: Promise<void>;
  /** Who waits for it. */
  readonly company: Company;
  stamp: Stamp;
  readonly #deps: FlightDeps;
  readonly #subject: Subject<P, T>;
  readonly #order: CellOrder;
  readonly #parts: P;
  readonly #key: string;
  readonly #redisKey: string;
  #settlePosition: () => void = () => undefined;
  #leased: string | null = null;
  #landed = false;
  #slept_ms = 0;
  #asleepSince: number | null = null;

  constructor(deps: FlightDeps, subject: Subject<P, T>, at: Departure<P>) {
    this.#deps = deps;
    this.company = new Company(deps);
    this.company.join(at.patience);
    this.#subject = subject;
    this.#order = at.order;
    this.cell = at.order.cell;
    this.#parts = at.parts;
    this.#key = at.key;
    this.#redisKey = storedKey(at.key, subject.definition.name, deps.release);
    this.tags = at.tags;
    const mark = this.cell.mark();
    this.stamp = ownStamp(mark, mark, mark.known, at.mode === "blind");
    this.positioned = new Promise((resolve) => {
      this.#settlePosition = resolve;
    });
    this.done = this.#fly(at.mode, mark, at.held).finally(() => {
      this.#landed = true;
      this.#settlePosition();
    });
  }

  /** Milliseconds so far in which it waited for another replica's load. What Redis was asked meanwhile is not in it. */
  get awaited_ms(): number {
    const since = this.#asleepSince;
    return this.#slept_ms + (since === null ? 0 : this.#deps.clock.monotonic() - since);
  }

  async #fly(mode: FlightMode, mark: Mark, held: Item | null): Promise<Landed | null> {
    if (mode === "blind") return this.#load(mark, null);
    let found = await this.#begin(mode, mark);
    if (found === null) return mode === "refresh" ? null : this.#load(this.cell.mark(), null);
    const better = (item: Item): boolean =>
      mode !== "refresh" || (held !== null && item.fresh_until > held.fresh_until);
    if (found.entry !== null && better(found.entry)) return { item: found.entry, from: "l2" };
    // The first lease loads; of those who waited for it in vain a second one; the rest wait for both, longer than the
    // last loads took, because this one evidently takes longer; then they load.
    for (const turn of ["", "~2"]) {
      if (!found.stored || (found.leased ?? (await this.#takeLease(this.#redisKey + turn)))) break;
      if (mode === "refresh") return null;
      this.#subject.counters.lease_waits += 1;
      const waited = await this.#awaitOther(turn === "" ? this.#subject.times.p95() : LEASE_WAIT_MAX_MS);
      if (waited === null) return this.#load(this.cell.mark(), null);
      if (waited.entry !== null) return { item: waited.entry, from: "l2" };
      found = waited;
    }
    return this.#load(found.mark, found);
  }

  #begin(mode: FlightMode, mark: Mark): Promise<Position | null> | Position | null {
    if (mode === "unread") return this.#unread(mark);
    return mode === "absent" ? this.#place(mark) : this.#consult(mark, mode === "live");
  }

  /** L2 has nothing: what is known now is a position, FILL makes the versions that are missing, a lease is wanted. */
  async #place(mark: Mark): Promise<Position | null> {
    this.#setPosition(mark, mark, mark.known);
    const leased = await this.#takeLease(this.#redisKey);
    if (this.cell.generation !== mark.generation) return null;
    return { mark, position: mark.known, entry: null, stored: true, leased };
  }

  /** Redis does not answer. What is known when we began is a position too: the stream will bring all that is above. */
  #unread(mark: Mark): Position | null {
    if (this.cell.generation !== mark.generation) return null;
    this.#setPosition(mark, mark, mark.known);
    return { mark, position: mark.known, entry: null, stored: false, leased: null };
  }

  /**
   * Reads L2 and the versions; null when the order is another one than when it was asked. `leasing`: who finds nothing at
   * all, will load, and asks for the refill lease together with INIT.
   */
  async #consult(mark: Mark, leasing = false): Promise<Position | null> {
    const { cell, tags } = this;
    const missingIsMiss = this.#deps.holes?.has("missing_version_is_miss") !== true;
    try {
      const read = await this.company.ask(() => lookup(this.#order, this.#redisKey, tags));
      if (!cell.agrees(mark.generation, read.generation)) return null;
      let highest = mark.known;
      let missing = false;
      for (const version of read.versions) {
        if (version === null) missing = true;
        else if (version > highest) highest = version;
      }
      if (read.entry !== null && (!missing || !missingIsMiss)) {
        const entry = await this.#promote(read.entry, read.versions, mark);
        if (entry !== null) return { mark, position: highest, entry, stored: true, leased: null };
      }
      let leased: boolean | null = null;
      if (missing) {
        const lease = leasing ? this.#takeLease(this.#redisKey) : null;
        try {
          highest = Math.max(highest, await this.company.ask(() => this.#order.init(tags)));
        } finally {
          leased = await lease;
        }
        if (cell.generation !== mark.generation) return null;
      }
      this.#setPosition(mark, mark, highest);
      return { mark, position: highest, entry: null, stored: true, leased };
    } catch {
      return this.#unread(mark);
    }
  }

  /** An entry of L2 becomes an item of L1, if it is valid by the versions read with it. */
  async #promote(bytes: Uint8Array, versions: readonly (number | null)[], mark: Mark): Promise<Item | null> {
    const { cell, tags } = this;
    const reading = { cell, mark, tags, name: this.#key, bytes, versions };
    const judged = await judge(this.#deps, this.#subject, reading, this.#deps.clock.monotonic());
    if (typeof judged === "string") return null;
    this.stamp = judged;
    this.#keep(judged, mark, this.#deps.l1.admits(this.#key, judged));
    return judged;
  }

  async #takeLease(key: string): Promise<boolean> {
    const { background, leases } = this.#deps;
    // Held by a load of our own that we could not join: it brings nothing that we may use.
    if (leases.has(key)) return true;
    const granted = (is_ours: boolean): boolean => {
      if (is_ours && !this.#landed) leases.add((this.#leased = key));
      // It came after all: nothing else would give it back.
      else if (is_ours) background(this.#order.release(key));
      return is_ours;
    };
    const life_ms = Math.ceil(3 * this.#subject.times.p95()) + 1;
    return this.company.ask(() => this.#order.lease(key, life_ms).then(granted)).catch(() => true);
  }

  /** Polls L2 while another replica loads. The last position read is the one to load with. */
  async #awaitOther(wait_ms: number): Promise<Position | null> {
    const { clock } = this.#deps;
    const until = clock.monotonic() + Math.min(wait_ms, LEASE_WAIT_MAX_MS);
    let pause = POLL_FIRST_MS;
    for (;;) {
      const left = until - clock.monotonic();
      await this.#sleep(Math.max(1, Math.min(pause, left)));
      pause = Math.min(pause * 2, POLL_MAX_MS);
      const found = await this.#consult(this.cell.mark());
      if (found === null || found.entry !== null || !found.stored || clock.monotonic() >= until) return found;
    }
  }

  async #sleep(delay_ms: number): Promise<void> {
    this.#asleepSince = this.#deps.clock.monotonic();
    await new Promise<void>((resolve) => void this.#deps.timer.after(delay_ms, resolve));
    this.#slept_ms = this.awaited_ms;
    this.#asleepSince = null;
  }

  #setPosition(mark: Mark, began: Mark, position: number): void {
    this.stamp = ownStamp(mark, began, position, false);
  }

  /** `found` null: no order is heard, so the answer is only as good as it is young. */
  async #load(mark: Mark, found: Position | null): Promise<Landed> {
    const { counters, definition, semaphore, times } = this.#subject;
    const { clock, holes } = this.#deps;
    try {
      await semaphore.acquire();
    } catch (error) {
      this.#unlease();
      throw error;
    }
    let began = this.cell.mark();
    let position = found === null ? began.known : found.position;
    this.stamp = ownStamp(found === null ? began : mark, began, position, found === null);
    this.#settlePosition();
    counters.loads += 1;
    let loaded: unknown;
    try {
      loaded = await runLoad(this.#deps.timer, definition, this.#parts);
    } catch (error) {
      counters.load_failures += 1;
      this.#unlease();
      throw error;
    } finally {
      semaphore.release();
    }
    const cost_ms = clock.monotonic() - began.at;
    times.add(cost_ms);
    const answer = this.#subject.codec.fromLoad(loaded);
    if (holes?.has("position_before_load") === true && found !== null) {
      mark = began = this.cell.mark();
      position = (await this.#consult(mark))?.position ?? mark.known;
    }
    const blind = found === null;
    const stamp = ownStamp(blind ? began : mark, began, position, blind);
    const item = this.#itemOf(answer, stamp, blind ? began.at : mark.at, cost_ms);
    this.#store(item, answer, mark, found?.stored === true);
    return { item, from: "load" };
  }

  #itemOf(answer: Answer, stamp: Stamp, created_at: number, cost_ms: number): Item {
    const { definition, counters } = this.#subject;
    const ttl = answer.value === null ? definition.negative_ttl_ms : definition.ttl_ms;
    const grace = answer.value === null ? 0 : definition.grace_ms;
    const life = ttl * (0.9 + 0.2 * this.#deps.random());
    return new Item(this.cell, {
      ...stamp,
      counters,
      value: answer.value,
      payload_bytes: answer.payload?.byteLength ?? 0,
      etag: answer.etag,
      tags: this.tags,
      created_at,
      fresh_until: created_at + Math.min(life, L1_LIFE_MS),
      dies_at: created_at + Math.min(life + grace, L1_LIFE_MS),
      cost_ms,
    });
  }

  /** Keeps a loaded answer in both tiers, if it may be kept and nothing was bumped meanwhile. */
  #store(item: Item, answer: Answer, mark: Mark, reachable: boolean): void {
    const { definition, counters } = this.#subject;
    const keepable =
      answer.payload !== undefined && (answer.value !== null || definition.negative_ttl_ms > 0);
    const kept = keepable && this.#keep(item, mark);
    const created = this.cell.time(item.created_at);
    if (!kept || !reachable || created === null || item.generation === null) {
      this.#unlease();
      return;
    }
    if (item.payload_bytes > definition.l2_max_bytes) {
      counters.l2_oversize += 1;
      this.#unlease();
      return;
    }
    this.#deps.background(this.#fill(item, answer.payload ?? null, created));
  }

  async #fill(item: Item, payload: Uint8Array | null, created: number): Promise<void> {
    const { definition, counters } = this.#subject;
    // The life in Redis may be longer than in L1, whose end is that of the table.
    const ttl = item.value === null ? definition.negative_ttl_ms : definition.ttl_ms;
    const grace = item.value === null ? 0 : definition.grace_ms;
    const life_ms = Math.max(1, Math.round(ttl * (0.9 + 0.2 * this.#deps.random())));
    const header = { position: item.position, created, life_ms, cost_ms: item.cost_ms, etag: item.etag };
    try {
      const bytes = await encodeEntry(header, this.#key, payload);
      const { position, tags } = item;
      const stored = await this.#order.fill(this.#redisKey, bytes, position, tags, life_ms + grace);
      if (!stored) counters.l2_fenced += 1;
      // FILL has ended the first lease.
      if (this.#leased === this.#redisKey) {
        this.#deps.leases.delete(this.#leased);
        this.#leased = null;
      }
    } catch {
      // Whatever is held is given back below.
    }
    this.#unlease();
  }

  #keep(item: Item, mark: Mark, welcome = true): boolean {
    const at = { cell: this.cell, key: this.#key, parts: this.#parts };
    return keep(this.#deps, this.#subject, at, { item, mark, welcome }, this.#deps.clock.monotonic());
  }

  #unlease(): void {
    if (this.#leased === null) return;
    this.#deps.leases.delete(this.#leased);
    this.#deps.background(this.#order.release(this.#leased));
    this.#leased = null;
  }
}

function ownStamp(mark: Mark, began: Mark, position: number, blind: boolean): Stamp {
  return {
    generation: blind ? null : mark.generation,
    position,
    sequence: mark.sequence,
    began: began.at,
    began_wall: began.wall,
    judged: 0,
  };
}

/** XFetch (beta 1): sooner the dearer the load was, and at different times on different replicas. */
export function refreshesEarly(item: Item, now: number, random: () => number): boolean {
  return now - item.cost_ms * Math.log(1 - random()) >= item.fresh_until;
}
