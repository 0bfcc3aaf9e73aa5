import type { Log } from "../platform/log.ts";
import { type Child, stopChild } from "./child.ts";

export type KeptOptions = Readonly<{
  name: string;
  log: Log;
  /** Starts the program; settles when it serves. Rejects when it ended before, or took too long; it is then gone. */
  start: () => Promise<Child>;
  /** How it is asked to stop; SIGTERM when nothing is said. */
  stop_signal?: NodeJS.Signals;
  /** How long it may take to stop. */
  grace_ms: number;
}>;

/** A program that served this long was well: its end is an accident, and it starts again at once. */
const WELL_AFTER_MS = 1_000;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 10_000;

/**
 * Keeps one program running. One that ends by itself is started again: at once when it had been well, else after a
 * pause that doubles, so that a program that cannot start does not keep the machine busy.
 */
export class Kept {
  readonly name: string;
  readonly #options: KeptOptions;
  #child: Child | null = null;
  #stopping = Promise.withResolvers<void>();
  #is_stopping = false;
  #restarts = 0;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: KeptOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** What serves now; null while it is being started again. */
  get child(): Child | null {
    return this.#child;
  }
  /** How often it was started again after it had ended by itself. */
  get restarts(): number {
    return this.#restarts;
  }

  /** The first start. @throws what `start` does */
  async begin(): Promise<void> {
    this.#adopt(await this.#options.start());
  }

  /** Starts another one, and stops the former when the new one serves. @throws what `start` does; the former then stays */
  async replace(start: () => Promise<Child> = this.#options.start): Promise<void> {
    const next = await start();
    // Only now: meanwhile it may have ended, and been started again.
    const former = this.#child;
    this.#adopt(next);
    if (former !== null) await this.#stop(former);
  }

  async stop(): Promise<void> {
    this.#is_stopping = true;
    this.#stopping.resolve();
    // One that is just being started again is stopped when it is there.
    await this.#loop;
    if (this.#child !== null) await this.#stop(this.#child);
  }

  #stop(child: Child): Promise<void> {
    const { stop_signal = "SIGTERM", grace_ms } = this.#options;
    return stopChild(child, { signal: stop_signal, grace_ms });
  }

  #adopt(child: Child): void {
    this.#child = child;
    const began_ms = performance.now();
    void child.ended.then((how) => {
      // Not the one that serves: it was replaced and told to end.
      if (this.#child !== child || this.#is_stopping) return;
      this.#child = null;
      const served_ms = performance.now() - began_ms;
      this.#options.log.error({ program: this.name, pid: child.pid, ended: how }, "ended by itself");
      this.#loop = this.#startAgain(served_ms >= WELL_AFTER_MS ? 0 : BACKOFF_MIN_MS);
    });
  }

  async #startAgain(first_pause_ms: number): Promise<void> {
    let pause_ms = first_pause_ms;
    while (!this.#is_stopping) {
      if (pause_ms > 0) await Promise.race([Bun.sleep(pause_ms), this.#stopping.promise]);
      if (this.#is_stopping || this.#child !== null) return;
      try {
        this.#adopt(await this.#options.start());
        this.#restarts += 1;
        this.#options.log.info({ program: this.name, restarts: this.#restarts }, "started again");
        return;
      } catch (error) {
        pause_ms = Math.min(Math.max(pause_ms * 2, BACKOFF_MIN_MS), BACKOFF_MAX_MS);
        this.#options.log.error({ program: this.name, err: error, again_in_ms: pause_ms }, "does not start");
      }
    }
  }
}
