import { afterAll, beforeAll, expect, test } from "bun:test";
import type { TestApp } from "../helpers/app.ts";
import { openAccount } from "../helpers/bank.ts";
import { type Replicas, startReplicas } from "../helpers/replicas.ts";

let fleet: Replicas;
let manager: string;

beforeAll(async () => {
  fleet = await startReplicas();
  manager = await fleet.one.token(fleet.one.alpha.people.manager);
});
afterAll(() => fleet.stop());

const rounds = 60;
const entries = 100_000;

test("a balance that is read after a movement was answered is never the one before, on either replica", async () => {
  const { one, two } = fleet;
  const { account_id } = await openAccount(one.sql, one.alpha);
  const path = `/api/v1/accounts/${account_id}/balance`;
  // Without the check against the document, which other tests do.
  const read = async ({ url }: TestApp): Promise<{ posted: number; from: string | null }> => {
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${manager}` } });
    const { posted } = (await response.json()) as { posted: number };
    return { posted, from: response.headers.get("x-cache") };
  };
  const deposit = async ({ url }: TestApp): Promise<void> => {
    const response = await fetch(`${url}/api/v1/deposits`, {
      method: "POST",
      body: JSON.stringify({ account_id, amount: 1, currency: "NGN" }),
      headers: {
        authorization: `Bearer ${manager}`,
        "content-type": "application/json",
        "idempotency-key": crypto.randomUUID(),
      },
    });
    expect(response.status).toBe(201);
  };
  let hits = 0;
  for (let round = 1; round <= rounds; round += 1) {
    await deposit(round % 3 === 0 ? two : one);
    const first = await Promise.all([read(one), read(two)]);
    expect(first.map(({ posted }) => posted)).toEqual([round, round]);
    const again = await Promise.all([read(one), read(two)]);
    expect(again.map(({ posted }) => posted)).toEqual([round, round]);
    hits += again.filter(({ from }) => from === "HIT").length;
  }
  // It was the cache that answered, not its absence.
  expect(hits).toBeGreaterThan(rounds / 2);
});

test("a hundred thousand entries come as CSV, each once, without being held in memory", async () => {
  const { one } = fleet;
  const { alpha, sql } = one;
  const { account_id } = await openAccount(sql, alpha);
  const now = new Date().toISOString();
  await sql`insert into ledger.transactions (business_id, id, phase, kind, effective_at, posted_at)
    select ${alpha.id}, core.first_id_at(${now}::timestamptz - n * interval '1 minute'), 'single', 'bank.deposit',
      ${now}::timestamptz - n * interval '1 minute', now() from generate_series(1, ${entries}) n`;
  await sql`insert into ledger.entries (business_id, account_id, transaction_id, shard, side, amount, currency, phase,
      effective_at, balance_after)
    select ${alpha.id}, ${account_id}, core.first_id_at(${now}::timestamptz - n * interval '1 minute'), 0, 'credit', n, 'NGN', 'single',
      ${now}::timestamptz - n * interval '1 minute', n from generate_series(1, ${entries}) n`;
  await sql.unsafe("analyze ledger.entries, ledger.transactions").simple();
  const response = await fetch(`${one.url}/api/v1/accounts/${account_id}/transactions`, {
    headers: { authorization: `Bearer ${manager}`, accept: "text/csv" },
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/csv; charset=utf-8; header=present",
  ]);
  const held_bytes = (): number => {
    Bun.gc(true);
    return process.memoryUsage().heapUsed;
  };
  let lines = 0;
  let bytes = 0;
  let early_bytes = 0;
  let late_bytes = 0;
  for await (const chunk of response.body ?? []) {
    for (const byte of chunk) lines += byte === 0x0a ? 1 : 0;
    bytes += chunk.length;
    if (early_bytes === 0 && lines > entries / 10) early_bytes = held_bytes();
    if (late_bytes === 0 && lines > (entries * 9) / 10) late_bytes = held_bytes();
  }
  expect(lines).toBe(entries + 1);
  expect(bytes).toBeGreaterThan(15_000_000);
  expect((late_bytes - early_bytes) / bytes).toBeLessThan(0.25);
});
