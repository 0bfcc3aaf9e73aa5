import { cacheDatabase } from "../../../src/platform/cache-database.ts";
import {
  businessTags,
  type Cache,
  type Cached,
  type SharedBytes,
  CacheOverloaded,
  createCache,
  type Tag,
} from "../../../src/platform/cache/index.ts";
import { createRedisOrder, type RedisOrder } from "../../../src/platform/cache/order.ts";
import { type CellOrder, lookup, type Order } from "../../../src/platform/cache/types.ts";
import type { Database } from "../../../src/platform/db/database.ts";
import { openSession } from "../../../src/platform/db/session.ts";
import { silentLog, systemTimer } from "../../helpers/cache-order.ts";
import { businessOf, type CallFigures, classOf, type HerdResult, type Settings } from "./messages.ts";

/** `awaited_ms`: how long another process's load was waited for. */
export type Answer = Readonly<{
  version: number;
  from: string;
  reason?: string | undefined;
  awaited_ms?: number | undefined;
}>;

/** A cache under test, as a worker drives it. */
export interface Subject {
  get(row: number): Answer | Promise<Answer>;
  invalidate(row: number, outbox_id: bigint): Promise<{ delivered: boolean }>;
  /** What a write of the row says in the outbox. */
  tags(row: number): readonly string[];
  live(): boolean;
  /** Whether a lookup of this row cannot hear the order now. */
  apart(row: number): boolean;
  relays(): boolean;
  l1Bytes(): number;
  stepClock(by_ms: number): void;
  /** Forgets everything, on every replica. */
  clear(): Promise<unknown>;
  /** Calls of the order since the last time, and how many took clearly longer than their deadline. */
  takeCalls(): CallFigures;
  herd(key: number, callers: number, load_ms: number): Promise<HerdResult>;
  fail(callers: number): Promise<HerdResult>;
  figures(): Promise<unknown>;
  close(): Promise<void>;
}

type RowParts = { business_id: string; row: number };
type HerdParts = { key: number };

/** A call may end this much after its deadline: the look every 5 ms, and a loop that is busy. */
const SLACK_MS = 40;
const tagOf = {
  reader: businessTags("checked"),
  writer: businessTags("awaited", { awaited: true }),
  bounded: businessTags("seen"),
};

/** The cache of the platform over real servers. `late` tells whether timers of this process ran late just now. */
export function twoTierSubject(
  settings: Settings,
  database: Database,
  load: (row: number) => Promise<string>,
  late: () => boolean,
): Subject {
  let step_ms = settings.skew_ms;
  const holes = new Set(settings.holes);
  const clock = { monotonic: () => performance.now(), now: () => Date.now() + step_ms };
  const order = createRedisOrder(
    {
      database: cacheDatabase(database.write, () =>
        openSession(settings.database_url, { application_name: "chaos" }),
      ),
      clock,
      timer: systemTimer,
      random: Math.random,
      token: () => crypto.randomUUID(),
      log: process.env["CHAOS_LOG"] === undefined ? silentLog : loudLog(settings.worker),
      holes,
    },
    { urls: settings.redis_urls, cluster: settings.cluster },
  );
  const watch = new Watch(order, late);
  const cache = createCache(
    { order: watch.order, clock, timer: systemTimer, random: Math.random, log: silentLog, holes },
    {
      enabled: true,
      l1_max_bytes: settings.l1_max_bytes,
      // Waiting for a slot is not time spent on Redis, so there is one for each lookup that a worker has under way.
      lane: () => ({ name: "fast", slots: 160 }),
    },
  );
  const rows = define(cache, load);
  const crowd = new Crowd(cache);
  let l1_bytes = 0;
  return {
    get: (row) => rows(row),
    invalidate: (row, outbox_id) => cache.invalidate([tagFor(row)], { outbox_ids: [outbox_id] }),
    tags: (row) => [tagFor(row)],
    live: () => isLive(order),
    apart: (row) => !order.state(order.cellOf(`b:${businessOf(row)}`)).live,
    relays: () => order.relays,
    l1Bytes: () => l1_bytes,
    stepClock: (by_ms) => (step_ms += by_ms),
    clear: () => cache.clear(),
    takeCalls: () => watch.take(),
    herd: (key, callers, load_ms) => crowd.herd(key, callers, load_ms),
    fail: (callers) => crowd.fail(callers),
    async figures() {
      const stats = await cache.stats();
      l1_bytes = stats.gauges.l1_bytes;
      return stats;
    },
    close: () => cache.close(),
  };
}

/** For whoever looks into a failure: CHAOS_LOG=1. */
const loudLog = (worker: number) => {
  const log = (fields: object, message: string): void =>
    console.error(`[${performance.now().toFixed(0)}] worker ${worker}: ${message} ${JSON.stringify(fields)}`);
  return { info: log, warn: log };
};

const tagFor = (row: number): Tag => tagOf[classOf(row)](businessOf(row), row);

/** Every lease holds, and every server can be told of a bump. */
const isLive = (order: RedisOrder): boolean =>
  order.gauges().breakers_open === 0 &&
  Array.from(
    { length: order.cells },
    (_, cell) => order.state(cell).live && order.at(cell).server() !== null,
  ).every(Boolean);

/** One definition for each class of rows: two of bytes, one of values. */
function define(cache: Cache, load: (row: number) => Promise<string>) {
  const shared = { scope: "business" } as const;
  const loadText = ({ row }: RowParts) => load(row);
  const reader = cache.endpoint<RowParts>({
    ...shared,
    name: "chaos.reader",
    class: "strict",
    confirm: "reader",
    ttl_ms: 5000,
    tags: ({ business_id, row }) => [tagOf.reader(business_id, row)],
    load: loadText,
  });
  const bounded = cache.endpoint<RowParts>({
    ...shared,
    name: "chaos.bounded",
    class: "bounded",
    ttl_ms: 4000,
    grace_ms: 2000,
    tags: ({ business_id, row }) => [tagOf.bounded(business_id, row)],
    load: loadText,
  });
  const writer = cache.query<RowParts, { version: number }>({
    ...shared,
    name: "chaos.writer",
    class: "strict",
    confirm: "writer",
    ttl_ms: 600_000,
    tags: ({ business_id, row }) => [tagOf.writer(business_id, row)],
    load: async ({ row }) => JSON.parse(await load(row)) as { version: number },
  });
  const bytesOf = { reader, bounded };
  return (row: number): Answer | Promise<Answer> => {
    const parts = { business_id: businessOf(row), row };
    const kind = classOf(row);
    if (kind === "writer") return answerOf(writer, parts, (value) => value?.version ?? 0);
    return answerOf(bytesOf[kind], parts, (value) => (value === null ? 0 : digitsAt(value, 11)));
  };
}

function answerOf<P, T>(
  cached: Cached<P, T>,
  parts: P,
  version: (value: T | null) => number,
): Answer | Promise<Answer> {
  const found = cached.get(parts);
  if (found instanceof Promise) {
    return found.then(({ value, from, reason, awaited_ms }) => ({
      version: version(value),
      from,
      reason,
      awaited_ms,
    }));
  }
  return { version: version(found.value), from: found.from, reason: found.reason };
}

/** The number that stands in the bytes from here on. */
function digitsAt(bytes: SharedBytes, at: number): number {
  let value = 0;
  for (let index = at; ; index += 1) {
    const digit = (bytes[index] ?? 0) - 48;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
}

/** Times every call of the order on its way through. */
class Watch {
  readonly order: Order;
  readonly #late: () => boolean;
  #figures = { calls: 0, max_ms: 0, late: 0 };

  constructor(order: RedisOrder, late: () => boolean) {
    this.#late = late;
    const cells = Array.from({ length: order.cells }, (_, index) => this.#cell(order.at(index)));
    this.order = new Proxy<Order>(order, {
      get: (target, name) => {
        if (name === "at") return (index: number) => cells[index];
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  take(): CallFigures {
    const figures = this.#figures;
    this.#figures = { calls: 0, max_ms: 0, late: 0 };
    return figures;
  }

  #cell(cell: CellOrder): CellOrder {
    const timed = <T>(deadline_ms: number, call: () => Promise<T>): Promise<T> => {
      const began = performance.now();
      const ended = (): void => {
        const spent = performance.now() - began;
        this.#figures.calls += 1;
        if (this.#late()) return;
        this.#figures.max_ms = Math.max(this.#figures.max_ms, spent);
        if (spent > deadline_ms + SLACK_MS) this.#figures.late += 1;
      };
      const work = call();
      work.then(ended, ended);
      return work;
    };
    return {
      index: cell.index,
      cell: cell.cell,
      read: (key, tags, asker) => {
        void timed(50, () => lookup(cell, key, tags)).then(
          ({ generation, entry, versions }) => asker.told(generation, entry, versions),
          (error: unknown) => asker.failed(error),
        );
      },
      init: (tags) => timed(150, () => cell.init(tags)),
      fill: (key, bytes, position, tags, life) =>
        timed(150, () => cell.fill(key, bytes, position, tags, life)),
      // At most three tries of a generation that others begin anew.
      bump: (tags) => timed(450, () => cell.bump(tags)),
      lease: (key, life) => timed(50, () => cell.lease(key, life)),
      release: (key) => cell.release(key),
    };
  }
}

const crowdShared = { scope: "public", class: "bounded", ttl_ms: 60_000, tags: () => [] } as const;

/** Many callers of one key at once. */
class Crowd {
  readonly #cache: Cache;
  /** One definition for each length of load, so that none has learned another's. */
  readonly #cold = new Map<number, Cached<HerdParts, SharedBytes>>();
  readonly #failing: Cached<{ key: number }, SharedBytes>;
  #loads = 0;
  #running = 0;
  #most = 0;

  constructor(cache: Cache) {
    this.#cache = cache;
    this.#failing = cache.endpoint<{ key: number }>({
      ...crowdShared,
      name: "chaos.failing",
      load: () =>
        this.#counted(5).then(() => {
          throw new Error("made to fail");
        }),
    });
  }

  herd(key: number, callers: number, load_ms: number): Promise<HerdResult> {
    let cold = this.#cold.get(load_ms);
    if (cold === undefined) {
      cold = this.#cache.endpoint<HerdParts>({
        ...crowdShared,
        name: `chaos.herd${load_ms}`,
        load: async ({ key }) => this.#counted(load_ms).then(() => `{"key":${key}}`),
      });
      this.#cold.set(load_ms, cold);
    }
    const parts = { key };
    return this.#all(callers, () => cold.get(parts));
  }

  async #counted(load_ms: number): Promise<void> {
    this.#loads += 1;
    this.#running += 1;
    this.#most = Math.max(this.#most, this.#running);
    await Bun.sleep(load_ms);
    this.#running -= 1;
  }

  /** Callers that come one after the other within some loads' time. */
  fail(callers: number): Promise<HerdResult> {
    return this.#all(callers, async (caller) => {
      await Bun.sleep(caller % 50);
      return this.#failing.get({ key: 1 });
    });
  }

  async #all(callers: number, get: (caller: number) => unknown): Promise<HerdResult> {
    [this.#loads, this.#most] = [0, 0];
    const all = Array.from({ length: callers }, async (_, caller) => get(caller));
    const ended = await Promise.allSettled(all);
    const errors = ended.filter(({ status }) => status === "rejected").length;
    return { loads: this.#loads, answers: callers - errors, errors, most_at_once: this.#most };
  }
}

/** A load was refused because too many wait: what a server says with 503. */
export const isRefusal = (error: unknown): boolean => error instanceof CacheOverloaded;
