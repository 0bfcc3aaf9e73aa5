import type { Argument, RedisClient } from "../../../src/platform/cache/client.ts";
import type { Commit } from "./fake-database.ts";
import type { MakeReplica, Replica, ReplicaDeps } from "./replicas.ts";

const STREAM = "plain";

/**
 * The cache that everybody writes: look in the process, look in Redis, load, store in both; after a write delete the key
 * and tell the others to drop it. A known-bad control, which the model must catch.
 */
export const makePlainReplica: MakeReplica = (deps) => new PlainReplica(deps);

class PlainReplica implements Replica {
  readonly process: ReplicaDeps["process"];
  readonly cell = null;
  readonly #deps: ReplicaDeps;
  readonly #client: RedisClient;
  readonly #held = new Map<string, number>();
  #messages = 0;
  #connected = false;

  constructor(deps: ReplicaDeps) {
    this.#deps = deps;
    this.process = deps.process;
    const make = deps.network.makeClient(deps.process);
    this.#client = make("redis://model", { random: deps.random });
    this.#client.connect({ ready: () => (this.#connected = true), lost: () => (this.#connected = false) });
    const ear = make("redis://model", { random: deps.random });
    ear.connect({ ready: () => void this.#listen(ear), lost: () => {} });
  }

  async get(kind: string, row: string): Promise<{ version: number; from: string }> {
    const key = `${kind} ${row}`;
    const held = this.#held.get(key);
    if (held !== undefined) return { version: held, from: "l1" };
    const stored = await this.#send(["GET", key]);
    if (typeof stored === "string") {
      this.#held.set(key, Number(stored));
      return { version: Number(stored), from: "l2" };
    }
    const { database } = this.#deps;
    const version = await database.statement(this.process, "load", () => database.version(row));
    await this.#send(["SET", key, String(version)]);
    this.#held.set(key, version);
    return { version, from: "load" };
  }

  async invalidate(commit: Commit): Promise<void> {
    const keys = ["strict", "writer", "bounded", "relaxed"].map((kind) => `${kind} ${commit.row}`);
    for (const key of keys) this.#held.delete(key);
    await this.#send(["DEL", ...keys]);
    // Ids of a stream must rise; the time of the world does.
    this.#messages += 1;
    const id = Math.round(this.#deps.world.now * 1000) * 1000 + this.#messages;
    await this.#send(["XADD", STREAM, `${id}-0`, ...keys.flatMap((key) => ["drop", key])]);
  }

  clear(): Promise<void> {
    return Promise.resolve();
  }
  leftovers(): Promise<string[]> {
    return Promise.resolve([]);
  }
  live(): boolean {
    return this.#connected;
  }
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #send(args: readonly Argument[]): Promise<unknown> {
    return this.#client.send(args, "text").catch(() => null);
  }

  async #listen(ear: RedisClient): Promise<void> {
    let last = "0-0";
    try {
      for (;;) {
        const words = ["XREAD", "COUNT", "100", "BLOCK", "250", "STREAMS", STREAM, last];
        const reply = (await ear.send(words, "text")) as Record<string, [string, string[]][]> | null;
        for (const [id, fields] of reply?.[STREAM] ?? []) {
          for (const field of fields) this.#held.delete(field);
          last = id;
        }
      }
    } catch {
      // Begins again with the next connection.
    }
  }
}
