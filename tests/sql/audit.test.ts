import type { SQL } from "bun";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Act, actAs, insertBusiness, refusalOf, sealAll } from "./fixtures.ts";

// The sealer waits for every transaction of the server; another test may hold one for a while.
setDefaultTimeout(60_000);

let database: TestDatabase;
let sql: SQL;
let owner: Act;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connect(database.url);
  owner = await insertBusiness(sql);
});
afterAll(async () => {
  await sql?.close();
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

  test("calls a row whose key is changed another row", async () => {
    const [from, to] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    await sql`insert into shop.processes (business_id, id, code, name) values (${owner.business_id}, ${from}, 'KEY', 'Key')`;
    await sql`update shop.processes set id = ${to}, name = 'Other' where id = ${from}`;
    const [gone, made] = [(await trailOf(from)).at(-1), (await trailOf(to))[0]];
    expect(gone).toMatchObject({ action: "process.deleted", after: null });
    expect(values(gone?.["before"])).toMatchObject({ id: from, code: "KEY", name: "Key" });
    expect(made).toMatchObject({ action: "process.created", before: null });
    expect(values(made?.["after"])).toMatchObject({ id: to, code: "KEY", name: "Other" });
  });

  test("tells which setting was changed, which has no id, and whose it is", async () => {
    const told = async () => {
      const rows =
        await sql`select business_id, action, entity_id, before::text as before, after::text as after
        from core.audit_log where entity_type = 'setting' order by id desc limit 1`;
      return { ...rows[0], before: values(rows[0].before), after: values(rows[0].after) };
    };
    const setting = { business_id: owner.business_id, key: "shop.parallel_work" };
    await sql`insert into core.settings (business_id, key, value) values (${owner.business_id}, 'shop.parallel_work', 'false')`;
    const row = { business_id: owner.business_id, entity_id: null };
    expect(await told()).toEqual({
      ...row,
      action: "setting.created",
      before: null,
      after: { ...setting, value: false },
    });
    await sql`update core.settings set value = 'true' where business_id = ${owner.business_id}`;
    expect(await told()).toEqual({
      ...row,
      action: "setting.updated",
      before: { key: setting.key, value: false },
      after: { key: setting.key, value: true },
    });
    await sql`delete from core.settings where business_id = ${owner.business_id}`;
    expect(await told()).toEqual({
      ...row,
      action: "setting.deleted",
      before: { ...setting, value: true },
      after: null,
    });
  });

  // A migration that adds a column to a table that is kept must call core.write_audit for it.
  test("names every column of every table that it is kept of, as it is now", async () => {
    const audited: { name: string; written: string }[] = await sql`
      select a.name, pg_get_functiondef(t.tgfoid) as written
      from core.audited_tables a join pg_trigger t on t.tgrelid = a.name::regclass and t.tgname = 'audit_update'`;
    expect(audited.length).toBe((await sql`select count(*)::int as n from core.audited_tables`)[0].n);
    expect(audited.length).toBeGreaterThan(30);
    for (const { name } of audited) await sql.unsafe(`delete from ${name} where false`);
    await sql.unsafe("begin");
    await sql`select core.write_audit(a.name::regclass) from core.audited_tables a`;
    const now: { name: string; written: string }[] = await sql`
      select a.name, pg_get_functiondef(t.tgfoid) as written
      from core.audited_tables a join pg_trigger t on t.tgrelid = a.name::regclass and t.tgname = 'audit_update'`;
    await sql.unsafe("rollback");
    const written = new Map(now.map((table) => [table.name, table.written]));
    expect(
      audited.filter((table) => table.written !== written.get(table.name)).map(({ name }) => name),
    ).toEqual([]);
  });

  test("keeps nothing of a change that was rolled back", async () => {
    await sql.unsafe("begin");
    await insertCustomer(sql, "Never was");
    await sql.unsafe("rollback");
    expect(await sql`select from core.audit_log where after ->> 'name' = 'Never was'`).toHaveLength(0);
  });

  test("refuses update, delete and truncate, also of one partition", async () => {
    await insertCustomer(sql, "Witness");
    const partition = async () =>
      (
        await sql`select tableoid::regclass::text as partition from core.audit_log order by id desc limit 1`
      )[0].partition;
    expect(await partition()).toBe("core.audit_log_unsealed");
    await sealAll(sql);
    const month = await partition();
    expect(month).toMatch(/^core\.audit_log_\d{4}_\d{2}$/);
    await insertCustomer(sql, "Unsealed witness");
    for (const statement of [
      "update core.audit_log set action = 'x'",
      "update core.audit_log set seq = 1, hash = '', action = 'x' where seq is null",
      "delete from core.audit_log",
      "truncate core.audit_log",
      ...[month, "core.audit_log_unsealed", "core.audit_log_sealed", "core.audit_log_default"].flatMap(
        (table) => [`truncate ${table}`, `delete from ${table}`],
      ),
      `update ${month} set action = 'x'`,
      "update core.audit_log_unsealed set action = 'x'",
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
    await sealAll(sql);
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
