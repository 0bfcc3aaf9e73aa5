import type { SQL } from "bun";
import { makeProduct } from "../helpers/savings.ts";

/** What a made history is like. Nothing of it is in the ledger: it is for figures alone. */
export type History = Readonly<{
  business: { id: string; currency: string };
  /** Members who collect; accounts are dealt out to them in turn. */
  agents: readonly string[];
  /** Units; each account is of one of them, or of none. */
  units: readonly string[];
  /** Who decides: a login and a member. */
  staff: { user_id: string; member_id: string };
  accounts: number;
  /** Visits to an account. */
  visits: number;
  /** How many days of the business's calendar it goes back. */
  days: number;
  /** Of the random numbers, between -1 and 1. */
  seed: number;
}>;

/**
 * Writes savings of every state into a business as an import would: accounts, visits, requests, commissions, remittances,
 * expenses, on days around the business's today. Some statements a table, so that a million visits take a minute.
 */
export async function insertHistory(sql: SQL, history: History): Promise<void> {
  const { business } = history;
  const daily = await makeProduct(sql, business);
  const weekly = await makeProduct(sql, business, { kind: "weekly", period_days: 7 });
  await sql.unsafe("begin").simple();
  await sql.unsafe("set local app.import = 'on'");
  await sql`select setseed(${history.seed})`;
  await sql`create temporary table made on commit drop as
    select ${business.id}::uuid as business_id, gen_random_uuid() as id, gen_random_uuid() as customer_id,
      (${sql.array([...history.agents], "UUID")}::uuid[])[g % ${history.agents.length} + 1] as agent_id,
      (${sql.array([...history.units], "UUID")}::uuid[])[g % (${history.units.length}::int + 1)] as unit_id,
      case when g % 7 = 0 then ${weekly}::uuid else ${daily}::uuid end as product_id,
      case when g % 7 = 0 then 7 else 1 end as period_days, g,
      core.business_today(${business.id}) - (random() * ${history.days})::int + (g % 5) as starts_on,
      10 * (1 + (random() * 99)::int) as amount,
      (array['active', 'active', 'completed', 'closed_early', 'paid_out', 'paid_out', 'paid_out', 'cancelled'])
        [1 + floor(random() * 8)::int]::savings.account_status as status
    from generate_series(1, ${history.accounts}::int) g`;
  await insertVisits(sql, history);
  await insertAccounts(sql);
  await sql`insert into savings.collections (business_id, id, unit_id, savings_account_id, agent_id, amount, currency, markings,
      method, status, client_ref, content_hash, collected_at, business_date, receipt_no, confirmed_at, reversal_reason)
    select business_id, id, unit_id, savings_account_id, agent_id, amount, 'NGN', markings, method, status,
      gen_random_uuid(), '', business_date, business_date, id::text, case when status = 'confirmed' then now() end,
      case when status = 'reversed' then 'Made so' end
    from visit`;
  await sql`insert into savings.markings (business_id, savings_account_id, collection_id, position, for_date, amount)
    select v.business_id, v.savings_account_id, v.id, v.before + k, a.starts_on, v.amount / v.markings
    from (
      select v.*, sum(v.markings) over (partition by v.savings_account_id order by v.id) - v.markings as before
      from visit v where v.status = 'confirmed') v
    join savings.accounts a on a.business_id = v.business_id and a.id = v.savings_account_id
    cross join generate_series(1, v.markings) k`;
  await insertRequests(sql, history);
  await insertCash(sql, history);
  await sql.unsafe("commit").simple();
  await sql.unsafe("analyze").simple();
}

/** Temporary table `visit`: up to `visits` an account, none where it was cancelled. */
async function insertVisits(sql: SQL, { visits }: History): Promise<void> {
  await sql`create temporary table visit on commit drop as
    select m.business_id, gen_random_uuid() as id, m.unit_id, m.id as savings_account_id, m.agent_id,
      k.markings, k.markings * m.amount as amount,
      (array['cash', 'cash', 'cash', 'transfer', 'card'])[1 + floor(random() * 5)::int]::savings.collection_method as method,
      (array['confirmed', 'confirmed', 'confirmed', 'confirmed', 'confirmed', 'reversed', 'recorded'])
        [1 + floor(random() * 7)::int]::savings.collection_status as status,
      least(m.starts_on + v * m.period_days, core.business_today(m.business_id) + (v % 3 = 0)::int) as business_date
    from made m cross join generate_series(1, ${visits}::int) v
    cross join lateral (select (1 + (random() * 3)::int + v * 0)::smallint as markings) k
    where m.status <> 'cancelled'`;
}

async function insertAccounts(sql: SQL): Promise<void> {
  await sql`insert into core.customers (business_id, id, name) select business_id, customer_id, 'Saver ' || g from made`;
  await sql`insert into ledger.accounts (business_id, id, code, kind, currency)
    select business_id, id, 'savings:account:' || id, 'liability', 'NGN' from made`;
  await sql`insert into savings.accounts (business_id, id, unit_id, customer_id, agent_id, product_id, tracking_number,
      marking_amount, currency, markings_total, starts_on, ends_on, period_days, cycle_markings, calendar_month,
      flexible_amount, min_marking_amount, auto_renew, backdate_days, commission_rule, commission_bps, commission_flat,
      agent_share_bps, parent_share_bps, early_fee_bps, early_fee_months, min_markings_before_payment, status,
      markings_paid, collected, created_at)
    select m.business_id, m.id, m.unit_id, m.customer_id, m.agent_id, m.product_id, lpad(m.g::text, 10, '0'), m.amount, 'NGN',
      t.total, m.starts_on, savings.due_on(m.starts_on, m.period_days, t.total), m.period_days, p.cycle_markings, false,
      false, 1, false, 3, p.commission_rule, 0, 0, 10000, 0, 0, 0, 2,
      case when m.status = 'completed' and v.paid = 0 then 'active' else m.status end, v.paid, v.amount,
      m.starts_on + make_interval(secs => m.g)
    from made m join savings.products p on p.business_id = m.business_id and p.id = m.product_id
    left join (
      select savings_account_id, sum(markings) as paid, sum(amount) as amount from visit
      where status = 'confirmed' group by 1) w on w.savings_account_id = m.id
    cross join lateral (select coalesce(w.paid, 0)::int as paid, coalesce(w.amount, 0) as amount) v
    cross join lateral (
      select case when m.status = 'completed' and v.paid > 0 then v.paid else 31 * (v.paid / 31 + 1) end as total) t`;
}

/**
 * Of every account that is paid out a request and its commission, of those that are closed early all kinds; what waits for
 * somebody is not more where there is more that was done.
 */
async function insertRequests(sql: SQL, { staff }: History): Promise<void> {
  await sql`insert into savings.payment_requests (business_id, id, savings_account_id, customer_id, agent_id, unit_id,
      requested_by, method, gross, commission, fees, net, currency, agent_amount, parent_amount, status, reference, reason,
      failure_code, ledger_transaction_id, created_at)
    select a.business_id, gen_random_uuid(), a.id, a.customer_id, a.agent_id, a.unit_id, ${staff.user_id}::uuid, 'cash',
      a.collected, s.commission, 0, s.net, a.currency, s.commission / 2, 0, r.status, a.id::text,
      case when r.status = 'rejected' then 'Made so' end, case when r.status = 'failed' then 'made_so' end,
      case when r.status = 'paid' then gen_random_uuid() end, now() - random() * interval '60 hours'
    from savings.accounts a join made m on m.business_id = a.business_id and m.id = a.id
    cross join lateral savings.settlement(a, a.ends_on) s
    cross join lateral (
      select case when a.status = 'paid_out' then 'paid' else
        (array['rejected', 'cancelled', 'pending', 'approved', 'paying', 'failed'])
          [1 + floor(random() * case when m.g <= 400 then 6 else 2 end)::int] end
        ::savings.payment_request_status as status) r
    where s.net > 0 and (a.status = 'paid_out' or a.status = 'closed_early' and m.g % 3 > 0)`;
  await sql`insert into savings.commissions (business_id, savings_account_id, payment_request_id, agent_id, amount,
      agent_amount, house_amount, currency, ledger_transaction_id, earned_on)
    select r.business_id, r.savings_account_id, r.id, r.agent_id, r.commission, r.agent_amount,
      r.commission - r.agent_amount, r.currency, gen_random_uuid(), core.business_today(r.business_id) - (random() * 70)::int
    from savings.payment_requests r join made m on m.business_id = r.business_id and m.id = r.savings_account_id
    where r.status = 'paid' and r.commission > 0`;
}

/** Some remittances of every agent, most of them confirmed, and some expenses. */
async function insertCash(sql: SQL, { business, agents, units, staff, days }: History): Promise<void> {
  const who = sql.array([...agents], "UUID");
  await sql`insert into savings.remittances (business_id, agent_id, business_date, status, expected, declared, counted,
      confirmed_by, confirmed_at)
    select ${business.id}, a.id, core.business_today(${business.id}) - d, s.status, 100 * d + a.n, 
      case when s.status <> 'open' then 100 * d end,
      case when s.status in ('disputed', 'confirmed') then 100 * d - 3 end,
      case when s.status = 'confirmed' then ${staff.member_id}::uuid end, case when s.status = 'confirmed' then now() end
    from unnest(${who}::uuid[]) with ordinality a (id, n) cross join generate_series(0, ${Math.min(days, 60)}::int) d
    cross join lateral (
      select case d when 0 then 'open' when 1 then 'submitted' when 2 then 'disputed' else 'confirmed' end
        ::savings.remittance_status as status) s`;
  await sql`insert into savings.expenses (business_id, unit_id, member_id, category, amount, currency, status, spent_on, reason,
      ledger_transaction_id)
    select ${business.id}, (${sql.array([...units], "UUID")}::uuid[])[g % (${units.length}::int + 1)], a.id, 'transport',
      1 + g * 7, 'NGN', s.status, core.business_today(${business.id}) - g, case when s.status = 'rejected' then 'Made so' end,
      case when s.status = 'approved' then gen_random_uuid() end
    from unnest(${who}::uuid[]) a (id) cross join generate_series(0, ${Math.min(days, 60)}::int) g
    cross join lateral (
      select (array['recorded', 'approved', 'approved', 'rejected'])[1 + g % 4]::savings.expense_status as status) s`;
}
