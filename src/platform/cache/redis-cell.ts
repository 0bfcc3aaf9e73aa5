import type { CellBus } from "./bus.ts";
import type { Cell } from "./cell.ts";
import { readRegistry, strike } from "./confirm.ts";
import { BumpGatherer } from "./gather.ts";
import { entryName, Reader } from "./l2.ts";
import type { CacheNode } from "./node.ts";
import type { RelayCell } from "./relay.ts";
import {
  bumpScript,
  fillScript,
  generationKey,
  initScript,
  keyBase,
  openScript,
  partsOf,
  scriptAnswer,
} from "./script.ts";
import { isAwaited } from "./tags.ts";
import {
  type Asker,
  type Bump,
  type CacheClock,
  type CacheTimer,
  type CellOrder,
  type Holes,
  OrderUnavailable,
} from "./types.ts";

/** Tags in one BUMP at most: Lua's stack and the time of one script are both bounded. */
const TAGS_MAX = 1000;
/** A replica that has confirmed nothing for so long, while beats went out, is silent. */
const SILENT_MS = 1000;
/** A full lease after its retirement was said, and a little for clocks that do not run alike, its row goes. */
const RETIRED_MS = 1100;
/** Another replica may begin a new generation between two tries; it does not do so all the time. */
const TRIES_MAX = 3;

type Watched = { token: string; heard: number; since: number; retired_at: number | null };

export type RedisCellOptions = Readonly<{
  index: number;
  cell: Cell;
  bus: CellBus;
  node(): CacheNode | null;
  clock: CacheClock;
  timer: CacheTimer;
  /** A new name, never used before. */
  token(): string;
  holes: Holes;
}>;

/** The order of one cell, kept by a Redis server. */
export class RedisCell implements CellOrder, RelayCell {
  readonly index: number;
  readonly cell: Cell;
  readonly bus: CellBus;
  readonly #options: RedisCellOptions;
  readonly #reader: Reader;
  readonly #key: string;
  readonly #leases = new Map<string, string>();
  #watched = new Map<string, Watched>();
  #watchedIn: string | null = null;
  /** The generation that the server named last: bumps and beats go there, whether or not we listen to it yet. */
  #named: string | null = null;
  readonly #gatherer: BumpGatherer;
  #bumping = 0;

  constructor(options: RedisCellOptions) {
    this.index = options.index;
    this.cell = options.cell;
    this.bus = options.bus;
    this.#options = options;
    this.#key = generationKey(options.index);
    this.#gatherer = new BumpGatherer((tags) => this.#bumpAll(tags), options.timer);
    this.#reader = new Reader(options.index, {
      timer: options.timer,
      node: options.node,
      generation: () => options.cell.generation,
      differs: (asked) => {
        if (asked === options.cell.generation) options.bus.reopen("another generation");
      },
    });
  }

  /** Bumps that are under way. */
  get bumping(): number {
    return this.#bumping;
  }
  /** Round trips that lookups took so far. */
  get reads(): number {
    return this.#reader.sent;
  }
  node(): CacheNode | null {
    return this.#options.node();
  }
  server(): string | null {
    return this.#options.node()?.server ?? null;
  }

  read(key: string | null, tags: readonly string[], asker: Asker): void {
    this.#reader.read(key, tags, asker);
  }

  async init(tags: readonly string[]): Promise<number> {
    const generation = this.#ours();
    const answer = scriptAnswer(await this.#reach().script(initScript, this.#key, [generation, ...tags]));
    if (answer.value === null) throw this.#another(generation);
    return answer.value;
  }

  async fill(
    key: string,
    bytes: Uint8Array,
    position: number,
    tags: readonly string[],
    life_ms: number,
  ): Promise<boolean> {
    const generation = this.#ours();
    const token = this.#leases.get(key) ?? "";
    this.#leases.delete(key);
    const entry = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const life = String(Math.max(Math.trunc(life_ms), 1));
    const base = keyBase(this.index, generation);
    const keys = [this.#key, `${base}e:${entryName(key)}`, ...tags.map((tag) => `${base}v:${tag}`)];
    const args = [generation, entry, String(position), life, `${base}l:${key}`, token];
    const answer = scriptAnswer(await this.#reach().script(fillScript, keys, args));
    if (answer.value === null) throw this.#another(generation);
    return answer.value === 1;
  }

  async bump(tags: readonly string[]): Promise<Bump> {
    this.#bumping += 1;
    try {
      return await this.#gatherer.bump(tags);
    } finally {
      this.#bumping -= 1;
    }
  }

  async #bumpAll(tags: readonly string[]): Promise<Bump> {
    for (let at = 0; ; at += TAGS_MAX) {
      const part = tags.slice(at, at + TAGS_MAX);
      const bump = await this.#say(part.some(isAwaited) ? "a" : "b", "", part);
      if (at + TAGS_MAX >= tags.length) return bump;
    }
  }

  async lease(key: string, life_ms: number): Promise<boolean> {
    const name = `${keyBase(this.index, this.#ours())}l:${key}`;
    const token = this.#options.token();
    const life = String(Math.max(Math.trunc(life_ms), 1));
    const reply = await this.#reach().call(["SET", name, token, "NX", "PX", life]);
    if (reply === null) return false;
    this.#leases.set(key, token);
    return true;
  }

  async release(key: string): Promise<void> {
    const token = this.#leases.get(key);
    this.#leases.delete(key);
    const generation = this.cell.generation;
    const node = this.node();
    if (token === undefined || generation === null || node === null) return;
    // What cannot be given back ends by itself.
    const lease = `${keyBase(this.index, generation)}l:${key}`;
    await node.script(fillScript, this.#key, [generation, "", "0", "0", lease, token]).catch(() => {});
  }

  async beat(note: string, server: string): Promise<void> {
    const { server_id } = await this.#say("p", note, []);
    if (server_id !== server) throw new OrderUnavailable("another server");
  }

  async renew(server: string): Promise<void> {
    const node = this.#reach();
    const value = await node.call(["GET", this.#key]);
    if (node.server !== server) throw new OrderUnavailable("another server");
    const replaced = typeof value === "string" ? partsOf(value).nonce : "";
    this.#name(await this.#create(node, server, replaced));
  }

  async retire(): Promise<void> {
    const [generation, node] = [this.#named, this.node()];
    if (generation === null || node === null) return;
    try {
      const rows = await readRegistry(node, this.index, generation);
      const now = this.#options.clock.monotonic();
      const before = this.#watchedIn === generation ? this.#watched : new Map<string, Watched>();
      this.#watchedIn = generation;
      this.#watched = new Map();
      for (const [replica, row] of rows) {
        const known = before.get(replica);
        const same = known !== undefined && known.token === row.token && known.heard === row.heard;
        const watched = same ? known : { ...row, since: now, retired_at: null };
        this.#watched.set(replica, watched);
        if (watched.retired_at !== null) {
          if (now - watched.retired_at >= RETIRED_MS) {
            await strike(node, this.index, generation, replica, row.token);
          }
        } else if (now - watched.since >= SILENT_MS) {
          await this.#say("r", `${replica} ${row.token}`, []);
          watched.retired_at = this.#options.clock.monotonic();
        }
      }
    } catch {
      // Looked at again with a later pass; until then writers wait for the clock.
    }
  }

  /** Takes this replica out of the registry. Never rejects. */
  async leave(replica: string): Promise<void> {
    const [opened, node] = [this.bus.opened, this.node()];
    if (opened === null || node === null) return;
    await strike(node, this.index, opened.generation, replica, opened.token).catch(() => {});
  }

  /** Puts an entry into the stream, in the generation that is current on the server, making one if need be. */
  async #say(kind: "a" | "b" | "p" | "r", note: string, tags: readonly string[]): Promise<Bump> {
    const node = this.#reach();
    const server = node.server;
    if (server === null) throw new OrderUnavailable("disconnected");
    let generation = this.#named ?? this.cell.generation;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      if (generation === null || partsOf(generation).server !== server) {
        generation = await this.#create(node, server, "");
      }
      const reply = await node.script(bumpScript, this.#key, [generation, kind, note, ...tags]);
      const answer = scriptAnswer(reply);
      if (answer.value !== null) {
        this.#name(generation);
        return { cell: this.index, generation, n: answer.value, server_id: server };
      }
      generation = answer.generation === "" ? await this.#create(node, server, "") : answer.generation;
    }
    throw new OrderUnavailable("another generation");
  }

  /** OPEN without registering: for a generation that need not be listened to. */
  async #create(node: CacheNode, server: string, replaced: string): Promise<string> {
    const nonce = this.#options.holes.has("generation_in_keys") ? "0" : this.#options.token();
    const args = [server, nonce, "", "", replaced];
    return scriptAnswer(await node.script(openScript, this.#key, args)).generation;
  }

  #name(generation: string): void {
    this.#named = generation;
    if (this.cell.generation !== null && this.cell.generation !== generation) {
      this.bus.reopen("another generation");
    }
  }

  #reach(): CacheNode {
    const node = this.node();
    if (node === null) throw new OrderUnavailable("no server");
    return node;
  }

  #ours(): string {
    const { generation } = this.cell;
    if (generation === null) throw new OrderUnavailable("not open");
    return generation;
  }

  #another(generation: string): OrderUnavailable {
    if (generation === this.cell.generation) this.bus.reopen("another generation");
    return new OrderUnavailable("another generation");
  }
}
