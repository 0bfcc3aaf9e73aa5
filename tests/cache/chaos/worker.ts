/**
 * One replica of the chaos run, a process of its own: reads and writes rows through a cache as it is told over IPC, and
 * reports what it was answered. Nothing is judged here but what only this process can know: that it never serves
 * itself anything older than its own write.
 */
import { createDatabase } from "../../../src/platform/db/database.ts";
import { DatabaseUnavailable } from "../../../src/platform/db/errors.ts";
import type { Statement } from "../../../src/platform/db/statement.ts";
import { silentLog } from "../../helpers/cache-order.ts";
import { instant } from "./instant.ts";
import {
  type Command,
  HOT_ROWS,
  OVERHEAD_MS,
  type Report,
  ROWS,
  type RowClass,
  CLASSES,
  type Seen,
  type Settings,
  type WalkResult,
} from "./messages.ts";
import { plainSubject } from "./plain.ts";
import { between, seeded } from "./random.ts";
import { type Answer, isRefusal, type Subject, twoTierSubject } from "./subject.ts";

const TICK_MS = 4;
const LOOKUPS_PER_TICK = 12;
const IN_FLIGHT_MAX = 60;
const REPORT_MS = 50;
/** A timer may be this late before what a process measures of others counts for nothing. */
const LATE_MS = 10;

const readRow: Statement<{ row: number }, { text: string }> = {
  name: "chaos/read_row",
  text: `select '{"version":' || version || ',"pad":"' || repeat(md5(id::text), case when id % 8 = 0 then 200 else 1 end) || '"}' as text
    from public.chaos_rows where id = $1::int`,
  parameters: ["row"],
};
const writeRow: Statement<
  { row: number; tags: readonly string[] },
  { version: string; outbox_id: string | null }
> = {
  name: "chaos/write_row",
  text: `with written as (update public.chaos_rows set version = version + 1 where id = $1::int returning version)
    select version::text as version, core.invalidate($2::text[])::text as outbox_id from written`,
  parameters: ["row", "tags"],
};

const say = (report: Report): void => void process.send?.(report);
const errorText = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ""}` : String(error);

process.on("unhandledRejection", (error) => say({ say: "fault", what: `unhandled: ${errorText(error)}` }));
process.on("uncaughtException", (error) => say({ say: "fault", what: `uncaught: ${errorText(error)}` }));

class Worker {
  readonly #random: () => number;
  readonly #database;
  readonly #subject: Promise<Subject>;
  /** Versions that this process has itself made and covered. */
  readonly #own = new Map<number, number>();
  #seen = new Map<number, { -readonly [K in keyof Seen]: Seen[K] }>();
  readonly #pending = new Set<number>();
  #overhead = OVERHEAD_MS.map(() => 0).concat(0);
  #loadTimes = new Map<number, number>();
  #lag_ms = 0;
  #lateUntil = 0;
  #due = performance.now();
  #refused = 0;
  #unavailable = 0;
  #writing = false;
  #reading: (() => void) | null = null;

  constructor(settings: Settings) {
    this.#random = seeded(settings.seed);
    this.#database = createDatabase({
      url: settings.database_url,
      fast_max: 4,
      write_max: 4,
      report_max: 1,
      queue_max: 512,
      slow_query_ms: 10_000,
      replica: `chaos-${settings.worker}`,
      log: silentLog,
    });
    const load = (row: number): Promise<string> => this.#load(row);
    const late = (): boolean => this.#isLate(performance.now());
    this.#subject =
      settings.cache === "plain"
        ? plainSubject(settings.redis_urls[0] ?? "", load)
        : Promise.resolve(twoTierSubject(settings, this.#database, load, late));
    this.#watchLoop();
    setInterval(() => void this.#report(), REPORT_MS);
  }

  traffic(reads: boolean, writes: boolean): void {
    this.#reading?.();
    this.#reading = null;
    if (reads) {
      const timer = setInterval(() => void this.#read(), TICK_MS);
      this.#reading = () => clearInterval(timer);
    }
    const began = writes && !this.#writing;
    this.#writing = writes;
    if (began) for (const kind of CLASSES) void this.#writeOn(kind);
  }
  /** What was seen is on its way before the answer is. */
  async flush(): Promise<void> {
    await this.#report();
  }

  async #read(): Promise<void> {
    const subject = await this.#subject;
    for (let count = 0; count < LOOKUPS_PER_TICK && this.#pending.size < IN_FLIGHT_MAX; count += 1) {
      const share = this.#random();
      this.#lookup(subject, Math.floor(share * share * ROWS));
    }
  }

  #lookup(subject: Subject, row: number): void {
    const own = this.#own.get(row) ?? 0;
    const asked = { began: instant(), own, apart: subject.apart(row) };
    const { began } = asked;
    const answer = subject.get(row);
    if (!(answer instanceof Promise)) return this.#saw(row, answer, asked);
    const id = began + row / 1e6;
    this.#pending.add(id);
    answer
      .then(
        (found) => {
          this.#saw(row, found, asked);
          const loaded = found.from === "load" || found.from === "bypass";
          const load_ms = (loaded ? (this.#loadTimes.get(row) ?? 0) : 0) + (found.awaited_ms ?? 0);
          this.#measure(instant() - began - load_ms, found);
        },
        (error: unknown) => {
          // A process that was stopped for longer than its queries may take has lost them: the load's error, not the cache's.
          const stopped = error instanceof DatabaseUnavailable && this.#isLate(performance.now());
          if (isRefusal(error) || stopped) this.#refused += 1;
          else if (error instanceof DatabaseUnavailable) this.#unavailable += 1;
          else say({ say: "fault", what: `a lookup failed: ${errorText(error)}` });
        },
      )
      .finally(() => this.#pending.delete(id));
  }

  #saw(row: number, answer: Answer, asked: { began: number; own: number; apart: boolean }): void {
    const { began, own } = asked;
    const apart = asked.apart || answer.reason === "not_live";
    const from = answer.reason === undefined ? answer.from : `${answer.from}/${answer.reason}`;
    if (answer.version < own) {
      const what = `own write lost: row ${row} version ${answer.version} from ${from}, own ${own}`;
      say({ say: "fault", what });
    }
    const key = (answer.version * ROWS + row) * 2 + Number(apart);
    const seen = this.#seen.get(key);
    if (seen === undefined)
      this.#seen.set(key, { row, version: answer.version, began, lookups: 1, from, apart });
    else {
      seen.lookups += 1;
      if (began > seen.began) [seen.began, seen.from] = [began, from];
    }
  }

  /** Time beside the load, its own or another process's; nothing where this process was late, or shared its own load. */
  #measure(spent_ms: number, answer: Answer): void {
    if (this.#isLate(performance.now()) || answer.from === "shared") return;
    const own_ms = Math.max(spent_ms, 0);
    let at = OVERHEAD_MS.findIndex((limit) => own_ms <= limit);
    if (at < 0) at = OVERHEAD_MS.length;
    this.#overhead[at] = (this.#overhead[at] ?? 0) + 1;
  }

  /** Now and then slow after its read: that is when a bump passes a load. */
  async #load(row: number): Promise<string> {
    const began = instant();
    const [found] = await this.#database.fast.query(readRow, { row });
    if (this.#random() < 0.1) await Bun.sleep(between(this.#random, 1, 80));
    this.#loadTimes.set(row, instant() - began);
    return found?.text ?? "null";
  }

  async #writeOn(kind: RowClass): Promise<void> {
    while (this.#writing) {
      await Bun.sleep(between(this.#random, 20, 400));
      if (!this.#writing) return;
      const rows = this.#random() < 0.4 ? HOT_ROWS : ROWS;
      const row = Math.floor(this.#random() * (rows / 3)) * 3 + CLASSES.indexOf(kind);
      // The answer of an awaited write may take a second; others do not wait for it.
      void this.write(row).catch((error: unknown) => {
        // Whether it was committed nobody knows; if it was, the outbox has its row.
        if (error instanceof DatabaseUnavailable) this.#unavailable += 1;
        else say({ say: "fault", what: `a write failed: ${errorText(error)}` });
      });
    }
  }

  async write(row: number, die = false): Promise<void> {
    const subject = await this.#subject;
    const tags = subject.tags(row);
    const [written] = await this.#database.write.query(writeRow, { row, tags });
    if (die) process.kill(process.pid, "SIGKILL");
    const at = instant();
    const version = Number(written?.version);
    const done = subject.invalidate(row, BigInt(written?.outbox_id ?? 0));
    this.#own.set(row, Math.max(version, this.#own.get(row) ?? 0));
    say({ say: "committed", row, version, at });
    const { delivered } = await done;
    say({ say: "answered", row, version, at: instant(), delivered });
  }

  async herd(command: Command & { do: "herd" }): Promise<unknown> {
    const subject = await this.#subject;
    await Bun.sleep(Math.max(command.at - instant(), 0));
    return subject.herd(command.key, command.callers, command.load_ms);
  }

  async fail(command: Command & { do: "fail" }): Promise<unknown> {
    const subject = await this.#subject;
    await Bun.sleep(Math.max(command.at - instant(), 0));
    return subject.fail(command.callers);
  }

  /** Rows one after the other, again and again. */
  async walk(command: Command & { do: "walk" }): Promise<WalkResult> {
    const subject = await this.#subject;
    const from: Record<string, number> = {};
    const began = performance.now();
    for (let time = 0; time < command.times; time += 1) {
      for (let row = command.from; row < command.from + command.keys; row += 1) {
        const answer = await subject.get(row);
        from[answer.from] = (from[answer.from] ?? 0) + 1;
      }
    }
    return { from, milliseconds: performance.now() - began };
  }

  async figures(): Promise<unknown> {
    return (await this.#subject).figures();
  }
  async stepClock(by_ms: number): Promise<void> {
    (await this.#subject).stepClock(by_ms);
  }
  async clear(): Promise<void> {
    await (await this.#subject).clear();
  }
  async close(): Promise<void> {
    this.traffic(false, false);
    await (await this.#subject).close();
    await this.#database.close();
  }

  #watchLoop(): void {
    setInterval(() => {
      const now = performance.now();
      const lag = now - this.#due;
      this.#lag_ms = Math.max(this.#lag_ms, lag);
      if (lag > LATE_MS) this.#lateUntil = now + 200;
      this.#due = now + 5;
    }, 5);
  }

  /** Whether this process was held up just now: what then takes long says nothing of the cache. */
  #isLate(now: number): boolean {
    return now < this.#lateUntil || now - this.#due > LATE_MS;
  }

  async #report(): Promise<void> {
    const subject = await this.#subject;
    const seen = [...this.#seen.values()];
    this.#seen = new Map();
    const now = instant();
    const oldest = Math.min(now, ...this.#pending);
    say({
      say: "seen",
      seen,
      state: {
        at: now,
        live: subject.live(),
        relays: subject.relays(),
        lag_ms: this.#lag_ms,
        in_flight: this.#pending.size,
        oldest_ms: now - oldest,
        l1_bytes: subject.l1Bytes(),
        calls: subject.takeCalls(),
        overhead: this.#overhead,
        refused: this.#refused,
        unavailable: this.#unavailable,
      },
    });
    this.#lag_ms = 0;
    this.#refused = 0;
    this.#unavailable = 0;
    this.#overhead = OVERHEAD_MS.map(() => 0).concat(0);
  }
}

let worker: Worker | null = null;

// Nobody is left to report to.
process.on("disconnect", () => process.exit(1));
process.on("message", (message: Command) => {
  void obey(message).catch((error: unknown) =>
    say({ say: "fault", what: `${message.do}: ${errorText(error)}` }),
  );
});

async function obey(command: Command): Promise<void> {
  if (command.do === "start") {
    worker = new Worker(command.settings);
    return say({ say: "ready" });
  }
  if (worker === null) throw new Error("not started");
  const { do: what } = command;
  if (what === "traffic") return worker.traffic(command.reads, command.writes);
  if (what === "die_after_commit") return worker.write(command.row, true);
  if (what === "step_clock") return worker.stepClock(command.by_ms);
  let result: unknown = null;
  if (what === "barrier") await worker.flush();
  else if (what === "herd") result = await worker.herd(command);
  else if (what === "fail") result = await worker.fail(command);
  else if (what === "walk") result = await worker.walk(command);
  else if (what === "figures") result = await worker.figures();
  else if (what === "clear") await worker.clear();
  else if (what === "close") await worker.close();
  say({ say: "done", id: command.id, result });
}
