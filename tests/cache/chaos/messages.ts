import type { HoleName } from "../../../src/platform/cache/types.ts";

/** What the workers of the chaos run and its checker say to each other. All instants are of `instant.ts`. */

/** Classes of the rows: row `n` belongs to `CLASSES[n % 3]`. */
export const CLASSES = ["reader", "writer", "bounded"] as const;
export type RowClass = (typeof CLASSES)[number];
export const ROWS = 120;
/** The first rows of each class are written this often, the others seldom: a lost bump must not be mended by luck. */
export const HOT_ROWS = 18;

export const classOf = (row: number): RowClass => CLASSES[row % 3] as RowClass;
export const businessOf = (row: number): string => `business-${Math.floor(row / 3) % 5}`;

export type Settings = Readonly<{
  worker: number;
  seed: number;
  /** "plain" is the control that must be found wanting: delete the key, publish its name. */
  cache: "two-tier" | "plain";
  redis_urls: readonly string[];
  cluster: boolean;
  database_url: string;
  l1_max_bytes: number;
  /** Parts of the cache that are left out, to see that it is found wanting. */
  holes: readonly HoleName[];
  /** How far its wall clock is off. */
  skew_ms: number;
}>;

/** The latest lookup, within a report, that answered this version of this row. */
export type Seen = Readonly<{
  row: number;
  version: number;
  /** When the latest such lookup began. */
  began: number;
  lookups: number;
  from: string;
  /** The worker itself knew that it could not hear the order: the lease had ended, or the answer says so. */
  apart: boolean;
}>;

export type Command =
  | Readonly<{ do: "start"; settings: Settings }>
  | Readonly<{ do: "traffic"; reads: boolean; writes: boolean }>
  | Readonly<{ do: "barrier"; id: number }>
  /** Writes, and dies when the database has answered: COMMIT without a bump. */
  | Readonly<{ do: "die_after_commit"; row: number }>
  | Readonly<{ do: "step_clock"; by_ms: number }>
  | Readonly<{ do: "clear"; id: number }>
  | Readonly<{ do: "herd"; id: number; key: number; at: number; callers: number; load_ms: number }>
  | Readonly<{ do: "fail"; id: number; at: number; callers: number }>
  | Readonly<{ do: "walk"; id: number; from: number; keys: number; times: number }>
  | Readonly<{ do: "figures"; id: number }>
  | Readonly<{ do: "close"; id: number }>;

export type Report =
  | Readonly<{ say: "ready" }>
  | Readonly<{ say: "committed"; row: number; version: number; at: number }>
  /** `invalidate` has resolved. */
  | Readonly<{ say: "answered"; row: number; version: number; at: number; delivered: boolean }>
  | Readonly<{ say: "seen"; seen: readonly Seen[]; state: WorkerState }>
  | Readonly<{ say: "fault"; what: string }>
  | Readonly<{ say: "done"; id: number; result: unknown }>;

export type WorkerState = Readonly<{
  at: number;
  live: boolean;
  relays: boolean;
  /** How late timers were at worst since the last report. */
  lag_ms: number;
  in_flight: number;
  oldest_ms: number;
  l1_bytes: number;
  calls: CallFigures;
  /** Lookups that needed more than L1, by the time they took beside the load; see OVERHEAD_MS. */
  overhead: readonly number[];
  refused: number;
  /** Loads and writes that the database did not answer. */
  unavailable: number;
}>;

/** Upper ends of the buckets of `overhead`; the last one is open. */
export const OVERHEAD_MS = [1, 5, 10, 25, 50, 75, 100, 150, 200, 300, 500, 1000] as const;

/** Calls of the order since the last report. */
export type CallFigures = Readonly<{ calls: number; max_ms: number; late: number }>;

export type HerdResult = Readonly<{ loads: number; answers: number; errors: number; most_at_once: number }>;
export type WalkResult = Readonly<{ from: Readonly<Record<string, number>>; milliseconds: number }>;
