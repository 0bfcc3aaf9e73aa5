import type { SQL } from "bun";
import { seedScale } from "../../src/seed/scale.ts";
import { connect } from "../helpers/database.ts";
import { budgetGrowth, budgetIds } from "./populate-budget.ts";
import { chatGrowth, chatIds } from "./populate-chat.ts";
import { kycGrowth, kycIds } from "./populate-kyc.ts";
import { savingsGrowth, savingsIds } from "./populate-savings.ts";
import { shopGrowth } from "./populate-shop.ts";

/** Ids of rows of the largest business of a populated database; what samples are made of. */
export type Populated = Readonly<{
  business_id: string;
  timezone: string;
  user_id: string;
  member_id: string;
  owner_member_id: string;
  session_id: string;
  token_hash: string;
  challenge_id: string;
  customer_id: string;
  unit_id: string;
  file_id: string;
  notification_id: string;
  job_id: string;
  step_id: string;
  machine_id: string;
  process_id: string;
  username: string;
  email: string;
  phone: string;
  password_hash: string;
  account_id: string;
  other_account_id: string;
  transfer_id: string;
  wire_transfer_id: string;
  beneficiary_id: string;
  watchlist_id: string;
  document_id: string;
  applicant_id: string;
  statement_id: string;
  savings_account_id: string;
  savings_ended_id: string;
  savings_product_id: string;
  payment_request_id: string;
  destination_id: string;
  collection_id: string;
  agent_id: string;
  remittance_id: string;
  expense_id: string;
  budget_id: string;
  category_id: string;
  budget_group_id: string;
  budget_owner_id: string;
  budget_transaction_id: string;
  thread_id: string;
  answer_id: string;
}>;

/** Rows in each table that grows without bound, beside what the seed made. Enough that no scan is the cheapest way. */
const rows = 10_000;
/** Of fewer people all are read to name those of one page of the audit trail. */
const people = 2 * rows;
/** Where indexes make rows dear. */
const few = 6_000;

const growth = `
  set app.import = 'on';
  select core.create_audit_partitions(1);
  create temp table b as select id as business_id, (select id from core.users order by username limit 1) as user_id
    from core.businesses where code = 'SCALE1';
  insert into core.units (business_id, name) select business_id, 'Unit ' || g from b, generate_series(1, 20) g;
  insert into core.users (id, username, phone, email, full_name, password_hash)
    select md5('user' || g)::uuid, 'grown' || g, '+99' || 1000000 + g, 'grown' || g || '@example.test', 'Person ' || g, 'hash'
    from generate_series(1, ${people}) g;
  insert into core.memberships (business_id, id, user_id, role)
    select c.id, md5('member' || g)::uuid, md5('user' || g)::uuid, 'clerk' from generate_series(1, ${rows}) g
    join (select id, row_number() over (order by code) as place from core.businesses) c on c.place = 1 + g % 8;
  insert into core.customers (business_id, name, phone, is_active)
    select business_id, chr(65 + g % 26) || md5(g::text) || ' ' || g, '+98' || 1000000 + g, g % 10 > 0
    from b, generate_series(1, ${rows}) g;
  insert into core.sessions (id, user_id, active_business_id, ip, idle_expires_at, expires_at)
    select md5('session' || g)::uuid, md5('user' || g)::uuid, business_id, '192.0.2.1', now() + interval '1 day',
      now() + interval '30 days'
    from b, generate_series(1, ${rows}) g;
  insert into core.refresh_tokens (token_hash, session_id)
    select sha256(('token' || g)::bytea), md5('session' || g)::uuid from generate_series(1, ${rows}) g;
  insert into core.otp_challenges (id, purpose, channel, destination, user_id, session_id, code_hash, expires_at, consumed_at,
      sealed_code, next_delivery_at)
    select md5('challenge' || g)::uuid, 'step_up', 'sms', '+97' || 1000000 + g, md5('user' || g)::uuid, md5('session' || g)::uuid,
      sha256('code'), now() + (g - ${rows - 1_000}) * interval '1 s', case when g % 2 = 0 then now() end,
      case when g % 1000 = 1 then 'sealed'::bytea end, case when g % 1000 = 1 then now() end
    from generate_series(1, ${rows}) g;
  insert into core.idempotency_keys (business_id, member_id, key, request_hash, status, response)
    select business_id, md5('member' || g % 100)::uuid, 'grown-key-' || g, sha256('r'), 201, '{}'
    from b, generate_series(1, ${rows}) g;
  insert into core.notifications (business_id, user_id, type, title, read_at)
    select business_id, md5('user' || 1 + g % 50)::uuid, 'job.overdue', 'Late', case when g % 3 = 0 then now() end
    from b, generate_series(1, ${rows}) g;
  insert into core.files (business_id, owner_user_id, sha256, size_bytes, mime, filename, storage_key, deleted_at)
    select business_id, user_id, sha256(g::text::bytea), 100, 'text/plain', 'f' || g, 'key' || g,
      case when g % 100 = 0 then now() - interval '90 days' end
    from b, generate_series(1, ${rows}) g;
  insert into core.audit_log (at, business_id, actor_user_id, action, entity_type, entity_id, after, seq, hash)
    select now() - g * interval '1 minute', business_id, user_id, 'customer.updated', 'customer',
      md5('entity' || g % 1000)::uuid, '{}', case when g > 300 then g end, case when g > 300 then sha256('sealed') end
    from b, generate_series(1, ${rows}) g;
  insert into core.outbox (business_id, topic, payload, seq)
    select business_id, 'budget:' || md5('budget' || g % 100)::uuid, '{}', nextval('core.outbox_seq')
    from b, generate_series(1, ${rows}) g;
  insert into shop.step_notes (business_id, step_id, note)
    select business_id, id, 'Note' from shop.job_steps limit ${rows};
  insert into shop.job_revisions (business_id, job_id, revision_no, reason, changes)
    select business_id, id, 1000, 'Changed', '{}' from shop.jobs limit ${rows};
  create temp table a as select b.business_id, md5('account' || g)::uuid as id, md5('account' || 1 + g % ${rows})::uuid as other_id,
      c.id as customer_id, g, core.first_id_at(now() - g * interval '1 minute') as transfer_id
    from b, generate_series(1, ${rows}) g join (
      select id, row_number() over (order by id) as place from core.customers
      where business_id = (select business_id from b)) c on c.place = g;
  insert into ledger.accounts (business_id, id, code, kind, currency)
    select business_id, id, 'bank:account:' || id, 'liability', 'NGN' from a;
  insert into ledger.balances (business_id, account_id, normal_side, posted_credit, overdraft_limit)
    select business_id, id, 'credit', 1000000, 0 from a;
  insert into bank.accounts (business_id, id, customer_id, account_number, type, currency, status, daily_limit, monthly_limit)
    select business_id, id, customer_id, 2000000000 + g, 'checking', 'NGN', 'active', 1000000, 1000000 from a;
  insert into ledger.transactions (business_id, id, phase, kind, effective_at, posted_at)
    select business_id, transfer_id, 'single', 'bank.internal', now() - g * interval '1 minute', now() from a;
  insert into ledger.entries (business_id, account_id, transaction_id, shard, side, amount, currency, phase, effective_at,
      balance_after)
    select business_id, account_id, transfer_id, 0, side, 100, 'NGN', 'single',
      now() - g * interval '1 minute', 1000000
    from a cross join lateral (values (id, 'debit'::ledger.side), (other_id, 'credit')) l (account_id, side);
  insert into bank.transfers (business_id, id, kind, status, from_account_id, to_account_id, amount, currency, reference,
      settled_at)
    select business_id, transfer_id, 'internal', 'posted', id, other_id, 100, 'NGN', 'grown-' || g, now() from a;
  insert into bank.beneficiaries (business_id, id, customer_id, name, bank_name, iban_or_account, country)
    select business_id, md5('beneficiary' || g)::uuid, customer_id, 'Person ' || g, 'Bank', 1000000000 + g, 'NG' from a where g <= ${few};
  insert into bank.watchlist (business_id, name, source)
    select business_id, md5(g::text) || ' ' || md5((g * 7)::text), 'sample' from a where g <= ${few};
  insert into bank.wire_transfers (business_id, transfer_id, customer_id, beneficiary_id, beneficiary_snapshot, status,
      target_amount, target_currency, screening_score, needs_review, limit_day)
    select business_id, transfer_id, customer_id, md5('beneficiary' || g)::uuid, '{"name": "Person"}',
      case when g % 200 = 7 then 'pending_approval' else 'completed' end::bank.wire_status, 100, 'NGN', 0, false,
      (now() - g * interval '1 hour')::date
    from a where g <= ${few};
  insert into bank.wire_transfer_events (business_id, transfer_id, to_status)
    select business_id, transfer_id, 'pending_approval' from bank.wire_transfers;
  insert into bank.statements (business_id, id, account_id, period_from, period_to, timezone, opening, closing, entries,
      through_entry_id, sha256)
    select business_id, md5('statement' || g)::uuid, id, '2025-01-01', '2025-01-31', 'UTC', 0, 0, 0, 0, sha256('') from a;
  insert into core.counters (business_id, name, dimension, count, total)
    select business_id, 'bank.transfers', array[to_char((now() - make_interval(hours => g)) at time zone 'UTC',
      'YYYY-MM-DD"T"HH24'), 'internal', 'posted', 'NGN'], 10, 1000
    from b, generate_series(0, ${rows}) g on conflict do nothing;
  insert into core.counter_deltas (business_id, name, dimension, count, total)
    select business_id, name, dimension, 1, 100 from core.counters limit 1000;
  ${kycGrowth}
  ${savingsGrowth}
  ${budgetGrowth}
  ${chatGrowth}
  ${shopGrowth}
  reset app.import`;

const ids = `
  with b as (select id, timezone from core.businesses where code = 'SCALE1'),
    u as (select * from core.users where username = 'grown8')
  select b.id::text as business_id, b.timezone, u.id::text as user_id, m.id::text as member_id,
    o.id::text as owner_member_id, md5('session8')::uuid::text as session_id,
    encode(sha256('token8'), 'hex') as token_hash, md5('challenge9')::uuid::text as challenge_id,
    (select id::text from core.customers where business_id = b.id and is_active offset 100 limit 1) as customer_id,
    (select id::text from core.units where business_id = b.id limit 1) as unit_id,
    (select id::text from core.files where business_id = b.id and deleted_at is null limit 1) as file_id,
    (select id::text from core.notifications n where n.business_id = b.id and n.user_id = u.id limit 1) as notification_id,
    s.id::text as step_id, s.job_id::text, s.machine_id::text, s.process_id::text,
    u.username::text as username, u.email::text as email, u.phone, u.password_hash,
    md5('account7')::uuid::text as account_id, md5('account9')::uuid::text as other_account_id,
    t.id::text as transfer_id, t.id::text as wire_transfer_id,
    md5('beneficiary7')::uuid::text as beneficiary_id, ${kycIds}, ${savingsIds}, ${budgetIds}, ${chatIds},
    (select w.id::text from bank.watchlist w where w.business_id = b.id limit 1) as watchlist_id,
    md5('statement7')::uuid::text as statement_id
  from b cross join u
  join core.memberships m on m.business_id = b.id and m.user_id = u.id
  join bank.transfers t on t.business_id = b.id and t.reference = 'grown-7'
  cross join lateral (select id from core.memberships where business_id = b.id and role = 'owner' limit 1) o
  cross join lateral (select * from shop.job_steps where business_id = b.id and machine_id is not null limit 1) s
  where $1::int = 1`;

/** Fills a migrated database with some ten thousand rows in every table that grows, and its statistics. */
export async function populate(url: string): Promise<Populated> {
  await seedScale(url, { scale: "10k", jobs: 6_000, seed: 7, output: { write() {} } });
  const sql: SQL = connect(url);
  try {
    await sql.unsafe(growth).simple();
    await sql.unsafe("vacuum analyze").simple();
    const [populated]: Populated[] = await sql.unsafe(ids, ["1"]);
    if (populated === undefined) throw new Error("the populated database lacks a row that samples need");
    return populated;
  } finally {
    await sql.close();
  }
}
