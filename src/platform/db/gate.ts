import { unavailable } from "./failures.ts";

export type JobState = "waiting" | "running" | "delayed" | "done";

/** One call on its way through a gate. The gate owns these fields; a lane adds what it needs to run the call. */
export abstract class Job {
  state: JobState = "waiting";
  entered_ms = 0;
  started_ms = 0;
  /** Neighbours in the order of entry, which is the order of deadlines. */
  previous: Job | null = null;
  next: Job | null = null;

  /** Whether its caller's leaving ends it while it runs; then it is also asked on entry. */
  abstract readonly abortable: boolean;

  /** Whether its caller has gone; asked at each sweep, so that no listener is needed per call. */
  abstract aborted(): boolean;
}

/** What the owner of a gate does with jobs. */
export interface GateOwner<J extends Job> {
  /** Starts a job if there is room; otherwise it waits, or is refused with the error returned. */
  start(job: J, now_ms: number): boolean | Error;
  /** A job ended without its own result: its deadline passed, its caller left, or it was refused. */
  ended(job: J, why: "deadline" | "aborted" | "refused", error: Error | null, was: JobState): void;
  /** Called at each sweep, after deadlines. */
  tick(now_ms: number): void;
}

export type GateOptions = Readonly<{
  queue_max: number;
  deadline_ms: number;
  /** How exactly deadlines are kept. One timer for the gate, none per job. */
  sweep_ms?: number;
}>;

const default_sweep_ms = 25;
/** A sweeper without jobs stops after this many sweeps, so that an idle process sleeps. */
const idle_sweeps_max = 40;

/**
 * Admission to a lane: a bounded queue, first come, first served, and one deadline for every job from its entry on.
 * It knows nothing of databases.
 */
export class Gate<J extends Job> {
  readonly #owner: GateOwner<J>;
  readonly #queue_max: number;
  readonly #deadline_ms: number;
  readonly #sweep_ms: number;
  /** Waiting jobs from `#head` on; jobs that ended meanwhile stay until they reach the head. */
  #queue: (J | undefined)[] = [];
  #head = 0;
  #waiting = 0;
  #first: Job | null = null;
  #last: Job | null = null;
  #sweeper: ReturnType<typeof setInterval> | null = null;
  #idle_sweeps = 0;
  #closed = false;

  constructor(owner: GateOwner<J>, options: GateOptions) {
    this.#owner = owner;
    this.#queue_max = options.queue_max;
    this.#deadline_ms = options.deadline_ms;
    this.#sweep_ms = options.sweep_ms ?? default_sweep_ms;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Whether any job has not ended. */
  get busy(): boolean {
    return this.#first !== null;
  }

  /** Takes a new job: it starts, waits, or is refused. */
  enter(job: J, now_ms: number): void {
    job.entered_ms = now_ms;
    if (this.#closed) return this.#owner.ended(job, "refused", unavailable("closed"), "waiting");
    if (job.abortable && job.aborted()) return this.#owner.ended(job, "aborted", null, "waiting");
    // Nobody overtakes those who wait.
    const started = this.#waiting === 0 && this.#owner.start(job, now_ms);
    if (started instanceof Error) return this.#owner.ended(job, "refused", started, "waiting");
    if (started) {
      job.started_ms = now_ms;
      job.state = "running";
    } else {
      if (this.#waiting >= this.#queue_max) {
        return this.#owner.ended(job, "refused", unavailable("overloaded"), "waiting");
      }
      this.#queue.push(job);
      this.#waiting++;
    }
    this.#link(job);
    this.#startSweeper();
  }

  /** Takes a job out for good: it has its result. */
  finish(job: J): void {
    if (job.state === "waiting") this.#waiting--;
    job.state = "done";
    this.#unlink(job);
  }

  /** Puts a started job back, before those who came after it; its deadline stays. */
  requeue(job: J): void {
    job.state = "waiting";
    this.#waiting++;
    if (this.#head > 0) this.#queue[--this.#head] = job;
    else this.#queue.unshift(job);
  }

  /** Takes a started job aside for a while. */
  delay(job: J, delay_ms: number): void {
    job.state = "delayed";
    setTimeout(() => {
      if (job.state !== "delayed") return;
      this.requeue(job);
      this.drain(performance.now());
    }, delay_ms);
  }

  /** Starts waiting jobs while there is room. */
  drain(now_ms: number): void {
    while (this.#waiting > 0) {
      const job = this.#peek();
      if (job === null) return;
      if (job.aborted()) {
        this.#end(job, "aborted", null);
        continue;
      }
      const started = this.#owner.start(job, now_ms);
      if (started === false) return;
      if (started === true) {
        this.#queue[this.#head++] = undefined;
        this.#waiting--;
        job.started_ms = now_ms;
        job.state = "running";
      } else {
        this.#end(job, "refused", started);
      }
    }
    this.#peek();
  }

  /** Refuses all that wait. */
  refuseWaiting(error: Error): void {
    for (let job = this.#peek(); job !== null; job = this.#peek()) this.#end(job, "refused", error);
  }

  /** No more entries; those who wait are refused, those who run go on. */
  close(): void {
    this.#closed = true;
    this.refuseWaiting(unavailable("closed"));
  }

  /** Stops the timer; only when nothing runs any more. */
  stop(): void {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  /** Ends what is past its deadline or was given up by its caller. Runs by itself; tests call it. */
  sweep(now_ms: number): void {
    for (
      let job = this.#first;
      job !== null && now_ms - job.entered_ms >= this.#deadline_ms;
      job = this.#first
    ) {
      this.#end(job as J, "deadline", unavailable("deadline"));
    }
    for (let job = this.#first; job !== null;) {
      const next: Job | null = job.next;
      if (job.aborted()) this.#end(job as J, "aborted", null);
      job = next;
    }
    this.#compact();
    this.#owner.tick(now_ms);
    this.drain(now_ms);
    if (this.#first !== null) this.#idle_sweeps = 0;
    else if (++this.#idle_sweeps >= idle_sweeps_max) this.stop();
  }

  #end(job: J, why: "deadline" | "aborted" | "refused", error: Error | null): void {
    const was = job.state;
    this.finish(job);
    this.#owner.ended(job, why, error, was);
  }

  /** The next waiting job; drops those that ended while they waited. */
  #peek(): J | null {
    while (this.#head < this.#queue.length) {
      const job = this.#queue[this.#head];
      if (job !== undefined && job.state === "waiting") return job;
      this.#queue[this.#head++] = undefined;
    }
    this.#queue.length = 0;
    this.#head = 0;
    return null;
  }

  /** Keeps the array as short as the queue, however long nothing is taken from it. */
  #compact(): void {
    if (this.#queue.length <= 2 * this.#waiting + 64) return;
    this.#queue = this.#queue.filter((job) => job?.state === "waiting");
    this.#head = 0;
  }

  #link(job: Job): void {
    job.previous = this.#last;
    job.next = null;
    if (this.#last === null) this.#first = job;
    else this.#last.next = job;
    this.#last = job;
  }

  #unlink(job: Job): void {
    if (job.previous === null) this.#first = job.next;
    else job.previous.next = job.next;
    if (job.next === null) this.#last = job.previous;
    else job.next.previous = job.previous;
    job.previous = null;
    job.next = null;
  }

  #startSweeper(): void {
    if (this.#sweeper !== null) return;
    this.#idle_sweeps = 0;
    this.#sweeper = setInterval(() => this.sweep(performance.now()), this.#sweep_ms);
    this.#sweeper.unref();
  }
}
