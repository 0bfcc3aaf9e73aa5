import type { SQL } from "bun";
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Act, actAs, insertBusiness, refusalOf, seal, sealAll } from "./fixtures.ts";

// The sealer waits for every transaction of the server; another test may hold one for a while.
setDefaultTimeout(60_000);

let database: TestDatabase;
let sql: SQL;
let other: SQL;
let owner: Act;

beforeAll(async () => {
  database = await createTestDatabase();
  [sql, other] = [connect(database.url), connect(database.url)];
  owner = await insertBusiness(sql);
});
afterAll(async () => {
  await Promise.all([sql?.close(), other?.close()]);
  await database?.drop();
});

const insertCustomer = (connection: SQL, name: string): Promise<unknown> =>
  connection`insert into core.customers (business_id, id, name) values (${owner.business_id}, ${Bun.randomUUIDv7()}, ${name})`;

type Verdict = {
  verified: string;
  unsealed: string;
  reason: string | null;
  seq: string | null;
  id: string | null;
};
const verify = async (): Promise<Verdict> => (await sql`select * from core.verify_audit()`)[0];

describe("the sealer", () => {
  beforeEach(async () => {
    await sealAll(sql);
  });

  test("may change nothing beside the place and the hash: the guard compares every other column", async () => {
    const [{ forgotten }] = await sql`
      select coalesce(array_agg(a.attname::text), '{}') as forgotten
      from pg_attribute a join pg_trigger t on t.tgrelid = a.attrelid and t.tgname = 'refuse_change'
      where a.attrelid = 'core.audit_log'::regclass and a.attnum > 0 and not a.attisdropped
        and a.attname not in ('seq', 'hash')
        and position(format('old.%1$I IS DISTINCT FROM new.%1$I', a.attname) in
          pg_get_triggerdef(t.oid, true)) = 0`;
    expect(forgotten).toEqual([]);
    await insertCustomer(sql, "Guarded");
    const forge = (change: string) =>
      sql.unsafe(`update core.audit_log set seq = -1, hash = '\\x00', ${change} where seq is null`);
    for (const change of [
      "after = '{}'",
      "at = at - interval '1 second'",
      "actor_user_id = gen_random_uuid()",
      "id = default",
    ])
      expect(await refusalOf(forge(change))).toBe("append_only");
  });

  test("waits for a running transaction and seals in an order that nothing can enter later", async () => {
    await sql.unsafe("begin");
    await sql`select pg_current_xact_id()`;
    await insertCustomer(other, "Second to begin, first to commit");
    expect(await seal(other)).toBe(0);
    await insertCustomer(sql, "First to begin, last to commit");
    await sql.unsafe("commit");
    expect(await sealAll(other)).toBe(2);
    const rows = await sql`select after ->> 'name' as name from core.audit_log order by seq desc limit 2`;
    expect(rows.map((row: { name: string }) => row.name)).toEqual([
      "Second to begin, first to commit",
      "First to begin, last to commit",
    ]);
    expect(await verify()).toMatchObject({ reason: null, unsealed: "0" });
  });

  test("leaves the rows of its own unfinished transaction alone", async () => {
    await sql.unsafe("begin");
    await insertCustomer(sql, "Mine");
    expect(await seal(sql)).toBe(0);
    await sql.unsafe("commit");
    expect(await sealAll(sql)).toBe(1);
  });

  test("commits without waiting for the disk, in its own transaction alone", async () => {
    await insertCustomer(sql, "Sealed at leisure");
    await other.unsafe("set synchronous_commit = on");
    const waiting = async () => (await other.unsafe("show synchronous_commit"))[0].synchronous_commit;
    await other.unsafe("begin");
    while ((await seal(other)) === 0) await Bun.sleep(20);
    expect(await waiting()).toBe("off");
    await other.unsafe("commit");
    expect(await waiting()).toBe("on");
  });

  test("works in bounded steps, and two at once make one chain", async () => {
    await actAs(
      sql,
      owner,
      (tx) => tx`insert into core.customers (business_id, id, name)
      select ${owner.business_id}::uuid, gen_random_uuid(), 'Step ' || n from generate_series(1, 300) n`,
    );
    while ((await seal(sql, 1)) === 0) await Bun.sleep(20);
    expect(await seal(sql, 99)).toBe(99);
    const both = async (connection: SQL) => {
      let sealed = 0;
      for (let round = 0; round < 40; round++) sealed += await seal(connection, 10);
      return sealed + (await sealAll(connection));
    };
    const [here, there] = await Promise.all([both(sql), both(other)]);
    expect(here + there).toBe(200);
    expect(await verify()).toMatchObject({ reason: null, unsealed: "0" });
  });

  test("keeps up with writers that commit at random", async () => {
    const writers = Array.from({ length: 4 }, () => connect(database.url));
    const writing = { goes_on: true };
    const sealing = (async () => {
      while (writing.goes_on) await seal(other, 50);
    })();
    await Promise.all(
      writers.map(async (writer) => {
        for (let n = 0; n < 40; n++) {
          await writer.unsafe("begin");
          await insertCustomer(writer, `Random ${n}`);
          await Bun.sleep(Math.random() * 3);
          await writer.unsafe(n % 7 === 0 ? "rollback" : "commit");
        }
      }),
    );
    writing.goes_on = false;
    await sealing;
    await sealAll(sql);
    expect(await verify()).toMatchObject({ reason: null, unsealed: "0" });
    await Promise.all(writers.map((writer) => writer.close()));
  });

  test("seals the rows of a restored dump, whose transaction numbers lie in the future", async () => {
    await sql`insert into core.audit_log (action, entity_type, xid) values ('old.created', 'old', '9000000000000')`;
    expect(await sealAll(sql)).toBe(1);
    expect(await verify()).toMatchObject({ reason: null });
  });
});

describe("the proof", () => {
  /** What `verify` says of a trail that somebody with all rights changed by `statement`. */
  const verdictAfter = async (statement: string): Promise<Verdict> => {
    await sql.unsafe("begin");
    try {
      await sql.unsafe("alter table core.audit_log disable trigger user");
      await sql.unsafe(statement);
      return await verify();
    } finally {
      await sql.unsafe("rollback");
    }
  };
  beforeEach(async () => {
    await sealAll(sql);
  });

  const last = "(select last_seq from core.audit_chain)";

  test("says how many rows it proved, and how many wait to be sealed", async () => {
    await insertCustomer(sql, "Unsealed");
    const [{ last_seq }] = await sql`select last_seq from core.audit_chain`;
    expect(await verify()).toMatchObject({
      verified: String(last_seq),
      unsealed: "1",
      reason: null,
      seq: null,
    });
    expect(Number(last_seq)).toBeGreaterThan(300);
  });

  test.each([
    "action = 'customer.praised'",
    "after = '{}'",
    "actor_user_id = gen_random_uuid()",
    "at = at + interval '1 microsecond'",
    "hash = sha256('x')",
    "request_id = 'other'",
    "business_id = null",
  ])("names a row whose content was changed: %s", async (change) => {
    const [{ id }] = await sql`select id from core.audit_log where seq = 17`;
    const verdict = await verdictAfter(`update core.audit_log set ${change} where seq in (17, 40)`);
    expect(verdict).toMatchObject({ reason: "changed", seq: "17", id: String(id), verified: "16" });
  });

  test("names the place of a row that was deleted in the middle", async () => {
    expect(await verdictAfter("delete from core.audit_log where seq in (23, 31)")).toMatchObject({
      reason: "missing",
      seq: "23",
    });
    expect(await verdictAfter("delete from core.audit_log where seq = 1")).toMatchObject({
      reason: "missing",
      seq: "1",
    });
  });

  test("notices a row that was taken out of the chain", async () => {
    const verdict = await verdictAfter("update core.audit_log set seq = null, hash = null where seq = 9");
    expect(verdict).toMatchObject({ reason: "missing", seq: "9" });
  });

  test("notices that the tail was deleted", async () => {
    const [{ from }] = await sql.unsafe(`select ${last} - 4 as from`);
    const verdict = await verdictAfter(`delete from core.audit_log where seq > ${last} - 5`);
    expect(verdict).toMatchObject({ reason: "tail_missing", seq: String(from) });
  });

  test("notices a row that nobody sealed, and a head that was changed", async () => {
    const forged = `insert into core.audit_log (action, entity_type, seq, hash) select 'x', 'x', ${last} + 1, sha256('x')`;
    expect(await verdictAfter(forged)).toMatchObject({ reason: "beyond_head" });
    expect(await verdictAfter("update core.audit_chain set last_hash = sha256('x')")).toMatchObject({
      reason: "head_changed",
    });
  });

  test("notices two rows that were exchanged", async () => {
    const verdict = await verdictAfter(`update core.audit_log a set seq = b.seq, hash = b.hash
      from core.audit_log b where a.seq in (50, 51) and b.seq = 101 - a.seq`);
    expect(verdict).toMatchObject({ reason: "changed", seq: "50" });
  });
});
