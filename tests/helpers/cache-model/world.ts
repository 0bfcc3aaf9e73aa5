import type fc from "fast-check";

type Timer = { at: number; made: number; process: Process | null; run: () => void };

/** Wall time of the world at its beginning. */
const BEGAN_WALL_MS = 1_700_000_000_000;
/** A world that does not come to an end within so many steps hangs. */
const STEPS_MAX = 200_000;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * True time, and everything that is on its way. Each thing that may happen next waits in a scheduler, time's next tick
 * among them, so that whoever holds the scheduler decides about every order. Without one, things happen in the order in
 * which they were sent, and time stands still until nothing is left to happen.
 */
export class World {
  /** True monotonic time, milliseconds. */
  now = 0;
  /** Order of all events, finer than time. */
  sequence = 0;
  readonly processes: Process[] = [];
  scheduler: fc.Scheduler | null = null;
  /** Lengths of the next ticks, used in turn. */
  ticks: readonly number[] = [5];
  /** Nothing that is on its way takes any time. */
  calm = false;
  #ticked = 0;
  #ticking = false;
  #timers: Timer[] = [];
  #made = 0;
  #tokens = 0;
  #queue: (() => void)[] = [];

  get wall(): number {
    return BEGAN_WALL_MS + this.now;
  }

  token(): string {
    this.#tokens += 1;
    return `t${this.#tokens}`;
  }

  /** Something that will happen, when its turn comes. */
  post(label: string, run: () => void): void {
    if (this.scheduler === null) this.#queue.push(run);
    else void this.scheduler.schedule(Promise.resolve(), label).then(run);
  }

  /** Runs after so much true time. For a process, in that process. */
  after(delay_ms: number, run: () => void, process: Process | null = null): () => void {
    const timer = { at: this.now + Math.max(delay_ms, 0), made: ++this.#made, process, run };
    let at = this.#timers.length;
    while (at > 0 && (this.#timers[at - 1] as Timer).at > timer.at) at -= 1;
    this.#timers.splice(at, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  }

  /** The timers of a process whose machine stood still for so long. */
  delay(process: Process, by_ms: number): void {
    for (const timer of this.#timers) if (timer.process === process) timer.at += by_ms;
    this.#timers.sort((a, b) => a.at - b.at || a.made - b.made);
  }

  /** Lets things happen until the condition holds. */
  async run(until: () => boolean): Promise<void> {
    for (let steps = 0; !until(); steps += 1) {
      if (steps > STEPS_MAX) throw new Error(`the world hangs at ${this.now} ms`);
      if (this.scheduler === null) this.#straight();
      else {
        this.#keepTicking();
        await this.scheduler.waitOne();
      }
      // What a step sets off may need a turn of the event loop (reads that are sent together).
      await turn();
      await turn();
    }
  }

  /** From now on the scheduler decides; null: the order of sending does. */
  hand(scheduler: fc.Scheduler | null): void {
    this.scheduler = scheduler;
    const waiting = this.#queue;
    this.#queue = [];
    for (const run of waiting) this.post("earlier", run);
  }

  /** Empties the scheduler into the queue, in an order of the scheduler's choice. */
  async takeBack(): Promise<void> {
    const scheduler = this.scheduler;
    if (scheduler === null) return;
    this.scheduler = null;
    this.#ticking = false;
    while (scheduler.count() > 0) {
      await scheduler.waitOne();
      await turn();
    }
  }

  #straight(): void {
    const next = this.#queue.shift();
    if (next !== undefined) next();
    else this.#advance((this.#timers[0]?.at ?? this.now + 100) - this.now);
  }

  #keepTicking(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.post("tick", () => {
      if (!this.#ticking) return;
      this.#ticking = false;
      const by = this.ticks[this.#ticked % this.ticks.length] ?? 1;
      if (this.calm && (this.scheduler?.count() ?? 0) > 0) return;
      this.#ticked += 1;
      this.#advance(by);
    });
  }

  /** Moves time on, at most to the next timer, and runs what is due. */
  #advance(by_ms: number): void {
    const next = this.#timers[0]?.at ?? Number.POSITIVE_INFINITY;
    this.now = Math.max(this.now, Math.min(this.now + by_ms, next));
    for (;;) {
      const due = this.#timers[0];
      if (due === undefined || due.at > this.now) return;
      this.#timers.shift();
      if (due.process === null) due.run();
      else due.process.deliver(due.run);
    }
  }
}

/** One process: it may stop and go on, be killed, and its clocks may be anything. */
export class Process {
  readonly name: string;
  readonly #world: World;
  paused = false;
  dead = false;
  /** Wall clock against true time. */
  wall_offset_ms = 0;
  #monotonic_offset_ms = 0;
  #stopped_at = 0;
  #machine = false;
  #inbox: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.#monotonic_offset_ms = 1000 * (1 + world.processes.length);
    world.processes.push(this);
  }

  readonly clock = {
    monotonic: (): number => this.#world.now + this.#monotonic_offset_ms,
    now: (): number => this.#world.wall + this.wall_offset_ms,
  };
  readonly timer = {
    after: (delay_ms: number, run: () => void): (() => void) => this.#world.after(delay_ms, run, this),
  };

  get runs(): boolean {
    return !this.paused && !this.dead;
  }

  /** Something reaches the process: now, when it goes on, or never. */
  deliver(run: () => void): void {
    if (this.dead) return;
    if (this.paused || this.#inbox.length > 0) this.#inbox.push(run);
    else run();
  }

  /** SIGSTOP; or the whole machine, whose monotonic clock then stands still. */
  stop(machine: boolean): void {
    if (!this.runs) return;
    this.paused = true;
    this.#machine = machine;
    this.#stopped_at = this.#world.now;
  }

  resume(): void {
    if (!this.paused || this.dead) return;
    this.paused = false;
    if (this.#machine) {
      const stood_ms = this.#world.now - this.#stopped_at;
      this.#monotonic_offset_ms -= stood_ms;
      this.#world.delay(this, stood_ms);
    }
    if (this.#inbox.length > 0) this.#wake();
  }

  #wake(): void {
    this.#world.post(`${this.name} wakes`, () => {
      if (!this.runs) return;
      this.#inbox.shift()?.();
      if (this.#inbox.length > 0) this.#wake();
    });
  }
}
