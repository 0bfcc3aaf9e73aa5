import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SQL } from "bun";
import { createFileStorage } from "../../src/core/file-storage.ts";
import { judgeFile } from "../../src/core/file-types.ts";
import { demo_emails, demo_password } from "../../src/platform/demo.ts";
import {
  accountTypes,
  bankAccountStatuses,
  kycStatuses,
  transferKinds,
  transferStatuses,
  wireStatuses,
} from "../../src/platform/enums.ts";
import { demoBusiness, seedDemo } from "../../src/seed/demo.ts";
import { planScale } from "../../src/seed/plan.ts";
import { SeedRefused, seedScale } from "../../src/seed/scale.ts";
import { budgetContradictions, demoBudgets } from "./seed-budget.ts";
import { bankContradictions } from "./seed-bank.ts";
import { checksums } from "./seed-checksums.ts";
import {
  demoShopNotices,
  demoShopNow,
  livingShopStates,
  demoShopRanges,
  demoTrailContradictions,
  demoShopStates,
  shopContradictions,
} from "./seed-shop.ts";
import { demoSavingsNow, demoSavingsStates, livingStates, savingsContradictions } from "./seed-savings.ts";
import { connect, createTestDatabase, type TestDatabase } from "../helpers/database.ts";

const until_ms = Date.UTC(2026, 10, 20, 14);
/** The same for both kinds of seed, whatever the clock does between them. */
const now_ms = Math.floor(Date.now() / 3_600_000) * 3_600_000;
const silent = { write() {} };

let files_dir: string;
let database: TestDatabase;
let sql: SQL;

beforeAll(async () => {
  files_dir = await mkdtemp(join(tmpdir(), "countinghouse-seed-"));
  database = await createTestDatabase();
  sql = connect(database.url);
}, 90_000);

afterAll(async () => {
  await sql.close();
  await database.drop();
  await rm(files_dir, { recursive: true });
});

async function expectNoContradiction(on: SQL): Promise<void> {
  for (const [name, query] of Object.entries({
    ...shopContradictions,
    ...bankContradictions,
    ...savingsContradictions,
    ...budgetContradictions,
  })) {
    expect({ [name]: [...(await on.unsafe(query))] }).toEqual({ [name]: [] });
  }
}

describe("the rows of a scale", () => {
  test("are the same for the same seed and other for another", () => {
    const first = checksums({ scale: "10k", jobs: 400, seed: 42, until_ms });
    expect(checksums({ scale: "10k", jobs: 400, seed: 42, until_ms })).toEqual(first);
    const other = checksums({ scale: "10k", jobs: 400, seed: 43, until_ms });
    for (const table of [
      "shop.jobs",
      "shop.job_steps",
      "shop.time_logs",
      "core.customers",
      "bank.transfers",
      "ledger.entries",
      "savings.accounts",
      "savings.markings",
      "budget.transactions",
    ] as const) {
      expect(first.get(table)).toBeString();
      expect(other.get(table)).not.toBe(first.get(table));
    }
  });

  test("are as many jobs as asked for, most of them in the first business", () => {
    for (const jobs of [10, 399, 10_000, 1_000_000, 10_000_000]) {
      const counts = planScale({ scale: "1m", jobs, seed: 1, until_ms }).map((plan) => plan.jobs);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(jobs);
      expect(counts[0]).toBeGreaterThanOrEqual(Math.round(jobs * 0.7));
    }
  });

  test("hold every constraint and agree with each other, foreign keys checked", async () => {
    const { rows } = await seedScale(database.url, {
      scale: "10k",
      seed: 5,
      jobs: 900,
      until_ms: now_ms,
      foreign_keys: "check",
      output: silent,
    });
    await expectNoContradiction(sql);
    const [count] = await sql`select count(*)::int as jobs, count(distinct business_id)::int as businesses,
      count(distinct customer_id)::int as customers from shop.jobs`;
    expect(count).toMatchObject({ jobs: 900, businesses: 8 });
    expect(rows).toBeGreaterThan(900);
    const [owner] = await sql`select password_hash from core.users where email = 'owner.scale1@scale.test'`;
    expect(await Bun.password.verify(demo_password, owner.password_hash)).toBe(true);
    const [audit] = await sql`select count(*)::int as rows from core.audit_log`;
    expect(audit.rows).toBe(0);
  }, 90_000);

  test("end what servers have cached of them", async () => {
    const [left] = await sql`select array(select unnest(tags) from core.cache_outbox order by 1) as tags,
      array(select 'b:' || id || '!' from core.businesses where code like 'SCALE%' order by 1) as businesses`;
    expect(left.tags).toEqual(left.businesses);
    expect(left.tags).toHaveLength(8);
  });

  test("are refused where they are already", async () => {
    const again = seedScale(database.url, { scale: "10k", seed: 6, jobs: 10, output: silent });
    await expect(again).rejects.toBeInstanceOf(SeedRefused);
    await sql`update core.settings set value = value || '{"state": "running"}' where key = 'seed.scale'`;
    const afterBreak = seedScale(database.url, { scale: "10k", seed: 6, jobs: 10, output: silent });
    await expect(afterBreak).rejects.toThrow("did not finish");
  });
});

describe("a seed beside one that checks", () => {
  test("writes the same rows when foreign keys are trusted, and shows how far it is", async () => {
    const second = await createTestDatabase();
    const trusting = connect(second.url);
    try {
      const written: string[] = [];
      await seedScale(second.url, {
        scale: "10k",
        seed: 5,
        jobs: 900,
        until_ms: now_ms,
        foreign_keys: "trust",
        output: { write: (text) => written.push(text) },
      });
      await expectNoContradiction(trusting);
      expect(written.at(-1)).toContain("owner.scale1@scale.test");
      expect(written.join("")).toMatch(/[\d,]+ rows in [\d.]+ s, [\d,]+ rows\/s/);
      const hash = async (on: SQL) => [
        ...(await on`
          select (select md5(string_agg(j::text, '' order by business_id, id)) from shop.jobs j
              where job_number like 'JOB-%') as jobs,
            (select md5(string_agg(s::text, '' order by business_id, id)) from shop.job_steps s) as steps,
            (select md5(string_agg(l::text, '' order by business_id, id)) from shop.time_logs l) as logs,
            (select md5(string_agg(e::text, '' order by business_id, id)) from ledger.entries e) as entries,
            (select md5(string_agg(m::text, '' order by business_id, savings_account_id, collection_id, position))
              from savings.markings m) as markings,
            (select md5(string_agg(m::text, '' order by business_id, budget_id, month, category_id))
              from budget.category_months m where activity <> 0) as budgets,
            (select md5(string_agg(b::text, '' order by business_id, account_id, shard)) from ledger.balances b) as balances`),
      ];
      expect(await hash(trusting)).toEqual(await hash(sql));
    } finally {
      await trusting.close();
      await second.drop();
    }
  }, 90_000);
});

describe("the largest scale", () => {
  test("has details of the last months only, on top of balanced opening balances", async () => {
    const third = await createTestDatabase();
    const recent = connect(third.url);
    try {
      await seedScale(third.url, { scale: "10m", seed: 5, jobs: 300, until_ms: now_ms, output: silent });
      await expectNoContradiction(recent);
      const [found] = await recent`select
          (select count(*)::int from ledger.transactions where kind = 'bank.opening') as openings,
          (select min(created_at) from bank.transfers) as first_transfer,
          (select min(effective_at) from ledger.entries) as first_entry,
          (select min(opened_at) from bank.accounts) as first_account,
          (select count(*)::int from shop.jobs where steps_total = 0) as bare_jobs`;
      expect(found.openings).toBeGreaterThan(50);
      expect(found.bare_jobs).toBeGreaterThan(50);
      const since = now_ms - 93 * 86_400_000;
      expect(found.first_transfer.getTime()).toBeGreaterThan(since);
      expect(found.first_entry.getTime()).toBeGreaterThan(since);
      expect(found.first_account.getTime()).toBeLessThan(since);
    } finally {
      await recent.close();
      await third.drop();
    }
  }, 90_000);
});

describe("a scale of the shop alone", () => {
  test("has jobs as any other, in businesses that have nothing else", async () => {
    const fourth = await createTestDatabase();
    const alone = connect(fourth.url);
    try {
      const modules = ["shop"] as const;
      await seedScale(fourth.url, {
        scale: "1m",
        seed: 5,
        jobs: 200,
        // the others are made within hours
        slow_jobs: 80,
        until_ms: now_ms,
        modules,
        output: silent,
      });
      await expectNoContradiction(alone);
      const [found] = await alone`select (select count(*)::int from shop.jobs) as jobs,
        (select count(*)::int from ledger.accounts) as accounts,
        (select count(*)::int from savings.accounts) as savings,
        (select count(*)::int from budget.budgets) as budgets,
        array(select distinct modules::text from core.businesses where code like 'SCALE%') as modules`;
      expect(found).toEqual({ jobs: 200, accounts: 0, savings: 0, budgets: 0, modules: ["{shop}"] });
    } finally {
      await alone.close();
      await fourth.drop();
    }
  }, 90_000);
});

describe("the demo business", () => {
  test("is made once, however often and by however many it is asked for", async () => {
    const made = await Promise.all([1, 2].map(() => seedDemo(database.url, { files_dir })));
    expect(made.filter((one) => one)).toHaveLength(1);
    expect(await seedDemo(database.url, { files_dir })).toBe(false);
    const [count] = await sql`select count(*)::int as businesses from core.businesses where code = 'DEMO'`;
    expect(count.businesses).toBe(1);
  }, 90_000);

  test("has a user for each role, who can log in with the published password", async () => {
    const users: { email: string; role: string; password_hash: string }[] = await sql`
      select u.email::text as email, m.role::text as role, u.password_hash
      from core.users u join core.memberships m on m.user_id = u.id
      where u.email = any (${`{${demo_emails.join(",")}}`}::citext[]) and m.status = 'active'`;
    expect(users.map((user) => user.email).sort()).toEqual([...demo_emails].sort());
    for (const { email, role } of users) expect(email).toBe(`${role}@demo.test`);
    expect(users[0]?.password_hash).toStartWith("$argon2id$v=19$m=19456,t=2,");
    expect(await Bun.password.verify(demo_password, users[0]?.password_hash ?? "")).toBe(true);
  });

  test("has every module, and believable numbers of everything, which agree with each other", async () => {
    await expectNoContradiction(sql);
    const [demo] = await sql`select id, timezone, modules from core.businesses where code = 'DEMO'`;
    expect(demo.timezone).toBe("Africa/Lagos");
    const [count] = await sql`select
      (select count(*)::int from shop.jobs where business_id = ${demo.id}) as jobs,
      (select count(distinct status)::int from shop.jobs where business_id = ${demo.id}) as statuses,
      (select count(*)::int from core.customers where business_id = ${demo.id}) as customers,
      (select count(*)::int from shop.machines where business_id = ${demo.id}) as machines,
      (select count(*)::int from shop.processes where business_id = ${demo.id}) as processes,
      (select count(*)::int from core.units where business_id = ${demo.id}) as units,
      (select count(*)::int from core.settings where business_id = ${demo.id}) as settings`;
    expect(count).toEqual({
      jobs: 480,
      statuses: 6,
      customers: 240,
      machines: 11,
      processes: 12,
      units: 2,
      settings: 10,
    });
  });

  /** What there is of something in the demo, sorted. */
  const states = async (column: string, table: string): Promise<string[]> => {
    const rows = await sql.unsafe(`select distinct ${column}::text as state from ${table} t
      join core.businesses b on b.id = t.business_id where b.code = 'DEMO'`);
    return rows.map(({ state }: { state: string }) => state).sort();
  };

  test("has a bank with something in every state", async () => {
    expect(await states("t.status", "bank.accounts")).toEqual([...bankAccountStatuses].sort());
    expect(await states("t.type", "bank.accounts")).toEqual([...accountTypes].sort());
    expect(await states("t.currency", "bank.accounts")).toEqual(["NGN", "USD"]);
    expect(await states("t.status", "bank.transfers")).toEqual([...transferStatuses].sort());
    expect(await states("t.kind", "bank.transfers")).toEqual([...transferKinds].sort());
    expect(await states("t.status", "bank.wire_transfers")).toEqual([...wireStatuses].sort());
    expect(await states("t.target_currency", "bank.wire_transfers")).toEqual(["NGN", "USD"]);
    const known = kycStatuses.filter((status) => status !== "not_started");
    expect(await states("t.status", "bank.kyc_profiles")).toEqual(known.sort());
  });

  test("gives the login of a customer accounts of their own, with money and wires", async () => {
    const [own] =
      await sql`select count(distinct a.id)::int as accounts, count(distinct w.transfer_id)::int as wires,
        max(b.posted_credit - b.posted_debit)::float8 as most
      from core.users u join core.customers c on c.user_id = u.id
      join bank.accounts a on a.business_id = c.business_id and a.customer_id = c.id
      join ledger.balances b on b.business_id = a.business_id and b.account_id = a.id
      left join bank.wire_transfers w on w.business_id = c.business_id and w.customer_id = c.id and w.created_by = u.id
      where u.email = 'customer@demo.test' and c.is_active`;
    expect(own.accounts).toBe(2);
    expect(own.wires).toBeGreaterThanOrEqual(3);
    expect(own.most).toBeGreaterThan(0);
  });

  test("gives every login a budget of eight months and more, with income and something in most categories", async () => {
    const found = await sql.unsafe(demoBudgets);
    expect(found.map(({ email }: { email: string }) => email)).toEqual([...demo_emails].sort());
    for (const { months, categories, has_income, has_transactions } of found) {
      expect({ has_income, has_transactions }).toEqual({ has_income: true, has_transactions: true });
      expect(months).toBeGreaterThanOrEqual(8);
      expect(categories).toBeGreaterThan(25);
    }
  });

  test("tells what its people did in the last month, as it was", async () => {
    for (const [name, query] of Object.entries(demoTrailContradictions))
      expect({ [name]: [...(await sql.unsafe(query))] }).toEqual({ [name]: [] });
  });

  test("has a shop at work: everything in every state, some of it late, and a queue for its operator", async () => {
    for (const [column, values] of Object.entries(demoShopStates)) {
      const [table = "", name = ""] = column.split(" ");
      expect({ [column]: await states(`t.${name}`, `shop.${table}`) }).toEqual({
        [column]: [...values].sort(),
      });
    }
    const [now] = await sql.unsafe(demoShopNow);
    for (const [what, [least, most]] of Object.entries(demoShopRanges)) {
      expect({ what, is: now[what] }).toEqual({ what, is: expect.any(Number) });
      expect({ what, is: now[what], fits: now[what] >= least && now[what] <= most }).toMatchObject({
        fits: true,
      });
    }
    const told = await sql`select distinct n.type from core.notifications n
      join core.businesses b on b.id = n.business_id where b.code = 'DEMO' order by 1`;
    expect(told.map(({ type }: { type: string }) => type)).toEqual([...demoShopNotices]);
  });

  test("has savings with something in every state, of every kind and under every rule", async () => {
    for (const [column, values] of Object.entries(demoSavingsStates)) {
      const [table = "", name = ""] = column.split(" ");
      expect({ [column]: await states(`t.${name}`, `savings.${table}`) }).toEqual({
        [column]: [...values].sort(),
      });
    }
    expect(await states("sign(t.variance)", "savings.remittances")).toContain("1");
    const [now] = await sql.unsafe(demoSavingsNow);
    expect(now).toMatchObject({ ahead: true, behind: true, in_hand: true, payable: true });
  });

  test("gives the logins of a customer and of agents savings of their own", async () => {
    const [own] =
      await sql`select count(a.*)::int as accounts, count(q.*) filter (where q.status = 'paid')::int as paid
      from core.users u join core.customers c on c.user_id = u.id
      join savings.accounts a on a.business_id = c.business_id and a.customer_id = c.id
      left join savings.payment_requests q on q.business_id = a.business_id and q.savings_account_id = a.id
      where u.email = 'customer@demo.test'`;
    expect(own.accounts).toBeGreaterThan(1);
    expect(own.paid).toBeGreaterThan(0);
    const agents = await sql`select u.email::text as email from core.users u
      join core.memberships m on m.user_id = u.id join savings.agents g on g.business_id = m.business_id and g.id = m.id
      where u.email = any ('{agent@demo.test,sub_agent@demo.test}'::citext[]) and g.receipts > 20 order by 1`;
    expect(agents).toHaveLength(2);
  });

  test("has every state of savings and of the shop on whatever day and at whatever hour it is made", () => {
    const moments = ["2026-11-22T21:00Z", "2026-11-23T02:00Z", "2026-12-01T06:00Z", "2027-02-28T23:00Z"];
    for (const moment of moments) {
      const at_ms = Date.parse(moment);
      const { statements } = demoBusiness(at_ms, "hash");
      for (const [table, values] of Object.entries({ ...livingStates, ...livingShopStates })) {
        const [, rows = ""] = statements.split(`insert into ${table} (`);
        const [own = ""] = rows.split(";\n");
        for (const value of values)
          expect({ table, moment, value, is: own.includes(`'${value}'`) }).toMatchObject({ is: true });
      }
    }
  });

  test("has the file of every document where the server looks for it, of the type that it says", async () => {
    const files =
      await sql`select f.storage_key, f.filename, f.mime, f.size_bytes::int, encode(f.sha256, 'hex') as sha256
      from core.files f join core.businesses b on b.id = f.business_id where b.code = 'DEMO'`;
    expect(files.length).toBeGreaterThan(40);
    const storage = createFileStorage(files_dir);
    for (const { storage_key, filename, mime, size_bytes, sha256 } of files) {
      const bytes = await Bun.file(storage.pathOf(storage_key)).bytes();
      expect(bytes.length).toBe(size_bytes);
      expect(new Bun.CryptoHasher("sha256").update(bytes).digest("hex")).toBe(sha256);
      expect(judgeFile(bytes, filename, mime)).toEqual({ ok: true, mime });
    }
  });

  test("is the same text for the same instant", () => {
    expect(demoBusiness(until_ms, "hash")).toEqual(demoBusiness(until_ms, "hash"));
  });
});
