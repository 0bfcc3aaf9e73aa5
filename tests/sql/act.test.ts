import type { SQL } from "bun";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type Act, actAs, insertBusiness, refusalOf } from "./fixtures.ts";

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

/** One statement that creates a customer, as the application writes them. */
const create_customer = `
  with act as materialized (select * from core.begin_act($1::text::jsonb)),
  created as (
    insert into core.customers (business_id, id, name) select act.business_id, $2::uuid, $3 from act returning *)
  select core.end_act($1::text::jsonb, 201, json_build_object('id', id, 'name', name)::text, '/customers/' || id, version)
    as body from created`;

const create = (
  connection: SQL,
  act: Act,
  name: string,
  id: string = Bun.randomUUIDv7(),
): Promise<{ body: string }[]> => connection.unsafe(create_customer, [JSON.stringify(act), id, name]);

const keyed = (key: string, request: string): Act => ({
  ...owner,
  key,
  request_hash: new Bun.CryptoHasher("sha256").update(request).digest("hex"),
});

const storedAnswer = async (key: string): Promise<Record<string, unknown> | undefined> => {
  const rows =
    await sql`select status, response, location, version, encode(request_hash, 'hex') as request_hash
    from core.idempotency_keys where business_id = ${owner.business_id} and member_id = ${owner.member_id} and key = ${key}`;
  return rows[0];
};

const customersNamed = async (name: string): Promise<number> =>
  Number((await sql`select count(*) from core.customers where name = ${name}`)[0].count);

describe("a write with an idempotency key", () => {
  test("stores its answer byte for byte, with what the headers said", async () => {
    const act = keyed("stores-answer", "POST /customers 1");
    const [row] = await create(sql, act, 'Zoë — Ọlá\n"quoted" \\ 😀');
    const stored = await storedAnswer("stores-answer");
    expect(stored?.["response"]).toBe(row?.body);
    const { id } = JSON.parse(row?.body ?? "");
    expect(stored).toMatchObject({
      status: 201,
      location: `/customers/${id}`,
      version: 1,
      request_hash: act.request_hash,
    });
  });

  test("answers a replay with no row and no second effect", async () => {
    const act = keyed("replayed-key", "POST /customers 2");
    expect(await create(sql, act, "Only once")).toHaveLength(1);
    expect(await create(sql, act, "Only once")).toHaveLength(0);
    expect(await create(other, act, "Only once")).toHaveLength(0);
    expect(await customersNamed("Only once")).toBe(1);
  });

  test("refuses the key for another request", async () => {
    await create(sql, keyed("mismatched", "POST /customers 3"), "First");
    const refusal = refusalOf(create(sql, keyed("mismatched", "POST /customers 4"), "Second"));
    expect(await refusal).toBe("idempotency_mismatch");
    expect(await customersNamed("Second")).toBe(0);
  });

  test("refuses a second request on another connection while the first runs, then replays", async () => {
    const act = keyed("in-progress", "POST /customers 5");
    await sql.unsafe("begin");
    await create(sql, act, "Slow");
    expect(await refusalOf(create(other, act, "Slow"))).toBe("idempotency_in_progress");
    await sql.unsafe("commit");
    expect(await create(other, act, "Slow")).toHaveLength(0);
    expect(await customersNamed("Slow")).toBe(1);
  });

  test("leaves no key when its effect is rolled back, so that a retry runs", async () => {
    const act = keyed("rolled-back", "POST /customers 6");
    await sql.unsafe("begin");
    await create(sql, act, "Again");
    await sql.unsafe("rollback");
    expect(await storedAnswer("rolled-back")).toBeUndefined();
    expect(await create(sql, act, "Again")).toHaveLength(1);
  });

  test("leaves no key when the statement is refused", async () => {
    const act = keyed("refused-once", "POST /customers 7");
    expect(await refusalOf(create(sql, act, ""))).toBe("customers_name_ck");
    expect(await storedAnswer("refused-once")).toBeUndefined();
  });

  test("has one effect when many connections send it at once", async () => {
    const act = keyed("all-at-once", "POST /customers 8");
    const connections = Array.from({ length: 8 }, () => connect(database.url));
    const results = await Promise.allSettled(
      connections.map((connection) => create(connection, act, "Crowd")),
    );
    await Promise.all(connections.map((connection) => connection.close()));
    const won = results.filter((result) => result.status === "fulfilled" && result.value.length === 1);
    const refused = results.filter((result) => result.status === "rejected");
    expect(won).toHaveLength(1);
    for (const { reason } of refused) expect(reason.constraint).toBe("idempotency_in_progress");
    expect(await customersNamed("Crowd")).toBe(1);
  });

  test("belongs to its member: another member's same key is another key", async () => {
    const stranger = await insertBusiness(sql);
    const act = keyed("shared-name", "POST /customers 9");
    expect(await create(sql, act, "Ours")).toHaveLength(1);
    const theirs = { ...stranger, key: act.key, request_hash: act.request_hash };
    expect(await create(sql, theirs, "Theirs")).toHaveLength(1);
  });
});

describe("a write without a key", () => {
  test("returns its body and stores nothing", async () => {
    const [before] = await sql`select count(*) from core.idempotency_keys`;
    const [row] = await create(sql, owner, "Keyless");
    expect(JSON.parse(row?.body ?? "")).toMatchObject({ name: "Keyless" });
    expect(await sql`select count(*) from core.idempotency_keys`.then((rows) => rows[0])).toEqual(before);
  });

  test("leaves no trace of who acted on the connection", async () => {
    await create(sql, owner, "Traceless");
    const [left] =
      await sql`select core.app_setting('user_id') as user_id, core.app_setting('business_id') as business_id`;
    expect(left).toEqual({ user_id: null, business_id: null });
  });
});

describe("stamps", () => {
  const stamps = (
    id: string,
  ): Promise<Record<string, unknown>[]> => sql`select created_by, updated_by, version,
    created_at = updated_at as is_untouched, created_at > now() - interval '1 minute' as is_recent,
    updated_at > created_at as is_later from core.customers where business_id = ${owner.business_id} and id = ${id}`;

  test("say who and when, whatever an insert claims", async () => {
    const id = Bun.randomUUIDv7();
    const forger = Bun.randomUUIDv7();
    await actAs(
      sql,
      owner,
      (tx) => tx`insert into core.customers
      (business_id, id, name, created_at, updated_at, created_by, updated_by)
      values (${owner.business_id}, ${id}, 'Forged', '2001-01-01', '2001-01-01', ${forger}, ${forger})`,
    );
    expect((await stamps(id))[0]).toMatchObject({
      created_by: owner.user_id,
      updated_by: owner.user_id,
      is_untouched: true,
      is_recent: true,
      version: 1,
    });
  });

  test("say who and when, whatever an update claims or forgets", async () => {
    const id = Bun.randomUUIDv7();
    await create(sql, owner, "Stamped", id);
    const editor = { ...owner, user_id: Bun.randomUUIDv7() };
    await actAs(
      sql,
      editor,
      (tx) => tx`update core.customers set name = 'Renamed', version = 40, created_by = null,
      created_at = '2001-01-01', updated_at = '2001-01-01', updated_by = null where id = ${id}`,
    );
    expect((await stamps(id))[0]).toMatchObject({
      created_by: owner.user_id,
      updated_by: editor.user_id,
      is_recent: true,
      is_later: true,
      version: 2,
    });
  });

  test("keep the last user's name when a background job changes the row", async () => {
    const id = Bun.randomUUIDv7();
    await create(sql, owner, "Job", id);
    await sql`update core.customers set notes = 'swept' where id = ${id}`;
    expect((await stamps(id))[0]).toMatchObject({ updated_by: owner.user_id, version: 2 });
  });

  test("are an import's own only while app.import is on, and never in an act", async () => {
    const [imported, acted] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
    const insert = (id: string) => sql`insert into core.customers (business_id, id, name, created_at)
      values (${owner.business_id}, ${id}, 'Old', '2020-02-02T00:00:00Z')`;
    await sql.unsafe("set app.import = 'on'");
    await insert(imported);
    await actAs(sql, owner, () => insert(acted));
    await sql.unsafe("reset app.import");
    const rows =
      await sql`select id, core.iso(created_at) as created_at from core.customers where name = 'Old' order by id`;
    const created_at = Object.fromEntries(
      rows.map((row: { id: string; created_at: string }) => [row.id, row.created_at]),
    );
    expect(created_at[imported]).toBe("2020-02-02T00:00:00.000Z");
    expect(created_at[acted]).not.toStartWith("2020");
  });

  test("and version ignore the bookkeeping of failed logins", async () => {
    const version = async () =>
      (await sql`select version from core.users where id = ${owner.user_id}`)[0].version;
    const before = await version();
    await sql`update core.users set failed_logins = 3, locked_until = now() where id = ${owner.user_id}`;
    expect(await version()).toBe(before);
    await sql`update core.users set full_name = 'Ada Second' where id = ${owner.user_id}`;
    expect(await version()).toBe(before + 1);
  });

  test("are on every table of business records", async () => {
    const bare =
      await sql`select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and not c.relispartition and n.nspname in ('core', 'ledger', 'bank', 'savings', 'shop')
        and not exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'stamp_insert') order by 1`;
    expect(bare.map((row: { name: string }) => row.name)).toEqual([
      "bank.past_rates",
      "bank.wire_transfer_events",
      // streams, roll-ups, links between records, and what belongs to a login
      "core.audit_chain",
      "core.audited_tables",
      "core.cache_outbox",
      "core.cache_relay",
      "core.counted_tables",
      "core.counter_deltas",
      "core.counters",
      "core.currencies",
      "core.idempotency_keys",
      "core.otp_challenges",
      "core.outbox",
      "core.outbox_forgotten",
      "core.refresh_tokens",
      "core.sequences",
      "core.sessions",
      "ledger.balance_snapshots",
      "ledger.balances",
      "ledger.entries",
      "ledger.transactions",
      "savings.agents",
      "savings.markings",
      "savings.webhook_events",
      "shop.machine_processes",
      "shop.month_rebuilds",
      "shop.open_steps",
      "shop.overdue_watch",
      "shop.routing_steps",
      "shop.step_dependencies",
    ]);
  });
});

describe("append-only tables", () => {
  test("refuse an update and a delete, but go with their parent", async () => {
    const [job, process_id, step, note] = Array.from({ length: 4 }, () => Bun.randomUUIDv7());
    const id = owner.business_id;
    await sql`insert into shop.processes (business_id, id, code, name) values (${id}, ${process_id}, 'CUT', 'Cut')`;
    await sql`insert into shop.jobs (business_id, id, job_number, title) values (${id}, ${job}, 'J-1', 'Bracket')`;
    await sql`insert into shop.job_steps (business_id, id, job_id, process_id, position)
      values (${id}, ${step}, ${job}, ${process_id}, 1)`;
    await sql`insert into shop.step_notes (business_id, id, step_id, note) values (${id}, ${note}, ${step}, 'Mind the edge')`;
    expect(await refusalOf(sql`update shop.step_notes set note = 'never said' where id = ${note}`)).toBe(
      "append_only",
    );
    expect(await refusalOf(sql`delete from shop.step_notes where id = ${note}`)).toBe("append_only");
    expect(await refusalOf(sql.unsafe("truncate shop.step_notes"))).toBe("append_only");
    await sql`delete from shop.jobs where id = ${job}`;
    expect(await sql`select from shop.step_notes where id = ${note}`).toHaveLength(0);
  });
});
