import { type AskDeps, askOnce, askRoutes } from "./cache/ask.ts";
import { makeRedisClient } from "./cache/client.ts";
import { MISPLACED, masterOf, slotOf } from "./cache/routes.ts";
import {
  connectRedis,
  type Late,
  parseInfo,
  type RedisClient,
  type RedisConnection,
  type RedisOptions,
  RedisUnavailable,
  type ScriptOptions,
} from "./redis.ts";

/** Looks at the routes while all is well, and while it is not. */
const LOOK_INTERVAL_MS = 5000;
const LOOK_AGAIN_MS = 200;
/** For INFO of one master, connecting included. */
const INFO_DEADLINE_MS = 250;

export type RedisClusterOptions = Omit<RedisOptions, "url"> &
  Readonly<{
    /** Some nodes of the Cluster, `redis://` or `rediss://`; the others are found through them. */
    urls: readonly string[];
    /** The text between the braces of every key that is used: one slot, hence one master at a time. */
    hash_tag: string;
  }>;

/**
 * The connection to whichever master of a Redis Cluster has the slot of one hash tag. It is made anew when another
 * server takes the slot over; that one has another `server()`, as one that may have lost data. Nothing follows `MOVED`
 * by itself, so a command runs on the server that was asked, or not at all. `info` adds up all masters.
 *
 * Routes: https://redis.io/docs/latest/commands/cluster-shards/
 */
export function connectRedisCluster(options: RedisClusterOptions): RedisConnection {
  return new ClusterConnection(options);
}

const asking: AskDeps = {
  makeClient: makeRedisClient,
  random: Math.random,
  timer: {
    after(delay_ms, run) {
      const timeout = setTimeout(run, delay_ms).unref();
      return () => clearTimeout(timeout);
    },
  },
};

class ClusterConnection implements RedisConnection {
  readonly #options: RedisClusterOptions;
  readonly #slot: number;
  /** Every master that the last routes named. */
  #masters: readonly string[] = [];
  #url: string | null = null;
  #to: RedisConnection | null = null;
  /** Whether the server has said that it serves the slot, and not the opposite since. */
  #serves = false;
  #looking = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timer_at = 0;
  #closed = false;

  constructor(options: RedisClusterOptions) {
    this.#options = options;
    this.#slot = slotOf(options.hash_tag);
    void this.#look();
  }

  state(): "connected" | "disconnected" {
    if (this.#serves && this.#to?.state() === "connected") return "connected";
    this.#lookIn(LOOK_AGAIN_MS);
    return "disconnected";
  }

  server(): string | null {
    return this.#to?.server() ?? null;
  }

  call<T>(run: (client: RedisClient) => Promise<T>, deadline_ms?: number, late?: Late): Promise<T> {
    return this.#at((to) => to.call(run, deadline_ms, late));
  }

  script(
    name: string,
    text: string,
    keys: readonly string[],
    args: readonly string[],
    options?: ScriptOptions,
  ): Promise<unknown> {
    return this.#at((to) => to.script(name, text, keys, args, options));
  }

  async info(): Promise<Readonly<Record<string, string>>> {
    const answers = await Promise.all(
      this.#masters.map((url) =>
        askOnce(asking, url, (send) => send(["INFO"]), INFO_DEADLINE_MS).then(
          (text) => parseInfo(String(text)),
          () => null,
        ),
      ),
    );
    const known = answers.filter((answer) => answer !== null);
    if (known.length === 0) throw new RedisUnavailable("disconnected");
    return addInfo(known);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#to?.close();
  }

  async #at<T>(run: (to: RedisConnection) => Promise<T>): Promise<T> {
    const to = this.#to;
    if (to === null || !this.#serves) {
      const reason = this.#closed ? "closed" : "disconnected";
      this.#options.observer?.failed(reason);
      this.#lookIn(LOOK_AGAIN_MS);
      throw new RedisUnavailable(reason);
    }
    try {
      return await run(to);
    } catch (error) {
      if (error instanceof Error && MISPLACED.test(error.message)) {
        if (to === this.#to) this.#serves = false;
        this.#lookIn(0);
      } else if (error instanceof RedisUnavailable) {
        this.#lookIn(LOOK_AGAIN_MS);
      }
      throw error;
    }
  }

  #lookIn(delay_ms: number): void {
    if (this.#closed || this.#looking) return;
    const at = performance.now() + delay_ms;
    if (this.#timer !== null && this.#timer_at <= at) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer_at = at;
    this.#timer = setTimeout(() => void this.#look(), delay_ms);
    this.#timer.unref();
  }

  /** Finds out who serves the slot, goes there, and has that server say so. Never rejects. */
  async #look(): Promise<void> {
    this.#looking = true;
    this.#timer = null;
    await this.#follow();
    if (this.#closed) return;
    if (this.#to !== null) this.#serves = await this.#servedBy(this.#to);
    this.#looking = false;
    this.#lookIn(this.#serves ? LOOK_INTERVAL_MS : LOOK_AGAIN_MS);
  }

  async #follow(): Promise<void> {
    for (const seed of new Set([...this.#masters, ...this.#options.urls])) {
      const routes = await askRoutes(asking, seed).catch(() => []);
      if (this.#closed) return;
      if (routes.length === 0) continue;
      this.#masters = [...new Set(routes.map(({ url }) => url))];
      const url = masterOf(routes, this.#slot);
      // While nobody serves it, the one that did may come back.
      if (url === null || url === this.#url) return;
      this.#to?.close();
      this.#url = url;
      this.#serves = false;
      this.#to = connectRedis({ ...this.#options, url });
      return;
    }
  }

  /** A server answers for a key of the slot only while it has it and counts the Cluster as whole enough. */
  async #servedBy(to: RedisConnection): Promise<boolean> {
    try {
      await to.call((client) => client.exists(`{${this.#options.hash_tag}}`));
      return true;
    } catch (error) {
      // One slow answer is no reason to forget what was said.
      const slow = error instanceof RedisUnavailable && error.reason === "deadline";
      return slow && this.#serves;
    }
  }
}

/** Figures of which a Cluster has the sum; the other fields are the first server's. */
const SUMMED = [
  "connected_clients",
  "used_memory",
  "keyspace_hits",
  "keyspace_misses",
  "evicted_keys",
] as const;

/** INFO of several servers as if it were one. */
export function addInfo(
  answers: readonly Readonly<Record<string, string>>[],
): Readonly<Record<string, string>> {
  const all: Record<string, string> = { ...answers[0] };
  for (const name of SUMMED) {
    all[name] = String(answers.reduce((sum, answer) => sum + (Number(answer[name]) || 0), 0));
  }
  all["used_memory_human"] = human(Number(all["used_memory"]));
  return all;
}

/** Bytes as INFO writes them: `1.50M`. */
function human(bytes: number): string {
  const power = Math.min(Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1024)), 4);
  return power === 0 ? `${bytes}B` : `${(bytes / 1024 ** power).toFixed(2)}${"BKMGT"[power]}`;
}
