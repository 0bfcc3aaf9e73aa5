import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { requirePrograms } from "../helpers/required-programs.ts";
import { type Bench, median, startBench } from "./bench.ts";
import { saturate } from "./closed-loop.ts";
import { pgbenchScript, preparePgbench } from "./pgbench.ts";
import { postRequest, requireOnly } from "./requests.ts";

const accounts = 10_000;
/** Both are given as many clients as serve them best: ours fill its batches, pgbench's wait for the rows of its branches. */
const clients = 384;
const pgbench_clients = 16;
const pgbench_scale = 32;
const rounds = 3;
const batch_items = 100;
/** Of 16 MiB; see `min_wal_size` in src/platform/db/embedded.ts. */
const kept_segments = 48;
/** Goals P5, P6, P7, and what the issue of the ledger says of half load. */
const floors = { tpcb: 1.5, hot: 0.5, batch: 3 } as const;
const p99_limit_ms = 50;

type Choice = (turn: number) => readonly [from: string, to: string];
type Setting = Readonly<{
  bench: Bench;
  ids: readonly string[];
  pgbench: string;
  tpcb_url: string;
  seconds: number;
}>;

/**
 * `POST /transfers` over HTTP with everything on (durable commits, keys, limits, audit, outbox), beside pgbench's
 * TPC-B-like script on the same server, in turns; then batches of a hundred beside single ones, the delay at half load,
 * and what one client alone waits for.
 *
 * @returns whether the floors hold
 */
export async function measureTransfers({ seconds }: { seconds: number }): Promise<boolean> {
  const started = new AsyncDisposableStack();
  try {
    const setting = await prepare(started, seconds);
    const uniform = between(setting.ids);
    await transfers(setting, uniform, { seconds: 3 });
    const ratios: number[] = [];
    const p99s: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const before_ms = postgresTime(setting.bench.folder);
      const tps = await tpcb(setting);
      const cpu_us = ((postgresTime(setting.bench.folder) - before_ms) * 1_000) / (tps * seconds);
      const ours = await transfers(setting, uniform, { seconds });
      // At once: a machine that others use is another one some minutes later.
      const half = await transfers(setting, uniform, { seconds, per_second: ours.per_second / 2 });
      p99s.push(half.p99_ms);
      ratios.push(ours.per_second / tps);
      print(
        `round ${round}: pgbench TPC-B-like ${tps.toFixed(0)}/s (${cpu_us.toFixed(0)} µs of PostgreSQL each), ${ours.text}, ratio ${ratios.at(-1)?.toFixed(2)}; at half load ${half.text}`,
      );
    }
    const ratio = median(ratios);
    const p99_ms = median(p99s);
    print(
      `transfers over HTTP vs pgbench TPC-B-like (P5): ${ratio.toFixed(2)} (floor ${floors.tpcb}, aim 2.5)`,
    );
    print(`p99 at half load: ${p99_ms.toFixed(1)} ms (limit ${p99_limit_ms})`);
    const batched = await compareBatches(setting, uniform);
    const lone = await transfers(setting, uniform, { seconds, clients: 1 });
    print(`one client alone: ${lone.text}`);
    await requireBalanced(setting);
    return ratio >= floors.tpcb && batched >= floors.batch && p99_ms <= p99_limit_ms;
  } finally {
    await started.disposeAsync();
  }
}

/**
 * The same with one account in every transfer, beside uniform accounts, in turns (P6).
 *
 * @returns whether the floor holds
 */
export async function measureHotAccount({ seconds }: { seconds: number }): Promise<boolean> {
  const started = new AsyncDisposableStack();
  try {
    const setting = await prepare(started, seconds);
    const uniform = between(setting.ids);
    const hot = withOne(setting.ids);
    await transfers(setting, uniform, { seconds: 3 });
    const ratios: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const spread = await transfers(setting, uniform, { seconds });
      const one = await transfers(setting, hot, { seconds });
      ratios.push(one.per_second / spread.per_second);
      print(
        `round ${round}: uniform ${spread.text}; one account ${one.text}; ratio ${ratios.at(-1)?.toFixed(2)}`,
      );
    }
    const ratio = median(ratios);
    print(
      `one account in every transfer vs uniform (P6): ${ratio.toFixed(2)} (floor ${floors.hot}, aim 0.8)`,
    );
    await requireBalanced(setting);
    return ratio >= floors.hot;
  } finally {
    await started.disposeAsync();
  }
}

async function prepare(started: AsyncDisposableStack, seconds: number): Promise<Setting> {
  const pgbench = (await requirePrograms(["pgbench"])).get("pgbench") ?? "pgbench";
  const bench = await startBench(started, { DB_WRITE_MAX: "4" });
  const ids = await makeAccounts(bench);
  await keepSegments(bench);
  const tpcb_url = await preparePgbench(started, { program: pgbench, scale: pgbench_scale });
  print(
    `${accounts} accounts, ${clients} connections; pgbench: scale ${pgbench_scale}, ${pgbench_clients} clients`,
  );
  return { bench, ids, pgbench, tpcb_url, seconds };
}

/** Segments of the log to write over, as on a server that has run for a while: a new one holds up all commits for 15 ms. */
async function keepSegments({ sql }: Bench): Promise<void> {
  for (let segment = 0; segment < kept_segments; segment += 1) {
    await sql`select pg_logical_emit_message(false, 'load', '')`;
    await sql`select pg_switch_wal()`;
  }
  await sql`checkpoint`;
}

async function makeAccounts({ sql, business_id: b }: Bench): Promise<string[]> {
  const customer = Bun.randomUUIDv7();
  await sql`insert into core.customers (business_id, id, name) values (${b}, ${customer}, 'Load')`;
  await sql.begin(async (transaction) => {
    await transaction.unsafe("set local app.import = 'on'");
    await transaction`create temp table fresh on commit drop as
      select gen_random_uuid() as id, n from generate_series(1, ${accounts}::int) n`;
    await transaction`insert into ledger.accounts (business_id, id, code, kind, currency, owner_type, owner_id)
      select ${b}::uuid, id, 'bank:account:' || id, 'liability', 'NGN', 'bank.account', id from fresh`;
    await transaction`insert into ledger.balances (business_id, account_id, normal_side, overdraft_limit)
      select ${b}::uuid, id, 'credit', 0 from fresh`;
    await transaction`insert into bank.accounts (business_id, id, customer_id, account_number, type, currency, status,
        daily_limit, monthly_limit)
      select ${b}::uuid, id, ${customer}::uuid, lpad(n::text, 10, '0'), 'checking', 'NGN', 'active', ${1e15}::bigint,
        ${1e15}::bigint
      from fresh`;
    await transaction`select ledger.post(ledger.posting_of(${b}, gen_random_uuid(), 'single', 'bank.deposit', null),
      (select jsonb_agg(jsonb_build_object('account_id', id, 'side', 'credit', 'amount', 100000000)) from fresh)
      || jsonb_build_object('account_id', ledger.house_account(${b}, 'cash:vault', 'asset', 'NGN', 16), 'side', 'debit',
        'amount', ${accounts}::bigint * 100000000))`;
  });
  await sql.unsafe("vacuum analyze");
  const ids = (await sql`select id::text from bank.accounts where business_id = ${b}`) as { id: string }[];
  return ids.map(({ id }) => id);
}

const between =
  (ids: readonly string[]): Choice =>
  () => {
    const [from, to] = [draw(ids), draw(ids)];
    return from === to ? between(ids)(0) : [from, to];
  };

/** One account pays and is paid in turns, so that it never runs dry. */
const withOne = (ids: readonly string[]): Choice => {
  const [hot = "", ...others] = ids;
  return (turn) => (turn % 2 === 0 ? [hot, draw(others)] : [draw(others), hot]);
};

const draw = (ids: readonly string[]): string => ids[Math.floor(Math.random() * ids.length)] ?? "";

type Figures = Readonly<{ per_second: number; p50_ms: number; p99_ms: number; text: string }>;
type Load = Readonly<{ seconds: number; clients?: number; per_second?: number }>;

async function transfers({ bench }: Setting, choose: Choice, load: Load): Promise<Figures> {
  let turn = 0;
  const request = () => {
    const [from_account_id, to_account_id] = choose(turn++);
    return postRequest("/api/v1/transfers", bench.token, { ...amountOf(), from_account_id, to_account_id });
  };
  return post(bench, request, { ...load, status: "201" });
}

const amountOf = () => ({ amount: 1 + Math.floor(Math.random() * 100), currency: "NGN" });

/** Batches of a hundred beside single transfers, both counted in transfers (P7). */
async function compareBatches(setting: Setting, choose: Choice): Promise<number> {
  const { bench, seconds } = setting;
  const request = () => {
    const items = Array.from({ length: batch_items }, (_, turn) => {
      const [from_account_id, to_account_id] = choose(turn);
      return { ...amountOf(), from_account_id, to_account_id };
    });
    return postRequest("/api/v1/transfers/batch", bench.token, { atomic: false, items });
  };
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    // As one client would do either: a batch, or a hundred transfers over as many connections as a browser opens.
    const single = await transfers(setting, choose, { seconds, clients: 6 });
    const batched = await post(bench, request, { seconds, clients: 6, status: "200" });
    ratios.push((batched.per_second * batch_items) / single.per_second);
    print(
      `round ${round}: single ${single.text}; batches ${batched.text}; ratio ${ratios.at(-1)?.toFixed(2)}`,
    );
  }
  const ratio = median(ratios);
  print(
    `batches of ${batch_items} vs single transfers, 6 connections (P7): ${ratio.toFixed(2)} (floor ${floors.batch}, aim 6)`,
  );
  return ratio;
}

async function post(bench: Bench, request: () => string, load: Load & { status: string }): Promise<Figures> {
  const before = await usage(bench);
  const result = await saturate({
    hostname: "127.0.0.1",
    port: bench.api.port,
    requests: request,
    connections: load.clients ?? clients,
    warmup_ms: 500,
    duration_ms: load.seconds * 1_000,
    ...(load.per_second === undefined ? {} : { per_second: load.per_second }),
  });
  requireOnly(load.status, result);
  const after = await usage(bench);
  const { per_second, p50_ms, p99_ms } = result;
  const us = (ms: number) => ((ms * 1_000) / (per_second * (load.seconds + 0.5))).toFixed(0);
  const text =
    `${per_second.toFixed(0)}/s (p50 ${p50_ms.toFixed(1)}, p99 ${p99_ms.toFixed(1)} ms; CPU of each: server ` +
    `${us(after.server_ms - before.server_ms)}, PostgreSQL ${us(after.postgres_ms - before.postgres_ms)}, ` +
    `clients ${us(after.client_ms - before.client_ms)} µs)`;
  return { per_second, p50_ms, p99_ms, text };
}

type Usage = Readonly<{ server_ms: number; postgres_ms: number; client_ms: number }>;

/** Processor time so far of the server, of its PostgreSQL, and of this process, which is all clients; milliseconds. */
async function usage({ api, folder }: Bench): Promise<Usage> {
  const { user, system } = process.cpuUsage();
  return {
    server_ms: (await api.usage()).cpu_ms,
    postgres_ms: postgresTime(folder),
    client_ms: (user + system) / 1_000,
  };
}

/** Of all processes that work in the run's own data directory; https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function postgresTime(folder: string): number {
  const tick_ms = 10;
  let ticks = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)) continue;
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // Its own, and that of its children that have ended: pgbench's backends have, when it is looked.
      const times = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .slice(11, 15);
      for (const time of times) ticks += Number(time);
    } catch {
      // It has ended.
    }
  }
  return ticks * tick_ms;
}

const tpcb = ({ pgbench, tpcb_url, seconds }: Setting): Promise<number> =>
  pgbenchScript({ program: pgbench, url: tpcb_url, clients: pgbench_clients, seconds });

/** Whatever was posted: debits are credits, and balances are what their entries say. */
async function requireBalanced({ bench: { sql } }: Setting): Promise<void> {
  const [row] = await sql`select count(*)::int as wrong from ledger.recount r
    full join ledger.balances b using (business_id, account_id, shard)
    where (coalesce(r.posted_debit, 0), coalesce(r.posted_credit, 0)) <> (b.posted_debit, b.posted_credit)`;
  if ((row as { wrong: number }).wrong !== 0) throw new Error("balances are not what their entries say");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
