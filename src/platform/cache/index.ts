import { type AnswerCodec, endpointCodec, queryCodec, type Versioned } from "./answers.ts";
import { CachedDefinition, type CachedDeps, type Flights } from "./cached.ts";
import { planClear } from "./clear.ts";
import { Deadlines } from "./deadlines.ts";
import {
  type Cached,
  compileDefinition,
  type DeepReadonly,
  type Definition,
  type DefinitionRow,
  describeDefinition,
  type Parts,
  type SharedBytes,
} from "./definition.ts";
import { Invalidator } from "./invalidate.ts";
import { L1 } from "./l1.ts";
import { LeaseWatch, liveCells } from "./lease-watch.ts";
import { Semaphore } from "./semaphore.ts";
import {
  type CacheStats,
  type Counters,
  type Gauges,
  LoadTimes,
  newCounters,
  type OwnStats,
  sumPublished,
} from "./stats.ts";
import { definitionTag, type Tag } from "./tags.ts";
import type { CacheClock, CacheLog, CacheTimer, Holes, Order } from "./types.ts";
import { Warmer } from "./warm.ts";

export type {
  Cached,
  CacheClass,
  DeepReadonly,
  Definition,
  DefinitionRow,
  From,
  GetOptions,
  Held,
  LoadContext,
  Lookup,
  Parts,
  SharedBytes,
} from "./definition.ts";
export { DefinitionError } from "./definition.ts";
export { matchesGlob } from "./glob.ts";
export { LocalOrder } from "./local.ts";
export { Patience } from "./patience.ts";
export { CacheOverloaded, LoadTimeout } from "./semaphore.ts";
export type { CacheStats, Counters, Gauges, OwnStats, Summary } from "./stats.ts";
export {
  businessTags,
  publicTags,
  type Tag,
  userTags,
  wholeBusiness,
  wholePublic,
  wholeUser,
} from "./tags.ts";

const PUBLISH_INTERVAL_MS = 1000;
const CLOSE_WAIT_MS = 1000;
/** Loads that may wait, for each that may run. */
const QUEUE_PER_SLOT = 64;

/** The two-tier cache. What it promises and why it can: README.md beside this file. */
export interface Cache {
  /** A definition whose load gives JSON text; its lookups give the bytes. */
  endpoint<P extends Parts>(d: Definition<P, string | Versioned>): Cached<P, SharedBytes>;
  /** A definition whose lookups give a frozen value. */
  query<P extends Parts, T>(d: Definition<P, T>): Cached<P, DeepReadonly<T>>;
  /**
   * To be called after COMMIT: from its first moment on nothing older is served here. Resolves when the bumps were
   * made, and with an awaited tag when every replica has heard. Never rejects; `delivered: false`: the relay finishes.
   */
  invalidate(
    tags: readonly Tag[],
    written: { outbox_ids: readonly bigint[] },
  ): Promise<{ delivered: boolean }>;
  /** `run` is called when something was written, as far as writes name tags, here or on another replica. One at a time. */
  watch(run: () => void): void;
  /** Forgets everything, what a prefix names, or what a pattern is widened to; see planClear. */
  clear(what?: { prefix?: string; pattern?: string }): Promise<{ cleared: readonly string[] }>;
  stats(prefix?: string): Promise<CacheStats>;
  /** Figures of this process alone, at once. */
  own(): OwnStats;
  /** The table of definitions, in order of name. */
  definitions(): readonly DefinitionRow[];
  /** Finishes bumps and stores under way for at most 1 s, then leaves the order. */
  close(): Promise<void>;
}

export type CacheDeps = Readonly<{
  order: Order;
  clock: CacheClock;
  timer: CacheTimer;
  /** From 0 up to 1: jitter and early refresh. */
  random: () => number;
  log: CacheLog;
  /** Only a test build passes any. */
  holes?: Holes | undefined;
}>;

export type CacheOptions = Readonly<{
  /** False: every get is a bypass; bumps go on. */
  enabled: boolean;
  /** Whether definitions that say so are warmed; default: they are. */
  warm?: boolean;
  l1_max_bytes: number;
  /**
   * Names the code that loads, in letters, digits, - and _: an answer that another release has stored is not read, for
   * its shape may differ. Tags and their numbers are shared by all releases.
   */
  release?: string;
  /** The lane on which a definition loads, and its slots; half of them load at a time. */
  lane: (name: string) => Readonly<{ name: string; slots: number }>;
}>;

/** Makes the cache over an order: Redis's or the process's own. */
export function createCache(deps: CacheDeps, options: CacheOptions): Cache {
  return new TwoTierCache(deps, options);
}

class TwoTierCache implements Cache {
  readonly #deps: CacheDeps;
  readonly #options: CacheOptions;
  readonly #cached: CachedDeps;
  readonly #invalidator: Invalidator;
  readonly #l1: L1;
  readonly #flights: Flights = new Map();
  readonly #names = new Set<string>();
  readonly #rows: DefinitionRow[] = [];
  readonly #counters = new Map<string, Counters>();
  readonly #semaphores = new Map<string, Semaphore>();
  readonly #background = new Set<Promise<unknown>>();
  readonly #leases: LeaseWatch;
  readonly #warmer: Warmer;
  #stopPublishing: () => void = () => undefined;
  #closed = false;

  constructor(deps: CacheDeps, options: CacheOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#l1 = new L1({ max_bytes: options.l1_max_bytes });
    this.#invalidator = new Invalidator({ ...deps, background: (work) => this.#track(work) });
    this.#cached = {
      l1: this.#l1,
      clock: deps.clock,
      timer: deps.timer,
      random: deps.random,
      release: options.release ?? "",
      holes: deps.holes,
      log: deps.log,
      order: deps.order,
      enabled: options.enabled,
      flights: this.#flights,
      reads: new Map(),
      leases: new Set(),
      deadlines: new Deadlines(deps.clock, deps.timer),
      background: (work) => this.#track(work),
    };
    this.#leases = new LeaseWatch(deps);
    this.#warmer = new Warmer({ ...deps, background: (work) => this.#track(work) });
    this.#publish();
  }

  endpoint<P extends Parts>(d: Definition<P, string | Versioned>): Cached<P, SharedBytes> {
    return this.#define<P, string | Versioned, SharedBytes>(d, endpointCodec);
  }

  query<P extends Parts, T>(d: Definition<P, T>): Cached<P, DeepReadonly<T>> {
    return this.#define<P, T, DeepReadonly<T>>(d, queryCodec);
  }

  invalidate(
    tags: readonly Tag[],
    written: { outbox_ids: readonly bigint[] },
  ): Promise<{ delivered: boolean }> {
    return this.#invalidator.invalidate(tags, written.outbox_ids);
  }

  watch(run: () => void): void {
    const { order } = this.#deps;
    for (let index = 0; index < order.cells; index += 1) order.at(index).cell.bumped = run;
  }

  async clear(what: { prefix?: string; pattern?: string } = {}): Promise<{ cleared: readonly string[] }> {
    const names = [...this.#names].sort();
    const plan = planClear(what, names);
    if (!plan.everything) await this.#invalidator.invalidate(plan.tags, []);
    else {
      const all = names.map(definitionTag);
      this.#l1.clear();
      await this.#invalidator.renew(all);
      this.#l1.clear();
    }
    return { cleared: plan.cleared };
  }

  async stats(prefix = ""): Promise<CacheStats> {
    const { order } = this.#deps;
    await order.publish(this.#ownCounters());
    const published = await order.published();
    const l2 = await order.stored(prefix);
    return {
      ...sumPublished(published ?? [this.#ownCounters()], prefix),
      gauges: this.#gauges(),
      l2,
      replicas: published?.length ?? 1,
      partial: published === null,
    };
  }

  own(): OwnStats {
    return { ...sumPublished([this.#ownCounters()], ""), gauges: this.#gauges() };
  }

  definitions(): readonly DefinitionRow[] {
    return this.#rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopPublishing();
    this.#leases.close();
    this.#track(this.#warmer.close());
    this.#invalidator.close();
    const finished = Promise.allSettled(this.#background);
    await Promise.race([
      finished,
      new Promise<void>((resolve) => void this.#deps.timer.after(CLOSE_WAIT_MS, resolve)),
    ]);
    await this.#deps.order.close();
    this.#l1.clear();
  }

  #define<P extends Parts, T, V>(d: Definition<P, T>, codec: AnswerCodec): Cached<P, V> {
    const definition = compileDefinition(d, this.#names);
    this.#rows.push(describeDefinition(definition));
    if (definition.reader) this.#invalidator.checks(definition.tagKinds);
    const counters = newCounters();
    this.#counters.set(definition.name, counters);
    const semaphore = this.#semaphoreOf(definition.name);
    const times = new LoadTimes();
    const cached = new CachedDefinition<P, T, V>(this.#cached, {
      definition,
      codec,
      counters,
      semaphore,
      times,
    });
    const warms = definition.warm && this.#options.enabled && this.#options.warm !== false;
    return warms ? this.#warmer.watch(cached, definition, semaphore) : cached;
  }

  #semaphoreOf(name: string): Semaphore {
    const lane = this.#options.lane(name);
    let semaphore = this.#semaphores.get(lane.name);
    if (semaphore === undefined) {
      const max = Math.max(1, Math.floor(lane.slots / 2));
      semaphore = new Semaphore(max, max * QUEUE_PER_SLOT);
      this.#semaphores.set(lane.name, semaphore);
    }
    return semaphore;
  }

  #track(work: Promise<unknown>): void {
    this.#background.add(work);
    const ended = (): void => void this.#background.delete(work);
    work.then(ended, ended);
  }

  #publish(): void {
    this.#stopPublishing = this.#deps.timer.after(PUBLISH_INTERVAL_MS, () => {
      if (this.#closed) return;
      this.#track(this.#deps.order.publish(this.#ownCounters()));
      this.#publish();
    });
  }

  #ownCounters(): string {
    this.#l1.countExpired(this.#deps.clock.monotonic());
    return JSON.stringify(Object.fromEntries(this.#counters));
  }

  #gauges(): Gauges {
    let loads_running = 0;
    let loads_waiting = 0;
    for (const semaphore of this.#semaphores.values()) {
      loads_running += semaphore.running;
      loads_waiting += semaphore.waiting;
    }
    const { order, clock } = this.#deps;
    let lease_changes = 0;
    for (let index = 0; index < order.cells; index += 1) lease_changes += order.at(index).cell.life;
    return {
      ...order.gauges(),
      cells: order.cells,
      cells_live: liveCells(order, clock.monotonic()),
      lease_changes,
      flights: this.#flights.size,
      loads_running,
      loads_waiting,
      warm: { ...this.#warmer.counts },
      warm_waiting: this.#warmer.waiting,
      l1_bytes: this.#l1.bytes,
      l1_max_bytes: this.#options.l1_max_bytes,
    };
  }
}
