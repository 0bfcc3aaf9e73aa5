-- Wires made in the current month of the business's calendar, by status and currency, and what the limits of a customer's
-- accounts leave. Without a customer there are no limits: a business has too many accounts for one answer.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 customer_id (nullable): of this customer
-- index: wires_month_ix, wires_customer_ix, customers_user_ix, transfers_pk, bacc_customer_ix
with day as materialized (select core.business_today($1) as today, date_trunc('month', core.business_today($1))::date as first),
whose as materialized (
  select c.id from core.customers c
  where c.business_id = $1 and ($2::uuid is not null or $3::uuid is not null)
    and ($2 is null or c.user_id = $2) and ($3 is null or c.id = $3)),
counted as (
  select w.status, t.currency, count(*) as count, sum(t.amount) as amount, sum(t.fee) as fees
  from bank.wire_transfers w cross join lateral (
    select x.currency, x.amount, x.fee from bank.transfers x
    where x.business_id = w.business_id and x.id = w.transfer_id limit 1) t   -- one by one: few of the transfers are wires
  where w.business_id = $1 and w.limit_day >= (select first from day)
    and ($2 is null and $3 is null or w.customer_id = any (array(select id from whose)))
  group by w.status, t.currency),
limited as (
  select a.account_number, json_build_object('account_id', a.id, 'account_number', a.account_number, 'currency', a.currency,
    'day', bank.limit_body(a.daily_limit, u.day), 'month', bank.limit_body(a.monthly_limit, u.month),
    'wire_day_used', u.wire_day) as body
  from day, bank.accounts a, lateral bank.usage_of($1, a.id, day.today) u
  where a.business_id = $1 and a.customer_id = any (array(select id from whose)) and a.status <> 'closed')
select json_build_object('month', to_char(first, 'YYYY-MM'),
  'by_status', coalesce((select json_agg(counted order by status, currency) from counted), '[]'),
  'limits', coalesce((select json_agg(body order by account_number) from limited), '[]'))::text as body
from day;
