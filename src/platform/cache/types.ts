import type { Cell } from "./cell.ts";

export type { CacheClock, CacheLog, CacheTimer, HoleName, Holes } from "./deps.ts";

/**
 * What the two planes of the cache say to each other. The data plane (get, load, L1) knows an Order and never which
 * one: Redis's (order.ts) or the process's own (local.ts).
 */

/** One invalidation that was given its number. `server_id` is the one of the server that made the number. */
export type Bump = Readonly<{ cell: number; generation: string; n: number; server_id: string }>;

/** One atomic read of a cell. */
export type OrderLookup = Readonly<{
  /** The value of `g` as read, compared with `cell.generation` as a whole; null when it is missing. */
  generation: string | null;
  /** The stored bytes as FILL got them; null when absent or not asked for. */
  entry: Uint8Array | null;
  /** In the order of the tags asked for; null where a version is missing. */
  versions: readonly (number | null)[];
}>;

/**
 * Who reads a cell. Told in the very turn in which the reply comes: a promise for each of the many that share an MGET
 * would cost more than their share of it.
 */
export interface Asker {
  /** As in OrderLookup. */
  told(generation: string | null, entry: Uint8Array | null, versions: readonly (number | null)[]): void;
  failed(error: unknown): void;
}

/** The order of one cell. Every method may reject (OrderUnavailable); none throws in the caller's turn, none hangs. */
export interface CellOrder {
  readonly index: number;
  readonly cell: Cell;
  /**
   * Entry (unless the key is null), `g`, and the versions of the tags, atomically. The reads of one turn of the event
   * loop share one MGET, and none joins one already sent. `key` is `<name>:<parts>`; the order adds the prefix, the
   * nonce and `e:<format>:`. Tells the asker later, never in the caller's turn, and once.
   */
  read(key: string | null, tags: readonly string[], asker: Asker): void;
  /** INIT: missing versions become `n`. Resolves to `n`. Rejects when the generation is not ours any more. */
  init(tags: readonly string[]): Promise<number>;
  /** FILL: true if stored. Ends the refill lease of the key. `life_ms` is the whole life in Redis, grace included. */
  fill(
    key: string,
    bytes: Uint8Array,
    position: number,
    tags: readonly string[],
    life_ms: number,
  ): Promise<boolean>;
  /** BUMP. The caller tells `cell` the number (`cell.applied`). */
  bump(tags: readonly string[]): Promise<Bump>;
  /** Takes the refill lease of the key for so long; false when another has it. */
  lease(key: string, life_ms: number): Promise<boolean>;
  /** Gives the refill lease back after a load that stores nothing. Never rejects. */
  release(key: string): Promise<void>;
}

/** `read`, for who would rather wait for a promise. */
export function lookup(
  order: Pick<CellOrder, "read">,
  key: string | null,
  tags: readonly string[],
): Promise<OrderLookup> {
  return new Promise((resolve, failed) => {
    const told = (
      generation: string | null,
      entry: Uint8Array | null,
      versions: readonly (number | null)[],
    ) => resolve({ generation, entry, versions });
    order.read(key, tags, { told, failed });
  });
}

/** Figures of the order plane for statistics. Null where it has none (local). */
export type OrderGauges = Readonly<{
  /** Age of the oldest proof over the cells, milliseconds. */
  proof_age_ms: number | null;
  bus_lag_ms: number | null;
  calls_in_flight: number;
  breakers_open: number;
  /** Cells whose server cannot be reached now; 0 where the order has no server. */
  cells_unreached: number;
  generation_changes: number;
  outbox_age_ms: number | null;
}>;

/** L2 as the relay's last paced scan found it. */
export type StoredEntries = Readonly<{ entries: number; bytes: number; age_ms: number }>;

/** All cells. */
export interface Order {
  readonly cells: number;
  cellOf(scope: string): number;
  at(cell: number): CellOrder;
  /** Queues the deletion of outbox rows whose bumps were delivered. Never throws. */
  delivered(outbox_ids: readonly bigint[], bumps: readonly Bump[]): void;
  /**
   * Resolves when every registered replica has confirmed these bumps, or at `committed_at` + 1,000 ms (monotonic clock),
   * by when every older lease has ended. `whole` is false when some bump failed: then only the time counts. Never rejects.
   */
  confirmed(bumps: readonly Bump[], committed_at: number, whole: boolean): Promise<void>;
  /**
   * True when these bumps alone make every reader see them. False for a bump made by a replica that has not itself been
   * live in that generation for a second: the others may be on another server (a split), and only time covers them.
   */
  settled(bumps: readonly Bump[]): boolean;
  /** A new generation in every cell. True if every cell took it. Never rejects. */
  renew(): Promise<boolean>;
  gauges(): OrderGauges;
  /** Publishes this replica's counters (JSON text), replacing its former ones; gone after some seconds. Never rejects. */
  publish(counters: string): Promise<void>;
  /** Counters published by every replica that lives, own included. Null without a shared store. */
  published(): Promise<readonly string[] | null>;
  /** Leaves a text for whoever starts later, replacing what anybody has left. Never rejects. */
  remember(text: string): Promise<void>;
  /** What was left last; null without any, and without a shared store. */
  remembered(): Promise<string | null>;
  /** Null until the relay has scanned, and without a shared store. */
  stored(prefix: string): Promise<StoredEntries | null>;
  close(): Promise<void>;
}

/** The order could not be asked: the cause of a bypass, never an answer of its own. */
export class OrderUnavailable extends Error {
  override readonly name = "OrderUnavailable";
  readonly reason: string;

  constructor(reason: string, cause?: unknown) {
    super(`cache order unavailable: ${reason}`, { cause });
    this.reason = reason;
  }
}
