-- The bank as one customer sees it: accounts that are not closed with their money, what came in and went out in the month
-- of the business's calendar (posted transfers, fees not counted, reversed ones not either), wires that are under way,
-- and KYC. No row: there is no such customer, or it is not theirs.
-- $1 business_id: the tenant
-- $2 customer_id: whose overview
-- $3 own_user_id (nullable): only if this person is the customer; null: whoever
-- $4 timezone: IANA zone of the business; decides its day and month
-- index: customers_pk, bacc_customer_ix, balances_pk, btr_from_ix, btr_to_ix, wires_open_ix, kyc_profiles_pk
with customer as materialized (
  select o.id from core.customers o
  where o.business_id = $1 and o.id = $2::uuid and ($3::uuid is null or o.user_id = $3::uuid)),
calendar as materialized (
  select (now() at time zone $4::text)::date as today,
    date_trunc('month', now() at time zone $4) at time zone $4 as month_starts),
account as materialized (
  select a.id, a.account_number, a.type, a.currency, a.status, a.daily_limit,
    b.posted_credit - b.posted_debit as posted, bank.available(b) as available, coalesce(u.used, 0) as used_today
  from customer o cross join calendar c
  join bank.accounts a on a.business_id = $1 and a.customer_id = o.id and a.status <> 'closed'
  join ledger.balances b on b.business_id = $1 and b.account_id = a.id and b.shard = 0
  left join ledger.limit_usage u on u.business_id = $1 and u.account_id = a.id and u.window_kind = 'day'
    and u.window_start = c.today),
-- ids are in the order of time, so a month is the end of an index; an hour before it, for ids made before their row
flow as (
  select a.currency, coalesce(i.amount, 0) as in_mtd, coalesce(t.amount, 0) as out_mtd
  from account a cross join calendar c
  cross join lateral (
    select sum(t.amount) as amount from bank.transfers t
    where t.business_id = $1 and t.to_account_id = a.id and t.status = 'posted' and t.created_at >= c.month_starts
      and t.id >= core.first_id_at(c.month_starts - interval '1 hour')) i
  cross join lateral (
    select sum(t.amount) as amount from bank.transfers t
    where t.business_id = $1 and t.from_account_id = a.id and t.status = 'posted' and t.created_at >= c.month_starts
      and t.id >= core.first_id_at(c.month_starts - interval '1 hour')) t),
month as (
  select f.currency, sum(f.in_mtd) as in_mtd, sum(f.out_mtd) as out_mtd from flow f group by f.currency),
wires as (
  select count(*) as count, coalesce(sum(t.amount), 0) as amount
  from customer o
  join bank.wire_transfers w on w.business_id = $1 and w.customer_id = o.id
    and w.status in ('pending_approval', 'compliance_review', 'on_hold', 'approved', 'submitted')
  join bank.transfers t on t.business_id = $1 and t.id = w.transfer_id)
select json_build_object('as_of', core.iso(now()),
  'accounts', (select coalesce(json_agg(a order by a.account_number), '[]') from account a),
  'month', (select coalesce(json_agg(m order by m.currency), '[]') from month m),
  'open_wire_transfers', (select to_json(w) from wires w),
  'kyc', (
    select json_build_object('status', coalesce(k.status, 'not_started'), 'level', coalesce(k.level, 0),
      'expires_on', k.expires_on)
    from (select 1) one left join bank.kyc_profiles k on k.business_id = $1 and k.customer_id = o.id))::text as body
from customer o;
