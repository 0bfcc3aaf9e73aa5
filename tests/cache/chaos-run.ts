/**
 * The cache under real faults: four processes over a real Redis and a real PostgreSQL write and read versioned rows
 * while one thing after the other breaks, and a checker that knows when each version was committed and acknowledged
 * holds every answer to the promise of its class.
 *
 *     bun run chaos cache [--minutes N] [--seed S] [--cluster]
 *
 * Without minutes: every fault once. The same seed gives the same faults in the same order; the scheduling of the
 * machine is its own.
 */
import type { CacheStats } from "../../src/platform/cache/index.ts";
import type { HoleName } from "../../src/platform/cache/types.ts";
import { Checker } from "./chaos/checker.ts";
import { clusterFaults } from "./chaos/cluster.ts";
import { FAULTS, type Fault, type Hands } from "./chaos/faults.ts";
import { Fleet, type FleetFigures } from "./chaos/fleet.ts";
import { instant } from "./chaos/instant.ts";
import { Machine } from "./chaos/machine.ts";
import { measureCommands, measureHerds } from "./chaos/measures.ts";
import { ROWS, type Settings } from "./chaos/messages.ts";
import { type ChaosPostgres, startChaosPostgres } from "./chaos/postgres.ts";
import { seeded, shuffled } from "./chaos/random.ts";
import { type ChaosRedis, startChaosRedis } from "./chaos/redis.ts";
import { addVerdict, noTotal, roundLine, type Total, totalLine, wrongFigures } from "./chaos/report.ts";
import { connect } from "../helpers/database.ts";
import { startRedisCluster, type TestCluster } from "../helpers/redis-cluster.ts";

const WORKERS = 4;
/** From the end of a fault until everyone is answered from the cache again. */
const BACK_MAX_MS = 5000;
/** A process, or the way to Redis, that is later than this belongs to a machine that is busy with something else. */
const QUIET_MS = 25;
/** As long as a lease and a report. */
const SETTLED_MS = 1100;
const CALM_MS = 700;
const WITNESS_MS = 25;
/** A process with little room: its answers come from Redis more often. */
const L1_BYTES = [8_000_000, 8_000_000, 24_000, 48_000] as const;
/** Nobody's clock is right. */
const SKEW_MS = [0, 900_000, -900_000, 77_000] as const;

export type ChaosOptions = Readonly<{
  seed: number;
  /** The faults go round until then, in an order of the seed; default: once through. */
  minutes?: number | undefined;
  hold_max_ms?: number | undefined;
  /** Those too that take long. */
  long?: boolean | undefined;
  /** Only faults whose name contains one of these. */
  only?: readonly string[] | undefined;
  cache?: Settings["cache"] | undefined;
  /** Parts of the cache to leave out. */
  holes?: readonly HoleName[] | undefined;
  /** Three masters with a replica each instead of a single Redis, and what may befall those. */
  cluster?: boolean | undefined;
  print?: ((line: string) => void) | undefined;
}>;

/** `failures`: everything that must not have happened, in words; empty when all held. */
export type ChaosOutcome = Readonly<Total> & Readonly<{ failures: readonly string[] }>;

type Servers = Readonly<{
  postgres: ChaosPostgres;
  redis: ChaosRedis;
  other: ChaosRedis;
  cluster: TestCluster | null;
}>;

/** Runs it all on servers of its own. */
export async function runCacheChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const began = instant();
  const [postgres, redis, other, cluster] = await Promise.all([
    startChaosPostgres(),
    startChaosRedis(),
    startChaosRedis(),
    options.cluster === true ? startRedisCluster({ replicas: true }) : null,
  ]);
  const run = new Run(options, { postgres, redis, other, cluster });
  try {
    return await run.all(began);
  } finally {
    await run.close();
    await Promise.all([redis.stop(), other.stop(), cluster?.stop()]);
    await postgres.stop();
  }
}

class Run {
  readonly #options: ChaosOptions;
  readonly #servers: Servers;
  readonly #checker = new Checker();
  readonly #fleet = new Fleet(this.#checker);
  readonly #random: () => number;
  readonly #print: (line: string) => void;
  readonly #failures: string[] = [];
  readonly #total = noTotal();
  #machine: Machine | null = null;
  #ports: number[] = [];
  #closed = false;
  #watching: Promise<unknown> = Promise.resolve();

  constructor(options: ChaosOptions, servers: Servers) {
    this.#options = options;
    this.#servers = servers;
    this.#random = seeded(options.seed);
    this.#print = options.print ?? ((line) => console.log(line));
  }

  /** `began`: the minutes count from then. */
  async all(began: number): Promise<ChaosOutcome> {
    const { seed, minutes, only, cache = "two-tier", holes = [], long = false } = this.#options;
    const without = holes.length === 0 ? "" : ` without ${holes.join(", ")}`;
    this.#print(`cache chaos, seed ${seed}, ${WORKERS} workers, ${cache}${without}`);
    await this.#begin();
    const { cluster } = this.#servers;
    if (cache === "two-tier" && only === undefined && cluster === null) await this.#measure();
    this.#fleet.traffic(true, true);
    await this.#back("at the start");
    const faults = cluster === null ? FAULTS : clusterFaults(cluster);
    const chosen = faults.filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
    if (chosen.length === 0) throw new Error(`no fault is named like "${only?.join('" or "')}"`);
    const possible = chosen.filter((fault) => long || only !== undefined || fault.long !== true);
    const until = began + (minutes ?? 0) * 60_000;
    do {
      for (const fault of minutes === undefined ? possible : shuffled(possible, this.#random)) {
        await this.#round(fault);
        if (minutes !== undefined && instant() > until) break;
      }
    } while (minutes !== undefined && instant() < until);
    await this.#end();
    return { ...this.#total, failures: [...this.#failures, ...this.#fleet.faults] };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#fleet.close();
    await this.#machine?.close();
    await this.#watching;
  }

  async #begin(): Promise<void> {
    const sql = connect(this.#servers.postgres.url);
    await sql`create table public.chaos_rows (id int primary key, version bigint not null default 1)`;
    await sql`insert into public.chaos_rows (id) select generate_series(0, ${ROWS - 1}::int)`;
    await sql.close();
    const targets = Array.from({ length: WORKERS + 1 }, () => this.#servers.redis.port);
    this.#ports = await this.#fleet.listen(targets, this.#options.seed);
    for (let worker = 0; worker < WORKERS; worker += 1) await this.#fleet.start(this.#settings(worker));
    this.#machine = new Machine(`redis://127.0.0.1:${this.#ports[WORKERS]}`);
    this.#machine.start();
    this.#watching = this.#watch();
    await this.#back("before anything is asked", () => this.#fleet.live);
  }

  #settings(worker: number): Settings {
    const { cluster, postgres } = this.#servers;
    return {
      worker,
      seed: Math.floor(this.#random() * 2 ** 32),
      cache: this.#options.cache ?? "two-tier",
      redis_urls: cluster?.urls ?? [`redis://127.0.0.1:${this.#ports[worker]}`],
      cluster: cluster !== null,
      database_url: postgres.url,
      l1_max_bytes: L1_BYTES[worker] ?? 8_000_000,
      holes: this.#options.holes ?? [],
      skew_ms: SKEW_MS[worker] ?? 0,
    };
  }

  /** A connection that only looks: what it has seen was committed before, whoever wrote it and then died. */
  async #watch(): Promise<void> {
    let sql = connect(this.#servers.postgres.url);
    while (!this.#closed) {
      try {
        const rows = (await sql`select id, version::int as version from public.chaos_rows`) as {
          id: number;
          version: number;
        }[];
        const now = instant();
        for (const { id, version } of rows) this.#checker.committed(id, version, now);
      } catch {
        // The database is away.
        await sql.close({ timeout: 0 }).catch(() => {});
        sql = connect(this.#servers.postgres.url);
      }
      await Bun.sleep(WITNESS_MS);
    }
    await sql.close();
  }

  /**
   * Waits until every worker answers from the cache and goes on to for longer than a lease: an old one may outlive its
   * fault. How long it took until then, which must not be over five seconds, and what the machine took away of them.
   */
  async #back(when: string, back = (): boolean => this.#fleet.serving): Promise<number> {
    const began = instant();
    const starved = this.#machine?.starved_ms ?? 0;
    const allowed = (): number => BACK_MAX_MS + (this.#machine?.starved_ms ?? 0) - starved;
    let last = began;
    for (let now = began; now - last < SETTLED_MS; now = instant()) {
      await Bun.sleep(10);
      if (!back()) last = instant();
      if (last - began > 4 * allowed()) throw new Error(`not all answer from the cache again: ${when}`);
    }
    if (last - began > allowed())
      this.#failures.push(`answered from the cache after ${(last - began).toFixed(0)} ms: ${when}`);
    return last - began;
  }

  async #measure(): Promise<void> {
    for (const measure of [measureHerds, measureCommands]) {
      const { lines, failures } = await measure(this.#fleet, this.#servers.redis);
      for (const line of lines) this.#print(line);
      this.#failures.push(...failures);
    }
  }

  /** Calm, then the fault, then calm again; then everything seen meanwhile is judged. */
  async #round(fault: Fault): Promise<void> {
    const { fleet } = this.#hands;
    fleet.traffic(true, true);
    const calm = instant();
    fleet.take();
    this.#machine?.reset();
    await Bun.sleep(CALM_MS);
    const before = fleet.take();
    const began = instant();
    this.#judgeCalm(before, calm, began, fault.name);
    this.#machine?.reset();
    await fault.run(this.#hands);
    const lasted = instant() - began;
    const recovery = await this.#back(fault.name);
    await fleet.barrier();
    await Bun.sleep(2 * WITNESS_MS);
    const verdict = this.#checker.judge();
    await this.#outboxEmpties(fault.name);
    const during = fleet.take();
    const late_ms = this.#machine?.late_ms ?? 0;
    const wrong = [...addVerdict(this.#total, verdict), ...wrongFigures(during, fault, late_ms)];
    this.#failures.push(...wrong.map((what) => `${what}: ${fault.name}`));
    this.#roomKept(fault.name);
    this.#print(roundLine(fault.name, { lasted, recovery, verdict, before, during }));
    for (const detail of verdict.details) this.#print(`    ${detail}`);
  }

  /** Whether nothing failed and nobody was late, so that what is promised for then holds; a lease has no reason to end. */
  #judgeCalm(before: FleetFigures, from: number, until: number, next: string): void {
    if (Math.max(before.lag_ms, this.#machine?.trip_ms ?? 0) > QUIET_MS) return;
    if (before.apart === 0) {
      this.#checker.healthy(from, until);
      this.#total.calm += 1;
    } else this.#failures.push(`a lease ended though nothing failed: before ${next}`);
  }

  get #hands(): Hands {
    return {
      fleet: this.#fleet,
      ...this.#servers,
      random: this.#random,
      hold_max_ms: this.#options.hold_max_ms ?? 2500,
      databaseBack: () => this.#databaseBack(),
      revive: async (index) => {
        const worker = await this.#fleet.start(this.#settings(index));
        worker.send({ do: "traffic", reads: true, writes: true });
      },
    };
  }

  async #databaseBack(): Promise<void> {
    const deadline = instant() + 2 * BACK_MAX_MS;
    for (let last = instant(); instant() - last < 500; await Bun.sleep(20)) {
      if (this.#fleet.failing) last = instant();
      if (last > deadline) throw new Error("the database does not answer everyone again");
    }
  }

  /** Nothing that was written is left for anyone to deliver. */
  async #outboxEmpties(when: string): Promise<void> {
    if (this.#options.cache === "plain") return;
    const sql = connect(this.#servers.postgres.url);
    const deadline = instant() + BACK_MAX_MS;
    for (;;) {
      const [row] = await sql`select count(*)::int as n from core.cache_outbox
        where at < clock_timestamp() - interval '1 second'`;
      if (row.n > 0 && instant() < deadline) await Bun.sleep(50);
      else {
        if (row.n > 0) this.#failures.push(`${row.n} rows stay in the outbox: ${when}`);
        return sql.close();
      }
    }
  }

  #roomKept(when: string): void {
    for (const { state, index } of this.#fleet.workers) {
      if (state !== null && state.l1_bytes > (L1_BYTES[index] ?? 0))
        this.#failures.push(`L1 of worker ${index} holds ${state.l1_bytes} bytes: ${when}`);
    }
  }

  async #end(): Promise<void> {
    if (this.#options.cache !== "plain") await this.#settle();
    const { answered, undelivered } = this.#fleet.writes;
    this.#print(
      `${totalLine(this.#total)}; ${answered} writes answered (${undelivered} left to the relay); ` +
        `${this.#fleet.faults.length + this.#failures.length} failures, seed ${this.#options.seed}`,
    );
  }

  /** Nobody waits any more, nothing is under way; and hits + misses + bypasses = lookups, over all replicas. */
  async #settle(): Promise<void> {
    const { workers } = this.#fleet;
    this.#fleet.traffic(false, false);
    // What replicas tell of themselves is a second old.
    await Bun.sleep(1500);
    await this.#fleet.barrier();
    const all = (await Promise.all(workers.map((worker) => worker.ask({ do: "figures" })))) as CacheStats[];
    for (const [at, { gauges }] of all.entries()) {
      const { flights, loads_running, loads_waiting } = gauges;
      const left = { flights, loads_running, loads_waiting, in_flight: workers[at]?.state?.in_flight ?? 0 };
      if (Object.values(left).some((count) => count > 0))
        this.#failures.push(`worker ${at} has not come to rest: ${JSON.stringify(left)}`);
    }
    const [stats] = all;
    if (stats === undefined) return;
    for (const [name, row] of Object.entries(stats.definitions)) {
      if (row.hits + row.misses + row.bypassed !== row.lookups)
        this.#failures.push(`the sum rule does not hold for ${name}: ${JSON.stringify(row)}`);
    }
  }
}
