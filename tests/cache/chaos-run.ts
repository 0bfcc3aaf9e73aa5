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
import { createClient } from "redis";
import { Checker, STALE_HEALTHY_MS, STALE_MAX_MS, type Verdict } from "./chaos/checker.ts";
import { clusterFaults } from "./chaos/cluster.ts";
import { FAULTS, type Fault, type Hands } from "./chaos/faults.ts";
import { Fleet, type FleetFigures } from "./chaos/fleet.ts";
import { instant } from "./chaos/instant.ts";
import { measureCommands, measureHerds } from "./chaos/measures.ts";
import { OVERHEAD_MS, ROWS, type Settings } from "./chaos/messages.ts";
import { seeded } from "./chaos/random.ts";
import { type ChaosRedis, startChaosRedis } from "./chaos/redis.ts";
import { connect, createTestDatabase } from "../helpers/database.ts";
import { startRedisCluster, type TestCluster } from "../helpers/redis-cluster.ts";

const WORKERS = 4;
const LIVE_MAX_MS = 5000;
/** A process, or the way to Redis, that is later than this belongs to a machine that is busy with something else. */
const QUIET_MS = 25;
/** As long as a lease and a report. */
const SETTLED_MS = 1100;
const WITNESS_MS = 25;
/** What lookups may spend on anything but their load while Redis fails. */
const BESIDE_LOAD_P99_MS = 150;
/** A process with little room: its answers come from Redis more often. */
const L1_BYTES = [8_000_000, 8_000_000, 24_000, 48_000] as const;

export type ChaosOptions = Readonly<{
  seed: number;
  /** The faults go round until then; default: once through. */
  minutes?: number | undefined;
  hold_max_ms?: number | undefined;
  /** Only faults whose name contains this. */
  only?: string | undefined;
  cache?: Settings["cache"] | undefined;
  /** Three masters with a replica each instead of a single Redis, and what may befall those. */
  cluster?: boolean | undefined;
  print?: ((line: string) => void) | undefined;
}>;

export type ChaosOutcome = Readonly<{
  lookups: number;
  strict_stale: number;
  too_old: number;
  healthy_late: number;
  /** Stretches in which nothing failed and every process kept up: only those count for `healthy_late`. */
  calm: number;
  worst_bounded_ms: number;
  worst_healthy_ms: number;
  /** Everything that must not have happened, in words; empty when all held. */
  failures: readonly string[];
}>;

/** Runs it all on servers of its own, PostgreSQL excepted (TEST_DATABASE_URL). */
export async function runCacheChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const database = await createTestDatabase();
  const [redis, other] = [await startChaosRedis(), await startChaosRedis()];
  const cluster = options.cluster === true ? await startRedisCluster({ replicas: true }) : null;
  const run = new Run(options, database.url, redis, other, cluster);
  try {
    return await run.all();
  } finally {
    await run.close();
    await Promise.all([redis.stop(), other.stop(), cluster?.stop()]);
    await database.drop();
  }
}

class Run {
  readonly #options: ChaosOptions;
  readonly #database_url: string;
  readonly #redis: ChaosRedis;
  readonly #other: ChaosRedis;
  readonly #cluster: TestCluster | null;
  readonly #checker = new Checker();
  readonly #fleet = new Fleet(this.#checker);
  readonly #sql;
  readonly #witness;
  readonly #random: () => number;
  readonly #print: (line: string) => void;
  readonly #failures: string[] = [];
  readonly #total = {
    lookups: 0,
    strict_stale: 0,
    too_old: 0,
    healthy_late: 0,
    calm: 0,
    worst_bounded_ms: 0,
    worst_healthy_ms: 0,
  };
  #ports: number[] = [];
  #closed = false;
  /** Slowest way to Redis and back since the calm began. */
  #trip_ms = 0;
  #watching: Promise<unknown> = Promise.resolve();

  constructor(
    options: ChaosOptions,
    database_url: string,
    redis: ChaosRedis,
    other: ChaosRedis,
    cluster: TestCluster | null,
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#database_url = database_url;
    this.#redis = redis;
    this.#other = other;
    this.#sql = connect(database_url);
    this.#witness = connect(database_url);
    this.#random = seeded(options.seed);
    this.#print = options.print ?? ((line) => console.log(line));
  }

  async all(): Promise<ChaosOutcome> {
    const { seed, minutes, only, cache = "two-tier" } = this.#options;
    this.#print(`cache chaos, seed ${seed}, ${WORKERS} workers, ${cache}`);
    await this.#begin();
    if (cache === "two-tier" && only === undefined && this.#cluster === null) await this.#measure();
    const faults = this.#cluster === null ? FAULTS : clusterFaults(this.#cluster);
    const chosen = faults.filter(({ name }) => only === undefined || name.includes(only));
    if (chosen.length === 0) throw new Error(`no fault is named like "${only}"`);
    const until = instant() + (minutes ?? 0) * 60_000;
    do {
      const order = minutes === undefined ? chosen : shuffled(chosen, this.#random);
      for (const fault of order) {
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
    await this.#watching;
    await Promise.all([this.#sql.close(), this.#witness.close()]);
  }

  async #begin(): Promise<void> {
    await this.#sql`create table public.chaos_rows (id int primary key, version bigint not null default 1)`;
    await this.#sql`insert into public.chaos_rows (id) select generate_series(0, ${ROWS - 1}::int)`;
    const targets = Array.from({ length: WORKERS + 1 }, () => this.#redis.port);
    this.#ports = await this.#fleet.listen(targets, this.#options.seed);
    for (let worker = 0; worker < WORKERS; worker += 1) await this.#fleet.start(this.#settings(worker));
    this.#watching = Promise.all([this.#watch(), this.#ping()]);
    await this.#alive("at the start");
  }

  #settings(worker: number): Settings {
    return {
      worker,
      seed: Math.floor(this.#random() * 2 ** 32),
      cache: this.#options.cache ?? "two-tier",
      redis_urls: this.#cluster?.urls ?? [`redis://127.0.0.1:${this.#ports[worker]}`],
      cluster: this.#cluster !== null,
      database_url: this.#database_url,
      l1_max_bytes: L1_BYTES[worker] ?? 8_000_000,
    };
  }

  /** A connection that only looks: what it has seen was committed before, whoever wrote it and then died. */
  async #watch(): Promise<void> {
    while (!this.#closed) {
      const rows = (await this.#witness`select id, version::int as version from public.chaos_rows`) as {
        id: number;
        version: number;
      }[];
      const now = instant();
      for (const { id, version } of rows) this.#checker.committed(id, version, now);
      await Bun.sleep(WITNESS_MS);
    }
  }

  /** How long the machine takes for the way to Redis and back: what is slower than that, the cache is. */
  async #ping(): Promise<void> {
    const client = createClient({
      url: `redis://127.0.0.1:${this.#ports[WORKERS]}`,
      disableOfflineQueue: true,
      socket: { reconnectStrategy: () => 100 },
    });
    client.on("error", () => {});
    await client.connect();
    while (!this.#closed) {
      const sent = instant();
      await Promise.race([client.ping().catch(() => null), Bun.sleep(1000)]);
      const now = instant();
      this.#trip_ms = Math.max(this.#trip_ms, now - sent);
      await Bun.sleep(10);
    }
    client.destroy();
  }

  /**
   * Waits until every worker's lease holds and stays held for longer than one: an old one may outlive its fault. How
   * long it took until then, which must not be over five seconds.
   */
  async #alive(when: string): Promise<number> {
    const began = instant();
    let last = began;
    for (let now = began; now - last < SETTLED_MS; now = instant()) {
      await Bun.sleep(10);
      if (!this.#fleet.live) last = instant();
      if (last - began > 4 * LIVE_MAX_MS) throw new Error(`not all live again: ${when}`);
    }
    if (last - began > LIVE_MAX_MS)
      this.#failures.push(`live after ${(last - began).toFixed(0)} ms: ${when}`);
    return last - began;
  }

  async #measure(): Promise<void> {
    for (const measure of [measureHerds, measureCommands]) {
      const { lines, failures } = await measure(this.#fleet, this.#redis);
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
    this.#trip_ms = 0;
    await Bun.sleep(700);
    const before = fleet.take();
    const began = instant();
    const quiet = Math.max(before.lag_ms, this.#trip_ms) <= QUIET_MS && before.apart === 0;
    if (quiet) this.#checker.healthy(calm, began);
    this.#total.calm += quiet ? 1 : 0;
    await fault.run(this.#hands);
    const lasted = instant() - began;
    const recovery = await this.#alive(fault.name);
    await fleet.barrier();
    await Bun.sleep(2 * WITNESS_MS);
    const verdict = this.#checker.judge();
    await this.#outboxEmpties(fault.name);
    this.#count(fault.name, verdict);
    const during = fleet.take();
    this.#complain(fault.name, during);
    this.#print(line(fault.name, { lasted, recovery, verdict, before, during }));
    for (const detail of verdict.details) this.#print(`    ${detail}`);
  }

  get #hands(): Hands {
    return {
      fleet: this.#fleet,
      redis: this.#redis,
      other: this.#other,
      random: this.#random,
      hold_max_ms: this.#options.hold_max_ms ?? 2500,
      revive: async (index) => {
        const worker = await this.#fleet.start(this.#settings(index));
        worker.send({ do: "traffic", reads: true, writes: true });
      },
    };
  }

  /** Nothing that was written is left for anyone to deliver. */
  async #outboxEmpties(when: string): Promise<void> {
    if (this.#options.cache === "plain") return;
    const deadline = instant() + LIVE_MAX_MS;
    for (;;) {
      const [row] = await this.#sql`select count(*)::int as n from core.cache_outbox
        where at < clock_timestamp() - interval '1 second'`;
      if (row.n === 0) return;
      if (instant() > deadline) {
        this.#failures.push(`${row.n} rows stay in the outbox: ${when}`);
        return;
      }
      await Bun.sleep(50);
    }
  }

  #count(when: string, verdict: Verdict): void {
    const total = this.#total;
    total.lookups += verdict.lookups;
    total.strict_stale += verdict.strict_stale;
    total.too_old += verdict.too_old;
    total.healthy_late += verdict.healthy_late;
    total.worst_bounded_ms = Math.max(total.worst_bounded_ms, verdict.worst_bounded_ms);
    total.worst_healthy_ms = Math.max(total.worst_healthy_ms, verdict.worst_healthy_ms);
    const said: readonly [number, string][] = [
      [verdict.strict_stale, "answers older than an acknowledged write"],
      [verdict.too_old, `answers more than ${STALE_MAX_MS} ms behind`],
      [verdict.healthy_late, `answers more than ${STALE_HEALTHY_MS} ms behind though nothing failed`],
    ];
    for (const [count, what] of said) if (count > 0) this.#failures.push(`${count} ${what}: ${when}`);
  }

  #complain(when: string, figures: FleetFigures): void {
    const slow = shareOf(figures.overhead, 0.99);
    if (slow > BESIDE_LOAD_P99_MS) this.#failures.push(`p99 beside the load over ${slow} ms: ${when}`);
    if (figures.calls_late > 0)
      this.#failures.push(`${figures.calls_late} calls past their deadline: ${when}`);
    for (const worker of this.#fleet.workers) {
      const { state, index } = worker;
      if (state !== null && state.l1_bytes > (L1_BYTES[index] ?? 0))
        this.#failures.push(`L1 of worker ${index} holds ${state.l1_bytes} bytes: ${when}`);
    }
  }

  async #end(): Promise<void> {
    const { lookups, strict_stale, too_old, healthy_late, calm, worst_bounded_ms, worst_healthy_ms } =
      this.#total;
    const { answered, undelivered } = this.#fleet.writes;
    if (this.#options.cache !== "plain") await this.#sumRule();
    this.#print(
      `${lookups} lookups, ${answered} writes answered (${undelivered} left to the relay): ` +
        `${strict_stale} strict stale, ${too_old} over ${STALE_MAX_MS} ms, ${healthy_late} late while healthy; ` +
        `bounded at most ${worst_bounded_ms.toFixed(0)} ms behind, ${worst_healthy_ms.toFixed(0)} ms in ${calm} calm stretches; ` +
        `${this.#fleet.faults.length + this.#failures.length} failures, seed ${this.#options.seed}`,
    );
  }

  /** Hits + misses + bypasses = lookups, over all replicas. */
  async #sumRule(): Promise<void> {
    this.#fleet.traffic(false, false);
    await Bun.sleep(300);
    const [worker] = this.#fleet.workers;
    type Row = { lookups: number; hits: number; misses: number; bypassed: number };
    const stats = (await worker?.ask({ do: "figures" })) as { definitions: Record<string, Row> };
    for (const [name, row] of Object.entries(stats.definitions)) {
      if (row.hits + row.misses + row.bypassed !== row.lookups)
        this.#failures.push(`the sum rule does not hold for ${name}: ${JSON.stringify(row)}`);
    }
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = [...items];
  for (let at = mixed.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other] as T, mixed[at] as T];
  }
  return mixed;
}

function line(
  name: string,
  round: Readonly<{
    lasted: number;
    recovery: number;
    verdict: Verdict;
    before: FleetFigures;
    during: FleetFigures;
  }>,
): string {
  const { verdict, during } = round;
  const wrong = verdict.strict_stale + verdict.too_old + verdict.healthy_late;
  return (
    `${wrong === 0 ? "ok  " : "BAD "}${name.padEnd(42)} ${round.lasted.toFixed(0).padStart(5)} ms, ` +
    `live +${round.recovery.toFixed(0).padStart(4)}; ${String(verdict.lookups).padStart(6)} lookups, ` +
    `behind: strict ${verdict.worst_strict_ms.toFixed(0).padStart(4)}, bounded ${verdict.worst_bounded_ms.toFixed(0).padStart(4)}, ` +
    `calm ${verdict.worst_healthy_ms.toFixed(0).padStart(3)} ms; beside the load p99 ${share(round.before.overhead, 0.99)} → ${share(during.overhead, 0.99)}, ` +
    `max ${share(during.overhead, 1)}; calls ${during.calls}, max ${during.call_max_ms.toFixed(0)} ms, late ${during.calls_late}; ` +
    `refused ${during.refused}; lag ${during.lag_ms.toFixed(0)} ms`
  );
}

/** Upper end of the bucket below which this share lies. */
function shareOf(buckets: readonly number[], part: number): number {
  const sum = buckets.reduce((total, count) => total + count, 0);
  let seen = 0;
  for (const [at, count] of buckets.entries()) {
    seen += count;
    if (sum > 0 && seen >= sum * part) return OVERHEAD_MS[at] ?? Number.POSITIVE_INFINITY;
  }
  return 0;
}

const share = (buckets: readonly number[], part: number): string => `≤${shareOf(buckets, part)}`;
