import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { allJobs } from "../../src/background-jobs.ts";
import { coreJobs, startBackgroundJobs } from "../../src/core/background-jobs.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";

let api: TestApp;

beforeAll(async () => {
  api = await startTestApp();
});
afterAll(() => api.stop());

const job = (name: string) => {
  const found = coreJobs(api.deps).find((known) => known.name === name);
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
