/** One pass of the relay, as the database answers it. */
export type Pass = Readonly<{
  /** Name of the unbroken time for which this replica has held the relay. */
  tenure: string;
  /** For each cell the server that is recorded; '' while it is being changed, null when none ever was. */
  servers: readonly (string | null)[];
  /** WAL position, text. */
  wal: string;
  /** Outbox rows that were committed when the pass began, oldest first. */
  pending: readonly Readonly<{ id: string; tags: readonly string[] }>[];
  /** Age of the oldest one, milliseconds; 0 without any. */
  oldest_ms: number;
}>;

export type PassRequest = Readonly<{
  holder: string;
  tenure: string;
  servers: readonly string[];
  renewed: readonly string[];
  row_limit: number;
}>;

/** An outbox row of which the tags of one cell were bumped on a server. */
export type Delivery = Readonly<{ id: string; cell: number; server: string }>;

/** A lock that ends with its connection. */
export interface LoneLock {
  /** Whether we still have it. Rejects when the connection is gone. */
  prove(): Promise<boolean>;
  close(): Promise<void>;
}

/** What the order plane asks of PostgreSQL. Everything rejects when it is away; nothing hangs for long. */
export interface CacheDatabase {
  /** Takes or renews the relay for 500 ms. Null: another replica has it. */
  pass(request: PassRequest): Promise<Pass | null>;
  release(holder: string): Promise<void>;
  /** Deletes rows of which every delivery went to the recorded server. */
  remove(deliveries: readonly Delivery[]): Promise<void>;
  /** Tries to take the lock of the lone process. Null: another process has it. */
  lock(): Promise<LoneLock | null>;
}
