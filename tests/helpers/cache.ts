import { Cell } from "../../src/platform/cache/cell.ts";
import {
  type Cache,
  createCache,
  type CacheOptions,
  type SharedBytes,
} from "../../src/platform/cache/index.ts";
import type { Asker, Bump, CacheLog, CellOrder, Holes, Order } from "../../src/platform/cache/types.ts";
import { OrderUnavailable } from "../../src/platform/cache/types.ts";

/** Clocks and timers that move only when told. */
export class HeldTime {
  monotonic_ms = 10_000;
  wall_ms = 1_700_000_000_000;
  #timers: { at: number; run: () => void }[] = [];

  readonly clock = { monotonic: () => this.monotonic_ms, now: () => this.wall_ms };
  readonly timer = {
    after: (delay_ms: number, run: () => void) => {
      const timer = { at: this.monotonic_ms + delay_ms, run };
      this.#timers.push(timer);
      return () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      };
    },
  };

  /** Moves both clocks, runs what is due on the way. */
  advance(by_ms: number): void {
    const until = this.monotonic_ms + by_ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      const to = next?.at ?? until;
      this.wall_ms += to - this.monotonic_ms;
      this.monotonic_ms = to;
      if (next === undefined) return;
      this.#timers = this.#timers.filter((other) => other !== next);
      next.run();
    }
  }
}

/** What the bytes of an answer say; null says nothing. */
export const textOf = (bytes: SharedBytes | null): string =>
  bytes === null ? "" : new TextDecoder().decode(bytes as Uint8Array);

export const quiet = { info: () => undefined, warn: () => undefined };

/** A cache with its options filled in. */
export function cacheOver(
  order: Order,
  time: HeldTime,
  more: Partial<CacheOptions> & {
    random?: () => number;
    holes?: Holes;
    slots?: number;
    log?: CacheLog;
  } = {},
): Cache {
  return createCache(
    {
      order,
      clock: time.clock,
      timer: time.timer,
      random: more.random ?? (() => 0.5),
      log: more.log ?? quiet,
      holes: more.holes,
    },
    {
      enabled: more.enabled ?? true,
      l1_max_bytes: more.l1_max_bytes ?? 1_000_000,
      lane: more.lane ?? (() => ({ name: "fast", slots: more.slots ?? 64 })),
    },
  );
}

/** What a Redis would hold for one cell, run in the order in which its commands arrive. */
export class ScriptedServer {
  generation = "server one";
  n = 0;
  readonly entries = new Map<string, { bytes: Uint8Array; position: number }>();
  readonly versions = new Map<string, number>();
  readonly leases = new Set<string>();
  stream: { n: number; tags: readonly string[] }[] = [];
  fills = 0;
  /** What replicas have left for those that start later. */
  remembered: string | null = null;
}

/** One replica's view of a ScriptedServer. `pass` is awaited before and after every command: who holds it, orders. */
export class ScriptedOrder implements Order, CellOrder {
  readonly cells = 1;
  readonly index = 0;
  readonly cell: Cell;
  readonly server: ScriptedServer;
  readonly time: HeldTime;
  pass: (label: string) => Promise<unknown> = () => Promise.resolve();
  reachable = true;
  commands: string[] = [];
  deletedRows: bigint[] = [];

  constructor(server: ScriptedServer, time: HeldTime, holes?: Holes) {
    this.server = server;
    this.time = time;
    this.cell = new Cell({ index: 0, clock: time.clock, holes });
    this.open();
  }

  open(): void {
    this.cell.open(this.server.generation, this.server.n);
    this.prove();
  }
  prove(): void {
    this.cell.beat(this.time.wall_ms, this.time.monotonic_ms);
    this.cell.prove(this.time.monotonic_ms);
  }
  /** Hears the stream up to a number, default all. */
  hear(until = Number.POSITIVE_INFINITY): void {
    for (const { n, tags } of this.server.stream) {
      if (n > this.cell.heard && n <= until) this.cell.hear(n, tags);
    }
  }

  async #command<T>(name: string, run: () => T): Promise<T> {
    this.commands.push(name);
    await this.pass(`${name} →`);
    if (!this.reachable) throw new OrderUnavailable("test");
    const result = run();
    await this.pass(`${name} ←`);
    return result;
  }

  read(key: string | null, tags: readonly string[], asker: Asker): void {
    const reply = this.#command(key === null ? "check" : "lookup", () => ({
      generation: this.server.generation,
      entry: key === null ? null : (this.server.entries.get(key)?.bytes ?? null),
      versions: tags.map((tag) => this.server.versions.get(tag) ?? null),
    }));
    void reply.then(
      ({ generation, entry, versions }) => asker.told(generation, entry, versions),
      (error: unknown) => asker.failed(error),
    );
  }
  init(tags: readonly string[]): Promise<number> {
    return this.#command("init", () => {
      const { versions, n } = this.server;
      for (const tag of tags) if (!versions.has(tag)) versions.set(tag, n);
      return n;
    });
  }
  fill(key: string, bytes: Uint8Array, position: number, tags: readonly string[]): Promise<boolean> {
    return this.#command("fill", () => {
      this.server.leases.delete(key);
      const { versions, entries } = this.server;
      const newer = (entries.get(key)?.position ?? -1) > position;
      if (newer || tags.some((tag) => (versions.get(tag) ?? 0) > position)) return false;
      for (const tag of tags) if (!versions.has(tag)) versions.set(tag, this.server.n);
      entries.set(key, { bytes, position });
      this.server.fills += 1;
      return true;
    });
  }
  bump(tags: readonly string[]): Promise<Bump> {
    return this.#command("bump", () => {
      const n = ++this.server.n;
      for (const tag of tags) this.server.versions.set(tag, n);
      this.server.stream.push({ n, tags });
      return { cell: 0, generation: this.server.generation, n, server_id: "server" };
    });
  }
  lease(key: string): Promise<boolean> {
    return this.#command("lease", () => {
      if (this.server.leases.has(key)) return false;
      this.server.leases.add(key);
      return true;
    });
  }
  release(key: string): Promise<void> {
    this.server.leases.delete(key);
    return Promise.resolve();
  }

  cellOf(): number {
    return 0;
  }
  at(): CellOrder {
    return this;
  }
  delivered(ids: readonly bigint[]): void {
    this.deletedRows.push(...ids);
  }
  confirmed(): Promise<void> {
    return Promise.resolve();
  }
  settled(): boolean {
    return true;
  }
  renew(): Promise<boolean> {
    if (!this.reachable) return Promise.resolve(false);
    this.server.generation += "+";
    this.server.n = 0;
    this.server.stream = [];
    this.server.entries.clear();
    this.server.versions.clear();
    this.open();
    return Promise.resolve(true);
  }
  gauges() {
    return {
      proof_age_ms: 0,
      bus_lag_ms: 0,
      calls_in_flight: 0,
      breakers_open: 0,
      cells_unreached: 0,
      generation_changes: 0,
      outbox_age_ms: 0,
    };
  }
  publish(): Promise<void> {
    return Promise.resolve();
  }
  published(): Promise<null> {
    return Promise.resolve(null);
  }
  remember(text: string): Promise<void> {
    this.server.remembered = text;
    return Promise.resolve();
  }
  remembered(): Promise<string | null> {
    return Promise.resolve(this.server.remembered);
  }
  stored(): Promise<null> {
    return Promise.resolve(null);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}
