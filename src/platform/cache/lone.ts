import type { CacheDatabase, LoneLock } from "./database.ts";
import { LocalOrder } from "./local.ts";
import { Outbox } from "./outbox.ts";
import { Relay, type RelayCell } from "./relay.ts";
import { cellsOfTag } from "./tags.ts";
import type {
  Bump,
  CacheClock,
  CacheLog,
  CacheTimer,
  CellOrder,
  Holes,
  Order,
  OrderGauges,
  StoredEntries,
} from "./types.ts";

const PROVE_INTERVAL_MS = 250;
const PROVE_DEADLINE_MS = 1000;
const RETRY_INTERVAL_MS = 1000;
/** A former holder may not have noticed yet that it lost the lock. */
const TRUSTED_AFTER_MS = 2000;
const CLOSE_MAX_MS = 1000;

export type LoneOrderDeps = Readonly<{
  database: CacheDatabase;
  clock: CacheClock;
  timer: CacheTimer;
  /** A new name, never used before. */
  token(): string;
  log: CacheLog;
  /** Only in the test build. */
  holes?: Holes | undefined;
}>;

/** The order of a process without Redis: its own memory, for as long as it provably is alone on its database. */
export function createLoneOrder(deps: LoneOrderDeps): LoneOrder {
  return new LoneOrder(deps);
}

/**
 * Holds an advisory lock and the relay: the lock says that no other process keeps answers, the relay brings what other
 * programs (seed, jobs) committed. While either cannot be shown to hold, the cell is not live.
 */
export class LoneOrder implements Order {
  readonly cells = 1;
  readonly #deps: LoneOrderDeps;
  readonly #local: LocalOrder;
  readonly #outbox: Outbox;
  readonly #relay: Relay;
  /** Unlike that of any other process, or another one's deletions would count as deliveries here. */
  readonly #server: string;
  #lock: LoneLock | null = null;
  #won = 0;
  #lockProof = Number.NEGATIVE_INFINITY;
  #passProof = Number.NEGATIVE_INFINITY;
  #closed = false;
  #cancel: () => void = () => {};

  constructor(deps: LoneOrderDeps) {
    const replica = deps.token();
    const holes: Holes = deps.holes ?? new Set();
    this.#deps = deps;
    this.#server = `local:${replica}`;
    this.#local = new LocalOrder({ clock: deps.clock, holes: deps.holes });
    this.#outbox = new Outbox(deps.database, deps.timer);
    this.#relay = new Relay(deps, {
      replica,
      cells: [this.#relayCell()],
      cellsOf: (tag) => cellsOfTag(tag, 1),
      holes,
      passed: (began) => {
        this.#passProof = began;
        this.#hold();
      },
    });
    this.#arm(0);
    this.#relay.start();
  }

  cellOf(): number {
    return this.#local.cellOf();
  }
  at(): CellOrder {
    return this.#local.at();
  }
  delivered(outbox_ids: readonly bigint[], bumps: readonly Bump[]): void {
    this.#outbox.delivered(
      outbox_ids,
      bumps.map((bump) => ({ ...bump, server_id: this.#server })),
    );
  }
  async confirmed(_bumps: readonly Bump[], committed_at: number, whole: boolean): Promise<void> {
    const { clock, timer } = this.#deps;
    const now = clock.monotonic();
    if (whole && this.at().cell.live(now)) return this.#local.confirmed();
    // Perhaps not alone: others may believe for as long as any answer is believed without an order.
    const wait_ms = committed_at + 1000 - now;
    if (wait_ms > 0) await new Promise<void>((done) => void timer.after(wait_ms, done));
  }
  settled(): boolean {
    return true;
  }

  renew(): Promise<boolean> {
    return this.#local.renew();
  }
  gauges(): OrderGauges {
    return { ...this.#local.gauges(), outbox_age_ms: this.#relay.oldest_ms };
  }
  publish(): Promise<void> {
    return this.#local.publish();
  }
  published(): Promise<readonly string[] | null> {
    return this.#local.published();
  }
  remember(): Promise<void> {
    return this.#local.remember();
  }
  remembered(): Promise<string | null> {
    return this.#local.remembered();
  }
  stored(): Promise<StoredEntries | null> {
    return this.#local.stored();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel();
    this.#local.lose();
    const finish = async (): Promise<void> => {
      await this.#relay.close();
      await this.#outbox.flush();
      await this.#lock?.close().catch(() => {});
    };
    const limit = new Promise<void>((resolve) => void this.#deps.timer.after(CLOSE_MAX_MS, resolve));
    await Promise.race([finish(), limit]);
  }

  #relayCell(): RelayCell {
    return {
      index: 0,
      server: () => (this.#lock === null ? null : this.#server),
      bump: async (tags) => {
        await this.#local.at().bump(tags);
        return { server_id: this.#server };
      },
      beat: () => Promise.resolve(),
      renew: async () => void (await this.#local.renew()),
      retire: () => Promise.resolve(),
    };
  }

  #arm(delay_ms: number): void {
    if (this.#closed) return;
    this.#cancel = this.#deps.timer.after(delay_ms, () => {
      void this.#prove().then((next_ms) => this.#arm(next_ms));
    });
  }

  /** Takes the lock, or shows that we still have it. Resolves to the wait before the next time. Never rejects. */
  async #prove(): Promise<number> {
    const sent = this.#deps.clock.monotonic();
    try {
      if (this.#lock === null) {
        const lock = await this.#deps.database.lock();
        if (lock === null) return RETRY_INTERVAL_MS;
        if (this.#closed) {
          await lock.close();
          return RETRY_INTERVAL_MS;
        }
        this.#lock = lock;
        this.#won = this.#deps.clock.monotonic();
        this.#deps.log.info({}, "cache: alone on this database");
      } else if (!(await this.#within(this.#lock.prove()))) throw new Error("the lock is not ours");
      this.#lockProof = sent;
      this.#hold();
      return PROVE_INTERVAL_MS;
    } catch (error) {
      if (this.#lock !== null) this.#deps.log.warn({ reason: String(error) }, "cache: not provably alone");
      this.#local.lose();
      const lost = this.#lock;
      this.#lock = null;
      void lost?.close().catch(() => {});
      return RETRY_INTERVAL_MS;
    }
  }

  #hold(): void {
    const proof = Math.min(this.#lockProof, this.#passProof);
    if (this.#closed || this.#lock === null || proof === Number.NEGATIVE_INFINITY) return;
    if (this.#deps.clock.monotonic() - this.#won >= TRUSTED_AFTER_MS) this.#local.hold(proof);
  }

  async #within<T>(work: Promise<T>): Promise<T> {
    let cancel: () => void = () => {};
    const deadline = new Promise<never>((_, reject) => {
      cancel = this.#deps.timer.after(PROVE_DEADLINE_MS, () => reject(new Error("deadline")));
    });
    try {
      return await Promise.race([work, deadline]);
    } finally {
      cancel();
    }
  }
}
