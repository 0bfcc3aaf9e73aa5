-- The card of a savings account: every slot, paid or not. Slots that were due before today, or before it was closed, and are
-- not paid were missed.
-- $1 business_id: the tenant
-- $2 account_id: which one
-- $3 own_user_id (nullable): only if its customer has this login
-- $4 own_agent_id (nullable): only if this member, or a sub-agent of theirs, looks after it
-- $5 timezone: IANA zone of the business
-- index: savings_accounts_pk, markings_position_uq, collections_pk
with account as materialized (
  select a.*, least((now() at time zone $5::text)::date, (a.closed_at at time zone $5)::date) as today
  from savings.accounts a
  where a.business_id = $1 and a.id = $2 and savings.is_seen_by(a, $3::uuid, $4::uuid)),
paid as materialized (
  select m.position, m.for_date, m.amount, c.receipt_no from savings.markings m
  join savings.collections c on c.business_id = m.business_id and c.id = m.collection_id
  where m.business_id = $1 and m.savings_account_id = (select a.id from account a) and m.reversed_at is null),
cycles as materialized (
  select k.no, savings.slots_of(a.starts_on, a.calendar_month, a.cycle_markings, k.no - 1) + 1 as first,
    savings.slots_of(a.starts_on, a.calendar_month, a.cycle_markings, k.no) as last
  from account a cross join lateral generate_series(1, a.cycles) k (no))
select json_build_object('savings_account_id', a.id, 'tracking_number', a.tracking_number, 'status', a.status,
  'markings_paid', a.markings_paid, 'markings_total', a.markings_total,
  'cycles', (
    select json_agg(json_build_object('no', k.no, 'total', k.last - k.first + 1, 'paid', n.paid,
      'complete', n.paid = k.last - k.first + 1) order by k.no)
    from cycles k cross join lateral (select count(*) as paid from paid p where p.position between k.first and k.last) n),
  'markings', (
    select json_agg(json_build_object('position', s.position, 'due_on', d.due_on, 'paid', p.position is not null,
      'for_date', p.for_date, 'amount', p.amount, 'receipt_no', p.receipt_no,
      'missed', p.position is null and d.due_on < a.today) order by s.position)
    from generate_series(1, a.markings_total) s (position)
    cross join lateral savings.due_on(a.starts_on, a.period_days, s.position) d (due_on)
    left join paid p on p.position = s.position))::text as body
from account a;
