import { SQL } from "bun";
import { unavailable } from "./failures.ts";
import type { AnyLaneName, LaneSettings } from "./settings.ts";

/**
 * `closed`: there is none. `opening`: on its way. `ready`: takes queries. `probing`: was idle for long and must answer
 * first. `draining`: takes no more queries and closes with its last.
 */
export type ConnectionState = "closed" | "opening" | "ready" | "probing" | "draining";

const backoff_min_ms = 100;
const backoff_max_ms = 500;
const probe_timeout_ms = 1_000;
/**
 * Queries that share a connection share its system calls, which are most of what a point read costs this process; one
 * process cannot feed more than two or three backends anyway. A silent connection may be behind a slow query.
 */
const flow_depth = 4;
const flow_silence_ms = 1;
/** Beyond its statement timeout a server that is alive has answered after this time. */
const stuck_grace_ms = 2_000;

/**
 * One connection of a lane: a Bun.SQL client of one connection, so that the lane knows which connection a query is on,
 * how long that was idle, and can replace it alone. Each opening makes a new client; callbacks of an old one are void.
 */
export class Connection {
  readonly #url: string;
  readonly #settings: LaneSettings<AnyLaneName>;
  state: ConnectionState = "closed";
  client: SQL | null = null;
  /** Queries sent and not answered. */
  in_flight = 0;
  /** Not to be opened before this moment: the last attempt failed. */
  retry_at_ms = 0;
  /** If it is not heard of by then, it is beyond help. */
  stuck_at_ms = 0;
  #backoff_ms = 0;
  #expires_at_ms = 0;
  #idle_since_ms = 0;
  /** When it last answered, or was last sent something while it had nothing to do. */
  #heard_at_ms = 0;

  constructor(url: string, settings: LaneSettings<AnyLaneName>) {
    this.#url = url;
    this.#settings = settings;
  }

  /** Whether it may be opened now. */
  openable(now_ms: number): boolean {
    return this.state === "closed" && now_ms >= this.retry_at_ms;
  }

  /** Whether it has lived its time. */
  expired(now_ms: number): boolean {
    return now_ms >= this.#expires_at_ms;
  }

  /** Whether it did nothing for so long that a probe must show it alive. */
  stale(now_ms: number): boolean {
    return this.in_flight === 0 && now_ms - this.#idle_since_ms >= this.#settings.probe_after_ms;
  }

  /**
   * Opens it; `closed` is called whenever it closes later by itself (the server, its idle timeout).
   *
   * @throws what the driver throws when there is no server, or it refuses us
   */
  async open(now_ms: number, closed: () => void): Promise<void> {
    const settings = this.#settings;
    const client: SQL = new SQL({
      url: this.#url,
      max: 1,
      connection: settings.connection,
      connectionTimeout: settings.connect_timeout_ms / 1000,
      idleTimeout: settings.idle_timeout_ms / 1000,
      onclose: () => {
        if (this.client !== client || this.state === "opening") return;
        this.drop();
        closed();
      },
    });
    this.client = client;
    this.state = "opening";
    this.stuck_at_ms = now_ms + settings.connect_timeout_ms + stuck_grace_ms;
    try {
      await client.connect();
    } catch (error) {
      if (this.client === client) this.#failed(performance.now());
      throw error;
    }
    if (this.client !== client) throw unavailable("connection");
    this.#opened(performance.now());
  }

  #opened(now_ms: number): void {
    this.state = "ready";
    this.in_flight = 0;
    this.#backoff_ms = 0;
    this.#idle_since_ms = now_ms;
    this.#expires_at_ms = now_ms + this.#settings.lifetime_ms * (0.9 + 0.2 * Math.random());
  }

  #failed(now_ms: number): void {
    this.drop();
    this.#backoff_ms = Math.min(backoff_max_ms, Math.max(backoff_min_ms, this.#backoff_ms * 2));
    // Spread, so that the connections of all replicas do not knock at the same moment.
    this.retry_at_ms = now_ms + this.#backoff_ms * (0.75 + 0.5 * Math.random());
  }

  /**
   * Asks for a sign of life.
   *
   * @throws when it gave none
   */
  async probe(now_ms: number): Promise<void> {
    const client = this.client;
    if (client === null) throw unavailable("connection");
    this.state = "probing";
    this.stuck_at_ms = now_ms + probe_timeout_ms;
    try {
      await client.unsafe("select $1::int as token", ["1"]);
    } catch (error) {
      if (this.client === client) this.drop();
      throw error;
    }
    if (this.client !== client) throw unavailable("connection");
    this.state = "ready";
    this.#idle_since_ms = performance.now();
  }

  /** A query goes out; `within_ms` is how long it can take at most. */
  sent(now_ms: number, within_ms: number): void {
    if (this.in_flight === 0) this.#heard_at_ms = now_ms;
    if (this.in_flight++ === 0 || within_ms > this.#settings.statement_timeout_ms) {
      this.stuck_at_ms = now_ms + within_ms + stuck_grace_ms;
    }
  }

  /** A query of `client` came back, with whatever result. */
  returned(client: SQL, now_ms: number): void {
    if (this.client !== client) return;
    this.in_flight--;
    this.#idle_since_ms = now_ms;
    this.#heard_at_ms = now_ms;
    this.stuck_at_ms = now_ms + this.#settings.statement_timeout_ms + stuck_grace_ms;
    if (this.state === "draining" && this.in_flight === 0) this.drop();
  }

  /** Whether another query can go along at once: a few are on their way, and their answers keep coming. */
  flowing(now_ms: number): boolean {
    const { in_flight } = this;
    return in_flight > 0 && in_flight < flow_depth && now_ms - this.#heard_at_ms < flow_silence_ms;
  }

  /** It may be dead: it must answer a probe before its next query. */
  suspect(): void {
    this.#idle_since_ms = Number.NEGATIVE_INFINITY;
  }

  /** Closes it as soon as nothing is in flight. */
  retire(): void {
    if (this.in_flight === 0) this.drop();
    else this.state = "draining";
  }

  /** Whether something is in flight, and has been for longer than a living server needs. */
  stuck(now_ms: number): boolean {
    const waits = this.state === "opening" || this.state === "probing" || this.in_flight > 0;
    return this.state !== "closed" && waits && now_ms >= this.stuck_at_ms;
  }

  /** Lets go of the client at once; what is in flight is rejected. */
  drop(): void {
    const client = this.client;
    this.client = null;
    this.state = "closed";
    this.in_flight = 0;
    client?.close({ timeout: 0 }).catch(() => {});
  }

  /** Waits for what is in flight, at most `timeout_s`, then closes. */
  async close(timeout_s: number): Promise<void> {
    const client = this.client;
    this.client = null;
    this.state = "closed";
    this.in_flight = 0;
    await client?.close({ timeout: timeout_s });
  }
}
