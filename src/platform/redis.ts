import { createClient, ErrorReply } from "redis";
import type { Clock } from "./clock.ts";
import { survivingOptions } from "./cache/client.ts";
import { Breaker } from "./cache/breaker.ts";
import { Deadlines } from "./cache/deadlines.ts";

/** Default deadlines of one call, milliseconds. */
const READ_DEADLINE_MS = 50;
const SCRIPT_DEADLINE_MS = 150;
/** Calls given up whose answers are still owed; past this the connection is worth less than a new one. */
const ABANDONED_MAX = 256;
const PROBE_INTERVAL_MS = 1000;
/** Probes in a row without an answer after which the connection is made anew: it may lead to a black hole. */
const PROBES_MAX = 3;

export type RedisFailure = "disconnected" | "deadline" | "breaker" | "connection" | "closed";

/** No answer could be had from Redis in time. Whether a command that was sent has run is unknown. */
export class RedisUnavailable extends Error {
  override readonly name = "RedisUnavailable";
  readonly reason: RedisFailure;

  constructor(reason: RedisFailure, cause?: unknown) {
    super(`redis unavailable: ${reason}`, { cause });
    this.reason = reason;
  }
}

/** What the connection reports about its calls; `metrics.redis` fits. Durations in seconds. */
export type RedisObserver = {
  observe(seconds: number): void;
  failed(reason: RedisFailure): void;
};

/** What a call that was given up became after all: an answer, or none ever (null). */
export type Late = (reply: { value: unknown } | null) => void;

export type ScriptOptions = { deadline_ms?: number; late?: Late };

export type RedisOptions = {
  /** `redis://` or `rediss://` */
  url: string;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  clock: Pick<Clock, "monotonic">;
  observer?: RedisObserver | undefined;
};

/** Every part of a process shares one connection for commands. No method ever hangs, and none rejects unobserved. */
export interface RedisConnection {
  state(): "connected" | "disconnected";
  /** The `run_id` of the server last greeted; another one means that data may have been lost. Null before the first. */
  server(): string | null;
  /** Runs commands under our deadline. Throws RedisUnavailable, or the server's own ErrorReply. */
  call<T>(run: (client: RedisClient) => Promise<T>, deadline_ms?: number, late?: Late): Promise<T>;
  /** Runs a Lua script by its hash, and by its text where the server does not know it yet. `name` is for people. */
  script(
    name: string,
    text: string,
    keys: readonly string[],
    args: readonly string[],
    options?: ScriptOptions,
  ): Promise<unknown>;
  /** The fields of INFO. */
  info(): Promise<Readonly<Record<string, string>>>;
  close(): void;
}

export type RedisClient = ReturnType<typeof makeClient>;

/** The client; its type is inferred from its options. */
const makeClient = (url: string) => createClient({ url, ...survivingOptions(Math.random) });

/** One client and what it still owes. Replaced whole, so that late answers of an old one count nowhere. */
type Link = { client: RedisClient; ready: boolean; abandoned: number };

/**
 * Connects in the background: Redis may be absent at start and come later, go and come back. Until it is there, and
 * while the breaker is open, calls are refused at once.
 */
export function connectRedis(options: RedisOptions): RedisConnection {
  return new Connection(options);
}

class Connection implements RedisConnection {
  readonly #options: RedisOptions;
  readonly #deadlines: Deadlines;
  readonly #breaker: Breaker;
  readonly #hashes = new Map<string, string>();
  #link: Link;
  #server: string | null = null;
  #closed = false;
  #said: "connected" | "disconnected" | "nothing" = "nothing";
  #probe: ReturnType<typeof setInterval> | null = null;
  #probesLost = 0;

  constructor(options: RedisOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    this.#breaker = new Breaker(() => this.#opened());
    this.#link = this.#connect();
  }

  state(): "connected" | "disconnected" {
    return this.#link.ready && !this.#breaker.open ? "connected" : "disconnected";
  }

  server(): string | null {
    return this.#server;
  }

  call<T>(
    run: (client: RedisClient) => Promise<T>,
    deadline_ms: number = READ_DEADLINE_MS,
    late?: Late,
  ): Promise<T> {
    if (this.#closed) return this.#refuse("closed");
    if (!this.#link.ready) return this.#refuse("disconnected");
    if (this.#breaker.open) return this.#refuse("breaker");
    return this.#run(this.#link, run, deadline_ms, late);
  }

  async script(
    name: string,
    text: string,
    keys: readonly string[],
    args: readonly string[],
    options: ScriptOptions = {},
  ): Promise<unknown> {
    let hash = this.#hashes.get(name);
    if (hash === undefined) {
      hash = new Bun.CryptoHasher("sha1").update(text).digest("hex");
      this.#hashes.set(name, hash);
    }
    const rest = [String(keys.length), ...keys, ...args];
    const byHash = ["EVALSHA", hash, ...rest];
    return this.call(
      (client) =>
        client.sendCommand(byHash).catch((error: unknown) => {
          // Forgotten by a restart or SCRIPT FLUSH: EVAL teaches it again.
          if (!(error instanceof ErrorReply) || !error.message.startsWith("NOSCRIPT")) throw error;
          return client.sendCommand(["EVAL", text, ...rest]);
        }),
      options.deadline_ms ?? SCRIPT_DEADLINE_MS,
      options.late,
    );
  }

  async info(): Promise<Readonly<Record<string, string>>> {
    return parseInfo(await this.call((client) => client.info()));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopProbing();
    this.#link.ready = false;
    this.#link.client.destroy();
    this.#deadlines.clear();
  }

  #refuse(reason: RedisFailure): Promise<never> {
    this.#options.observer?.failed(reason);
    return Promise.reject(new RedisUnavailable(reason));
  }

  #run<T>(
    link: Link,
    run: (client: RedisClient) => Promise<T>,
    deadline_ms: number,
    tell?: Late,
  ): Promise<T> {
    const started = this.#options.clock.monotonic();
    return new Promise<T>((resolve, reject) => {
      let late = false;
      const deadline = this.#deadlines.add(deadline_ms, () => {
        late = true;
        this.#abandon(link);
        reject(new RedisUnavailable("deadline"));
      });
      run(link.client).then(
        (value) => {
          deadline.expire = null;
          if (late) {
            link.abandoned -= 1;
            tell?.({ value });
          } else {
            const now = this.#options.clock.monotonic();
            this.#breaker.succeeded(now);
            this.#options.observer?.observe((now - started) / 1000);
          }
          resolve(value);
        },
        (error: unknown) => {
          deadline.expire = null;
          if (late) {
            link.abandoned -= 1;
            tell?.(null);
          } else if (!(error instanceof ErrorReply)) {
            this.#failed("connection");
            error = new RedisUnavailable("connection", error);
          }
          reject(error);
        },
      );
    });
  }

  #failed(reason: RedisFailure): void {
    this.#options.observer?.failed(reason);
    this.#breaker.failed(this.#options.clock.monotonic());
  }

  #abandon(link: Link): void {
    link.abandoned += 1;
    this.#failed("deadline");
    if (link.abandoned >= ABANDONED_MAX && link === this.#link) this.#replace("too many unanswered calls");
  }

  #replace(reason: string): void {
    if (this.#closed) return;
    this.#say("disconnected", reason);
    const old = this.#link;
    old.ready = false;
    this.#link = this.#connect();
    // Rejects whatever the old one still owes; their callers have left.
    old.client.destroy();
  }

  #connect(): Link {
    const client = makeClient(this.#options.url);
    const link: Link = { client, ready: false, abandoned: 0 };
    // Without a listener an error would end the process.
    client.on("error", (error: Error) => {
      link.ready = false;
      if (link === this.#link) this.#say("disconnected", error.message);
    });
    client.on("ready", () => void this.#greet(link));
    client.connect().catch(() => {
      // Only a destroyed client stops by itself; anything else is made anew.
      const again = () => {
        if (link === this.#link) this.#replace("connecting stopped");
      };
      if (link === this.#link && !this.#closed) setTimeout(again, PROBE_INTERVAL_MS).unref();
    });
    return link;
  }

  /** A connection counts once the server has told who it is: that is also a proof that it answers. */
  async #greet(link: Link): Promise<void> {
    try {
      const info = parseInfo(await this.#run(link, (client) => client.info(), 1000));
      if (this.#closed || link !== this.#link || !link.client.isReady) return;
      if (info["loading"] === "1") throw new Error("the server is loading its data");
      this.#server = info["run_id"] ?? "unknown";
      link.ready = true;
      this.#breaker.close();
      this.#stopProbing();
      this.#say("connected", "");
    } catch (error) {
      if (this.#closed || link !== this.#link) return;
      this.#say("disconnected", error instanceof Error ? error.message : String(error));
      setTimeout(() => {
        if (link.client.isReady && !link.ready && link === this.#link) void this.#greet(link);
      }, 200).unref();
    }
  }

  /** The breaker has opened: nobody is let through, but once a second we ask whether the server answers again. */
  #opened(): void {
    if (this.#closed || this.#probe !== null) return;
    this.#say("disconnected", "no answers: the breaker is open");
    this.#probesLost = 0;
    this.#probe = setInterval(() => void this.#ask(), PROBE_INTERVAL_MS);
    this.#probe.unref();
  }

  async #ask(): Promise<void> {
    const link = this.#link;
    if (!link.ready) return;
    try {
      await this.#run(link, (client) => client.ping(), READ_DEADLINE_MS);
      if (link !== this.#link) return;
      this.#breaker.close();
      this.#stopProbing();
      this.#say("connected", "");
    } catch {
      this.#probesLost += 1;
      if (this.#probesLost % PROBES_MAX === 0 && link === this.#link) this.#replace("probes stay unanswered");
    }
  }

  #stopProbing(): void {
    if (this.#probe !== null) clearInterval(this.#probe);
    this.#probe = null;
  }

  /** One line per change, not one per failed call. */
  #say(state: "connected" | "disconnected", reason: string): void {
    if (state === this.#said || this.#closed) return;
    this.#said = state;
    if (state === "connected") this.#options.log.info({ server: this.#server }, "redis connected");
    else this.#options.log.warn({ reason }, "redis disconnected");
  }
}

/** The fields of the reply of INFO. */
export function parseInfo(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) fields[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return fields;
}
