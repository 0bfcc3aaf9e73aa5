import { type BudgetOwner, Follower, makeBudgetOwners } from "../helpers/followers.ts";
import { type ServerProcess, startServerProcess } from "../helpers/server-process.ts";
import { startBench } from "./bench.ts";

const sockets = 5_000;
const owners = 250;
const writes_per_second = 200;
const told_within_ms = 250;
/** Sockets that are opened at a time. */
const opening = 50;
const give_up_ms = 10_000;

/**
 * Five thousand sockets on three replicas, twenty of them to each of 250 budgets, while transactions are written to those,
 * 200 a second over all replicas: how long after a write was sent its event comes, and that each comes once and in order.
 *
 * @returns whether none is missing or repeated, and nearly all come in time
 */
export async function measureSockets({ seconds }: { seconds: number }): Promise<boolean> {
  const started = new AsyncDisposableStack();
  try {
    const bench = await startBench(started);
    const servers = [bench.api];
    for (const replica of ["api-2", "api-3"]) {
      const server = await startServerProcess({ ...bench.env, REPLICA: replica });
      started.defer(() => server.stop());
      servers.push(server);
    }
    const { business_id } = bench;
    const secret = bench.env["JWT_SECRET"] ?? "";
    const people = await makeBudgetOwners(bench.sql, { business_id, count: owners, secret });
    const writers = people.map((owner) => new Writer(owner));
    const waits: number[] = [];
    const urls = servers.map(({ url }) => url);
    const followers = Array.from({ length: sockets }, (_, first) => {
      const writer = writers[first % owners] as Writer;
      const told = (version: number) => void waits.push(performance.now() - writer.sentAt(version));
      return new Follower(writer.owner, { urls, first: Math.floor(first / owners), told });
    });
    started.defer(() => followers.forEach((follower) => follower.close()));
    for (let at = 0; at < sockets; at += opening)
      await Promise.all(followers.slice(at, at + opening).map((follower) => follower.open()));
    // The first are not counted: code is compiled, connections are opened.
    await write(writers, servers, 2);
    await untilTold(followers, writers);
    waits.length = 0;
    const used = await Promise.all(servers.map((server) => server.usage()));
    const answered = await write(writers, servers, seconds);
    const missing = await untilTold(followers, writers);
    const after = await Promise.all(servers.map((server) => server.usage()));
    const cpu_ms = after.reduce((sum, { cpu_ms: now }, at) => sum + now - (used[at]?.cpu_ms ?? 0), 0);
    return judge({
      waits,
      missing,
      followers,
      answered,
      seconds,
      cpu_ms,
      resident_bytes: after.map(({ resident_bytes }) => resident_bytes),
    });
  } finally {
    await started.disposeAsync();
  }
}

/** Writes transactions to one budget, one after the other. */
class Writer {
  readonly owner: BudgetOwner;
  readonly #sent = new Map<number, number>();
  #last: Promise<void> = Promise.resolve();
  /** The version that the last write makes. */
  version = 1;

  constructor(owner: BudgetOwner) {
    this.owner = owner;
  }

  sentAt(version: number): number {
    return this.#sent.get(version) ?? Number.NaN;
  }

  /** @returns milliseconds until it was answered */
  async write(server: ServerProcess): Promise<number> {
    const former = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await former;
    this.version += 1;
    const at = performance.now();
    this.#sent.set(this.version, at);
    const response = await fetch(`${server.url}/api/v1/budgets/${this.owner.budget_id}/transactions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${this.owner.token}`,
        "content-type": "application/json",
        "idempotency-key": crypto.randomUUID(),
      },
      body: JSON.stringify({ amount: -100, occurred_on: "2026-02-01" }),
    });
    if (response.status !== 201)
      throw new Error(`a transaction answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
    resolve();
    return performance.now() - at;
  }
}

/** Open-loop: a late answer delays no other write but those of its budget. @returns how long each took, milliseconds */
async function write(
  writers: readonly Writer[],
  servers: readonly ServerProcess[],
  seconds: number,
): Promise<number[]> {
  const began = performance.now();
  const writes: Promise<number>[] = [];
  for (let n = 0; n < seconds * writes_per_second; n += 1) {
    const wait_ms = began + (n * 1_000) / writes_per_second - performance.now();
    if (wait_ms > 0) await Bun.sleep(wait_ms);
    writes.push((writers[n % writers.length] as Writer).write(servers[n % servers.length] as ServerProcess));
  }
  return Promise.all(writes);
}

/** Waits until everybody knows the last version. @returns how many do not after ten seconds */
async function untilTold(followers: readonly Follower[], writers: readonly Writer[]): Promise<number> {
  const deadline = performance.now() + give_up_ms;
  for (;;) {
    const behind = followers.filter(
      ({ version }, at) => version < (writers[at % owners]?.version ?? 0),
    ).length;
    if (behind === 0 || performance.now() > deadline) return behind;
    await Bun.sleep(20);
  }
}

type Measured = Readonly<{
  waits: number[];
  missing: number;
  followers: readonly Follower[];
  answered: number[];
  seconds: number;
  cpu_ms: number;
  resident_bytes: readonly number[];
}>;

function judge({ waits, missing, followers, answered, seconds, cpu_ms, resident_bytes }: Measured): boolean {
  const wrong = followers.flatMap((follower) => follower.wrong);
  const again = followers.filter(({ connections }) => connections > 1).length;
  const p99 = at(waits, 0.99);
  print(
    `${sockets} sockets on 3 replicas, ${owners} budgets; ${answered.length} writes in ${seconds} s, answered after ` +
      `p50 ${at(answered, 0.5).toFixed(1)}, p99 ${at(answered, 0.99).toFixed(1)} ms`,
  );
  print(
    `${waits.length} events, told after p50 ${at(waits, 0.5).toFixed(1)}, p99 ${p99.toFixed(1)} (at most ${told_within_ms}), ` +
      `p999 ${at(waits, 0.999).toFixed(1)}, at most ${at(waits, 1).toFixed(1)} ms after the write was sent`,
  );
  print(
    `${missing} followers miss the last version, ${wrong.length} events were not the next one, ${again} sockets ended`,
  );
  for (const line of wrong.slice(0, 5)) print(`  ${line}`);
  const megabytes = resident_bytes.map((bytes) => (bytes / 1_048_576).toFixed(0)).join(", ");
  print(`replicas: ${(cpu_ms / seconds / 10).toFixed(0)} % of a core together, resident ${megabytes} MB`);
  return missing === 0 && wrong.length === 0 && p99 <= told_within_ms;
}

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
