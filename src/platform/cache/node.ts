import { Breaker } from "./breaker.ts";
import type { Argument, MakeClient, RedisClient } from "./client.ts";
import { Deadlines } from "./deadlines.ts";
import { MISPLACED } from "./routes.ts";
import { isScriptReply, type Script } from "./script.ts";
import { type CacheClock, type CacheLog, type CacheTimer, type Holes, OrderUnavailable } from "./types.ts";

export const READ_DEADLINE_MS = 50;
export const SCRIPT_DEADLINE_MS = 150;
const INFO_DEADLINE_MS = 1000;
const INFO_INTERVAL_MS = 5000;
/** Calls given up whose answers are still owed; past this the connection is worth less than a new one. */
const ABANDONED_MAX = 256;
const PROBE_INTERVAL_MS = 1000;
/** Probes in a row without an answer after which the connection is made anew. */
const PROBES_MAX = 3;
/** A connection that is not ready by then leads to a black hole. */
const CONNECT_DEADLINE_MS = 3000;
/** Silence after which a connection is given up if another one to the same server answers. */
const SILENT_MS = 1000;

export type NodeDeps = Readonly<{
  makeClient: MakeClient;
  clock: CacheClock;
  timer: CacheTimer;
  random(): number;
  log: CacheLog;
}>;

export type NodeOptions = Readonly<{
  url: string;
  /** Number of cells; part of the server id, so that programs that disagree on it share nothing. */
  cells: number;
  holes: Holes;
  /** Called when the server's id became known, changed, or can no longer be relied on (null). */
  changed(server: string | null): void;
  /** The server said that something lives elsewhere. */
  misplaced(): void;
}>;

/** Whether a reply can be one to what was asked. */
export type MakesSense = (reply: unknown) => boolean;

type Link = { client: RedisClient; connected: boolean; since: number; abandoned: number };

/**
 * One master and the shared connection for commands to it. Every call has a deadline of ours, and while the server is
 * away, a stranger, or behind an open breaker, calls are refused at once.
 */
export class CacheNode {
  readonly #deps: NodeDeps;
  readonly #options: NodeOptions;
  readonly #deadlines: Deadlines;
  readonly #breaker: Breaker;
  #link: Link;
  #server: string | null = null;
  #closed = false;
  #probesLost = 0;
  #inFlight = 0;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => {};

  constructor(deps: NodeDeps, options: NodeOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#deadlines = new Deadlines(deps.clock, deps.timer);
    this.#breaker = new Breaker(() => this.#opened());
    this.#link = this.#connect();
    this.#watch();
  }

  get url(): string {
    return this.#options.url;
  }
  /** Id of the server behind the connection, as checked; null while there is none to rely on. */
  get server(): string | null {
    return this.#server;
  }
  get inFlight(): number {
    return this.#inFlight;
  }
  get breakerOpen(): boolean {
    return this.#breaker.open;
  }

  /** Rejects with OrderUnavailable; whether a command that was sent has run is then unknown. */
  call(
    args: readonly Argument[],
    deadline_ms: number = READ_DEADLINE_MS,
    as: "text" | "bytes" = "text",
    makesSense: MakesSense = () => true,
  ): Promise<unknown> {
    const send = (client: RedisClient) => client.send(args, as);
    return this.#refused() ?? this.#run(this.#link, send, deadline_ms, makesSense);
  }

  script(script: Script, keys: string | readonly string[], args: readonly Argument[]): Promise<unknown> {
    const rest = typeof keys === "string" ? ["1", keys, ...args] : [String(keys.length), ...keys, ...args];
    const run = async (client: RedisClient) => {
      try {
        return await client.send(["EVALSHA", script.hash, ...rest], "text");
      } catch (error) {
        // Forgotten by a restart or SCRIPT FLUSH: EVAL teaches it again.
        if (client.refusal(error)?.startsWith("NOSCRIPT") !== true) throw error;
        return client.send(["EVAL", script.text, ...rest], "text");
      }
    };
    return this.#refused() ?? this.#run(this.#link, run, SCRIPT_DEADLINE_MS, isScriptReply);
  }

  /** Asks the server again who it is, now. */
  check(): void {
    if (this.#link.connected) void this.#greet(this.#link);
  }

  /** Another connection to this server answers, and this one did not: a half-open one is made anew. */
  suspect(): void {
    const since = Math.max(this.#answeredAt, this.#link.since);
    if (this.#link.connected && this.#deps.clock.monotonic() - since > SILENT_MS) this.#replace("silent");
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel();
    this.#server = null;
    this.#link.client.destroy();
    this.#deadlines.clear();
  }

  #refused(): Promise<never> | null {
    if (this.#closed) return Promise.reject(new OrderUnavailable("closed"));
    if (this.#server === null) return Promise.reject(new OrderUnavailable("disconnected"));
    if (this.#breaker.open) return Promise.reject(new OrderUnavailable("breaker"));
    return null;
  }

  #run<T>(
    link: Link,
    send: (client: RedisClient) => Promise<T>,
    deadline_ms: number,
    makesSense: MakesSense = () => true,
  ): Promise<T> {
    this.#inFlight += 1;
    return new Promise<T>((resolve, reject) => {
      let late = false;
      const deadline = this.#deadlines.add(deadline_ms, () => {
        late = true;
        this.#abandon(link);
        reject(new OrderUnavailable("deadline"));
      });
      const settle = (): void => {
        deadline.expire = null;
        this.#inFlight -= 1;
        if (late) link.abandoned -= 1;
      };
      send(link.client).then(
        (value) => {
          settle();
          if (!makesSense(value)) {
            // Replies may have got out of step with the commands: none that follows can be believed either.
            if (link === this.#link) this.#replace("an answer to something else");
            reject(new OrderUnavailable("nonsense"));
            return;
          }
          this.#answeredAt = this.#deps.clock.monotonic();
          if (!late) this.#breaker.succeeded(this.#answeredAt);
          resolve(value);
        },
        (error: unknown) => {
          settle();
          const said = link.client.refusal(error);
          if (said === null && !late) this.#breaker.failed(this.#deps.clock.monotonic());
          if (said !== null && MISPLACED.test(said) && link === this.#link) this.#mistaken(said);
          reject(new OrderUnavailable(said ?? "connection", error));
        },
      );
    });
  }

  #abandon(link: Link): void {
    link.abandoned += 1;
    this.#breaker.failed(this.#deps.clock.monotonic());
    if (link.abandoned >= ABANDONED_MAX && link === this.#link) this.#replace("too many unanswered calls");
  }

  /** Nothing that this server says counts until it was asked who it is. */
  #mistaken(said: string): void {
    this.#set(null, said);
    this.#options.misplaced();
    const link = this.#link;
    this.#deps.timer.after(100, () => {
      if (link === this.#link && link.connected && this.#server === null) void this.#greet(link);
    });
  }

  #replace(reason: string): void {
    if (this.#closed) return;
    const old = this.#link;
    this.#link = this.#connect();
    this.#set(null, reason);
    old.client.destroy();
  }

  #connect(): Link {
    const client = this.#deps.makeClient(this.#options.url, { random: this.#deps.random });
    const link: Link = { client, connected: false, since: this.#deps.clock.monotonic(), abandoned: 0 };
    client.connect({
      ready: () => {
        link.connected = true;
        void this.#greet(link);
      },
      lost: (reason) => {
        if (link.connected) link.since = this.#deps.clock.monotonic();
        link.connected = false;
        if (link === this.#link) this.#set(null, reason);
      },
    });
    return link;
  }

  /** A connection counts once the server has told who it is: that is also a proof that it answers. */
  async #greet(link: Link): Promise<void> {
    try {
      const info = await this.#run(link, (client) => client.send(["INFO"], "text"), INFO_DEADLINE_MS);
      if (this.#closed || link !== this.#link || !link.connected) return;
      this.#breaker.close();
      this.#probesLost = 0;
      const { cells, holes } = this.#options;
      const before = this.#server;
      this.#set(serverId(String(info), cells, holes), "not a master with its data");
      const policy = /^maxmemory_policy:(.*?)\r?$/m.exec(String(info))?.[1] ?? "";
      if (before === null && this.#server !== null && policy !== "volatile-lru") {
        // Safe: what is lost is made anew. But it empties the cache, or refuses to fill it.
        this.#deps.log.warn(
          { url: hostOf(this.#options.url), policy },
          "cache: redis should run volatile-lru",
        );
      }
    } catch (error) {
      if (link === this.#link && this.#server === null) this.#set(null, String(error));
    }
    if (this.#server !== null || this.#closed || link !== this.#link) return;
    this.#deps.timer.after(200, () => {
      if (link === this.#link && link.connected && this.#server === null) void this.#greet(link);
    });
  }

  #opened(): void {
    this.#probesLost = 0;
    this.#deps.log.warn(
      { url: hostOf(this.#options.url) },
      "cache: redis does not answer, the breaker is open",
    );
  }

  /** Once a second: who is there, does it answer again, does a connection come about at all. */
  #watch(): void {
    let informed = this.#deps.clock.monotonic();
    const look = (): void => {
      if (this.#closed) return;
      const now = this.#deps.clock.monotonic();
      const link = this.#link;
      if (!link.connected && now - link.since > CONNECT_DEADLINE_MS)
        this.#replace("no connection came about");
      else if (this.#breaker.open && link.connected) void this.#probe(link);
      else if (this.#server !== null && now - informed >= INFO_INTERVAL_MS - 100) {
        informed = now;
        void this.#greet(link);
      }
      this.#cancel = this.#deps.timer.after(PROBE_INTERVAL_MS, look);
    };
    this.#cancel = this.#deps.timer.after(PROBE_INTERVAL_MS, look);
  }

  async #probe(link: Link): Promise<void> {
    try {
      await this.#run(link, (client) => client.send(["PING"], "text"), READ_DEADLINE_MS);
      if (link !== this.#link) return;
      this.#breaker.close();
      void this.#greet(link);
    } catch {
      this.#probesLost += 1;
      if (this.#probesLost >= PROBES_MAX && link === this.#link) {
        this.#probesLost = 0;
        this.#replace("probes stay unanswered");
      }
    }
  }

  #set(server: string | null, reason: string): void {
    if (server === this.#server || this.#closed) return;
    this.#server = server;
    const url = hostOf(this.#options.url);
    if (server === null) this.#deps.log.warn({ url, reason }, "cache: redis lost");
    else this.#deps.log.info({ url, server }, "cache: redis found");
    this.#options.changed(server);
  }
}

/** Never the credentials. */
const hostOf = (url: string): string => URL.parse(url)?.host ?? "?";

/**
 * Who answers: `run_id` and `master_replid` of INFO. A fail-back to a demoted master keeps the first and changes the
 * second. Null when it is no master, or is still reading its data.
 */
export function serverId(info: string, cells: number, holes: Holes): string | null {
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
  if (field("role") !== "master" || field("loading") === "1" || field("run_id") === "") return null;
  if (holes.has("server_id_checked")) return `any:${cells}`;
  return `${field("run_id")}:${field("master_replid")}:${cells}`;
}
