import { join } from "node:path";
import type { Subprocess } from "bun";
import type { Checker } from "./checker.ts";
import { instant } from "./instant.ts";
import {
  type Command,
  OVERHEAD_MS,
  type Report,
  type Seen,
  type Settings,
  type WorkerState,
} from "./messages.ts";
import { startNetwork } from "./network.ts";
import type { LinkMode } from "./proxy-process.ts";

const ANSWER_MAX_MS = 15_000;
/** Of its lookups a worker that is well finds most; one with hardly any room still so many. */
const HITS_MIN = 0.2;
const program = (name: string): string[] => [process.execPath, join(import.meta.dir, name)];

type WithoutId<C> = C extends { id: number } ? Omit<C, "id"> : never;
export type Question = WithoutId<Command>;

/** One worker process and what it said last. */
export class WorkerHandle {
  readonly index: number;
  state: WorkerState | null = null;
  stopped = false;
  /** Of the lookups last reported, the share that found something. */
  hits = 0;
  readonly #child: Subprocess;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #ready: () => void = () => {};
  #ids = 0;
  /** Set when it was us who ended it. */
  #ending = false;

  constructor(settings: Settings, fleet: Fleet) {
    this.index = settings.worker;
    this.#child = Bun.spawn(program("worker.ts"), {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      ipc: (report: Report) => this.#take(report, fleet),
      onExit: (_, code, signal) => {
        if (!this.#ending && String(signal) !== "9" && String(signal) !== "SIGKILL")
          fleet.fault(`worker ${this.index} ended by itself (${code}, ${signal})`);
      },
    });
    this.send({ do: "start", settings });
  }

  get pid(): number {
    return this.#child.pid;
  }
  get live(): boolean {
    return this.state?.live === true;
  }

  /** Lookups are answered from the cache, and not because nothing better is to be had. */
  get serving(): boolean {
    return this.live && this.hits >= HITS_MIN;
  }
  count(seen: readonly Seen[]): void {
    let [all, hits] = [0, 0];
    for (const { from, lookups } of seen) {
      all += lookups;
      if (from === "l1" || from === "l2") hits += lookups;
    }
    this.hits = all === 0 ? 0 : hits / all;
  }

  ready(): Promise<void> {
    return new Promise((resolve) => (this.#ready = resolve));
  }
  send(command: Command): void {
    this.#child.send(command);
  }

  ask(question: Question): Promise<unknown> {
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`worker ${this.index} does not answer ${question.do}`)),
        ANSWER_MAX_MS,
      );
      this.#waiting.set(id, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      this.send({ ...question, id });
    });
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.stopped = signal === "SIGSTOP";
    this.#child.kill(signal);
  }
  async exited(): Promise<void> {
    await this.#child.exited;
  }
  async kill(): Promise<void> {
    this.#ending = true;
    this.state = null;
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  #take(report: Report, fleet: Fleet): void {
    if (report.say === "done") {
      this.#waiting.get(report.id)?.(report.result);
      this.#waiting.delete(report.id);
    } else if (report.say === "ready") this.#ready();
    else if (report.say === "committed") fleet.checker.written(report.row, report.version, report.at);
    else if (report.say === "answered") {
      const by = `worker ${this.index}${report.delivered ? "" : ", undelivered"}`;
      fleet.checker.acknowledged(report.row, report.version, report.at, by);
      fleet.writes.answered += 1;
      if (!report.delivered) fleet.writes.undelivered += 1;
    } else if (report.say === "fault") fleet.fault(`worker ${this.index}: ${report.what}`);
    else {
      this.state = report.state;
      fleet.heard(this, report);
    }
  }
}

/** Latencies and calls of all workers since the last look. */
export type FleetFigures = {
  overhead: number[];
  calls: number;
  call_max_ms: number;
  calls_late: number;
  refused: number;
  unavailable: number;
  lag_ms: number;
  /** Reports that said the cache is not live. */
  apart: number;
  from: Record<string, number>;
};

const noFigures = (): FleetFigures => ({
  overhead: OVERHEAD_MS.map(() => 0).concat(0),
  calls: 0,
  call_max_ms: 0,
  calls_late: 0,
  refused: 0,
  unavailable: 0,
  lag_ms: 0,
  apart: 0,
  from: {},
});

/** All workers, and the network between them and Redis. */
export class Fleet {
  readonly checker: Checker;
  readonly workers: WorkerHandle[] = [];
  readonly faults: string[] = [];
  readonly writes = { answered: 0, undelivered: 0 };
  readonly #network = startNetwork();
  #figures = noFigures();
  /** Workers of whom it was said that a lookup does not end. */
  readonly #hung = new Set<WorkerHandle>();

  constructor(checker: Checker) {
    this.checker = checker;
  }

  /** Ports that lead to these, in order. */
  listen(targets: readonly number[], seed: number): Promise<number[]> {
    return this.#network.listen(targets, seed);
  }

  /** `cut` ends the connections that exist. */
  link(links: readonly number[], mode: LinkMode, cut = false): Promise<void> {
    return this.#network.link(links, mode, cut);
  }

  lead(links: readonly number[], target: number): Promise<void> {
    return this.#network.lead(links, target);
  }

  async start(settings: Settings): Promise<WorkerHandle> {
    const worker = new WorkerHandle(settings, this);
    this.workers[settings.worker] = worker;
    await worker.ready();
    return worker;
  }

  traffic(reads: boolean, writes: boolean, workers: readonly WorkerHandle[] = this.workers): void {
    for (const worker of workers) worker.send({ do: "traffic", reads, writes });
  }

  /** Everything that was seen until now has been reported afterwards. */
  async barrier(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.ask({ do: "barrier" })));
  }

  get live(): boolean {
    return this.workers.every((worker) => worker.live);
  }
  get serving(): boolean {
    return this.workers.every((worker) => worker.serving);
  }
  /** Someone's load or write was not answered by the database, as last reported. */
  get failing(): boolean {
    return this.workers.some(({ state }) => state === null || state.unavailable > 0);
  }
  relay(): WorkerHandle | null {
    return this.workers.find((worker) => worker.state?.relays === true) ?? null;
  }

  fault(what: string): void {
    this.faults.push(what);
    if (this.faults.length <= 3) console.error(`FAULT ${what}`);
  }

  heard(worker: WorkerHandle, report: Report & { say: "seen" }): void {
    const { state, seen } = report;
    this.checker.observed(worker.index, seen);
    const figures = this.#figures;
    for (const [at, count] of state.overhead.entries())
      figures.overhead[at] = (figures.overhead[at] ?? 0) + count;
    figures.calls += state.calls.calls;
    figures.call_max_ms = Math.max(figures.call_max_ms, state.calls.max_ms);
    figures.calls_late += state.calls.late;
    figures.refused += state.refused;
    figures.unavailable += state.unavailable;
    figures.lag_ms = Math.max(figures.lag_ms, state.lag_ms);
    if (!state.live) figures.apart += 1;
    worker.count(seen);
    for (const { from, lookups } of seen) figures.from[from] = (figures.from[from] ?? 0) + lookups;
    if (
      state.oldest_ms > 12_000 &&
      !worker.stopped &&
      instant() - state.at < 1000 &&
      !this.#hung.has(worker)
    ) {
      this.#hung.add(worker);
      this.fault(`worker ${worker.index}: a lookup is ${state.oldest_ms.toFixed(0)} ms old`);
    }
  }

  take(): FleetFigures {
    const figures = this.#figures;
    this.#figures = noFigures();
    return figures;
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill()));
    await this.#network.stop();
  }
}
