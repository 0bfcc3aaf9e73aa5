-- Savings as one customer sees them: what is saved and what was paid back, and of each account what a request for its
-- money needs: once there is one, its own terms. No row: there is no such customer, or it is not theirs.
-- $1 business_id: the tenant
-- $2 customer_id (nullable): whose accounts; null: of all customers that $3 is
-- $3 own_user_id (nullable): only customers that this person is; null: whoever
-- $4 own_agent_id (nullable): only accounts of this agent and of their sub-agents; null: of all
-- $5 timezone: IANA zone of the business; decides its today
-- index: customers_pk, customers_user_ix, sacc_customer_ix, payment_request_exists
with calendar as materialized (select (now() at time zone $5::text)::date as today),
customer as materialized (
  select o.id from core.customers o
  where o.business_id = $1 and ($2::uuid is null or o.id = $2) and ($3::uuid is null or o.user_id = $3)),
account as materialized (
  select a.id, a.tracking_number, a.status, a.collected, a.markings_paid, a.markings_total, a.ends_on, a.created_at,
    coalesce(r.commission, s.commission) as commission, coalesce(r.fees, s.fees) as fees,
    case when a.status in ('paid_out', 'cancelled') then 0 else greatest(coalesce(r.net, s.net), 0) end as payable,
    r.id as payment_request_id, r.status as payment_request_status, r.net as requested,
    s.net > 0 and r.id is null and (a.status in ('completed', 'closed_early')
      or a.status = 'active' and a.markings_paid >= a.min_markings_before_payment) as can_request
  from customer o cross join calendar c
  join savings.accounts a on a.business_id = $1 and a.customer_id = o.id
  cross join lateral savings.settlement(a, case when a.status = 'closed_early' and a.closed_at is not null
    then (a.closed_at at time zone $5)::date else c.today end) s
  left join savings.payment_requests r on r.business_id = a.business_id and r.savings_account_id = a.id
    and r.status in ('pending', 'approved', 'paying', 'failed', 'paid')
  where $4::uuid is null or a.agent_id = any((select savings.agents_of($1, $4))::uuid[]))
select json_build_object('as_of', core.iso(now()), 'today', c.today, 'scope', 'customer',
  'currency', (select b.currency from core.businesses b where b.id = $1),
  'saved', (select coalesce(sum(a.collected), 0) from account a where a.status in ('active', 'completed', 'closed_early')),
  'paid_out', (select coalesce(sum(a.requested), 0) from account a where a.payment_request_status = 'paid'),
  'savings_accounts', (
    select coalesce(json_agg(json_build_object('savings_account_id', a.id, 'tracking_number', a.tracking_number,
      'status', a.status, 'collected', a.collected, 'markings_paid', a.markings_paid,
      'markings_total', a.markings_total, 'ends_on', a.ends_on, 'commission', a.commission, 'fees', a.fees,
      'payable', a.payable, 'can_request', a.can_request,
      'payment_request', case when a.payment_request_id is not null
        then json_build_object('id', a.payment_request_id, 'status', a.payment_request_status) end)
      order by a.created_at desc, a.id desc), '[]') from account a))::text as body
from calendar c where exists (select from customer);
