import { Connection } from "./connection.ts";
import { DatabaseUnavailable } from "./errors.ts";
import { failureOf, unavailable } from "./failures.ts";
import type { AnyLaneName, LaneSettings } from "./settings.ts";

/** The part of a logger that the lanes use; pino's has it. */
export type DatabaseLog = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

export type PoolOptions = Readonly<{
  url: string;
  settings: LaneSettings<AnyLaneName>;
  log: DatabaseLog;
  /** Room has appeared: a connection has opened, or is worth another attempt. */
  available: () => void;
  /** PostgreSQL has been away for longer than calls wait for it. */
  lost: (error: Error) => void;
}>;

/**
 * The connections of one lane: opens them when they are needed, probes them after idleness, renews them after their
 * lifetime, replaces those that are stuck, and knows whether PostgreSQL is there at all.
 */
export class Pool {
  readonly #settings: LaneSettings<AnyLaneName>;
  readonly #log: DatabaseLog;
  readonly #available: () => void;
  readonly #lost: (error: Error) => void;
  readonly connections: readonly Connection[];
  /** How often a connection was opened. */
  opened = 0;
  /** When PostgreSQL went away; 0 while any connection lives. */
  #away_since_ms = 0;
  #away_error: Error | null = null;
  #warned_at_ms = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#settings = options.settings;
    this.#log = options.log;
    this.#available = options.available;
    this.#lost = options.lost;
    this.connections = Array.from(
      { length: options.settings.max },
      () => new Connection(options.url, options.settings),
    );
  }

  /**
   * A connection whose answers are flowing, else the one with the least to do that has room, or null. Opens more when
   * all are busy, at most `wanted`.
   */
  pick(now_ms: number, wanted: number): Connection | null {
    const { pipeline_max } = this.#settings;
    let best: Connection | null = null;
    let least = pipeline_max;
    for (const connection of this.connections) {
      if (connection.state !== "ready" || connection.in_flight >= pipeline_max) continue;
      if (connection.expired(now_ms)) connection.retire();
      else if (connection.stale(now_ms)) this.#probe(connection, now_ms);
      else if (pipeline_max > 1 && connection.flowing(now_ms)) return connection;
      else if (connection.in_flight < least) {
        best = connection;
        least = connection.in_flight;
      }
    }
    if (least > 0) this.#grow(now_ms, wanted);
    return best;
  }

  /** Why no call should wait: PostgreSQL has been away for long, and no attempt to reach it is under way. */
  refusal(now_ms: number): Error | null {
    if (this.#away_since_ms === 0 || now_ms - this.#away_since_ms < this.#settings.patience_ms) return null;
    return this.connections.every((connection) => connection.state === "closed") ? this.#away_error : null;
  }

  /** Replaces connections that nothing will ever come back from. */
  replaceStuck(now_ms: number): void {
    for (const connection of this.connections) {
      if (!connection.stuck(now_ms)) continue;
      this.#warn(
        now_ms,
        { state: connection.state, in_flight: connection.in_flight },
        "replacing a stuck connection",
      );
      connection.drop();
    }
  }

  /** Lets go of every connection; what is in flight is rejected. */
  drop(): void {
    for (const connection of this.connections) connection.drop();
  }

  /** Connections by what they do. */
  count(): { size: number; in_use: number; idle: number; in_flight: number } {
    const count = { size: 0, in_use: 0, idle: 0, in_flight: 0 };
    for (const { state, in_flight } of this.connections) {
      if (state === "closed" || state === "opening") continue;
      count.size++;
      count.in_flight += in_flight;
      if (in_flight > 0) count.in_use++;
      else if (state === "ready") count.idle++;
    }
    return count;
  }

  /** Waits for what is in flight, at most `timeout_s`. */
  async close(timeout_s: number): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.connections.map((connection) => connection.close(timeout_s)));
  }

  #grow(now_ms: number, wanted: number): void {
    if (this.#closed) return;
    let missing = wanted;
    for (const connection of this.connections) {
      if (connection.state === "opening" || connection.state === "probing") missing--;
    }
    for (const connection of this.connections) {
      if (missing <= 0) return;
      if (!connection.openable(now_ms)) continue;
      missing--;
      this.#open(connection, now_ms);
    }
  }

  #open(connection: Connection, now_ms: number): void {
    connection.open(now_ms, this.#available).then(
      () => this.#opened(connection),
      (error: unknown) => this.#failed(error),
    );
  }

  #opened(connection: Connection): void {
    if (this.#closed) return connection.drop();
    this.opened++;
    if (this.#away_since_ms > 0) {
      const away_ms = Math.round(performance.now() - this.#away_since_ms);
      this.#log.info({ lane: this.#settings.name, away_ms }, "database is back");
      this.#away_since_ms = 0;
      // The others need not wait out their pauses.
      for (const other of this.connections) other.retry_at_ms = 0;
    }
    this.#available();
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    const now_ms = performance.now();
    const failure = failureOf(error, "connect").error;
    this.#warn(now_ms, { err: failure }, "cannot connect to the database");
    const alive = this.connections.some(({ state }) => state !== "closed" && state !== "opening");
    if (alive) return;
    if (this.#away_since_ms === 0) this.#away_since_ms = now_ms;
    // A wrong password is the server's refusal of us, not of the caller.
    this.#away_error = failure instanceof DatabaseUnavailable ? failure : unavailable("connection", failure);
    if (now_ms - this.#away_since_ms >= this.#settings.patience_ms) this.#lost(this.#away_error);
  }

  #probe(connection: Connection, now_ms: number): void {
    connection.probe(now_ms).then(this.#available, (error: unknown) => {
      this.#warn(performance.now(), { err: failureOf(error, "probe").error }, "an idle connection was dead");
      this.#available();
    });
  }

  /** At most one line each 5 s and lane: an outage is one event. */
  #warn(now_ms: number, fields: object, message: string): void {
    if (now_ms - this.#warned_at_ms < 5_000) return;
    this.#warned_at_ms = now_ms;
    this.#log.warn({ lane: this.#settings.name, ...fields }, message);
  }
}
