import { LEASE_MS } from "./cell.ts";
import type { CacheDatabase, Delivery, Pass } from "./database.ts";
import type { CacheClock, CacheLog, CacheTimer, Holes } from "./types.ts";

const PASS_INTERVAL_MS = 100;
/** How often a replica that does not relay looks whether it should. */
const IDLE_INTERVAL_MS = 150;
const ROWS_MAX = 5000;
/** After it could not reach Redis a replica lets others try for so long. */
const STAND_BACK_MS = 2000;
/** The same for one that could not reach some cells, for so many passes in a row: another one may, or nobody can. */
const STAND_ASIDE_MS = 400;
const PARTLY_REACHED_PASSES_MAX = 50;
const RETIRE_INTERVAL_PASSES = 5;

/** One cell as the relay uses it. */
export interface RelayCell {
  readonly index: number;
  /** Id of the server behind it; null when it cannot be reached. */
  server(): string | null;
  bump(tags: readonly string[]): Promise<Readonly<{ server_id: string }>>;
  /** Says a note in the stream. Rejects when it is not known to have been said on `server`. */
  beat(note: string, server: string): Promise<void>;
  /** Begins a new generation on `server`. */
  renew(server: string): Promise<void>;
  /** Strikes silent replicas off the registry, in two steps. Never rejects. */
  retire(): Promise<void>;
}

export type RelayDeps = Readonly<{
  database: CacheDatabase;
  clock: CacheClock;
  timer: CacheTimer;
  log: CacheLog;
  /** A new name, never used before. */
  token(): string;
}>;

export type RelayOptions = Readonly<{
  replica: string;
  cells: readonly RelayCell[];
  /** The cells that a tag is bumped in. */
  cellsOf(tag: string): readonly number[];
  holes: Holes;
  /** After each pass of the holder that reached everything it is for, with the instant the pass before it began. */
  passed?(began: number): void;
}>;

/** What one time of holding remembers. */
type Tenure = {
  name: string;
  passes: number;
  /** Rows of the pass before. */
  seen: Set<string>;
  /** When the pass before began; null before there was a complete one. */
  began: number | null;
  /** Chain of beats of each cell: a beat of which it is not known when it was said ends its chain. */
  chains: string[];
  /** Since when this tenure knows that no server is recorded for the cell; null while one is. */
  vacant: (number | null)[];
  /** Server on which this tenure began a new generation of the cell; '' for none. */
  renewed: string[];
  /** Passes in a row in which some cell could not be reached. */
  partly: number;
};

/**
 * Delivers what writers left behind and proves, by beats, that everything was delivered. Every replica runs one; the
 * one that holds the row relays.
 */
export class Relay {
  readonly #deps: RelayDeps;
  readonly #options: RelayOptions;
  #tenure: Tenure | null = null;
  #closed = false;
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #standBackUntil = 0;
  #oldest_ms: number | null = null;

  constructor(deps: RelayDeps, options: RelayOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  get holds(): boolean {
    return this.#tenure !== null;
  }
  /** Age of the oldest outbox row at the last pass; null unless this replica relays. */
  get oldest_ms(): number | null {
    return this.#tenure === null ? null : this.#oldest_ms;
  }

  start(): void {
    this.#arm(0);
  }

  /** Gives the row up. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#running;
    await this.#giveUp();
  }

  #arm(delay_ms: number): void {
    if (this.#closed) return;
    this.#cancel = this.#deps.timer.after(delay_ms, () => {
      const began = this.#deps.clock.monotonic();
      this.#running = this.#turn(began).then((next_ms) => {
        const spent = this.#deps.clock.monotonic() - began;
        this.#arm(Math.max(next_ms - spent, 5));
      });
    });
  }

  /** One turn; resolves to how long after its beginning the next one begins. Never rejects. */
  async #turn(began: number): Promise<number> {
    const reached = this.#options.cells.some((cell) => cell.server() !== null);
    if (!reached || began < this.#standBackUntil) {
      await this.#giveUp();
      return IDLE_INTERVAL_MS;
    }
    try {
      const pass = await this.#pass();
      if (pass === null) {
        this.#tenure = null;
        return IDLE_INTERVAL_MS;
      }
      const wait_ms = await this.#work(pass, began);
      if (wait_ms === 0) return PASS_INTERVAL_MS;
      this.#standBackUntil = this.#deps.clock.monotonic() + wait_ms;
      await this.#giveUp();
      return IDLE_INTERVAL_MS;
    } catch (error) {
      // Whether the row was renewed is unknown, and so is what a pass in between would have seen.
      if (this.#tenure !== null) this.#deps.log.warn({ reason: String(error) }, "cache: relay pass failed");
      this.#tenure = null;
      return IDLE_INTERVAL_MS;
    }
  }

  async #pass(): Promise<Pass | null> {
    const { cells, replica } = this.#options;
    const none = cells.map(() => "");
    const pass = await this.#deps.database.pass({
      holder: replica,
      tenure: this.#tenure?.name ?? this.#deps.token(),
      servers: cells.map((cell) => cell.server() ?? ""),
      renewed: this.#tenure?.renewed ?? none,
      row_limit: ROWS_MAX,
    });
    if (pass === null) return null;
    if (pass.tenure !== this.#tenure?.name) {
      const chains = cells.map(() => this.#deps.token());
      this.#tenure = {
        name: pass.tenure,
        passes: 0,
        seen: new Set(),
        began: null,
        chains,
        vacant: cells.map(() => null),
        renewed: none,
        partly: 0,
      };
    }
    return pass;
  }

  /** Everything after the statement. For how long others should try because Redis could not be reached; 0 to go on. */
  async #work(pass: Pass, began: number): Promise<number> {
    const tenure = this.#tenure as Tenure;
    tenure.passes += 1;
    this.#oldest_ms = pass.oldest_ms;
    const due = pass.pending.filter(({ id }) => tenure.seen.has(id));
    const failed = await this.#deliver(due, pass);
    const complete = pass.pending.length < ROWS_MAX;
    const reached = await Promise.all(
      this.#options.cells.map((cell) => this.#serve(cell, pass, tenure, complete && !failed.has(cell.index))),
    );
    tenure.seen = new Set(pass.pending.map(({ id }) => id));
    const settled = this.#options.cells.every((cell) => pass.servers[cell.index] === cell.server());
    if (complete && settled && failed.size === 0 && tenure.began !== null)
      this.#options.passed?.(tenure.began);
    tenure.began = complete ? began : null;
    if (tenure.passes % RETIRE_INTERVAL_PASSES === 0) {
      await Promise.all(this.#options.cells.map((cell) => cell.retire()));
    }
    tenure.partly = reached.includes(false) ? tenure.partly + 1 : 0;
    if (!reached.includes(true)) return STAND_BACK_MS;
    return tenure.partly > PARTLY_REACHED_PASSES_MAX ? STAND_ASIDE_MS : 0;
  }

  /**
   * A new generation where the server is new to the database, else the beat. False when the cell could not be reached.
   * Whoever listens to the server before may be live for another lease, and a writer there does not wait for readers
   * here: so nothing begins before that is over.
   */
  async #serve(cell: RelayCell, pass: Pass, tenure: Tenure, all: boolean): Promise<boolean> {
    const server = cell.server();
    const recorded = pass.servers[cell.index] ?? null;
    const now = this.#deps.clock.monotonic();
    tenure.vacant = tenure.vacant.with(
      cell.index,
      recorded === "" ? (tenure.vacant[cell.index] ?? now) : null,
    );
    if (server === null) return false;
    try {
      if (recorded !== server && !this.#options.holes.has("server_ids_recorded")) {
        const vacant = tenure.vacant[cell.index] ?? null;
        const over = recorded === null || (vacant !== null && now - vacant >= LEASE_MS);
        if ((recorded ?? "") === "" && over && tenure.renewed[cell.index] !== server) {
          await cell.renew(server);
          tenure.renewed = tenure.renewed.with(cell.index, server);
        }
      } else if (all) {
        const chain = tenure.chains[cell.index];
        await cell.beat(`${chain} ${tenure.passes} ${server} ${pass.wal}`, server);
      }
      return true;
    } catch {
      // It may yet be said, after the next pass has begun: no beat may be counted on from it.
      tenure.chains[cell.index] = this.#deps.token();
      return false;
    }
  }

  /** Bumps the tags of rows that nobody delivered, and deletes the rows. Resolves to the cells that were not reached. */
  async #deliver(due: Pass["pending"], pass: Pass): Promise<Set<number>> {
    const failed = new Set<number>();
    if (due.length === 0) return failed;
    const tags = new Map<number, Set<string>>();
    for (const row of due) {
      for (const tag of row.tags) {
        for (const cell of this.#options.cellsOf(tag)) {
          const those = tags.get(cell);
          if (those === undefined) tags.set(cell, new Set([tag]));
          else those.add(tag);
        }
      }
    }
    const servers = new Map<number, string>();
    await Promise.all(
      [...tags].map(async ([index, those]) => {
        const cell = this.#options.cells[index] as RelayCell;
        try {
          const { server_id } = await cell.bump([...those]);
          servers.set(index, server_id);
          const recorded = this.#options.holes.has("server_ids_recorded") ? server_id : pass.servers[index];
          if (server_id !== recorded) failed.add(index);
        } catch {
          failed.add(index);
        }
      }),
    );
    const deliveries: Delivery[] = [];
    for (const row of due) {
      const cells = new Set(row.tags.flatMap((tag) => this.#options.cellsOf(tag)));
      if ([...cells].some((cell) => failed.has(cell))) continue;
      for (const cell of cells) deliveries.push({ id: row.id, cell, server: servers.get(cell) ?? "" });
      // Text that is no tag concerns nobody, and must not stay for ever.
      if (cells.size === 0) deliveries.push({ id: row.id, cell: 0, server: pass.servers[0] ?? "" });
    }
    // Rows that stay are seen, and bumped, again.
    if (deliveries.length > 0) await this.#deps.database.remove(deliveries).catch(() => {});
    return failed;
  }

  async #giveUp(): Promise<void> {
    if (this.#tenure === null) return;
    this.#tenure = null;
    await this.#deps.database.release(this.#options.replica).catch(() => {});
  }
}
