import { createClient } from "redis";
import { instant } from "./instant.ts";

const LOOK_MS = 10;
const PING_MAX_MS = 1000;

/**
 * How well the machine keeps up, as a process sees it that has next to nothing to do. Whatever a bound of time is
 * extended by comes from here: what the cache itself takes long for, this does not see.
 */
export class Machine {
  readonly #url: string | null;
  #closed = false;
  #trip_ms = 0;
  #starved_ms = 0;
  #late_ms = 0;
  #watching: Promise<unknown> = Promise.resolve();

  /** `url` leads to the Redis of the run; null: there is none. */
  constructor(url: string | null) {
    this.#url = url;
  }

  start(): void {
    this.#watching = Promise.all([this.#url === null ? null : this.#ping(this.#url), this.#look()]);
  }
  async close(): Promise<void> {
    this.#closed = true;
    await this.#watching;
  }

  /** Slowest way to Redis and back since `reset`. */
  get trip_ms(): number {
    return this.#trip_ms;
  }
  /** Time since the start in which this process should have run and was not let: not asleep, and no work of its own. */
  get starved_ms(): number {
    return this.#starved_ms;
  }
  /** The longest of those since `reset`. */
  get late_ms(): number {
    return this.#late_ms;
  }
  reset(): void {
    this.#trip_ms = 0;
    this.#late_ms = 0;
  }

  async #look(): Promise<void> {
    while (!this.#closed) {
      const [at, spent] = [performance.now(), process.cpuUsage()];
      await Bun.sleep(LOOK_MS);
      const { user, system } = process.cpuUsage(spent);
      const late_ms = performance.now() - at - LOOK_MS - (user + system) / 1000;
      // A timer is a millisecond or two late on any machine.
      if (late_ms <= 2) continue;
      this.#starved_ms += late_ms;
      this.#late_ms = Math.max(this.#late_ms, late_ms);
    }
  }

  async #ping(url: string): Promise<void> {
    const client = createClient({
      url,
      disableOfflineQueue: true,
      socket: { reconnectStrategy: () => 100 },
    });
    client.on("error", () => {});
    await client.connect();
    while (!this.#closed) {
      const sent = instant();
      await Promise.race([client.ping().catch(() => null), Bun.sleep(PING_MAX_MS)]);
      this.#trip_ms = Math.max(this.#trip_ms, instant() - sent);
      await Bun.sleep(LOOK_MS);
    }
    client.destroy();
  }
}
