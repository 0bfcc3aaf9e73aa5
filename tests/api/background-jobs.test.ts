import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { allJobs } from "../../src/background-jobs.ts";
import { startBackgroundJobs } from "../../src/core/background-jobs.ts";
import { expireHolds } from "../../src/ledger/statements.ts";
import { ledgerAccountTag } from "../../src/ledger/tags.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { balanceOf, move, openLedgerAccount, resolve } from "../helpers/ledger.ts";

let api: TestApp;

beforeAll(async () => {
  api = await startTestApp();
});
afterAll(() => api.stop());

const job = (name: string) => {
  const found = allJobs(api.deps).find((known) => known.name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
};
const count = async (table: string) => {
  const [row] = await api.sql.unsafe(`select count(*)::int as n from ${table} where $1::text is not null`, [
    table,
  ]);
  return row.n as number;
};

describe("running", () => {
  test("a job never overlaps itself, is called again soon while more waits, and ends before stop returns", async () => {
    let running = 0;
    let runs = 0;
    let most = 0;
    const busy = {
      name: "busy",
      every_ms: 1,
      run: async () => {
        running += 1;
        most = Math.max(most, running);
        await Bun.sleep(5);
        running -= 1;
        runs += 1;
        return runs < 3;
      },
    };
    const jobs = startBackgroundJobs(api.deps, [busy]);
    await Bun.sleep(200);
    await jobs.stop();
    expect([most, running]).toEqual([1, 0]);
    expect(runs).toBeGreaterThan(3);
    const after = runs;
    await Bun.sleep(30);
    expect(runs).toBe(after);
  });

  test("a failure is logged, rested on, and keeps no other job from running", async () => {
    let failures = 0;
    let runs = 0;
    const jobs = startBackgroundJobs(api.deps, [
      {
        name: "failing",
        every_ms: 10,
        run: () => {
          failures += 1;
          return Promise.reject(new Error("out of order"));
        },
      },
      {
        name: "working",
        every_ms: 10,
        run: () => {
          runs += 1;
          return Promise.resolve(false);
        },
      },
    ]);
    await Bun.sleep(300);
    await jobs.stop();
    expect(failures).toBeGreaterThan(1);
    expect(runs).toBeGreaterThan(failures * 2);
    expect(api.lines.some((line) => line.includes("out of order") && line.includes('"job":"failing"'))).toBe(
      true,
    );
  });

  test("all jobs of a server run and stop at once", async () => {
    const jobs = startBackgroundJobs(api.deps, allJobs(api.deps));
    await Bun.sleep(20);
    // The longest interval is a day: whoever waited for a run would wait for ever.
    await jobs.stop();
  });
});

describe("the jobs", () => {
  test("expired keys are forgotten in bounded parts, living ones kept", async () => {
    await api.sql`insert into core.idempotency_keys (business_id, member_id, key, request_hash, status, response, expires_at)
      select ${api.alpha.id}, ${api.alpha.people.owner.member_id}, 'job-key-' || i, sha256('x'), 200, '{}',
        now() + (case when i <= 1500 then -1 else 1 end) * interval '1 hour' from generate_series(1, 1510) i`;
    const { run } = job("delete expired idempotency keys");
    expect([await run(), await run(), await count("core.idempotency_keys")]).toEqual([true, false, 10]);
  });

  test("sessions that ended long ago go with their tokens, those that may still be asked for stay", async () => {
    const person = api.alpha.people.owner.user_id;
    const old = Bun.randomUUIDv7();
    const recent = Bun.randomUUIDv7();
    for (const [id, days] of [
      [old, 8],
      [recent, 6],
    ] as const) {
      await api.sql`insert into core.sessions (id, user_id, idle_expires_at, expires_at)
        values (${id}, ${person}, now() - ${days} * interval '1 day', now() - ${days} * interval '1 day')`;
      await api.sql`insert into core.refresh_tokens (token_hash, session_id) values (sha256(${id}::text::bytea), ${id})`;
    }
    expect(await job("delete expired sessions").run()).toBe(false);
    const left = await api.sql`select session_id from core.refresh_tokens`;
    expect(left.map((row: { session_id: string }) => row.session_id)).toEqual([recent]);
  });

  test("a replica whose turn it is not does nothing", async () => {
    await api.sql`insert into core.idempotency_keys (business_id, member_id, key, request_hash, status, response, expires_at)
      values (${api.alpha.id}, ${api.alpha.people.owner.member_id}, 'expired-key', sha256('x'), 200, '{}', now() - interval '1 hour')`;
    const before = await count("core.idempotency_keys");
    await api.sql.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(hashtextextended('core.delete_expired_idempotency_keys', 0))`;
      await job("delete expired idempotency keys").run();
    });
    expect(await count("core.idempotency_keys")).toBe(before);
  });

  test("months of the audit trail that are missing are made", async () => {
    const partitions = async () => {
      const rows =
        await api.sql`select c.relname from pg_class c where c.relname ~ '^audit_log_\\d{4}_\\d{2}$' and c.relkind = 'r' order by 1`;
      return rows.map((row: { relname: string }) => row.relname);
    };
    const all = await partitions();
    await api.sql.unsafe(`drop table core.${all.at(-1)}`);
    expect(await job("create audit partitions").run()).toBe(false);
    expect(await partitions()).toEqual(all);
  });
});

describe("the ledger's jobs", () => {
  const hold = async (expires_at: string) => {
    const code = () => `job:${crypto.randomUUID()}`;
    const from = await openLedgerAccount(api.sql, api.alpha.id, { code: code() });
    const to = await openLedgerAccount(api.sql, api.alpha.id, { code: code() });
    const id = await move(api.sql, api.alpha.id, from, to, 10, { phase: "pending", expires_at });
    return { id, from };
  };
  const past = () => new Date(Date.now() - 1_000).toISOString();
  const endOf = async (id: string): Promise<string | null> => {
    const [row] = await api.sql`select phase::text from ledger.transactions where pending_id = ${id}`;
    return (row as { phase: string } | undefined)?.phase ?? null;
  };

  test("holds whose time has passed are released, others stay", async () => {
    const over = await hold(past());
    const later = await hold("2099-01-01T00:00:00.000Z");
    const settled = await hold(past());
    await resolve(api.sql, api.alpha.id, settled.id, "void");
    const { run } = job("expire holds");
    expect(await run()).toBe(false);
    const ends = await Promise.all([over, later, settled].map(({ id }) => endOf(id)));
    expect(ends).toEqual(["expire", null, "void"]);
    expect(await balanceOf(api.sql, api.alpha.id, over.from)).toBe("0/0/0");
    // What it remembers leaves out nothing that came meanwhile.
    const next = await hold(past());
    await run();
    expect(await endOf(next.id)).toBe("expire");
  });

  test("the cache is told in the same transaction whose balances changed", async () => {
    const { id, from } = await hold(past());
    await api.sql.begin(async (tx) => {
      await tx`select ledger.expire_holds(10, '-infinity')`;
      const told = await tx`select 1 from core.cache_outbox
        where ${ledgerAccountTag(api.alpha.id, from)} = any (tags)`;
      expect(told.length).toBe(1);
    });
    expect(await endOf(id)).toBe("expire");
  });

  test("holds are expired in bounded parts, all of them", async () => {
    const held = await Promise.all([1, 2, 3].map(() => hold(past())));
    const expire = async (since: string | null) =>
      (await api.deps.db.write.query(expireHolds, { limit_rows: 2, since }))[0];
    const first = await expire(null);
    expect(first?.expired).toBe(2);
    expect((await expire(first?.since ?? null))?.expired).toBe(1);
    expect(await Promise.all(held.map(({ id }) => endOf(id)))).toEqual(["expire", "expire", "expire"]);
  });

  test("balances of the days before are kept where many entries are", async () => {
    const from = await openLedgerAccount(api.sql, api.alpha.id, { code: "kept:from", shards: 2 });
    const to = await openLedgerAccount(api.sql, api.alpha.id, { code: "kept:to" });
    for (let count = 0; count < 33; count += 1)
      await move(api.sql, api.alpha.id, from, to, 1, { effective_at: "2026-01-05T00:00:00Z" });
    const { run } = job("keep balance snapshots");
    expect(await run()).toBe(false);
    const kept =
      await api.sql`select posted_credit::int as posted from ledger.balance_snapshots where account_id = ${to}`;
    expect(kept.map((row: { posted: number }) => row.posted)).toEqual([33]);
    const [{ wrong }] = await api.sql`select count(*)::int as wrong from ledger.verify(${api.alpha.id})`;
    expect(wrong).toBe(0);
  });

  test("balances that do not hold together are in the log and in the metrics, others are not", async () => {
    const { from } = await hold("2099-01-01T00:00:00.000Z");
    const { run } = job("check balances");
    const isTold = () => api.lines.some((line) => line.includes("data is broken"));
    const [{ businesses }] = await api.sql`select count(*)::int as businesses from core.businesses`;
    for (let turn = 0; turn <= businesses; turn += 1) await run();
    expect(isTold()).toBe(false);
    await api.sql`update ledger.balances set posted_credit = 1 where account_id = ${from}`;
    for (let turn = 0; turn <= businesses; turn += 1) await run();
    await api.sql`update ledger.balances set posted_credit = 0 where account_id = ${from}`;
    expect(isTold()).toBe(true);
    expect(await api.deps.metrics.render()).toMatch(
      /integrity_checks_total\{check="ledger",outcome="broken"\} 1\n/,
    );
  });
});
