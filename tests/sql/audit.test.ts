import type { SQL } from "bun";
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Act, actAs, insertBusiness, refusalOf } from "./fixtures.ts";

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

const trailOf = (entity_id: string): Promise<Record<string, unknown>[]> => sql`
  select action, entity_type, entity_id, business_id, actor_user_id, session_id, request_id, host(ip) as ip,
    before::text as before, after::text as after
  from core.audit_log where entity_id = ${entity_id} order by id`;

const values = (text: unknown): unknown => (typeof text === "string" ? JSON.parse(text) : text);

describe("the audit trail", () => {
  test("tells who did what, when, with the values before and after", async () => {
    const id = Bun.randomUUIDv7();
    await actAs(sql, owner, async (tx) => {
      await tx`insert into core.customers (business_id, id, name, phone) values (${owner.business_id}, ${id}, 'Bola', '+2348012345678')`;
      await tx`update core.customers set name = 'Bola A.', notes = 'vip' where id = ${id}`;
      await tx`delete from core.customers where id = ${id}`;
    });
    const rows = await trailOf(id);
    expect(rows.map((row) => row["action"])).toEqual([
      "customer.created",
      "customer.updated",
      "customer.deleted",
    ]);
    for (const row of rows) {
      expect(row).toMatchObject({
        entity_type: "customer",
        entity_id: id,
        business_id: owner.business_id,
        actor_user_id: owner.user_id,
        session_id: owner.session_id,
        request_id: owner.request_id,
        ip: owner.ip,
      });
    }
    expect(rows[0]?.["before"]).toBeNull();
    expect(values(rows[0]?.["after"])).toMatchObject({ id, name: "Bola", phone: "+2348012345678" });
    expect(values(rows[1]?.["before"])).toEqual({ name: "Bola", notes: null });
    expect(values(rows[1]?.["after"])).toEqual({ name: "Bola A.", notes: "vip" });
    expect(values(rows[2]?.["before"])).toMatchObject({ id, name: "Bola A.", notes: "vip" });
    expect(rows[2]?.["after"]).toBeNull();
  });

  test("has a row for each of many rows that one statement changes", async () => {
    const count = async (action: string) =>
      Number(
        (
          await sql`select count(*) from core.audit_log where action = ${action} and after ->> 'notes' like 'bulk%'`
        )[0].count,
      );
    await actAs(sql, owner, async (tx) => {
      await tx`insert into core.customers (business_id, id, name, notes)
        select ${owner.business_id}::uuid, gen_random_uuid(), 'Bulk ' || n, 'bulk' from generate_series(1, 2000) n`;
      await tx`update core.customers set notes = 'bulk ' || name where notes = 'bulk' and name like 'Bulk %'`;
    });
    expect(await count("customer.created")).toBe(2000);
    expect(await count("customer.updated")).toBe(2000);
    const [mixed] =
      await sql`select count(*) from core.audit_log a join core.customers c on c.id = a.entity_id
      where a.action = 'customer.updated' and a.after ->> 'notes' like 'bulk%' and a.after ->> 'notes' <> 'bulk ' || c.name`;
    expect(Number(mixed.count)).toBe(0);
  });

  test("says that a secret changed, and never its value", async () => {
    await sql`update core.users set password_hash = 'argon2id-secret' where id = ${owner.user_id}`;
    const [row] = (await trailOf(owner.user_id)).slice(-1);
    expect(row).toMatchObject({ action: "user.updated", before: "{}", after: "{}" });
    await sql`insert into core.users (username, full_name, password_hash) values ('hidden', 'Hid Den', 'argon2id-secret')`;
    const leaks = await sql`select from core.audit_log where concat(before, after) like '%argon2id-secret%'`;
    expect(leaks).toHaveLength(0);
  });

  test("is silent about bookkeeping, about updates that change nothing, and during an import", async () => {
    const count = async () => Number((await sql`select count(*) from core.audit_log`)[0].count);
    const before = await count();
    await sql`update core.users set failed_logins = failed_logins + 1 where id = ${owner.user_id}`;
    await sql`update core.users set full_name = full_name where id = ${owner.user_id}`;
    await sql.unsafe("set app.import = 'on'");
    await insertCustomer(sql, "Imported");
    await sql.unsafe("reset app.import");
    expect(await count()).toBe(before);
  });

  test("names the links between records by the record that has them", async () => {
    const [machine, process_id] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    await sql`insert into shop.processes (business_id, id, code, name) values (${owner.business_id}, ${process_id}, 'WELD', 'Weld')`;
    await sql`insert into shop.machines (business_id, id, code, name) values (${owner.business_id}, ${machine}, 'M1', 'Welder')`;
    await sql`insert into shop.machine_processes values (${owner.business_id}, ${machine}, ${process_id})`;
    await sql`delete from shop.machines where id = ${machine}`;
    expect((await trailOf(machine)).map((row) => row["action"])).toEqual([
      "machine.created",
      "machine_process.created",
      "machine.deleted",
      "machine_process.deleted",
    ]);
  });

  test("keeps nothing of a change that was rolled back", async () => {
    await sql.unsafe("begin");
    await insertCustomer(sql, "Never was");
    await sql.unsafe("rollback");
    expect(await sql`select from core.audit_log where after ->> 'name' = 'Never was'`).toHaveLength(0);
  });

  test("refuses update, delete and truncate, also of one partition", async () => {
    await insertCustomer(sql, "Witness");
    const [{ partition }] =
      await sql`select tableoid::regclass::text as partition from core.audit_log order by id desc limit 1`;
    expect(partition).toMatch(/^core\.audit_log_\d{4}_\d{2}$/);
    for (const statement of [
      "update core.audit_log set action = 'x'",
      "update core.audit_log set seq = 1, hash = '', action = 'x' where seq is null",
      "delete from core.audit_log",
      "truncate core.audit_log",
      `truncate ${partition}`,
      `delete from ${partition}`,
      "truncate core.audit_log_default",
    ]) {
      expect(await refusalOf(sql.unsafe(statement))).toBe("append_only");
    }
  });
});

describe("partitions", () => {
  test("are made ahead, once", async () => {
    await sql`select core.create_audit_partitions(6)`;
    expect((await sql`select core.create_audit_partitions(6) as made`)[0].made).toBe(0);
    const [{ ahead }] = await sql`select count(*)::int as ahead from pg_class
      where relname >= to_char(now() at time zone 'UTC', '"audit_log_"YYYY_MM') and relname ~ '^audit_log_\\d{4}_\\d{2}$'
        and relkind = 'r'`;
    expect(ahead).toBe(7);
  });

  test("take over the rows that fell into the default one because nobody made their month in time", async () => {
    await sql`insert into core.audit_log (at, action, entity_type) values (now() + interval '9 months', 'late.created', 'late')`;
    const home = async () =>
      (await sql`select tableoid::regclass::text as home from core.audit_log where entity_type = 'late'`)[0]
        .home;
    expect(await home()).toBe("core.audit_log_default");
    expect((await sql`select core.create_audit_partitions(10) as made`)[0].made).toBe(4);
    expect(await home()).toMatch(/^core\.audit_log_\d{4}_\d{2}$/);
    expect(await refusalOf(sql`delete from core.audit_log where entity_type = 'late'`)).toBe("append_only");
    expect(await refusalOf(sql.unsafe("truncate core.audit_log_default"))).toBe("append_only");
  });
});

const seal = async (connection: SQL, max = 100_000): Promise<number> =>
  (await connection`select core.seal_audit(${max}::int) as sealed`)[0].sealed;

/**
 * Seals until nothing is left, and returns how many rows that were. A transaction that runs in any database of the
 * server, another test's for instance, makes the sealer wait.
 */
const sealAll = async (connection: SQL): Promise<number> => {
  const give_up_at = performance.now() + 50_000;
  let sealed = 0;
  for (;;) {
    sealed += await seal(connection);
    const [{ unsealed }] =
      await connection`select count(*)::int as unsealed from core.audit_log where seq is null`;
    if (unsealed === 0) return sealed;
    if (performance.now() > give_up_at) throw new Error(`${unsealed} rows cannot be sealed`);
    await Bun.sleep(20);
  }
};

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
    expect(Number(last_seq)).toBeGreaterThan(1000);
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
