import { ENTRY_FORMAT } from "./entry.ts";
import type { RedisCell } from "./redis-cell.ts";
import { keyBase } from "./script.ts";
import type { CacheClock, CacheTimer, StoredEntries } from "./types.ts";

const COUNTERS_KEY = "ch:{0}:counters";
/** What is asked for most: see warm.ts. */
const ASKED_KEY = "ch:{0}:asked";
const SCAN_KEY = "ch:{0}:stored";
/** Counters older than this belong to a replica that is gone. */
const COUNTERS_LIFE_MS = 5000;
const SCAN_INTERVAL_MS = 300_000;
const SCAN_LOOK_MS = 5000;
const SCAN_PAUSE_MS = 10;
const SCAN_COUNT = 500;
const SCAN_DEADLINE_MS = 1000;
const KEEP_S = 3600;
const ASKED_KEEP_S = 7 * 86_400;

type Figures = Record<string, { entries: number; bytes: number }>;

export type SharedOptions = Readonly<{ replica: string; cells: readonly RedisCell[]; holds(): boolean }>;

/** What replicas tell each other for the statistics. Trouble here is a figure that is missing, nothing else. */
export class Shared {
  readonly #deps: Readonly<{ clock: CacheClock; timer: CacheTimer }>;
  readonly #options: SharedOptions;
  #cancel: () => void = () => {};
  #closed = false;
  #scanned = Number.NEGATIVE_INFINITY;

  constructor(deps: Readonly<{ clock: CacheClock; timer: CacheTimer }>, options: SharedOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  start(): void {
    this.#cancel = this.#deps.timer.after(SCAN_LOOK_MS, () => {
      void this.#look().finally(() => {
        if (!this.#closed) this.start();
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async publish(counters: string): Promise<void> {
    try {
      await this.#call(["HSET", COUNTERS_KEY, this.#options.replica, `${await this.#time()} ${counters}`]);
      await this.#call(["EXPIRE", COUNTERS_KEY, String(KEEP_S)]);
    } catch {
      // The next second has newer ones.
    }
  }

  async published(): Promise<readonly string[] | null> {
    try {
      const rows = Object.entries((await this.#call(["HGETALL", COUNTERS_KEY])) as Record<string, string>);
      const now = await this.#time();
      const gone: string[] = [];
      const texts: string[] = [];
      for (const [replica, row] of rows) {
        const blank = row.indexOf(" ");
        const age_ms = now - Number(row.slice(0, blank));
        if (age_ms <= COUNTERS_LIFE_MS) texts.push(row.slice(blank + 1));
        else if (age_ms > 10 * COUNTERS_LIFE_MS) gone.push(replica);
      }
      if (gone.length > 0) await this.#call(["HDEL", COUNTERS_KEY, ...gone]);
      return texts;
    } catch {
      return null;
    }
  }

  async remember(text: string): Promise<void> {
    try {
      await this.#call(["SET", ASKED_KEY, text, "EX", String(ASKED_KEEP_S)]);
    } catch {
      // Soon again.
    }
  }

  async remembered(): Promise<string | null> {
    try {
      const text = await this.#call(["GET", ASKED_KEY]);
      return typeof text === "string" ? text : null;
    } catch {
      return null;
    }
  }

  async stored(prefix: string): Promise<StoredEntries | null> {
    try {
      const text = await this.#call(["GET", SCAN_KEY]);
      if (typeof text !== "string") return null;
      const { at, figures } = JSON.parse(text) as { at: number; figures: Figures };
      let [entries, bytes] = [0, 0];
      for (const [name, figure] of Object.entries(figures)) {
        if (!name.startsWith(prefix)) continue;
        entries += figure.entries;
        bytes += figure.bytes;
      }
      return { entries, bytes, age_ms: Math.max((await this.#time()) - at, 0) };
    } catch {
      return null;
    }
  }

  async #look(): Promise<void> {
    const now = this.#deps.clock.monotonic();
    if (!this.#options.holds() || now - this.#scanned < SCAN_INTERVAL_MS) return;
    this.#scanned = now;
    try {
      const figures: Figures = {};
      for (const cell of this.#options.cells) await this.#scan(cell, figures);
      const text = JSON.stringify({ at: await this.#time(), figures });
      await this.#call(["SET", SCAN_KEY, text, "EX", String(KEEP_S)]);
    } catch {
      // In five minutes again.
    }
  }

  /** Walks over the keys of one cell at leisure. */
  async #scan(cell: RedisCell, figures: Figures): Promise<void> {
    const [node, generation] = [cell.node(), cell.cell.generation];
    if (node === null || generation === null) return;
    const base = `${keyBase(cell.index, generation)}e:${ENTRY_FORMAT}:`;
    // Braces and brackets of the key are letters to the server's patterns, but `[`, `?` and `*` never occur in it.
    const match = ["MATCH", `${base}*`, "COUNT", String(SCAN_COUNT)];
    let cursor = "0";
    do {
      const reply = await node.call(["SCAN", cursor, ...match], SCAN_DEADLINE_MS);
      const [next, keys] = reply as [string, string[]];
      const sizes = await Promise.all(keys.map((key) => node.call(["STRLEN", key], SCAN_DEADLINE_MS)));
      keys.forEach((key, at) => {
        const name = key.slice(base.length).split(":", 1)[0] ?? "";
        const figure = (figures[name] ??= { entries: 0, bytes: 0 });
        figure.entries += 1;
        figure.bytes += Number(sizes[at]) + key.length;
      });
      cursor = next;
      await new Promise<void>((resolve) => void this.#deps.timer.after(SCAN_PAUSE_MS, resolve));
    } while (cursor !== "0" && !this.#closed);
  }

  /** The server's time: those of the replicas may differ. */
  async #time(): Promise<number> {
    const [seconds] = (await this.#call(["TIME"])) as [string];
    return Number(seconds) * 1000;
  }

  #call(args: readonly string[]): Promise<unknown> {
    const node = this.#options.cells[0]?.node() ?? null;
    return node === null ? Promise.reject(new Error("no server")) : node.call(args);
  }
}
