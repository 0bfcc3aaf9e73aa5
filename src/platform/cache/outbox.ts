import type { CacheDatabase, Delivery } from "./database.ts";
import type { Bump, CacheTimer } from "./types.ts";

const BATCH_INTERVAL_MS = 50;
/** Deletions waiting at most; what is beyond is left to the relay, which only bumps it once more. */
const WAITING_MAX = 20_000;

/** Deletes outbox rows that were delivered, in batches, where the recorded server took the bump. */
export class Outbox {
  readonly #database: CacheDatabase;
  readonly #timer: CacheTimer;
  #waiting: Delivery[] = [];
  #armed = false;
  #running: Promise<void> | null = null;

  constructor(database: CacheDatabase, timer: CacheTimer) {
    this.#database = database;
    this.#timer = timer;
  }

  /** Never throws. */
  delivered(ids: readonly bigint[], bumps: readonly Bump[]): void {
    if (bumps.length === 0) return;
    for (const id of ids) {
      for (const { cell, server_id } of bumps) {
        if (this.#waiting.length >= WAITING_MAX) return;
        this.#waiting.push({ id: String(id), cell, server: server_id });
      }
    }
    if (this.#armed || this.#waiting.length === 0) return;
    this.#armed = true;
    this.#timer.after(BATCH_INTERVAL_MS, () => {
      this.#armed = false;
      void this.flush();
    });
  }

  /** Deletes what waits. A batch that fails is the relay's. Never rejects. */
  async flush(): Promise<void> {
    while (this.#running !== null) await this.#running;
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    this.#running = this.#database.remove(batch).catch(() => {});
    await this.#running;
    this.#running = null;
  }
}
