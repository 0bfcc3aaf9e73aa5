import type { SQL } from "bun";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { between, seeded, shuffled } from "../cache/chaos/random.ts";
import { openLedgerAccount, resolve } from "../helpers/ledger.ts";
import { installRunner, runEpisodes, runOperations } from "../helpers/ledger-model/episode.ts";
import type { Operation } from "../helpers/ledger-model/model.ts";
import { insertBusiness } from "./fixtures.ts";

let database: TestDatabase;
let connections: SQL[];

beforeAll(async () => {
  database = await createTestDatabase();
  connections = Array.from({ length: 3 }, () => connect(database.url));
  await installRunner(connections[0] as SQL);
});
afterAll(async () => {
  await Promise.all(connections.map((sql) => sql.close()));
  await database?.drop();
});

const ordinary = [
  "post single: done",
  "post single: insufficient_funds",
  "post single: unbalanced",
  "post single: account_not_open",
  "post single: reference_exists",
  "post pending: done",
  "post pending: insufficient_funds",
  "resolve post: done",
  "resolve void: done",
  "status: done",
];
const seed = Math.floor(Math.random() * 2 ** 31);

test(`the model, one by one and in batches agree, and everything holds after each (seed ${seed})`, async () => {
  const met = await runEpisodes(connections, {
    seed,
    operations: 750,
    per_episode: 250,
    batch_most: 12,
    check_each: false,
    verify_every: 8,
  });
  // Whatever the seed, these happen; a generator that draws none of them proves nothing.
  expect([...met.keys()]).toEqual(expect.arrayContaining(ordinary));
});

test("batches, holds and their ends of several connections at once neither deadlock nor break anything", async () => {
  const [first] = connections as [SQL];
  const { business_id } = await insertBusiness(first);
  const accounts = await Promise.all(
    ["a", "b", "c", "d", "e"].map((code) =>
      openLedgerAccount(first, business_id, { code, overdraft_limit: 500 }),
    ),
  );
  accounts.push(await openLedgerAccount(first, business_id, { code: "world", kind: "asset", shards: 2 }));
  const nobody = "00000000-0000-0000-0000-000000000000";
  const refusals = new Set<string>();
  const work = connections.map(async (sql, place) => {
    const random = seeded(seed + place);
    const holds: string[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      const operations = Array.from({ length: between(random, 1, 8) }, () =>
        transferOf(random, accounts, holds),
      );
      const outcomes = await runOperations(sql, business_id, operations, { together: true });
      for (const { refusal } of outcomes) if (refusal !== null) refusals.add(refusal);
      const hold = holds.shift();
      if (hold !== undefined && turn % 2 === 0) {
        const ended = resolve(sql, business_id, hold, turn % 4 === 0 ? "post" : "void");
        await ended.catch((error: { constraint?: string }) => refusals.add(error.constraint ?? "no refusal"));
      }
      // Each locks in the one order; two of them in one transaction would not.
      if (turn % 10 === place) {
        await sql`select ledger.expire_holds(100, '-infinity')`;
        await sql`select ledger.keep_snapshots('2026-01-02', ${business_id}, ${nobody}, 9, 1, 1000)`;
      }
    }
  });
  await Promise.all(work);
  expect(await first`select * from ledger.verify(${business_id})`).toHaveLength(0);
  // A hold that was refused is not there to be ended; one that expired meanwhile is ended already.
  const known = new Set([
    "insufficient_funds",
    "reference_exists",
    "transaction_not_found",
    "already_resolved",
    "pending_expired",
  ]);
  expect([...refusals].filter((name) => !known.has(name))).toEqual([]);
});

/** A transfer between two accounts, now and then a hold, for an earlier time, or with a reference that others have too. */
function transferOf(random: () => number, accounts: readonly string[], holds: string[]): Operation {
  const [from, to] = shuffled(accounts, random) as [string, string];
  const amount = between(random, 1, 60);
  const id = Bun.randomUUIDv7();
  const isHold = random() < 0.3;
  if (isHold) holds.push(id);
  return {
    do: "post",
    id,
    phase: isHold ? "pending" : "single",
    lines: [
      { account_id: from, side: "debit", amount },
      { account_id: to, side: "credit", amount },
    ],
    reference: random() < 0.2 ? `R${between(random, 1, 40)}` : null,
    expires: isHold && random() < 0.3 ? "past" : null,
    limits: [],
    reverses_id: null,
    is_backdated: random() < 0.2,
  };
}
