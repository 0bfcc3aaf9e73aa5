import type { RedisClient } from "./client.ts";
import { type CacheNode, type NodeDeps, serverId } from "./node.ts";
import { confirmScript, generationKey, keyBase, openScript, scriptAnswer } from "./script.ts";
import type { Cell } from "./cell.ts";
import { type Holes, OrderUnavailable } from "./types.ts";

const BLOCK_MS = 250;
const XREAD_DEADLINE_MS = 1000;
const CONNECT_DEADLINE_MS = 2000;
const INFO_INTERVAL_MS = 5000;
const BATCH = 1000;
const READ = ["XREAD", "COUNT", String(BATCH), "BLOCK", String(BLOCK_MS), "STREAMS"] as const;
const BACKOFF_MAX_MS = 1000;
/** A stream that proves nothing for so long after OPEN may be a dead one. */
const UNPROVED_MAX_MS = 1000;
/** Beats in a row that prove something. */
const BEATS_KEPT = 3;

/** What the relay says in every cell after each pass. */
export type Beat = Readonly<{
  n: number;
  /** One unbroken chain of passes of one relay. */
  chain: string;
  k: number;
  server: string;
  /** Redis's time, milliseconds since 1970. */
  time_ms: number;
  heard_at: number;
  /** A number that this beat surely came after: the instant the last read without it was sent. */
  after: number;
}>;

export type StreamEntry = Readonly<{
  id: string;
  kind: string;
  note: string;
  time_ms: number;
  tags: readonly string[];
}>;

export type Opened = Readonly<{ generation: string; token: string; n: number; sent_at: number }>;

export type BusOptions = Readonly<{
  index: number;
  cells: number;
  cell: Cell;
  /** Name of this process in the registries. */
  replica: string;
  /** The node that has the cell now; null while nobody is known to. */
  node(): CacheNode | null;
  holes: Holes;
}>;

export type BusDeps = NodeDeps & Readonly<{ token(): string }>;

/** Ends one hearing: the cell must be opened again, on this connection or on another one. */
class Ended extends Error {
  readonly reconnect: boolean;
  constructor(reason: string, reconnect: boolean) {
    super(reason);
    this.reconnect = reconnect;
  }
}

/**
 * Listens to one cell's stream on a connection of its own and keeps the cell's table, proof and lease. Reconnects and
 * opens again for as long as it takes; nothing it meets is an error for anyone else.
 */
export class CellBus {
  readonly #deps: BusDeps;
  readonly #options: BusOptions;
  #opened: Opened | null = null;
  #client: RedisClient | null = null;
  #server: string | null = null;
  #closed = false;
  #again: string | null = null;
  #heldSince: number | null = null;
  #heldLife = 0;
  #beats: Beat[] = [];
  #confirming = false;
  #confirmed = 0;
  #generations = 0;
  #lag_ms: number | null = null;
  #wake: () => void = () => {};

  constructor(deps: BusDeps, options: BusOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  start(): void {
    void this.#run();
  }

  /** What OPEN last answered; null before. */
  get opened(): Opened | null {
    return this.#opened;
  }
  get generations(): number {
    return this.#generations;
  }
  get lag_ms(): number | null {
    return this.#lag_ms;
  }

  /** Since when the cell has been live without a break; null when it is not. */
  heldSince(now: number): number | null {
    const { cell } = this.#options;
    return cell.live(now) && cell.life === this.#heldLife ? this.#heldSince : null;
  }

  /** Id of the server that is listened to; null while none is. */
  get server(): string | null {
    return this.#server;
  }

  /** Something said that the order has changed: the lease ends now, and OPEN comes before the next. */
  reopen(reason: string): void {
    this.#options.cell.lapse();
    this.#again = reason;
  }

  /** The server behind the cell has changed or is gone: the lease ends now, and a new connection comes before OPEN. */
  restart(reason: string): void {
    this.reopen(reason);
    this.#client?.destroy();
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.restart("closed");
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#closed) {
      try {
        await this.#connected(async (client, node, server) => {
          while (!this.#closed) {
            try {
              await this.#hear(client, node, server, () => (failures = 0));
            } catch (error) {
              this.#options.cell.lapse();
              if (!(error instanceof Ended) || error.reconnect) throw error;
            }
          }
        });
      } catch {
        this.#options.cell.lapse();
        const wait_ms = Math.min(25 * 2 ** Math.min(failures, 6), BACKOFF_MAX_MS);
        failures += 1;
        if (!this.#closed) await this.#sleep(wait_ms * (0.75 + this.#deps.random() / 2));
      }
    }
  }

  /** A connection of its own, whose server is the one behind the node. */
  async #connected(
    use: (client: RedisClient, node: CacheNode, server: string) => Promise<void>,
  ): Promise<void> {
    const node = this.#options.node();
    if (node === null || node.server === null) throw new Ended("no server", true);
    const client = this.#deps.makeClient(node.url, { random: this.#deps.random });
    this.#client = client;
    try {
      const ready = new Promise<void>((resolve, reject) => {
        client.connect({ ready: resolve, lost: (reason) => reject(new Ended(reason, true)) });
      });
      await this.#within(CONNECT_DEADLINE_MS, ready);
      this.#server = await this.#identify(client, node);
      await use(client, node, this.#server);
    } finally {
      this.#client = null;
      this.#server = null;
      client.destroy();
    }
  }

  async #identify(client: RedisClient, node: CacheNode): Promise<string> {
    const info = await this.#within(XREAD_DEADLINE_MS, client.send(["INFO"], "text"));
    const server = serverId(String(info), this.#options.cells, this.#options.holes);
    if (server !== null && server === node.server && node === this.#options.node()) return server;
    node.check();
    throw new Ended("another server", true);
  }

  /** OPEN, then the stream, until something says that the order must be opened again. */
  async #hear(client: RedisClient, node: CacheNode, server: string, opened: () => void): Promise<void> {
    const { generation, n, sent_at } = await this.#open(node, server);
    opened();
    const stream = `${keyBase(this.#options.index, generation)}s`;
    let last = n;
    let after = sent_at;
    let identified_at = this.#deps.clock.monotonic();
    while (!this.#closed) {
      if (this.#again !== null) throw new Ended(this.#again, false);
      if (node !== this.#options.node()) throw new Ended("moved", true);
      if (this.#deps.clock.monotonic() - identified_at > INFO_INTERVAL_MS) {
        if ((await this.#identify(client, node)) !== server) throw new Ended("another server", true);
        identified_at = this.#deps.clock.monotonic();
      }
      const sent = this.#deps.clock.monotonic();
      const command = [...READ, stream, `${last}-0`];
      const entries = parseStream(await this.#within(XREAD_DEADLINE_MS, client.send(command, "text")));
      if (this.#again !== null) throw new Ended(this.#again, false);
      for (const entry of entries) last = this.#take(entry, last, server, after);
      // A full batch may have left out what was there already.
      if (entries.length < BATCH) after = sent;
      if (entries.some(({ kind }) => kind !== "b")) void this.#confirm(node, last);
      this.#notice();
    }
  }

  async #open(node: CacheNode, server: string): Promise<Opened> {
    this.#again = null;
    const token = this.#deps.token();
    const sent_at = this.#deps.clock.monotonic();
    const nonce = this.#options.holes.has("generation_in_keys") ? "0" : this.#deps.token();
    const args = [server, nonce, this.#options.replica, token, ""];
    const answer = await node
      .script(openScript, generationKey(this.#options.index), args)
      .then(scriptAnswer, (error: unknown) => {
        node.suspect();
        throw new Ended(error instanceof OrderUnavailable ? error.reason : String(error), true);
      });
    if (answer.value === null || this.#closed || node.server !== server)
      throw new Ended("another server", true);
    if (this.#opened?.generation !== answer.generation) this.#generations += 1;
    this.#opened = { generation: answer.generation, token, n: answer.value, sent_at };
    this.#beats = [];
    this.#heldSince = null;
    this.#confirmed = 0;
    this.#options.cell.open(answer.generation, answer.value);
    void this.#confirm(node, answer.value);
    return this.#opened;
  }

  /** Takes one entry in and returns its number. */
  #take(entry: StreamEntry, last: number, server: string, after: number): number {
    const { cell, holes } = this.#options;
    const n = Number.parseInt(entry.id, 10);
    if (entry.id !== `${last + 1}-0` && !holes.has("gapless_stream")) throw new Ended("gap", false);
    if (!cell.hear(n, entry.tags)) throw new Ended("lapsed", false);
    if (entry.kind === "end") throw new Ended("the generation has ended", false);
    if (entry.kind === "r" && entry.note === `${this.#options.replica} ${this.#opened?.token}`) {
      throw new Ended("retired", false);
    }
    if (entry.kind === "p") this.#beat(entry, n, server, after);
    return n;
  }

  /** With three beats in a row of one relay, its pass before the last began after the read without the first was sent. */
  #beat(entry: StreamEntry, n: number, server: string, after: number): void {
    const { cell } = this.#options;
    const heard_at = this.#deps.clock.monotonic();
    // Behind these the note has the WAL position of the pass, for people who look into the stream.
    const [chain = "", k = "", from = ""] = entry.note.split(" ");
    const beat: Beat = { n, chain, k: Number(k), server: from, time_ms: entry.time_ms, heard_at, after };
    cell.beat(entry.time_ms, heard_at);
    this.#beats.push(beat);
    if (this.#beats.length > BEATS_KEPT) this.#beats.shift();
    const proof = proofOf(this.#beats, server);
    if (proof !== null && !cell.prove(proof)) throw new Ended("lapsed", false);
  }

  /** Lapses are seen by whoever asks the cell; here at the latest. */
  #notice(): void {
    const { cell } = this.#options;
    const now = this.#deps.clock.monotonic();
    const time = cell.time(now);
    const last = this.#beats.at(-1);
    this.#lag_ms = time === null || last === undefined ? null : now - last.heard_at;
    if (cell.live(now)) {
      if (this.#heldSince === null || this.#heldLife !== cell.life) {
        this.#heldSince = now;
        this.#heldLife = cell.life;
      }
    } else if (this.#heldSince !== null || cell.proof !== Number.NEGATIVE_INFINITY) {
      throw new Ended("lapsed", false);
    } else if (now - (this.#opened?.sent_at ?? now) > UNPROVED_MAX_MS) {
      // The order may have gone on in another generation before this one said anything.
      throw new Ended("nothing proves it", false);
    }
  }

  /** One at a time; a number heard meanwhile is said right after. */
  async #confirm(node: CacheNode, heard: number): Promise<void> {
    const opened = this.#opened;
    if (this.#confirming || opened === null || heard <= this.#confirmed) return;
    this.#confirming = true;
    try {
      const args = [opened.generation, this.#options.replica, opened.token, String(heard)];
      const reply = await node.script(confirmScript, generationKey(this.#options.index), args);
      const answer = scriptAnswer(reply);
      if (opened !== this.#opened) return;
      if (answer.generation !== opened.generation) this.reopen("another generation");
      else if (answer.value !== 1) this.reopen("not registered");
      this.#confirmed = Math.max(this.#confirmed, heard);
    } catch {
      // Said again with the next beat.
    } finally {
      this.#confirming = false;
    }
    const { cell } = this.#options;
    if (
      opened === this.#opened &&
      this.#again === null &&
      cell.heard > this.#confirmed &&
      cell.heard > heard
    ) {
      void this.#confirm(node, cell.heard);
    }
  }

  async #within<T>(deadline_ms: number, work: Promise<T>): Promise<T> {
    let cancel: () => void = () => {};
    const deadline = new Promise<never>((_, reject) => {
      cancel = this.#deps.timer.after(deadline_ms, () => reject(new Ended("deadline", true)));
    });
    try {
      return await Promise.race([work, deadline]);
    } finally {
      cancel();
    }
  }

  #sleep(delay_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.timer.after(delay_ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/**
 * The instant before which no commit was missed: the one the first of the last three beats came after, if they are in a
 * row, of one chain, and of the server that is listened to. Null: they prove nothing.
 */
export function proofOf(beats: readonly Beat[], server: string): number | null {
  const [first, second, third] = beats.slice(-3);
  if (first === undefined || second === undefined || third === undefined) return null;
  const chained = first.chain === second.chain && second.chain === third.chain;
  const inRow = first.k + 1 === second.k && second.k + 1 === third.k;
  const here = first.server === server && second.server === server && third.server === server;
  return chained && inRow && here ? first.after : null;
}

/** The reply of XREAD on one stream. */
export function parseStream(reply: unknown): StreamEntry[] {
  if (reply === null || reply === undefined) return [];
  const [rows] = Object.values(reply as Record<string, [string, string[]][]>);
  return (rows ?? []).map(([id, fields]) => {
    const tags: string[] = [];
    const known: Record<string, string> = {};
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const [name = "", value = ""] = [fields[at], fields[at + 1]];
      if (name === "t") tags.push(value);
      else known[name] = value;
    }
    return { id, kind: known["k"] ?? "", note: known["m"] ?? "", time_ms: Number(known["at"] ?? 0), tags };
  });
}
