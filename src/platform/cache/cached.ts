import type { Stamp } from "./cell.ts";
import type { Cached, GetOptions, Held, Lookup, Parts } from "./definition.ts";
import {
  Flight,
  type FlightDeps,
  type FlightMode,
  type Landed,
  refreshesEarly,
  type Subject,
} from "./flight.ts";
import { HeldLookup } from "./held.ts";
import { cellOf } from "./key.ts";
import { L2Read, type L2Reads, type ReadOutcome } from "./l2-read.ts";
import { afterWait, type Item, lookupOf } from "./l1.ts";
import { abandonable, runLoad } from "./load.ts";
import { patiently, type Patience } from "./patience.ts";
import { Shadow } from "./shadow.ts";
import { countBypass } from "./stats.ts";
import { type CellOrder, lookup, type Order, OrderUnavailable } from "./types.ts";

export type CachedDeps = FlightDeps &
  Readonly<{ order: Order; enabled: boolean; flights: Flights; reads: L2Reads }>;

/** Loads on their way, by key. */
export type Flights = Map<string, Flight<Parts, unknown>>;

/** After a restart, and for answers older than the table of bumps, L2 is read with versions for so long at a time. */
const BEHIND_MS = 1000;

/** The cell and the tags of one lookup. */
type Place = {
  key: string;
  order: CellOrder;
  tags: readonly string[];
  item: Item | undefined;
  /** Of the request that asks; null: as long as each call may take. */
  patience: Patience | null;
  /** Relaxed only: not trusted any more, yet not known to be bumped; for when the load fails. */
  last?: Item;
};

/**
 * One cached definition. `get` answers from L1 in the caller's turn if it may; everything else is in the order of the
 * classes: check, join, read L2, load.
 */
export class CachedDefinition<P extends Parts, T, V> implements Cached<P, V> {
  readonly #deps: CachedDeps;
  readonly #subject: Subject<P, T>;
  readonly #shadow: Shadow<P, T>;
  /** Until then L2 is read with versions: it held something older than what was heard. */
  #behindUntil = Number.NEGATIVE_INFINITY;

  constructor(deps: CachedDeps, subject: Subject<P, T>) {
    this.#deps = deps;
    this.#subject = subject;
    this.#shadow = new Shadow(deps, subject);
  }

  get(parts: P, options?: GetOptions): Lookup<V> | Promise<Lookup<V>> {
    const { definition } = this.#subject;
    if (!this.#deps.enabled) return this.#bypass(parts, "disabled", options);
    if (options?.bypass === true) return this.#bypass(parts, "asked", options);
    const found = definition.key.find(parts) as Item | undefined;
    if (found !== undefined) {
      const now = this.#deps.clock.monotonic();
      const hit = this.fromL1(parts, found, now);
      if (hit !== null) return hit;
      if (found.key !== null) {
        this.#deps.l1.use(found, now);
        return abandonable(this.#slow(parts, found.key, found, options), options?.signal);
      }
    }
    const key = definition.key.encode(parts);
    if (key === null) return this.#bypass(parts, "parts", options);
    const item = this.#deps.l1.get(key);
    if (item !== undefined && item !== found) {
      const hit = this.fromL1(parts, item, this.#deps.clock.monotonic());
      if (hit !== null) return hit;
    }
    return abandonable(this.#slow(parts, key, item, options), options?.signal);
  }

  hold(parts: P): Held<V> {
    return new HeldLookup<P, V>(this, parts, this.#deps.clock);
  }

  /** What L1 holds for these parts, valid or not. */
  peek(parts: P): Item | null {
    return (this.#subject.definition.key.find(parts) as Item | undefined) ?? null;
  }

  /** The hit that needs nobody else: fresh, live, not bumped. */
  fromL1(parts: P, item: Item, now: number): Lookup<V> | null {
    return this.hits(parts, item, now) ? lookupOf(item, "l1", now) : null;
  }

  /** Whether it is one; counts it. */
  hits(parts: P, item: Item, now: number): boolean {
    const { cell } = item;
    if (!this.#deps.enabled || (this.#subject.definition.reader && !cell.authoritative)) return false;
    if (now >= item.fresh_until || !cell.live(now) || !cell.holds(item, item.tags)) return false;
    this.#deps.l1.use(item, now);
    if (now >= item.refresh_from) this.#refreshEarly(parts, item, now);
    this.#shadow.hit(parts, item, this.#deps.order);
    this.#count(item, "l1");
    return true;
  }

  #hit(item: Item, from: "l1" | "l2" | "stale", now: number, reason?: string): Lookup<V> {
    this.#count(item, from);
    return lookupOf(item, from, now, reason);
  }

  #count(item: Item, from: "l1" | "l2" | "stale"): void {
    const { counters } = this.#subject;
    counters.lookups += 1;
    if (from === "l1") counters.l1_hits += 1;
    else if (from === "l2") counters.l2_hits += 1;
    else counters.stale += 1;
    if (item.value === null) counters.negative += 1;
  }

  #slow(parts: P, key: string, found: Item | undefined, options?: GetOptions): Promise<Lookup<V>> {
    const { definition, counters } = this.#subject;
    const now = this.#deps.clock.monotonic();
    const place = this.#placeOf(parts, key, found);
    if (place === null) return this.#bypass(parts, "tags");
    const { cell } = place.order;
    // An order of this process asks no Redis.
    if (!cell.authoritative) place.patience = options?.patience ?? null;
    if (!cell.live(now)) return Promise.resolve(this.#apart(parts, place, now));
    if (place.item !== undefined && !cell.holds(place.item, place.tags)) {
      counters.l1_fenced += 1;
      this.#deps.l1.delete(key, place.item);
      if (definition.class === "relaxed") place.last = place.item;
      place.item = undefined;
    }
    if (definition.reader && !cell.authoritative) return this.#confirmed(parts, place, now);
    const { item } = place;
    if (item !== undefined && definition.class === "relaxed" && now < item.dies_at) {
      if (!this.#deps.flights.has(key)) this.#take(parts, place, "live");
      return Promise.resolve(this.#hit(item, "stale", now, "expired"));
    }
    const running = this.#deps.flights.get(key);
    if (running !== undefined && this.#mayJoin(running, place.tags))
      return this.#share(running, parts, place);
    // An order of this process has no L2.
    return cell.authoritative ? this.#fly(parts, place, "live") : this.#read(parts, place, now);
  }

  /** Neither L1 nor a load on its way has the answer: L2 may. */
  #read(parts: P, place: Place, now: number): Promise<Lookup<V>> {
    const { key, tags, order, patience } = place;
    const { reads, clock, deadlines } = this.#deps;
    return new Promise((resolve, reject) => {
      const go_on = (outcome: ReadOutcome, at: number): void => {
        try {
          resolve(this.#afterRead(parts, place, outcome, at));
        } catch (error) {
          reject(error);
        }
      };
      // Whoever goes on without Redis leaves the reading to the others, and to L1.
      const wait = patience?.begin(now, deadlines, () => go_on("unread", clock.monotonic()));
      if (wait === null) {
        go_on("unread", now);
        return;
      }
      const ended = (outcome: ReadOutcome, at: number): void => {
        if (wait === undefined || patience?.end(wait, at) === true) go_on(outcome, at);
      };
      const reading = reads.get(key);
      if (reading !== undefined) reading.join(ended);
      else {
        const at = { parts, key, tags, order, versioned: now < this.#behindUntil };
        L2Read.begin(this.#deps, this.#subject, at, ended);
      }
    });
  }

  #afterRead(parts: P, place: Place, outcome: ReadOutcome, now: number): Lookup<V> | Promise<Lookup<V>> {
    if (typeof outcome !== "string") {
      this.#shadow.hit(parts, outcome, this.#deps.order);
      return this.#hit(outcome, "l2", now);
    }
    const { cell } = place.order;
    if (!cell.live(now)) return this.#apart(parts, place, now);
    if (outcome === "behind") {
      this.#behindUntil = now + BEHIND_MS;
      return this.#read(parts, place, now);
    }
    // It may have come while we asked.
    const item = this.#deps.l1.peek(place.key);
    if (item !== undefined && now < item.fresh_until && cell.holds(item, place.tags))
      return this.#hit(item, "l1", now);
    const running = this.#deps.flights.get(place.key);
    if (running !== undefined && this.#mayJoin(running, place.tags))
      return this.#share(running, parts, place);
    return this.#fly(parts, place, outcome === "moved" ? "live" : outcome);
  }

  #placeOf(parts: P, key: string, item: Item | undefined): Place | null {
    const { definition } = this.#subject;
    const { order } = this.#deps;
    const patience = null;
    if (item !== undefined) return { key, order: order.at(item.cell.index), tags: item.tags, item, patience };
    try {
      const tags = definition.tagsOf(parts);
      if (tags === null) return null;
      const cell = order.at(cellOf(definition.scopeOf(parts), order.cells));
      return { key, order: cell, tags, item, patience };
    } catch {
      return null;
    }
  }

  /** Strict, reader confirms: whatever is used is compared with versions read after this lookup began. */
  async #confirmed(parts: P, place: Place, asked: number): Promise<Lookup<V>> {
    const { counters } = this.#subject;
    const { cell } = place.order;
    const before = this.#deps.flights.get(place.key);
    if (place.item === undefined || asked >= place.item.fresh_until) {
      if (before === undefined) return this.#fly(parts, place, "live");
      // Its INIT must not look like an evicted version to our check.
      await positionOf(before, place);
    }
    counters.checks += 1;
    let versions: readonly (number | null)[];
    try {
      const check = await patiently(this.#deps, place.patience, () => lookup(place.order, null, place.tags));
      if (check.generation !== cell.generation) return this.#bypass(parts, "generation");
      ({ versions } = check);
    } catch (error) {
      const is_late = error instanceof OrderUnavailable && error.reason === "patience";
      return this.#bypass(parts, is_late ? "patience" : "order");
    }
    const missingIsMiss = this.#deps.holes?.has("missing_version_is_miss") !== true;
    const current = (stamp: Stamp): boolean =>
      stamp.generation === cell.generation &&
      versions.every((version) => (version === null ? !missingIsMiss : version <= stamp.position)) &&
      cell.holds(stamp, place.tags) &&
      !cell.covered(place.tags);
    const now = this.#deps.clock.monotonic();
    // It may have come while we asked.
    const item = this.#deps.l1.peek(place.key);
    if (item !== undefined && now < item.fresh_until && cell.live(now) && current(item)) {
      if (now >= item.refresh_from) this.#refreshEarly(parts, item, now);
      this.#shadow.hit(parts, item, this.#deps.order);
      return this.#hit(item, "l1", now);
    }
    const latest = this.#deps.flights.get(place.key);
    if (latest !== undefined) {
      // Whoever took off after we asked reads what we would read.
      if (latest !== before) return this.#share(latest, parts, place);
      await positionOf(latest, place);
      const joins = current(latest.stamp) || this.#deps.holes?.has("flight_join_rule") === true;
      if (joins) return this.#share(latest, parts, place);
      const next = this.#deps.flights.get(place.key);
      if (next !== undefined && next !== before) return this.#share(next, parts, place);
    }
    if (item !== undefined && !current(item)) counters.l1_fenced += 1;
    return this.#fly(parts, place, "live");
  }

  /** The cell is not live: the right-hand column of "Without Redis". */
  #apart(parts: P, place: Place, now: number): Promise<Lookup<V>> | Lookup<V> {
    const { definition } = this.#subject;
    const { item, tags, key, order } = place;
    const { cell } = order;
    if (definition.reader) return this.#bypass(parts, "not_live");
    if (definition.class === "relaxed") {
      if (item !== undefined && now < item.dies_at && cell.unbumped(item, tags)) {
        if (now < item.fresh_until) return this.#hit(item, "l1", now, "not_live");
        if (!this.#deps.flights.has(key)) this.#take(parts, place, "blind");
        return this.#hit(item, "stale", now, "not_live");
      }
    } else if (item !== undefined && now < item.fresh_until && cell.young(item, tags, now)) {
      return this.#hit(item, "l1", now, "not_live");
    }
    const running = this.#deps.flights.get(key);
    if (running !== undefined && cell.young(running.stamp, tags, now))
      return this.#share(running, parts, place);
    return this.#fly(parts, place, "blind");
  }

  #mayJoin(running: Flight<Parts, unknown>, tags: readonly string[]): boolean {
    if (this.#deps.holes?.has("flight_join_rule") === true) return true;
    return running.cell.holds(running.stamp, tags);
  }

  /** Takes off, and is the flight that later callers find. */
  #take(parts: P, place: Place, mode: FlightMode, patience: Patience | null = null): Flight<Parts, unknown> {
    const { flights } = this.#deps;
    const { order, key, tags, item } = place;
    const held = item ?? null;
    const at = { order, parts, key, tags, mode, patience, held };
    const flight = new Flight<P, T>(this.#deps, this.#subject, at);
    const known = flight as unknown as Flight<Parts, unknown>;
    flights.set(key, known);
    const landed = (): void => {
      if (flights.get(key) === known) flights.delete(key);
    };
    flight.done.then(landed, landed);
    return known;
  }

  async #fly(parts: P, place: Place, mode: FlightMode): Promise<Lookup<V>> {
    return this.#wait(this.#take(parts, place, mode, place.patience), parts, place, false);
  }

  #share(flight: Flight<Parts, unknown>, parts: P, place: Place): Promise<Lookup<V>> {
    flight.company.join(place.patience);
    return this.#wait(flight, parts, place, true);
  }

  async #wait(flight: Flight<Parts, unknown>, parts: P, place: Place, shared: boolean): Promise<Lookup<V>> {
    const { counters } = this.#subject;
    const awaited_ms = flight.awaited_ms;
    let landed: Landed | null;
    try {
      landed = await flight.done;
    } catch (error) {
      const now = this.#deps.clock.monotonic();
      const last = this.#lastResort(place, now);
      if (last !== null) return this.#hit(last, "stale", now, "load_failed");
      counters.lookups += 1;
      if (shared) counters.shared += 1;
      else counters.loaded += 1;
      throw error;
    }
    // An early refresh gives way to the replica that loads already; whoever joined it starts afresh.
    if (landed === null) return this.#fly(parts, place, "live");
    const now = this.#deps.clock.monotonic();
    if (landed.from === "l2") {
      // Those who waited with it have the same answer, a moment old.
      if (!shared) this.#shadow.hit(parts, landed.item, this.#deps.order);
      return afterWait(this.#hit(landed.item, "l2", now), flight.awaited_ms - awaited_ms);
    }
    counters.lookups += 1;
    if (shared) counters.shared += 1;
    else counters.loaded += 1;
    return afterWait(lookupOf(landed.item, shared ? "shared" : "load", now), flight.awaited_ms - awaited_ms);
  }

  /** The last answer, within its grace, when a load has failed: only if it was not bumped. */
  #lastResort(place: Place, now: number): Item | null {
    const { definition } = this.#subject;
    const item = this.#deps.l1.peek(place.key) ?? place.item ?? place.last;
    if (definition.grace_ms === 0 || item === undefined || now >= item.dies_at) return null;
    const { cell } = place.order;
    if (definition.class === "relaxed") return cell.unbumped(item, place.tags) ? item : null;
    return cell.live(now) && cell.holds(item, place.tags) ? item : null;
  }

  #refreshEarly(parts: P, item: Item, now: number): void {
    const { key } = item;
    if (key === null || this.#deps.flights.has(key) || !refreshesEarly(item, now, this.#deps.random)) return;
    item.refresh_from = Number.POSITIVE_INFINITY;
    const place = this.#placeOf(parts, key, item);
    if (place === null) return;
    this.#subject.counters.refreshes += 1;
    this.#take(parts, place, "refresh");
  }

  #bypass(parts: P, reason: string, options?: GetOptions): Promise<Lookup<V>> {
    return abandonable(this.#direct(parts, reason), options?.signal);
  }

  /** Neither reads nor writes; the semaphore stands all the same. */
  async #direct(parts: P, reason: string): Promise<Lookup<V>> {
    const { counters, semaphore, definition, codec } = this.#subject;
    const { clock, timer } = this.#deps;
    countBypass(counters, reason);
    await semaphore.acquire();
    const began = clock.monotonic();
    try {
      counters.loads += 1;
      const answer = codec.fromLoad(await runLoad(timer, definition, parts));
      const age_ms = clock.monotonic() - began;
      const load_ms = age_ms;
      return { value: answer.value as V | null, etag: answer.etag, age_ms, from: "bypass", reason, load_ms };
    } catch (error) {
      counters.load_failures += 1;
      throw error;
    } finally {
      semaphore.release();
    }
  }
}

/** Waits until a load on its way has its position, in company with all who wait for it. */
async function positionOf(flight: Flight<Parts, unknown>, { patience }: Place): Promise<void> {
  const companion = flight.company.join(patience);
  await flight.positioned;
  flight.company.leave(companion);
}
