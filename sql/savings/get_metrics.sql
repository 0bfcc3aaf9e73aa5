-- What is going on in savings: of a business, of an agent with their sub-agents, or of a unit. What grows is read from
-- counters and queues from partial indexes, so that it costs the same however many markings there are. Today and the month
-- are those of the business's calendar. No row: there is no such agent or unit, or the agent is not theirs to see.
-- $1 business_id: the tenant
-- $2 agent_id (nullable): the agent whose rows, and whose sub-agents' rows, are meant
-- $3 unit_id (nullable): the unit whose rows are meant; both null: all of the business
-- $4 own_agent_id (nullable): only agents whom this one sees; null: all
-- $5 timezone: IANA zone of the business; decides its today
-- index: memberships_pk, units_pk, counters_pk, counter_deltas_ix, payreq_queue_ix, remit_open_ix, sacc_payable_ix, payment_request_exists
with calendar as materialized (
  select c.today, c.today::text as day, to_char(c.today, 'YYYY-MM') as month
  from (select (now() at time zone $5::text)::date as today) c),
scope as materialized (
  select 'business' as name, null::uuid[] as agents, array['all'] as words where $2::uuid is null and $3::uuid is null
  union all
  select 'agent', a.ids, a.ids::text[]
  from core.memberships m cross join lateral savings.agents_of($1, m.id) a (ids)
  where m.business_id = $1 and m.id = $2 and ($4::uuid is null or m.id = any(savings.agents_of($1, $4)))
  union all
  select 'unit', null, array[u.id::text] from core.units u where u.business_id = $1 and u.id = $3),
-- ranges of counters, one look at each; "~" is after every word
counted as materialized (
  select r.name, v.dimension[2:] as words, v.count, v.total
  from calendar c cross join scope s cross join unnest(s.words) w (scope)
  cross join lateral (values
    ('accounts', '{}'::text[], array['~']),
    ('payment_requests', '{}', array['~']),
    ('expected', array['1', c.day], array['1', '~']),
    ('expected', array['7', c.day], array['7', '~']),
    ('collected', array[c.month], array[c.month || '~']),
    ('commission', array[c.month], array[c.month || '~']),
    ('expenses', array[c.month], array[c.month || '~'])) r (name, from_words, before_words)
  cross join lateral (
    select v.dimension, v.count, v.total from core.counter_values v
    where v.business_id = $1 and v.name = 'savings.' || r.name
      and v.dimension >= w.scope || r.from_words and v.dimension < w.scope || r.before_words
    offset 0) v),                                        -- else the ranges would be joined to all there is
sums as (
  select
    coalesce(sum(total) filter (where name = 'collected'), 0) as collected_mtd,
    coalesce(sum(total) filter (where name = 'commission'), 0) as commission_mtd,
    coalesce(sum(total) filter (where name = 'expenses'), 0) as expenses_mtd,
    coalesce(sum(total) filter (where name = 'expected' and words[3] <= c.day
      and (c.today - words[3]::date) % words[1]::int = 0), 0) as expected_today
  from counted cross join calendar c),
day as materialized (
  select d.agent_id, sum(d.cash) as cash, sum(d.cash + d.other) as amount, sum(d.markings) as markings
  from calendar c cross join lateral savings.agent_days($1, c.today, c.today) d
  where ($2 is null or d.agent_id = any((select s.agents from scope s)::uuid[])) and ($3 is null or d.unit_id = $3)
  group by d.agent_id),
today as (
  select coalesce(sum(amount), 0) as amount, coalesce(sum(markings), 0) as markings, coalesce(sum(cash), 0) as cash,
    count(*) as agents from day),
accounts as (
  select
    coalesce(sum(count) filter (where words[1] = 'active'), 0) as active,
    coalesce(sum(count) filter (where words[1] = 'completed'), 0) as completed,
    coalesce(sum(count) filter (where words[1] = 'closed_early'), 0) as closed_early,
    coalesce(sum(count) filter (where words[1] = 'paid_out'), 0) as paid_out,
    coalesce(sum(count) filter (where words[1] = 'cancelled'), 0) as cancelled,
    coalesce(sum(count), 0) as total,
    coalesce(sum(total) filter (where words[1] in ('active', 'completed', 'closed_early')), 0) as owed
  from counted where name = 'accounts'),
requests as (
  select
    coalesce(sum(count) filter (where words[1] = 'pending'), 0) as pending,
    coalesce(sum(total) filter (where words[1] = 'pending'), 0) as pending_amount,
    (select count(*) from savings.payment_requests r
     where r.business_id = $1 and r.status = 'pending' and r.created_at < now() - interval '24 hours'
       and ($2 is null or r.agent_id = any((select s.agents from scope s)::uuid[])) and ($3 is null or r.unit_id = $3))
      as pending_over_24h,
    coalesce(sum(total) filter (where words[1] in ('approved', 'paying', 'failed')), 0) as in_flight_amount
  from counted where name = 'payment_requests'),
-- members of a unit hand over for it
remittances as (
  select count(*) as open, coalesce(sum(m.expected), 0) as unremitted, coalesce(sum(m.variance), 0) as variance
  from savings.remittances m
  where m.business_id = $1 and m.status <> 'confirmed'
    and ($2 is null or m.agent_id = any((select s.agents from scope s)::uuid[]))
    and ($3 is null or exists (
      select from core.memberships b where b.business_id = $1 and b.id = m.agent_id and b.unit_id = $3))),
top_agents as (
  select d.agent_id, u.full_name as name, d.amount, d.markings
  from (select * from day order by amount desc, agent_id limit 10) d
  join core.memberships b on b.business_id = $1 and b.id = d.agent_id
  join core.users u on u.id = b.user_id),
payable as (
  select a.id, a.tracking_number, a.customer_id, a.status, a.collected, a.created_at
  from savings.accounts a cross join calendar c
  cross join lateral savings.settlement(a, case when a.status = 'closed_early' and a.closed_at is not null
    then (a.closed_at at time zone $5)::date else c.today end) p
  where a.business_id = $1 and a.status in ('completed', 'closed_early')
    and ($2 is null or a.agent_id = any((select s.agents from scope s)::uuid[])) and ($3 is null or a.unit_id = $3)
    and p.net > 0 and not exists (
      select from savings.payment_requests r
      where r.business_id = a.business_id and r.savings_account_id = a.id
        and r.status in ('pending', 'approved', 'paying', 'failed', 'paid'))
  order by a.created_at desc, a.id desc limit 20)
select json_build_object('as_of', core.iso(now()), 'today', c.today, 'scope', s.name,
  'currency', (select b.currency from core.businesses b where b.id = $1),
  'collections', json_build_object('today', t.amount, 'markings_today', t.markings, 'mtd', x.collected_mtd,
    'cash_today', t.cash, 'expected_today', x.expected_today, 'agents_out', t.agents,
    'rate_pct', round(100 * t.amount / nullif(x.expected_today, 0), 1)),
  'accounts', to_json(accounts), 'payment_requests', to_json(requests),
  'commission_mtd', x.commission_mtd, 'expenses_mtd', x.expenses_mtd,
  'remittances', to_json(remittances),
  'top_agents', (select coalesce(json_agg(g order by g.amount desc, g.agent_id), '[]') from top_agents g),
  'savings_accounts', (
    select coalesce(json_agg(json_build_object('savings_account_id', p.id, 'tracking_number', p.tracking_number,
      'customer_id', p.customer_id, 'customer_name', k.name, 'status', p.status, 'collected', p.collected)
      order by p.created_at desc, p.id desc), '[]')
    from payable p join core.customers k on k.business_id = $1 and k.id = p.customer_id))::text as body
from calendar c, scope s, today t, sums x, accounts, requests, remittances;
