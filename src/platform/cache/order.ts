import { CellBus, type Opened } from "./bus.ts";
import { Cell, LEASE_MS } from "./cell.ts";
import { makeRedisClient, type MakeClient } from "./client.ts";
import { waitConfirmed } from "./confirm.ts";
import type { CacheDatabase } from "./database.ts";
import { cellOf } from "./key.ts";
import type { CacheNode } from "./node.ts";
import { Nodes } from "./nodes.ts";
import { Outbox } from "./outbox.ts";
import { RedisCell } from "./redis-cell.ts";
import { Relay } from "./relay.ts";
import { Shared } from "./shared.ts";
import { cellsOfTag } from "./tags.ts";
import type {
  Bump,
  CacheClock,
  CacheLog,
  CacheTimer,
  Holes,
  Order,
  OrderGauges,
  StoredEntries,
} from "./types.ts";

/** Cells of a Cluster, and of a single Redis. */
const CLUSTER_CELLS = 16;
const CLOSE_MAX_MS = 1000;
const CLOSE_LOOK_MS = 10;

export type RedisOrderDeps = Readonly<{
  database: CacheDatabase;
  clock: CacheClock;
  timer: CacheTimer;
  /** A number from 0 to below 1. */
  random(): number;
  /** A new name of at least 96 random bits, without blanks. */
  token(): string;
  log: CacheLog;
  makeClient?: MakeClient | undefined;
  /** Only in the test build. */
  holes?: Holes | undefined;
}>;

export type RedisOrderOptions = Readonly<{
  /** One URL of a single Redis; some nodes of a Cluster. */
  urls: readonly string[];
  cluster?: boolean | undefined;
  /** Name of this process in the registries, unlike that of any other; default: a new one. */
  replica?: string | undefined;
}>;

/** Where an order stands, for tests and diagnosis. */
export type CellState = Readonly<{ opened: Opened | null; live: boolean; server: string | null }>;

/** Connects in the background: Redis may be absent at start, come later, go and come back. */
export function createRedisOrder(deps: RedisOrderDeps, options: RedisOrderOptions): RedisOrder {
  return new RedisOrder(deps, options);
}

/** The order kept by Redis: a single one, or a Cluster. */
export class RedisOrder implements Order {
  readonly cells: number;
  readonly replica: string;
  readonly #deps: RedisOrderDeps;
  readonly #nodes: Nodes;
  readonly #cells: readonly RedisCell[];
  readonly #outbox: Outbox;
  readonly #relay: Relay;
  readonly #shared: Shared;
  #closing: Promise<void> | null = null;

  constructor(deps: RedisOrderDeps, options: RedisOrderOptions) {
    const cluster = options.cluster ?? false;
    const holes: Holes = deps.holes ?? new Set();
    const parts = { ...deps, makeClient: deps.makeClient ?? makeRedisClient };
    this.#deps = deps;
    this.cells = cluster ? CLUSTER_CELLS : 1;
    this.replica = options.replica ?? deps.token();
    this.#nodes = new Nodes(parts, {
      urls: options.urls,
      cluster,
      cells: this.cells,
      holes,
      identified: (node, server) => this.#identified(node, server),
      misplaced: (node) => this.#each(node, (cell) => cell.bus.restart("misplaced")),
      moved: () => this.#moved(),
    });
    this.#cells = Array.from({ length: this.cells }, (_, index) => {
      const cell = new Cell({ index, clock: deps.clock, holes: deps.holes });
      const node = () => this.#nodes.at(index);
      const bus = new CellBus(parts, { index, cells: this.cells, cell, replica: this.replica, node, holes });
      const { clock, timer, token } = deps;
      return new RedisCell({ index, cell, bus, node, clock, timer, token, holes });
    });
    this.#outbox = new Outbox(deps.database, deps.timer);
    const cellsOf = (tag: string) => cellsOfTag(tag, this.cells);
    this.#relay = new Relay(deps, { replica: this.replica, cells: this.#cells, cellsOf, holes });
    this.#shared = new Shared(deps, {
      replica: this.replica,
      cells: this.#cells,
      holds: () => this.#relay.holds,
    });
    this.#nodes.start();
    for (const { bus } of this.#cells) bus.start();
    this.#relay.start();
    this.#shared.start();
  }

  cellOf(scope: string): number {
    return cellOf(scope, this.cells);
  }

  at(cell: number): RedisCell {
    const found = this.#cells[cell];
    if (found === undefined) throw new RangeError(`no cell ${cell}`);
    return found;
  }

  delivered(outbox_ids: readonly bigint[], bumps: readonly Bump[]): void {
    this.#outbox.delivered(outbox_ids, bumps);
  }

  async confirmed(bumps: readonly Bump[], committed_at: number, whole: boolean): Promise<void> {
    const until = committed_at + LEASE_MS;
    if (whole)
      return waitConfirmed({ ...this.#deps, replica: this.replica }, (cell) => this.at(cell), bumps, until);
    const wait_ms = until - this.#deps.clock.monotonic();
    if (wait_ms > 0) await new Promise<void>((resolve) => void this.#deps.timer.after(wait_ms, resolve));
  }

  /**
   * Whether these bumps reached the only order in which anyone may still believe answers: this process has been live in
   * their generations for a full lease. Otherwise replicas on the other side of a split may be live there until
   * COMMIT + 1,000 ms, and compare versions that do not know the bumps.
   */
  settled(bumps: readonly Bump[]): boolean {
    const now = this.#deps.clock.monotonic();
    return bumps.every(({ cell, generation }) => {
      const { bus } = this.at(cell);
      const since = bus.heldSince(now);
      return since !== null && bus.opened?.generation === generation && now - since >= LEASE_MS;
    });
  }

  async renew(): Promise<boolean> {
    const taken = this.#cells.map(async (cell) => {
      const server = cell.server();
      if (server === null) return false;
      return cell.renew(server).then(
        () => true,
        () => false,
      );
    });
    return !(await Promise.all(taken)).includes(false);
  }

  gauges(): OrderGauges {
    const now = this.#deps.clock.monotonic();
    const oldest = Math.min(...this.#cells.map(({ cell }) => cell.proof));
    const nodes = this.#nodes.all;
    const lags = this.#cells.map(({ bus }) => bus.lag_ms).filter((lag) => lag !== null);
    return {
      proof_age_ms: oldest === Number.NEGATIVE_INFINITY ? null : now - oldest,
      bus_lag_ms: lags.length === 0 ? null : Math.max(...lags),
      calls_in_flight: nodes.reduce((sum, node) => sum + node.inFlight, 0),
      cells_unreached: this.#cells.filter((cell) => cell.server() === null).length,
      breakers_open: nodes.filter((node) => node.breakerOpen).length,
      generation_changes: this.#cells.reduce((sum, { bus }) => sum + bus.generations, 0),
      outbox_age_ms: this.#relay.oldest_ms,
    };
  }

  publish(counters: string): Promise<void> {
    return this.#shared.publish(counters);
  }
  published(): Promise<readonly string[] | null> {
    return this.#shared.published();
  }
  remember(text: string): Promise<void> {
    return this.#shared.remember(text);
  }
  remembered(): Promise<string | null> {
    return this.#shared.remembered();
  }
  stored(prefix: string): Promise<StoredEntries | null> {
    return this.#shared.stored(prefix);
  }

  /** Whether this process is the one that relays. */
  get relays(): boolean {
    return this.#relay.holds;
  }

  /** Diagnosis of a cell. */
  state(cell: number): CellState {
    const { bus, cell: state } = this.at(cell);
    return { opened: bus.opened, live: state.live(this.#deps.clock.monotonic()), server: bus.server };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Bumps that are under way may finish; everything together takes a second at most. */
  async #close(): Promise<void> {
    const { clock, timer } = this.#deps;
    const until = clock.monotonic() + CLOSE_MAX_MS;
    const sleep = (delay_ms: number) => new Promise<void>((resolve) => void timer.after(delay_ms, resolve));
    for (const { bus } of this.#cells) bus.close();
    const finish = async (): Promise<void> => {
      this.#shared.close();
      await Promise.all([this.#relay.close(), ...this.#cells.map((cell) => cell.leave(this.replica))]);
      while (this.#cells.some(({ bumping }) => bumping > 0)) {
        if (clock.monotonic() > until) return;
        await sleep(CLOSE_LOOK_MS);
      }
      await this.#outbox.flush();
    };
    await Promise.race([finish(), sleep(CLOSE_MAX_MS)]);
    this.#nodes.close();
  }

  /** A bus that listens to another server than the node now has hears the wrong order. */
  #identified(node: CacheNode, server: string): void {
    this.#each(node, ({ bus }) => {
      if (bus.server !== server) bus.restart("another server");
    });
  }

  #moved(): void {
    for (const { bus, index } of this.#cells) {
      const node = this.#nodes.at(index);
      if (node === null || bus.server !== node.server) bus.restart("moved");
    }
  }

  #each(node: CacheNode, act: (cell: RedisCell) => void): void {
    for (const cell of this.#cells) if (this.#nodes.at(cell.index) === node) act(cell);
  }
}
